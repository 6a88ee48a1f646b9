"""
A report as a value: a page that a person looks at.
"""

from __future__ import annotations

import html
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._disk import disk_error
from databricks_forwarder._report.facts import foresight, gather
from databricks_forwarder._report.page import page
from databricks_forwarder.errors import ConfigurationError

if TYPE_CHECKING:
    import os
    from datetime import datetime

    from databricks_forwarder._report.facts import Foresight
    from databricks_forwarder._status import Status
    from databricks_forwarder.protocols import Batcher, Router
    from databricks_forwarder.settings import UploadPolicy

__all__ = ["Report", "make_report", "report_of"]

_MOST_DAYS = 400


@attrs.frozen(kw_only=True)
class Report:
    """
    How a forwarder stands, as one HTML page that needs nothing else.

    Attributes:
        at: The moment that it tells of.
        html: The page; it has no script, and fetches nothing.
    """

    at: datetime
    html: str = attrs.field(repr=False)

    def write(self, path: str | os.PathLike[str]) -> Path:
        """
        Write the page to a file, whole or not at all.

        Args:
            path: The file; one that is there is replaced.

        Returns:
            Where it is.

        Raises:
            SetupError: It can't be written.
        """
        place = Path(path)
        made = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        try:
            made.write_text(self.html, encoding="utf-8", newline="\n")
            made.replace(place)
        except OSError as error:
            made.unlink(missing_ok=True)
            raise disk_error(error, f"writing {place}") from error
        return place

    def _repr_html_(self) -> str:
        # Apart from the notebook's own styles, and without its rights.
        inside = html.escape(self.html)
        style = "width:100%;height:42em;border:0"
        start = f'<iframe sandbox title="Report" style="{style}"'
        return f'{start} srcdoc="{inside}"></iframe>'


def report_of(  # noqa: PLR0913  # the parts, and what is wanted of them
    batcher: Batcher,
    router: Router,
    status: Status,
    policy: UploadPolicy,
    *,
    at: datetime,
    days: int,
) -> Report:
    """
    Look at a forwarder's parts, and make a report.

    Raises:
        ConfigurationError: So many days can't be looked back.
    """
    foreseen = foresight(router, at=at)
    return make_report(batcher, status, foreseen, policy, at=at, days=days)


def make_report(  # noqa: PLR0913  # each of them is shown
    batcher: Batcher,
    status: Status,
    foreseen: Foresight,
    policy: UploadPolicy,
    *,
    at: datetime,
    days: int,
) -> Report:
    """
    Make a report of a batcher, and of what is foreseen elsewhere.

    Raises:
        ConfigurationError: So many days can't be looked back.
    """
    if not 0 < days <= _MOST_DAYS:
        msg = f"days must be from 1 to {_MOST_DAYS}, not {days!r}"
        raise ConfigurationError(msg)
    facts = gather(batcher, status, foreseen, policy, at=at, days=days)
    return Report(at=at, html=page(facts))
