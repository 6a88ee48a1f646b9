"""
``python -m databricks_forwarder.testing.workspace``: a workspace to play with.
"""

from __future__ import annotations

import sys

from databricks_forwarder.testing.workspace._program import main

sys.exit(main())
