"""Residual laws of networks in tests: sigma = a * scale ** b, for samples of that detail as for means."""

from __future__ import annotations

import math

from models.operator import Sampling


def law(a: float, b: float) -> dict[str, list[float]]:
    """`residual` of a `VariableStatistics`."""
    return {s: [math.log(a), b * math.log(2), 0.0, 0.0, 0.0, 0.0] for s in Sampling}
