"""
``python -m databricks_forwarder``: the command line.
"""

from __future__ import annotations

import sys

from databricks_forwarder._cli import main

sys.exit(main())
