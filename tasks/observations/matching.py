"""Pairs of observation and forecast: every candidate's value for every usable observation at a valid time.

Wind is compared as speed, direction (from 3 m/s on) and as a vector. Amounts are summed over the observation's period.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tasks.grids.gridded import Gridded
from tasks.grids.samples import Sampler
from tasks.handover.calibrated import Calibration
from tasks.handover.candidates import EXPECTED, PAIR_COLUMNS, Candidate, candidates
from tasks.observations.amounts import with_sums
from tasks.observations.readers import FieldReader, LeftOutReader, RawReader, Reader

CALM = 3.0  # m/s observed: below, direction means little (WMO-No. 485, Appendix 2.2.34)
PLACE = ["station", "network", "latitude", "longitude", "elevation"]


def pairs(
    product: Gridded, coarse: Gridded | None, observations: pd.DataFrame, calibration: Calibration | None = None
) -> pd.DataFrame:
    """Usable observations at the product's valid times beside all candidates, float32; see candidates.py for columns.

    Stations outside of the product's points are left out; candidates of `coarse` are NaN outside of its points. With
    the product's `calibration`, `product` is at each station what it would be without that station, and `raw` what it
    was before.
    """
    times = pd.DatetimeIndex(product.fields["valid_time"].values.astype("datetime64[ns]"))
    seen = with_sums(observations)
    seen = seen[seen["time"].isin(times)]
    stations = seen[PLACE].drop_duplicates("station").reset_index(drop=True)
    inside = Sampler(product.grid, *(stations[c].to_numpy() for c in ("latitude", "longitude"))).inside
    stations = stations[inside].reset_index(drop=True)
    seen = seen[seen["station"].isin(stations["station"])]
    if seen.empty:
        return pd.DataFrame(columns=PAIR_COLUMNS)
    fine = FieldReader(product, stations)
    readers = _readers(fine, calibration, stations) | (
        {"input": FieldReader(coarse, stations)} if coarse is not None else {}
    )
    parts = [
        _beside(found, variable, readers, times, stations)
        for variable, found in _wanted(seen)
        if _available(variable, product)
    ]
    if not parts:
        return pd.DataFrame(columns=PAIR_COLUMNS)
    joined = pd.concat(parts, ignore_index=True)
    lead = pd.Series((product.fields["step"].values / np.timedelta64(1, "h")).astype(np.float64), times)
    joined["lead_hours"] = joined["time"].map(lead)
    joined["land"] = joined["station"].map(pd.Series(fine.land, stations["station"]))
    for name in EXPECTED:
        joined[name] = _expected(joined, name, calibration, times)
    joined["spread"] = _spread(joined, fine, calibration, times, stations)
    for name, reader in (("middle", readers["product"]), ("middle_raw", readers.get("raw", fine))):
        joined[name] = _middle(joined, reader, times, stations)
    joined["above"] = joined["station"].map(pd.Series(fine.above, stations["station"]))
    forecasts = [c for c in joined if c not in PAIR_COLUMNS]
    complete = joined[[c for c in forecasts if c.startswith("product")]].notna().any(axis=1)
    return joined.loc[complete, PAIR_COLUMNS + forecasts].reset_index(drop=True)


def _readers(fine: FieldReader, calibration: Calibration | None, stations: pd.DataFrame) -> dict[str, Reader]:
    """Of the product, and of what it was before where stations have changed it."""
    if calibration is None or calibration.increments is None:
        return {"product": fine}
    raw = RawReader(fine, FieldReader(calibration.increments, stations))
    return {"product": LeftOutReader(fine, raw, calibration, stations["station"]), "raw": raw}


def _expected(joined: pd.DataFrame, name: str, calibration: Calibration | None, times: pd.DatetimeIndex) -> np.ndarray:
    """What each forecast's error was expected to be before its observation came, (n,); NaN: nothing was known."""
    out = np.full(len(joined), np.nan, dtype=np.float32)
    if calibration is None:
        return out
    step = times.get_indexer(pd.DatetimeIndex(joined["time"]))
    place = pd.Index(calibration.stations).get_indexer(joined["station"])
    variable = joined["variable"].to_numpy()
    for of, errors in getattr(calibration, name).items():
        here = (variable == of) & (place >= 0)
        out[here] = errors[step[here], place[here]]
    return out


def _spread(
    joined: pd.DataFrame,
    fine: FieldReader,
    calibration: Calibration | None,
    times: pd.DatetimeIndex,
    stations: pd.DataFrame,
) -> np.ndarray:
    """Of an ensemble's members before calibration, at the nearest point, (n,); NaN: none, or not known any more."""
    out = _expected(joined, "spread", calibration, times)
    widened = set(calibration.widened) if calibration is not None else set()
    step = times.get_indexer(pd.DatetimeIndex(joined["time"]))
    place = pd.Index(stations["station"]).get_indexer(joined["station"])
    for name in set(joined["variable"]) - widened:
        spread = fine.read(f"{name}_spread", "nearest")
        if spread is not None:
            here = (joined["variable"] == name).to_numpy()
            out[here] = spread[step[here], place[here]]
    return out


def _middle(joined: pd.DataFrame, reader: Reader, times: pd.DatetimeIndex, stations: pd.DataFrame) -> np.ndarray:
    """Of an ensemble, the median of its members' wind speeds, (n,); NaN of anything else."""
    out = np.full(len(joined), np.nan, dtype=np.float32)
    here = (joined["variable"] == "wind_speed").to_numpy()
    speed = reader.read("wind_speed", "bilinear") if here.any() else None
    if speed is not None:
        step = times.get_indexer(pd.DatetimeIndex(joined["time"][here]))
        out[here] = speed[step, pd.Index(stations["station"]).get_indexer(joined["station"][here])]
    return out


def _available(variable: str, product: Gridded) -> bool:
    needed = {"u10", "v10"} if variable.startswith("wind") else {variable}
    return needed <= {str(n) for n in product.fields.data_vars}


def _wanted(seen: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """What is compared, with the observed values: wind in three ways, the rest as it was observed."""
    by = dict(list(seen.groupby("variable", sort=False)))
    for variable in ("t2m", "d2m", "sp", "msl", "tp", "wind_speed"):
        if variable in by:
            yield variable, by[variable].rename(columns={"value": "observed"})
    if "wind_speed" not in by:
        return
    speed = by["wind_speed"].set_index(["station", "time"])
    if "wind_direction" in by:
        direction = by["wind_direction"].drop_duplicates(["station", "time"], keep="last")
        direction = direction.set_index(["station", "time"])["value"]
        speed = speed.assign(direction=direction.reindex(speed.index))
    else:
        speed = speed.assign(direction=np.nan)
    speed = speed.reset_index()
    strong = speed[(speed["value"] >= CALM) & speed["direction"].notna()]
    if len(strong):
        yield "wind_direction", strong.assign(observed=strong["direction"], variable="wind_direction")
    vector = speed[(speed["value"] == 0) | speed["direction"].notna()]
    if len(vector):
        angle = np.deg2rad(vector["direction"].fillna(0.0))  # where it comes from
        u, v = -vector["value"] * np.sin(angle), -vector["value"] * np.cos(angle)
        yield "wind_vector", vector.assign(observed=0.0, variable="wind_vector", u=u, v=v)


def _beside(
    found: pd.DataFrame, variable: str, readers: dict[str, Reader], times: pd.DatetimeIndex, stations: pd.DataFrame
) -> pd.DataFrame:
    """The observations of one variable with a column for each candidate."""
    step = times.get_indexer(pd.DatetimeIndex(found["time"]))
    place = pd.Index(stations["station"]).get_indexer(found["station"])
    columns = {}
    for candidate in candidates(variable):
        reader = readers.get(candidate.field)
        if reader is not None:
            values = _values(reader, candidate, variable, found, step, place)
            if values is not None:
                columns[candidate.name] = values.astype(np.float32)
    kept = found[[*PLACE, "time", "variable", "period", "observed"]].reset_index(drop=True)
    return pd.concat([kept, pd.DataFrame(columns)], axis=1)


def _values(
    reader: Reader, candidate: Candidate, variable: str, found: pd.DataFrame, step: np.ndarray, place: np.ndarray
) -> np.ndarray | None:
    method, height = candidate.method, candidate.height
    if variable.startswith("wind"):
        u, v = (reader.read(name, method) for name in ("u10", "v10"))
        if u is None or v is None:
            return None
        u, v = u[step, place], v[step, place]
        if variable == "wind_speed":
            return np.hypot(u, v)
        if variable == "wind_direction":
            return np.rad2deg(np.arctan2(-u, -v)) % 360.0
        return np.hypot(u - found["u"].to_numpy(), v - found["v"].to_numpy())
    if variable == "tp":
        return reader.amount(method, found["time"], found["period"].to_numpy(), step, place)
    values = reader.read(variable, method) if height == "none" else reader.at_height(variable, method, height)
    return None if values is None else values[step, place]
