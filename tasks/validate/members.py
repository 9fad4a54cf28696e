"""An ensemble against stations: CRPS beside the error of its mean, and whether its spread is as wide as that error.

Quantiles are read at the nearest point; of what is brought to the station's height, as they lie about the mean there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from tasks.arrays import open_zarr
from tasks.grids.gridded import Gridded, lead_times
from tasks.grids.samples import Sampler
from tasks.handover.candidates import ALL, HEADLINE, NEAR, headline
from tasks.handover.members import GROUP, QUANTILES, SPREAD
from tasks.handover.scorecard import ChanceScore, MemberScore, ReliabilityPoint
from tasks.passing import Passing
from tasks.present import display
from tasks.store.ensemble import with_members
from tasks.store.product import open_product
from tasks.validate.scored import UNITS
from tasks.variables import WINDS

SCORED = ("t2m", "d2m", "msl", "wind_speed")  # rain at stations is of other hours than lead times are apart
FINELY = (np.arange(200) + 0.5) / 200  # levels that CRPS is summed over
EIGHTY = (0.1, 0.9)


def score_members(product: str, pairs: pd.DataFrame) -> list[MemberScore]:
    """Of a product by URI, against pairs as tasks/observations/matching.py makes them; none without an ensemble."""
    try:
        ensemble = open_zarr(product, GROUP)
    except (FileNotFoundError, KeyError, ValueError):
        return []
    fine = with_members(open_product(product), product)
    return [
        score for name in SCORED if f"{name}{QUANTILES}" in ensemble for score in _scores(name, ensemble, fine, pairs)
    ]


def score_chances(product: str, pairs: pd.DataFrame) -> list[ChanceScore]:
    """Of the thresholds that an ensemble's product has, against pairs as `score_members` has them.

    Of an amount those of sums over hours, for which stations have sums too. A threshold is passed at the station or
    not, whatever its height: those far from the terrain's count only where no heights are known.
    """
    try:
        ensemble = open_zarr(product, GROUP)
    except (FileNotFoundError, KeyError, ValueError):
        return []
    fine, near = open_product(product), pairs["above"].abs() <= NEAR
    kept = pairs[near] if near.any() else pairs
    return [
        score
        for array in ensemble.data_vars.values()
        if "threshold" in array.attrs
        for score in _chances(Passing.parse(array.attrs["threshold"]), array, fine, kept)
    ]


def _chances(one: Passing, array: xr.DataArray, fine: Gridded, pairs: pd.DataFrame) -> Iterator[ChanceScore]:
    here = pairs[(pairs["variable"] == one.variable) & (pairs["period"] == one.hours)].reset_index(drop=True)
    if here.empty or one.variable not in (*SCORED, "tp"):
        return
    given = _at_pairs(here, fine, array) / 100.0
    value = display.of(one.variable).shown(here["observed"].to_numpy(np.float64))
    happened = value < one.value if one.below else value > one.value
    known = np.isfinite(given)
    if not known.any():
        return
    given, happened, often = given[known], happened[known], float(happened[known].mean())
    yield ChanceScore(
        threshold=str(one), count=len(given), stations=here["station"][known].nunique(),
        chance=100 * float(given.mean()), happened=100 * often, brier=float(((given - happened) ** 2).mean()),
        reference=often * (1 - often), reliability=reliability(given, happened),
    )  # fmt: skip


def reliability(given: np.ndarray, happened: np.ndarray) -> list[ReliabilityPoint]:
    """By tenths of the chances `given` (n,), 0 to 1, with whether it happened (n,)."""
    tenth = np.minimum((given * 10 + 1e-6).astype(int), 9)  # a chance of exactly 30 % opens its tenth
    parts = [tenth == part for part in np.unique(tenth)]
    return [
        ReliabilityPoint(
            chance=100 * float(given[p].mean()), happened=100 * float(happened[p].mean()), count=int(p.sum())
        )
        for p in parts
    ]


def _scores(name: str, ensemble: xr.Dataset, fine: Gridded, pairs: pd.DataFrame) -> Iterator[MemberScore]:
    column = "middle" if name in WINDS else headline(name).name
    if column not in pairs:  # no station reports it
        return
    here = pairs[(pairs["variable"] == name) & pairs[column].notna()].reset_index(drop=True)
    if here.empty:
        return
    read = partial(_at_pairs, here, fine)
    quantiles = np.stack([read(level) for level in ensemble[f"{name}{QUANTILES}"]], axis=1)
    spread, observed = read(ensemble[f"{name}{SPREAD}"]), here["observed"].to_numpy(np.float64)
    forecast = here[column].to_numpy(np.float64)
    levels = ensemble["quantile"].values
    quantiles = quantiles + (forecast - read(fine.fields[name]))[:, None]  # of wind as of the members' median
    if name in WINDS:
        quantiles = np.maximum(quantiles, 0.0)
    place = (quantiles < observed[:, None]).sum(axis=1)
    below = quantiles[:, [int(np.argmin(np.abs(levels - end))) for end in EIGHTY]]
    table = pd.DataFrame({
        "station": here["station"], "error": forecast - observed, "spread": spread,
        "crps": crps(quantiles, levels, observed), "inside": (observed >= below[:, 0]) & (observed <= below[:, 1]),
        "place": place,
    })  # fmt: skip
    near = here["above"].abs().to_numpy() <= NEAR
    for group, some in ((HEADLINE, table[near]), (ALL, table)):
        if len(some):
            yield MemberScore(
                variable=name, units=UNITS[name], group=group, count=len(some), stations=some["station"].nunique(),
                mae=float(some["error"].abs().mean()), crps=float(some["crps"].mean()),
                spread_skill=float(np.sqrt((some["spread"] ** 2).mean() / max((some["error"] ** 2).mean(), 1e-12))),
                within_80=float(some["inside"].mean()),
                between=(np.bincount(some["place"], minlength=len(levels) + 1) / len(some)).round(4).tolist(),
            )  # fmt: skip


def _at_pairs(pairs: pd.DataFrame, fine: Gridded, array: xr.DataArray) -> np.ndarray:
    """(pair,) of a field (step, latitude, longitude), at the nearest point; one lead time in memory at a time."""
    stations = pairs[["station", "latitude", "longitude"]].drop_duplicates("station").reset_index(drop=True)
    nearest = Sampler(fine.grid, stations["latitude"].to_numpy(), stations["longitude"].to_numpy()).nearest
    step = pd.DatetimeIndex(fine.fields["valid_time"].values).get_indexer(pd.DatetimeIndex(pairs["time"]))
    place = pd.Index(stations["station"]).get_indexer(pairs["station"])
    found: np.ndarray = np.stack([nearest(field) for _, field in lead_times(array)])[step, place]
    return found


def crps(quantiles: np.ndarray, levels: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score (n,) of quantiles (n, levels), straight between them and level beyond.

    Twice the mean quantile score over all levels: Gneiting and Ranjan 2011, doi:10.1198/jbes.2010.08110.
    """
    at = np.clip(FINELY, levels[0], levels[-1])
    index = np.clip(np.searchsorted(levels, at) - 1, 0, len(levels) - 2)
    share = (at - levels[index]) / (levels[index + 1] - levels[index])
    values = quantiles[:, index] * (1 - share) + quantiles[:, index + 1] * share
    apart = observed[:, None] - values
    found: np.ndarray = 2 * np.mean(np.where(apart >= 0, FINELY, FINELY - 1) * apart, axis=1)
    return found
