"""Messages of variables that follow: the demo's own fields as other parameters, changed as these are like."""

from __future__ import annotations

from collections.abc import Callable

import eccodes
import numpy as np

from tests.conftest import DEMO_GRIB
from tests.grib import messages

HOUR = 3600.0
# short name -> (whose message, paramId, what its values become at a lead time in hours)
MADE: dict[str, tuple[str, int, Callable[[np.ndarray, int], np.ndarray]]] = {
    "100u": ("10u", 228246, lambda v, _: 1.4 * v),
    "100v": ("10v", 228247, lambda v, _: 1.4 * v),
    "10fg": ("tp", 49, lambda v, _: 5.0 + 1e3 * v),
    "skt": ("2t", 235, lambda v, _: v + 1.0),
    "tcwv": ("sp", 137, lambda v, _: 25.0 * (v / 1e5) ** 4),
    "tcc": ("2d", 164, lambda v, _: np.clip((v - 260.0) / 30.0, 0.0, 1.0)),
    "ssrd": ("tp", 169, lambda v, hours: np.maximum(300.0 - 2e5 * v, 0.0) * hours * HOUR),
    "strd": ("tp", 175, lambda v, hours: (300.0 + 1e4 * v) * hours * HOUR),
}


def follower_messages(hours: int) -> list[tuple[str, bytes]]:
    """Short name and message of each, accumulated to a lead time where they are sums."""
    out = []
    of = {}
    for message in messages(DEMO_GRIB):
        handle = eccodes.codes_new_from_message(message)
        of[str(eccodes.codes_get(handle, "shortName"))] = handle
    for name, (source, param_id, change) in MADE.items():
        handle = eccodes.codes_clone(of[source])
        values = change(eccodes.codes_get_values(handle), hours)
        eccodes.codes_set(handle, "paramId", param_id)
        eccodes.codes_set(handle, "bitsPerValue", 16)
        eccodes.codes_set_values(handle, values)
        out.append((name, bytes(eccodes.codes_get_message(handle))))
        eccodes.codes_release(handle)
    for handle in of.values():
        eccodes.codes_release(handle)
    return out
