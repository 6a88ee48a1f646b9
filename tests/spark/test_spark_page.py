"""
The page on Spark does what it says.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from local_spark import NEEDS_SPARK, spark_tables
from walking import batch, custom

pytestmark = NEEDS_SPARK

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "forward-with-spark.md"
_PROGRAM = re.compile(
    r"^```\{code-block\} python\n:caption: .*nox -s spark runs it.*?\n\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@pytest.mark.timeout(600)  # a start of Spark, on machines that do more besides
def test_the_program_forwards_a_folder_of_files(tmp_path: Path) -> None:
    """
    Each line is a payload, and what is no batch is a dead letter.
    """
    (program,) = _PROGRAM.findall(PAGE.read_text())
    (tmp_path / "incoming").mkdir()
    lines = [batch(custom("A"), custom("B")), b"torn", batch(custom("A"))]
    (tmp_path / "incoming" / "one.ndjson").write_bytes(b"\n".join(lines))
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=True,
    )
    tables = spark_tables(tmp_path / "tables", {})

    assert {"mparticle_deadletters": 1, "mparticle_otherevents": 3} == {
        name: len(table) for name, table in tables.items()
    }
    assert "Account(received=4, loaded=3, dead=1, dropped=0, pending=0)" in ran.stdout
