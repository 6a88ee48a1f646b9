"""
How long tests wait for what happens at once on a machine that is not busy.
"""

from __future__ import annotations

PATIENCE_SECONDS = 60.0
"""Long for one that is; less than the two minutes of a test."""
