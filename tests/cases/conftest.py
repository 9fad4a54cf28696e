"""The command line in this process, as the tests of flows have it."""

from __future__ import annotations

from tests.flows.conftest import finescale

__all__ = ["finescale"]
