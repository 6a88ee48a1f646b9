"""
How the documentation is built.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "databricks-forwarder"
author = "The databricks-forwarder authors"
project_copyright = author
release = version = metadata.version(project)

extensions = [
    "from_code",
    "house",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"{project} {version}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Our own public names must be found under their full names. Names of others
# can't be looked up without a network, private ones have no page, and short
# names in prose mean what stands beside them.
nitpick_ignore_regex = [
    ("py:.*", r"(?!databricks_forwarder\.).*"),
    ("py:.*", r"databricks_forwarder\.(.+\.)?_.*"),
]
