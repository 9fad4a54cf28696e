"""Tests; the tree is that of what they test."""

import sys
from contextlib import suppress

# Of benchmarks. It and ecCodes each bring a PROJ: loaded after ecCodes it ends the process badly, before it does not; and
# where ecCodes is here already, nothing may bring it in.
if "eccodes" not in sys.modules:
    with suppress(ImportError):
        import pyproj  # noqa: F401
