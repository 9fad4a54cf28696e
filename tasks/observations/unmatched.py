"""Why no observation of a file can be held against a field, in the words of an error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.counted import counted as counted_as
from tasks.grids.gridded import Gridded
from tasks.grids.samples import Sampler
from tasks.observations.networks.table import rejected, usable

KNOWN = {"t2m", "d2m", "sp", "msl", "tp", "u10", "v10"}
UTC_WANTED = "times are UTC; write local ones with their offset, like 2026-11-20T08:00+08:00"
CHECKS = "checks of stations are in docs/verify.md; are the columns in the units of their names, and times in UTC?"


def why_unmatched(observations: pd.DataFrame, product: Gridded, whole: str = "") -> str:
    """What is lacking: the variable, the time, the place, or observations that no check rejected.

    `whole`: what a file holds, of which `observations` are those around the product's times.
    """
    times = pd.DatetimeIndex(product.fields["valid_time"].values.astype("datetime64[ns]"))
    if observations.empty and whole:
        return f"it has {_times(times)}; of {whole} none is of these days; bring those of its times ({UTC_WANTED})"
    names = {str(n) for n in product.fields.data_vars}
    kinds = [v for v in dict.fromkeys(observations["variable"]) if (wind(v) or {v}) <= names]
    if not kinds:
        return (
            f"they are of {', '.join(dict.fromkeys(observations['variable'])) or 'nothing'}, and the fields are "
            f"{', '.join(sorted(names & KNOWN))}; bring observations of those"
        )
    seen = observations[observations["variable"].isin(kinds)]
    now = seen[seen["time"].isin(times)]
    if now.empty:
        reach = f"it has {_times(times)}; of {read(seen)} 0 are at one of these"
        return f"none is at its valid times: {reach}{_aside(seen, times)}; bring those of its times ({UTC_WANTED})"
    inside = Sampler(product.grid, now["latitude"].to_numpy(), now["longitude"].to_numpy()).inside
    here = now[np.asarray(inside)]
    if here.empty:
        return (
            f"none is inside {product.grid}; stations are at {now['latitude'].min():g} to {now['latitude'].max():g} N, "
            f"{now['longitude'].min():g} to {now['longitude'].max():g} E; is west negative?"
        )
    if usable(here).empty:
        return f"of {len(here)} at its valid times and places all were rejected: {counted(here)}; {CHECKS}"
    if kinds == ["tp"]:
        lengths = ", ".join(f"{h:g}" for h in sorted(usable(here)["period"].unique())[:5])
        return (
            f"{counted_as(len(here), 'amount')} of rain, which end at its valid times, are of hours ({lengths}) that "
            f"its lead times do not add up to ({_times(times)}); bring amounts over those, or more lead times"
        )
    return f"where those of {', '.join(kinds)} are, the fields have no value"


def read(observations: pd.DataFrame) -> str:
    """How many values and stations there are, and from when to when."""
    if observations.empty:
        return "0 values"
    stations = counted_as(observations["station"].nunique(), "station")
    span = f"{observations['time'].min():%Y-%m-%d %H:%M} to {observations['time'].max():%Y-%m-%d %H:%M} UTC"
    return f"{counted_as(len(observations), 'value')} at {stations}, from {span},"


def _times(times: pd.DatetimeIndex) -> str:
    """Of a product: how many, from when to when."""
    return f"{counted_as(len(times), 'valid time')}, {times.min():%Y-%m-%d %H:%M} to {times.max():%Y-%m-%d %H:%M} UTC"


def _aside(seen: pd.DataFrame, times: pd.DatetimeIndex) -> str:
    """How they lie beside the valid times, where that says what is wrong."""
    if seen["time"].max() < times.min():
        return ", all are before the first"
    if seen["time"].min() > times.max():
        return ", all are after the last"
    return ", they lie between them"


def counted(observations: pd.DataFrame) -> str:
    """How many values each check rejected."""
    return ", ".join(f"{count} {reason}" for reason, count in rejected(observations).items())


def wind(variable: str) -> set[str]:
    """The fields that a wind as stations report it is made of; empty for all else."""
    return {"u10", "v10"} if variable.startswith("wind") else set()
