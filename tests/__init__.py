"""Tests; the tree is that of what they test."""

from contextlib import suppress

# of benchmarks; after eccodes, which brings a PROJ of its own, it would end the process badly
with suppress(ImportError):
    import pyproj  # noqa: F401
