"""Scores against a finer field of the same forecast, where one exists (the demo cycle).

Product and the simple ways live on the same grid and go to the truth's points, or cells, in the same way: by the
operator of the input, which the truth shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from models.constants import STANDARD_LAPSE_RATE, STANDARD_TEMPERATURE
from models.interpolation import bicubic, bilinear
from tasks.grids.cell_means import observed
from tasks.grids.grid import Grid, canonical
from tasks.grids.gridded import ALTITUDE, gridded
from tasks.handover.prepared import Prepared
from tasks.handover.scorecard import FractionsScore, TruthScore
from tasks.netcdf import open_netcdf
from tasks.observations.heights import pressure_at
from tasks.variables import VARIABLES

# thresholds in SI: wind as for stations; of rain, whatever hours it fell in, those of six
EVENTS = {"wind_speed": ("m s-1", (5.0, 10.0, 15.0)), "tp": ("m", (1e-3, 5e-3, 25e-3))}
WINDOWS = (1, 3, 5)  # points of the truth a side
TEMPERATURES = ("t2m", "d2m")
RARE = 0.005  # share of points: rarer events say nothing


@dataclass(frozen=True)
class Beside:
    """One variable's truth (rows, cols), and the product and the simple ways as it would have them."""

    truth: np.ndarray
    candidates: dict[str, np.ndarray]


def beside_truth(
    truth_file: Path, product: xr.Dataset, target: Grid, prepared: Prepared, increments: xr.Dataset | None = None
) -> tuple[dict[str, Beside], float]:
    """Every variable beside its truth, and the truth's spacing in degrees; the product has one lead time.

    `increments`: what calibration has added, which a finer field of the same forecast knows nothing of.
    """
    found = {}
    rows, cols = target.axes_in(prepared.grid)
    plain = {n: torch.from_numpy(prepared.fields[n].values[0]) for n in VARIABLES if n in product}
    up = _up(product, prepared)
    with open_netcdf(truth_file) as truth:
        to_canonical = canonical(truth.latitude.values, truth.longitude.values, truth_file.name)
        seen = observed(target, to_canonical.grid, prepared.operator)
        for name, coarse in plain.items():
            linear = bilinear(coarse, rows, cols).numpy()
            fields = {
                "product": product[name].values[0] - _added(increments, name),
                "bilinear": linear,
                "bicubic": bicubic(coarse, rows, cols).numpy(),
            }
            if up is not None and name in TEMPERATURES:
                fields["at_height"] = linear + STANDARD_LAPSE_RATE * up
            elif up is not None and name == "sp":
                below = bilinear(plain["t2m"], rows, cols).numpy() if "t2m" in plain else STANDARD_TEMPERATURE
                fields["at_height"] = pressure_at(linear, up, below)
            wanted = seen.select(to_canonical(truth[name].values))
            found[name] = Beside(wanted, {label: seen(field) for label, field in fields.items()})
    return found, to_canonical.grid.dlat


def _added(increments: xr.Dataset | None, name: str) -> np.ndarray | float:
    return 0.0 if increments is None or name not in increments else increments[name].values[0]


def _up(product: xr.Dataset, prepared: Prepared) -> np.ndarray | None:
    """How far the product's terrain lies above the input's between its points, (rows, cols) m; None: not known."""
    if ALTITUDE not in product.coords or ALTITUDE not in prepared.fields.coords:
        return None
    high = product[ALTITUDE].values
    rows, cols = gridded(product, "product").grid.axes_in(prepared.grid)
    low = bilinear(torch.from_numpy(prepared.fields[ALTITUDE].values), rows, cols).numpy()
    return np.asarray(high - low)


def score_against(found: dict[str, Beside]) -> list[TruthScore]:
    """RMSE, sqrt(mean((f - t)^2)), of the product and the simple ways over the truth's points or cells, in SI."""
    scores = []
    for name, beside in found.items():
        rmse = {label: float(np.sqrt(((f - beside.truth) ** 2).mean())) for label, f in beside.candidates.items()}
        scores.append(TruthScore(variable=name, units=VARIABLES[name].units, count=beside.truth.size, **rmse))
    return scores


def fractions(found: dict[str, Beside], spacing: float) -> list[FractionsScore]:
    """Fractions skill scores of wind and rain that occurred, 1 - sum (p_f - p_t)^2 / (sum p_f^2 + sum p_t^2).

    p: share of points at or above a threshold (EVENTS) in a window of WINDOWS points a side, which lies whole inside
    the field; sums over all windows. `spacing`: of the truth, in degrees. Events rarer than RARE in it are left out, so
    no score is 0 for a day that was rightly dry. NaN would count as no event; a truth has none.

    Roberts & Lean 2008, doi:10.1175/2007MWR2123.1; computed by library `scores`.
    """
    if not found:
        return []
    from scores.spatial import fss_2d_single_field  # a second, for the few runs that have a truth

    if {"u10", "v10"} <= found.keys():
        u, v = found["u10"], found["v10"]
        speeds = {label: np.hypot(u.candidates[label], v.candidates[label]) for label in u.candidates}
        found = found | {"wind_speed": Beside(np.hypot(u.truth, v.truth), speeds)}
    scores = []
    for name, (units, thresholds) in EVENTS.items():
        for threshold in thresholds if name in found else ():
            beside = found[name]
            frequency = float((beside.truth >= threshold).mean())
            for window in WINDOWS if frequency >= RARE else ():
                each = {
                    label: float(
                        fss_2d_single_field(
                            field, beside.truth, event_threshold=threshold, window_size=(window, window),
                            zero_padding=False,
                        )
                    )
                    for label, field in beside.candidates.items()
                }  # fmt: skip
                scores.append(
                    FractionsScore(
                        variable=name, units=units, threshold=threshold, window=round(window * spacing, 6),
                        frequency=frequency, **each,
                    )
                )  # fmt: skip
    return scores
