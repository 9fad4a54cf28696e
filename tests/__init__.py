"""Tests; the tree is that of what they test."""

from contextlib import suppress

with suppress(ImportError):  # of benchmarks; after eccodes, which brings a PROJ of its own, it would end the process badly
    import pyproj  # noqa: F401
