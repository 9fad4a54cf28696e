"""How good ranges would have been: an archive gone through run by run, each from what was known when it began."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.calibrate.proof import UNITS
from tasks.calibrate.ranges import Residuals, apart, cells_of, spread_apart, together

MEMBERS = 39  # equally likely values that stand for a distribution
CYCLES = 60  # as a region's `calibration: cycles`
BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Of one variable and day of lead time; errors in its unit, shares of pairs."""

    variable: str
    day: int
    units: str
    count: int
    mae: float  # of the corrected forecast alone
    crps: float  # of its ranges: what the MAE becomes by them
    inside: float  # of observations within the range from 10 to 90 %
    pit: list[float]  # of observations in each tenth of what was foretold


def reliability(pairs: pd.DataFrame, way: str, since: pd.Timestamp | None = None) -> list[Reliability]:
    """Of pairs that `rolling` has gone through; `way`: corrected as `left_out` or as `own`. Scored from `since` on.

    Of an ensemble all pairs of a variable have its members' `spread`.
    """
    from scores.probability import crps_for_ensemble  # half a second, which nobody else waits for

    pairs = pairs.assign(left_out=pairs[way]).sort_values("time", kind="stable").reset_index(drop=True)
    variables = [v for v in UNITS if (pairs["variable"] == v).any()]
    members, centre, begun = _foretold(pairs, variables)
    day = np.maximum(np.ceil(pairs["lead_hours"].to_numpy() / 24.0), 1).astype(int)
    known = np.isfinite(members).all(axis=1)
    if since is not None:
        known &= (begun >= since).to_numpy()
    out = []
    for name in variables:
        of_variable = known & (pairs["variable"] == name).to_numpy()
        for one in np.unique(day[of_variable]):
            at = np.flatnonzero(of_variable & (day == one))
            observed, ensemble = pairs["observed"].to_numpy()[at], members[at]
            found = crps_for_ensemble(*_labelled(ensemble, observed), "member", method="ecdf")
            tenth = np.minimum((ensemble < observed[:, None]).mean(axis=1) * BINS, BINS - 1).astype(int)
            low, high = np.quantile(ensemble, (0.1, 0.9), axis=1, method="hazen")
            out.append(
                Reliability(
                    name,
                    int(one),
                    UNITS[name],
                    len(at),
                    float(np.abs(observed - centre[at]).mean()),
                    float(found),
                    float(((observed >= low) & (observed <= high)).mean()),
                    (np.bincount(tenth, minlength=BINS) / len(at)).round(4).tolist(),
                )
            )
    return out


def _labelled(members: np.ndarray, observed: np.ndarray) -> tuple[object, object]:
    import xarray as xr

    return xr.DataArray(members, dims=("pair", "member")), xr.DataArray(observed, dims="pair")


def _foretold(pairs: pd.DataFrame, variables: list[str]) -> tuple[np.ndarray, np.ndarray, pd.Series]:
    """(pairs, MEMBERS) equally likely values, NaN where nothing was known; the corrected forecast; when each began."""
    begun = pairs["time"] - pd.to_timedelta(pairs["lead_hours"], unit="h")
    times, ahead = pairs["time"].to_numpy(), pairs["lead_hours"].to_numpy(np.float64)
    hours = pd.DatetimeIndex(pairs["time"]).hour.to_numpy() + pd.DatetimeIndex(pairs["time"]).minute.to_numpy() / 60
    cell, code = cells_of(ahead, hours), pd.Categorical(pairs["variable"], variables).codes
    forecast = pairs["forecast"].to_numpy(np.float64)
    centre = forecast - pairs["left_out"].to_numpy(np.float64)
    levels = (np.arange(MEMBERS) + 0.5) / MEMBERS
    members = np.full((len(pairs), MEMBERS), np.nan)
    given = pairs["spread"].to_numpy(np.float64) if "spread" in pairs else np.full(len(pairs), np.nan)
    of_members = [bool(np.isfinite(given[code == i]).all()) for i in range(len(variables))]
    each = {ensemble: Residuals(variables, CYCLES, ensemble) for ensemble in {False, *of_members}}
    waiting = list[np.ndarray]()
    for start, rows in pairs.groupby(begun.to_numpy(), sort=True).indices.items():
        now = np.datetime64(pd.Timestamp(str(start)))
        ended = [bool((times[r] <= now).all()) for r in waiting]
        for run in (r for r, done in zip(waiting, ended, strict=True) if done):
            for residuals in each.values():
                residuals.add(pairs.iloc[run])
        waiting = [*(r for r, done in zip(waiting, ended, strict=True) if not done), rows]
        for i, name in enumerate(variables):
            mine = rows[code[rows] == i]
            shape = each[of_members[i]].shape(name, True, int(cell.max()) + 1) if len(mine) else None
            if shape is not None:
                spread = spread_apart(name, given[mine], forecast[mine]) if of_members[i] else None
                about = apart(name, centre[mine])[:, None] + shape.quantiles(cell[mine], levels, spread)
                members[mine] = together(name, about)
    return members, centre, begun
