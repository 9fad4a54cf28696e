"""Messages of variables that follow: the demo's own fields as other parameters, changed as these are like."""

from __future__ import annotations

from collections.abc import Callable

import eccodes
import numpy as np

from tests.conftest import DEMO_GRIB
from tests.grib import messages

HOUR = 3600.0
OF_LAST_HOURS, LAST_HOURS = {"10fg", "mx2t3", "mn2t3"}, 3  # as IFS has them up to 144 h
Fields = dict[str, np.ndarray]
# short name -> (whose message, paramId, values at a lead time in hours, of all of the demo's)
MADE: dict[str, tuple[str, int, Callable[[Fields, int], np.ndarray]]] = {
    "100u": ("10u", 228246, lambda of, _: 1.4 * of["10u"]),
    "100v": ("10v", 228247, lambda of, _: 1.4 * of["10v"]),
    "10fg": ("tp", 49, lambda of, _: 5.0 + 1e3 * of["tp"]),
    "skt": ("2t", 235, lambda of, _: of["2t"] + 1.0),
    "tcwv": ("sp", 137, lambda of, _: 25.0 * (of["sp"] / 1e5) ** 4),
    "tcc": ("2d", 164, lambda of, _: np.clip((of["2d"] - 260.0) / 30.0, 0.0, 1.0)),
    "ssrd": ("tp", 169, lambda of, hours: np.maximum(300.0 - 2e5 * of["tp"], 0.0) * hours * HOUR),
    "strd": ("tp", 175, lambda of, hours: (300.0 + 1e4 * of["tp"]) * hours * HOUR),
    "mx2t3": ("tp", 228026, lambda of, _: of["2t"] + 2.0),
    "mn2t3": ("tp", 228027, lambda of, _: of["2t"] - 3.0),
    "sf": ("tp", 144, lambda of, _: of["tp"] * np.clip((275.0 - of["2t"]) / 3.0, 0.0, 1.0)),
    "sd": ("2t", 141, lambda of, _: np.clip((278.0 - of["2t"]) / 100.0, 0.0, 10.0)),
}


def follower_messages(hours: int) -> list[tuple[str, bytes]]:
    """Short name and message of each, accumulated to a lead time where they are sums."""
    out = []
    of = {}
    for message in messages(DEMO_GRIB):
        handle = eccodes.codes_new_from_message(message)
        of[str(eccodes.codes_get(handle, "shortName"))] = handle
    fields = {name: eccodes.codes_get_values(handle) for name, handle in of.items()}
    for name, (source, param_id, change) in MADE.items():
        handle = eccodes.codes_clone(of[source])
        eccodes.codes_set(handle, "paramId", param_id)
        eccodes.codes_set(handle, "bitsPerValue", 16)
        eccodes.codes_set_values(handle, change(fields, hours))
        if name in OF_LAST_HOURS:  # or ecCodes calls it the highest of 24 h where the lead time is that
            eccodes.codes_set(handle, "startStep", max(hours - LAST_HOURS, 0))
            eccodes.codes_set(handle, "endStep", hours)
        out.append((name, bytes(eccodes.codes_get_message(handle))))
        eccodes.codes_release(handle)
    for handle in of.values():
        eccodes.codes_release(handle)
    return out
