"""
What the workspace says no with: error classes and SQLSTATEs of the platform.
"""

from __future__ import annotations

__all__ = ["RefusedError"]


class RefusedError(Exception):
    """
    A request that is refused, as the platform words it.

    Args:
        error_class: Such as ``TABLE_OR_VIEW_NOT_FOUND``; on the REST side the
            ``error_code``; ``""`` for what the platform gives none.
        message: The sentence after it.
        sqlstate: Five characters; ``""`` where there is none.
        status: HTTP status of the REST services; SQL over Thrift has 200.
        reason: What REST services tell programs besides; ``""`` for nothing.
    """

    def __init__(
        self,
        error_class: str,
        message: str,
        *,
        sqlstate: str = "",
        status: int = 400,
        reason: str = "",
    ) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = message
        self.sqlstate = sqlstate
        self.status = status
        self.reason = reason

    @property
    def display(self) -> str:
        """
        The one line that SQL clients show.
        """
        state = f" SQLSTATE: {self.sqlstate}" if self.sqlstate else ""
        name = f"[{self.error_class}] " if self.error_class else ""
        return f"{name}{self.message}{state}"
