"""Values brought to another height."""

from __future__ import annotations

import numpy as np

from models.constants import DRY_AIR, GRAVITY, STANDARD_LAPSE_RATE


def pressure_at(pressure: np.ndarray, up: np.ndarray, temperature: np.ndarray | float) -> np.ndarray:
    """Pressure in Pa moved `up` m, hypsometric; `temperature` in K at the height where it was."""
    return np.asarray(pressure * np.exp(-GRAVITY * up / (DRY_AIR * (temperature + STANDARD_LAPSE_RATE * up / 2))))
