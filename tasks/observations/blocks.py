"""Blocks of pairs that are drawn together by the bootstrap: errors that are not independent of each other."""

from __future__ import annotations

import numpy as np
import pandas as pd

BOX = 2.0  # degrees: a day's errors in one box are one block
FEWEST_BLOCKS = 10  # with fewer, a station's day is a block


def blocks(pairs: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Blocks of the bootstrap: errors of one day within 2 degrees, which are not independent; fewer: of one station."""
    day = pairs["time"].dt.floor("D").astype("int64").to_numpy()
    row, col = (np.floor(pairs[c].to_numpy() / BOX).astype(np.int64) for c in ("latitude", "longitude"))
    codes, names = pd.factorize(pd.Series(day // 86_400_000_000_000 * 1_000_000 + (row + 90) * 1000 + col + 180))
    if len(names) < FEWEST_BLOCKS:
        station = pd.factorize(pairs["station"])[0].astype(np.int64)
        codes, names = pd.factorize(pd.Series(day // 86_400_000_000_000 * 100_000_000 + station))
    return codes, len(names)
