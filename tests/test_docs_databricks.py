"""
The page on preparing a workspace is enough, and not more than enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from databricks_forwarder import DatabricksSettings, Forwarder
from databricks_forwarder.errors import SetupError
from databricks_forwarder.testing.payloads import sample_batches, sample_paths
from databricks_forwarder.testing.workspace import Workspace

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "prepare-databricks.md"
(SQL,) = re.findall(r"^```sql\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
STATEMENTS = [each.strip() for each in SQL.split(";") if each.strip()]
GRANTS = [each for each in STATEMENTS if each.startswith("GRANT")]
SPOKEN_ID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(name="bare")
def _bare() -> Iterator[Workspace]:
    with Workspace(bare=True) as workspace:
        workspace.query("CREATE CATALOG IF NOT EXISTS main")
        workspace.grant("CAN USE", "WAREHOUSE", workspace.settings.warehouse_id)
        yield workspace


def prepare(workspace: Workspace, statements: list[str]) -> DatabricksSettings:
    """
    Run the page's SQL for the principal of *workspace*.
    """
    settings = workspace.settings
    for statement in statements:
        workspace.query(statement.replace(SPOKEN_ID, settings.client_id))
    return attrs.evolve(settings, catalog_name="main", schema_name="mparticle")


def test_with_these_grants_the_walk_succeeds(bare: Workspace, tmp_path: Path) -> None:
    """
    After the page's SQL, and with no other grant, samples are forwarded.
    """
    settings = prepare(bare, STATEMENTS)
    with Forwarder.for_databricks(
        settings, spool=tmp_path / "spool.db", endpoint=bare.endpoint
    ) as forwarder:
        receipts = [
            forwarder.submit_many(sample_batches(path)) for path in sample_paths()
        ]
        forwarder.flush()
        loaded = forwarder.status().account.loaded
        problems = [finding.problem for finding in forwarder.check() if finding.problem]

    assert (sum(receipt.message_count for receipt in receipts), []) == (
        loaded,
        problems,
    )


@pytest.mark.parametrize("left_out", GRANTS, ids=lambda text: text.split(" ON ")[0])
def test_without_any_of_them_it_does_not(
    bare: Workspace, tmp_path: Path, left_out: str
) -> None:
    """
    Where one grant is missing, the error and the check name it, word for word.
    """
    settings = prepare(bare, [each for each in STATEMENTS if each != left_out])
    privilege = left_out.split(" ON ", maxsplit=1)[0].removeprefix("GRANT ")
    with Forwarder.for_databricks(
        settings, spool=tmp_path / "spool.db", endpoint=bare.endpoint
    ) as forwarder:
        forwarder.submit({"events": [{"event_type": "screen_view"}]})
        with pytest.raises(SetupError, match=f"GRANT {privilege} ON "):
            forwarder.flush()
        problems = [finding.problem for finding in forwarder.check() if finding.problem]
        bare.query(left_out.replace(SPOKEN_ID, settings.client_id))
        (report,) = forwarder.flush()

    assert any(f"GRANT {privilege} ON " in problem for problem in problems)
    assert 1 == report.account.loaded
