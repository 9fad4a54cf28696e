"""Is a published product still what was published? Told by its values, one lead time at a time."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import numpy as np
import xarray as xr

from tasks.arrays import DAMAGE, open_zarr
from tasks.errors import in_a_line
from tasks.handover.cycle import Cycle
from tasks.handover.shards import field_digest
from tasks.storage import exists, is_remote, join
from tasks.store.ledger import LedgerEntry, State
from tasks.store.metadata import altered_metadata
from tasks.store.paths import in_store
from tasks.store.read_back import altered, read_fields
from tasks.store.withdrawal import mark
from tasks.variables import VARIABLES

log = logging.getLogger(__name__)

CHECK_DAYS = 3  # what was published within so many is read again every night


def verify_product(store: str, entry: LedgerEntry) -> list[str]:
    """What is wrong with a product, empty if nothing is: its fields, all that is beside them, its metadata.

    Entries without digests, of older versions: values must be finite and physical. A store that does not answer, or
    refuses, raises: that says nothing of the product.
    """
    uri = in_store(store, entry.product)
    if not exists(join(uri, "zarr.json")):
        return [f"{entry.product} is missing"]
    damage = DAMAGE if is_remote(store) else (*DAMAGE, OSError)  # a local disk that cannot read it has lost it
    try:
        product = open_zarr(uri)
        wrong = _axes(product, entry)
    except damage as error:
        return [f"{entry.product} cannot be opened: {in_a_line(error)}"]
    for name in entry.variables:
        if name not in product:
            wrong.append(f"{name} is missing")
            continue
        array = product[name][: len(entry.lead_hours)]
        rows, cols = (array.encoding.get("shards") or array.shape)[-2:]  # of an older version: one object
        for i, found in read_fields(array, damage):
            fault = found if isinstance(found, str) else _fault(found, name, entry.digests.get(name), i, (rows, cols))
            if fault:
                wrong.append(f"{name} at +{entry.lead_hours[i]:g} h {fault}")
    wrong += altered(uri, {path: d for path, d in entry.digests.items() if path not in entry.variables}, damage)
    wrong += altered_metadata(uri, entry, damage)
    return wrong


def _axes(product: xr.Dataset, entry: LedgerEntry) -> list[str]:
    """What is wrong with the coordinates."""
    wrong = []
    hours = (product["step"].values / np.timedelta64(1, "h")).tolist()
    if hours != entry.lead_hours:
        wrong.append(f"lead times are {_span(hours)}, the ledger says {_span(entry.lead_hours)}")
    start = np.datetime64(Cycle.parse(entry.cycle, entry.source).time.replace(tzinfo=None), "ns")
    if product["time"].values != start:
        wrong.append(f"time is {product['time'].values}, the ledger says {start}")
    if not np.array_equal(product["valid_time"].values, product["time"].values + product["step"].values):
        wrong.append("valid_time is not time + step")
    for name, step in (("latitude", -entry.spacing), ("longitude", entry.spacing)):
        if not np.allclose(np.diff(product[name].values), step, rtol=0, atol=1e-6):
            wrong.append(f"{name} is not in steps of {step:g} degree")
    return wrong


def _fault(values: np.ndarray, name: str, digests: list[str] | None, i: int, side: tuple[int, int]) -> str:
    """What is wrong with a field, "" if nothing is."""
    if not np.isfinite(values).all():
        return f"holds {np.count_nonzero(~np.isfinite(values))} values that are not finite"
    if digests is not None:
        return (
            ""
            if i < len(digests) and field_digest(values, *side) == digests[i]
            else "holds other values than were published"
        )
    variable = VARIABLES[name]
    low, high = float(values.min()), float(values.max())
    outside = low < variable.low or high > variable.high
    return f"holds {low:g} to {high:g}, possible are {variable.low:g} to {variable.high:g}" if outside else ""


def _span(hours: list[float]) -> str:
    return f"{len(hours)}, +{min(hours):g} to +{max(hours):g} h" if hours else "none"


def due_for_check(found: list[LedgerEntry], now: datetime, days: float) -> list[LedgerEntry]:
    """Good entries that were published within so many days."""
    return [e for e in found if e.good and now - e.published_at <= timedelta(days=days)]


def check_product(store: str, entry: LedgerEntry, dry_run: bool = False) -> list[str]:
    """What is wrong with a product, which is marked as damaged then. What is found is believed when found twice."""
    if not verify_product(store, entry):
        return []
    wrong = verify_product(store, entry)
    if wrong and not dry_run:
        mark(store, entry, State.DAMAGED, summary(wrong))
    return wrong


def summary(wrong: list[str]) -> str:
    """The first fault, and how many more there are."""
    return wrong[0] if len(wrong) == 1 else f"{wrong[0]} ({len(wrong) - 1} more)"
