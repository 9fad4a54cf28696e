"""What stations have changed in a product, and what they led to expect at each of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from pydantic import BaseModel

from tasks.grids.gridded import Gridded
from tasks.handover.scorecard import Proof

WIND_FACTORS = (0.3, 3.0)  # least and most that a wind is multiplied by
GROUP, RANGE = "calibration", "_range"  # of a product, and what names of ranges in it end with
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)  # of ranges
ROOTS = frozenset({"wind_speed"})  # variables whose ranges are of square roots: strong wind is foretold worse
CALM = 0.5  # m/s: below, a wind's factor is that of this speed


class Calibrated(BaseModel):
    """What became of a staged product: nothing where no station is known.

    digests: of the values of the variables that were changed, by lead time. beside: of group `calibration`, by path.
    """

    proofs: list[Proof] = []
    digests: dict[str, list[str]] = {}
    beside: dict[str, list[str]] = {}
    stations: int = 0
    trouble: str = ""  # why it was left as it is, although stations are known


@dataclass(frozen=True)
class Calibration:
    """Of one product.

    increments: what was added to its fields, so that product less increment is what it was; None where nothing was.
    left_out, own: variable -> (step, station) expected error of the forecast, forecast minus observation: from all
    other stations, and with the station's own earlier pairs. applied: variable -> (step,), whether it was taken off.
    Wind is corrected as speed, `wind_speed`, and keeps its direction. ranges: variable -> (step, LEVELS), what is to be
    added to a value for so likely a bound of the truth; of wind speed to its square root. spread: variable -> (step,
    station), of an ensemble, standard deviation of its members as they were. widened: variables whose ranges in group
    `ensemble` are as past runs' errors say.
    """

    increments: Gridded | None
    stations: list[str]
    left_out: dict[str, np.ndarray]
    own: dict[str, np.ndarray]
    applied: dict[str, np.ndarray]
    ranges: dict[str, np.ndarray] = field(default_factory=dict)
    spread: dict[str, np.ndarray] = field(default_factory=dict)
    widened: list[str] = field(default_factory=list)


def wind_factor(speed: np.ndarray, error: np.ndarray) -> np.ndarray:
    """What u and v are multiplied by to take an error (m/s) off a speed (m/s), any one shape."""
    return np.clip(1.0 - error / np.maximum(speed, CALM), *WIND_FACTORS)
