"""Tests; the tree is that of what they test."""

import sys
from contextlib import suppress

# Of benchmarks. It and ecCodes each bring a PROJ: loaded after ecCodes it ends the process badly, before it does not;
# where ecCodes is here already, it must not come.
if "eccodes" not in sys.modules:
    with suppress(ImportError):
        import pyproj  # noqa: F401
