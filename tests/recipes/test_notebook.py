"""
The notebook runs from top to bottom, and is kept without outputs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

for _name in ("nbclient", "nbformat", "ipykernel"):
    pytest.importorskip(_name)

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quick_start.ipynb"

# In a process of its own: what it starts is none of the tests' threads.
RUN = """
import json, sys
import nbclient, nbformat

notebook = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(notebook)
nbclient.NotebookClient(notebook, timeout=60).execute()
texts = [
    output.get("text") or output["data"]["text/plain"]
    for cell in notebook.cells
    for output in cell.get("outputs", [])
]
print(json.dumps(texts))
"""


def test_the_notebook_shows_what_it_says(tmp_path: Path) -> None:
    """
    Each cell runs; the tables, the best sellers and the account are shown.
    """
    ran = subprocess.run(
        [sys.executable, "-c", RUN, NOTEBOOK],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(NOTEBOOK.parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    received, tables, sold, account = json.loads(ran.stdout)

    assert "Account(received=2561, loaded=0, dead=0, dropped=0, pending=2561)" == (
        received
    )
    assert "'ecomm_purchase': " in tables
    assert "Oolong" in sold
    assert "Account(received=2561, loaded=2561, dead=0, dropped=0, pending=0)" == (
        account
    )
    assert [] == [*tmp_path.iterdir()]


def test_the_notebook_is_kept_without_outputs() -> None:
    """
    What was shown when somebody ran it is in no version of the file.
    """
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]

    assert code
    assert [([], None)] * len(code) == [
        (cell["outputs"], cell["execution_count"]) for cell in code
    ]
