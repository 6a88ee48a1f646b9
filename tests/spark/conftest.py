"""
What the tests with Spark share.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from local_spark import local_session


@pytest.fixture(name="spark", scope="session")
def _spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    session = local_session(tmp_path_factory.mktemp("spark"))
    yield session
    session.stop()
