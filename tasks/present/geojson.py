"""What maps draw over a product, as GeoJSON: the region's outline and places, and stations with their errors.

{store}/{region}/boundary.geojson, places.geojson
{store}/{region}/{source}/{YYYY}/{MM}/{cycle}.stations.geojson
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd

from tasks.present.report.tables import ours
from tasks.region.document import Region
from tasks.region.gazetteer import read_gazetteer
from tasks.storage import join, read_tagged, write_bytes

SHOWN = ("t2m", "d2m", "wind_speed", "sp", "msl", "tp")  # what maps show; wind's direction and vector are in the report
MOST_PAIRS = 100_000  # 2 MB of numbers; beyond, scores without the series that they are of
DIGITS = 6  # float32 has seven


def put_boundary(store: str, region: Region) -> None:
    """Write the region's outline into the store, if it has one and the store another or none."""
    if region.boundary_file is None:
        return
    _put(join(store, region.name, "boundary.geojson"), region.boundary_file.read_bytes())


def put_places(store: str, region: Region) -> None:
    """Write the places that people know by name, of a region without a table none; InvalidRegion if it is no table."""
    places = read_gazetteer(region.places_file) if region.places_file is not None else []
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [p.longitude, p.latitude]},
            "properties": {"name": p.name, "name_zh": p.name_zh, "rank": p.rank},
        }
        for p in places
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, separators=(",", ":"))
    _put(join(store, region.name, "places.geojson"), text.encode())


def _put(uri: str, data: bytes) -> None:
    """Write what is not there already."""
    there = read_tagged(uri)
    if there is None or there[0] != data:
        write_bytes(uri, data)


def write_stations(uri: str, pairs: pd.DataFrame) -> None:
    """Write `stations` of pairs as `write_bytes` does."""
    write_bytes(uri, json.dumps(stations(pairs), ensure_ascii=False, allow_nan=False).encode())


def stations(pairs: pd.DataFrame) -> dict[str, Any]:
    """A feature for each station, with its scores by variable and period; SI, errors are product - observed.

    pairs: columns of tasks/handover/candidates.py and one a candidate. The product is read as in its headline score:
    bilinear, temperature and surface pressure brought to the station's height. Pairs without a value on either side
    are left out.
    """
    found = pairs[pairs["variable"].isin(SHOWN)].copy()
    found["product"] = np.nan
    for variable, rows in found.groupby("variable"):
        column = ours(str(variable), list(found)).name
        if column in found:
            found.loc[rows.index, "product"] = rows[column]
    found = found[found[["observed", "product"]].notna().all(axis=1)].sort_values("lead_hours", kind="stable")
    series = len(found) <= MOST_PAIRS
    features = [_feature(str(name), rows, series) for name, rows in found.groupby("station", sort=True)]
    return {"type": "FeatureCollection", "features": features}


def _feature(name: str, rows: pd.DataFrame, series: bool) -> dict[str, Any]:
    first = rows.iloc[0]
    groups = rows.groupby(["variable", "period"], sort=True)
    return {
        "type": "Feature",
        "id": name,
        "geometry": {"type": "Point", "coordinates": [_number(first["longitude"]), _number(first["latitude"])]},
        "properties": {
            "station": name,
            "network": str(first["network"]),
            "elevation": _number(first["elevation"]),
            "above": _number(first["above"]),  # m, above the product's terrain
            "scores": [_score(str(v), float(p), part, series) for (v, p), part in groups],
        },
    }


def _score(variable: str, period: float, rows: pd.DataFrame, series: bool) -> dict[str, Any]:
    error = rows["product"].to_numpy(np.float64) - rows["observed"].to_numpy(np.float64)
    score: dict[str, Any] = {
        "variable": variable, "period": period, "n": len(rows),
        "bias": _number(error.mean()), "rmse": _number(np.sqrt((error**2).mean())),
    }  # fmt: skip
    if series:
        score |= {c: [_number(v) for v in rows[c]] for c in ("lead_hours", "observed", "product")}
    return score


def _number(value: float) -> float | None:
    """Rounded to what float32 holds; None, as JSON has no NaN."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
