"""Why no observation of a file can be held against a field, in the words of an error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.grids.gridded import Gridded
from tasks.grids.samples import Sampler
from tasks.observations.networks.table import rejected, usable

KNOWN = {"t2m", "d2m", "sp", "msl", "tp", "u10", "v10"}
CHECKS = "checks of stations are in docs/verify.md; are the columns in the units of their names, and times in UTC?"


def why_unmatched(observations: pd.DataFrame, product: Gridded) -> str:
    """What is lacking: the variable, the time, the place, or observations that no check rejected."""
    names = {str(n) for n in product.fields.data_vars}
    kinds = [v for v in dict.fromkeys(observations["variable"]) if (wind(v) or {v}) <= names]
    if not kinds:
        return (
            f"has observations of {', '.join(dict.fromkeys(observations['variable']))}, and the fields are "
            f"{', '.join(sorted(names & KNOWN))}; bring observations of those"
        )
    seen = observations[observations["variable"].isin(kinds)]
    times = pd.DatetimeIndex(product.fields["valid_time"].values.astype("datetime64[ns]"))
    now = seen[seen["time"].isin(times)]
    if now.empty:
        return (
            f"has no observation at the valid times ({times[0]} to {times[-1]}); it reaches from {seen['time'].min()} "
            f"to {seen['time'].max()} UTC, and what is more than ten minutes from a full hour is not moved to it"
        )
    inside = Sampler(product.grid, now["latitude"].to_numpy(), now["longitude"].to_numpy()).inside
    here = now[np.asarray(inside)]
    if here.empty:
        west, east = now["longitude"].min(), now["longitude"].max()
        return (
            f"has no station inside {product.grid}; its stations are at {now['latitude'].min():g} to "
            f"{now['latitude'].max():g} N, {west:g} to {east:g} E; are longitudes positive to the east?"
        )
    if usable(here).empty:
        return f"has no usable observation: of {len(here)} values there all were rejected: {counted(here)}; {CHECKS}"
    return f"has no usable observation of {', '.join(kinds)} that the fields have a value for, inside {product.grid}"


def counted(observations: pd.DataFrame) -> str:
    """How many values each check rejected."""
    return ", ".join(f"{count} {reason}" for reason, count in rejected(observations).items())


def wind(variable: str) -> set[str]:
    """The fields that a wind as stations report it is made of; empty for all else."""
    return {"u10", "v10"} if variable.startswith("wind") else set()
