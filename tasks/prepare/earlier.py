"""The newest product of a region whose input has the same valid times as one that is being prepared."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import xarray as xr

from tasks.grids.grid import Grid
from tasks.handover.cycle import Cycle
from tasks.storage import exists, read_bytes
from tasks.store.paths import in_store, latest_uri
from tasks.store.product import open_input

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Earlier:
    """A product's input, read when asked for."""

    name: str  # of its cycle
    fields: xr.Dataset
    grid: Grid

    def at(self, valid: datetime, names: list[str]) -> Mapping[str, np.ndarray] | None:
        """Fields (rows, cols) of a valid time; None where it has none, or where they cannot be read."""
        times = self.fields["valid_time"].values.astype("datetime64[ns]")
        here = np.flatnonzero(times == np.datetime64(valid.replace(tzinfo=None), "ns"))
        if not len(here):
            return None
        try:
            found = {n: self.fields[n][int(here[0])].values for n in names}
        except Exception as error:  # what was published before is for `maintain` to find
            log.warning("the input of %s does not read (%s): not compared with", self.name, error)
            return None
        return found if all(np.isfinite(f).all() for f in found.values()) else None


def earlier_input(store: str, region: str, cycle: Cycle, origin: str) -> Earlier | None:
    """The input of the newest product that readers are sent to, of another cycle of the same source or `origin`.

    Another model has other mountains, and is nothing to compare with. None where there is no such product, or none that
    can be read: that is no reason to stop.
    """
    try:
        uris = [latest_uri(store, region, source) for source in dict.fromkeys([cycle.source, origin])]
        latest = [json.loads(read_bytes(uri)) for uri in uris if exists(uri)]
        others = [entry for entry in latest if entry["cycle"] != str(cycle)]
        if not others:
            return None
        newest = max(others, key=lambda e: str(e["cycle"].split("/")[1]))
        found = open_input(in_store(store, newest["product"]))
    except Exception as error:
        log.warning("no earlier product of %s to compare with (%s)", region, error)
        return None
    return Earlier(newest["cycle"], found.fields, found.grid) if found is not None else None
