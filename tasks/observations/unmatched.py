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
            f"they are of {', '.join(dict.fromkeys(observations['variable'])) or 'nothing'}, and the fields are "
            f"{', '.join(sorted(names & KNOWN))}; bring observations of those"
        )
    seen = observations[observations["variable"].isin(kinds)]
    times = pd.DatetimeIndex(product.fields["valid_time"].values.astype("datetime64[ns]"))
    now = seen[seen["time"].isin(times)]
    if now.empty:
        return (
            f"none is at its valid times ({times[0]} to {times[-1]}); they reach from {seen['time'].min()} to "
            f"{seen['time'].max()} UTC; bring those of its times"
        )
    inside = Sampler(product.grid, now["latitude"].to_numpy(), now["longitude"].to_numpy()).inside
    here = now[np.asarray(inside)]
    if here.empty:
        return (
            f"none is inside {product.grid}; stations are at {now['latitude'].min():g} to {now['latitude'].max():g} N, "
            f"{now['longitude'].min():g} to {now['longitude'].max():g} E; is west negative?"
        )
    if usable(here).empty:
        return f"of {len(here)} at its valid times and places all were rejected: {counted(here)}; {CHECKS}"
    return f"where those of {', '.join(kinds)} are, the fields have no value"


def counted(observations: pd.DataFrame) -> str:
    """How many values each check rejected."""
    return ", ".join(f"{count} {reason}" for reason, count in rejected(observations).items())


def wind(variable: str) -> set[str]:
    """The fields that a wind as stations report it is made of; empty for all else."""
    return {"u10", "v10"} if variable.startswith("wind") else set()
