"""Axes of query cells in tests."""

from __future__ import annotations

import numpy as np

from models.geometry import Axis


def fine_axis(count: int, scale: float, phase: float) -> Axis:
    """Axis of `count` fine pixels whose input grid starts `phase` pixels after their edge."""
    return Axis((np.arange(count) + 0.5 - phase) / scale - 0.5, 1.0 / scale)
