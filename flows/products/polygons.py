"""Districts, catchments, fields: polygons that a GeoJSON file names, and which cells of a product lie in each."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.errors import BadInput, short
from tasks.grids.grid import Grid

log = logging.getLogger(__name__)

# properties that names are in, by who made the file; the first is ours
NAMES = ("name", "NAME", "Name", "名称", "shapeName", "NAME_3", "NAME_2", "NAME_1", "id")
KINDS = ("Polygon", "MultiPolygon")
MOST = 5  # named in an error


@dataclass(frozen=True)
class District:
    """Cells of a grid that lie in a polygon: flat indices, and which share of each does; cells touched by it alone.

    within: how much of the polygon lies in the grid's cells, 0 to 1.
    """

    name: str
    cells: np.ndarray
    shares: np.ndarray
    within: float


def read_polygons(file: Path, key: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Geometries of a GeoJSON file by name, degrees north and east; several of one name are one district.

    key: the property that names them; default: the first of NAMES that all have. BadInput says what is wrong with it.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no JSON in UTF-8"
        raise BadInput(f"{file}: {why}; give polygons as GeoJSON, which QGIS and ogr2ogr write") from None
    features = found.get("features", [found]) if isinstance(found, dict) else None
    if not isinstance(features, list) or not all(isinstance(f, dict) for f in features) or not features:
        raise BadInput(f"{file}: is no GeoJSON with features; give polygons as GeoJSON, which QGIS and ogr2ogr write")
    if found.get("crs") and not any(known in str(found["crs"]) for known in ("CRS84", "4326", "4490")):
        raise BadInput(f"{file}: its coordinates are of {short(str(found['crs']))}; write it in degrees, EPSG:4326")
    whole = [f if "geometry" in f else {"geometry": f, "properties": {}} for f in features]
    names = _names(file, whole, key)
    out: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name, feature in zip(names, whole, strict=True):
        geometry = feature["geometry"] if isinstance(feature["geometry"], dict) else {}
        if geometry.get("type") not in KINDS:
            raise BadInput(f"{file}: {name} is a {geometry.get('type', 'feature without geometry')}, not a polygon")
        there = geometry.get("coordinates")
        for polygon in there if geometry["type"] == "MultiPolygon" and isinstance(there, list) else [there]:
            _assert_degrees(file, name, polygon)
            out[name].append({"type": "Polygon", "coordinates": polygon})
    return dict(out)


def _names(file: Path, features: list[dict[str, Any]], key: str | None) -> list[str]:
    properties = [f.get("properties") or {} for f in features]
    if key is not None and not all(key in p for p in properties):
        known = ", ".join(dict.fromkeys(k for p in properties for k in p)) or "none"
        raise BadInput(f"--name {key}: not every feature of {file} has it; their properties: {short(known)}")
    key = key or next((k for k in NAMES if all(p.get(k) for p in properties)), None)
    return [f"feature {i}" if p.get(key) is None else str(p[key]) for i, p in enumerate(properties, 1)]


def _assert_degrees(file: Path, name: str, polygon: Any) -> None:
    try:
        rings = [np.asarray(ring, np.float64) for ring in polygon]
        shaped = bool(rings) and all(
            r.ndim == 2 and len(r) >= 4 and r.shape[1] >= 2 and (r[0] == r[-1]).all() for r in rings
        )
    except (TypeError, ValueError):
        shaped = False
    if not shaped or not all(np.isfinite(r).all() for r in rings):
        raise BadInput(
            f"{file}: {name}: is no polygon of closed rings of four points or more; mend it (QGIS: Fix geometries)"
        )
    if any((np.abs(r[:, 0]) > 360).any() or (np.abs(r[:, 1]) > 90).any() for r in rings):
        raise BadInput(f"{file}: {name}: its coordinates are no degrees; write the file in EPSG:4326")


def districts_of(polygons: dict[str, list[dict[str, Any]]], grid: Grid, region: str) -> list[District]:
    """Those that lie in the grid's cells, at least in part, in the file's order; BadInput if none does.

    exactextract finds the cells and how much of each is covered.
    """
    try:
        from exactextract import exact_extract
        from exactextract.raster import NumPyRasterSource
    except ImportError:
        raise BadInput("districts need exactextract: pip install 'finescale[export]'") from None
    west, north = grid.west - grid.dlon / 2, grid.north + grid.dlat / 2
    here = NumPyRasterSource(
        np.broadcast_to(np.int8(0), (grid.rows, grid.cols)), west, north - grid.rows * grid.dlat,
        west + grid.cols * grid.dlon, north,
    )  # fmt: skip
    found, outside = [], []
    for name, parts in polygons.items():
        covered = np.zeros(grid.rows * grid.cols)
        for part in parts:
            moved = {"type": "Feature", "properties": {}, "geometry": _beside(part, west)}
            try:
                (answer,) = exact_extract(here, [moved], ["cell_id", "coverage"])
            except RuntimeError as error:
                raise BadInput(f"{name}: is no polygon ({error}); mend it (QGIS: Fix geometries)") from None
            covered[answer["properties"]["cell_id"]] += answer["properties"]["coverage"]
        cells = np.flatnonzero(covered)
        if not cells.size:
            outside.append(name)
            continue
        shares = np.minimum(covered[cells], 1.0)  # polygons of one name may overlap
        within = covered.sum() * grid.dlat * grid.dlon / max(sum(_area(part) for part in parts), 1e-12)
        found.append(District(name, cells, shares, min(float(within), 1.0)))
    if not found:
        raise BadInput(
            f"none of {len(polygons)} polygons lies in {region}, which is {grid.south:g} to {grid.north:g} north and "
            f"{grid.west:g} to {grid.east:g} east"
        )
    if outside:
        named = ", ".join(outside[:MOST]) + (" and others" if len(outside) > MOST else "")
        log.warning("%d of %d polygons lie outside %s: %s", len(outside), len(polygons), region, named)
    return found


def _beside(polygon: dict[str, Any], west: float) -> dict[str, Any]:
    """The same with longitudes as a grid that begins in the west counts them."""
    rings = [np.asarray(ring, np.float64)[:, :2] for ring in polygon["coordinates"]]
    turns = np.ceil((west - max(r[:, 0].max() for r in rings)) / 360.0)
    return {"type": "Polygon", "coordinates": [np.add(r, (360.0 * turns, 0.0)).tolist() for r in rings]}


def _area(polygon: dict[str, Any]) -> float:
    """Square degrees, as coverage is counted; holes are no part of it."""
    areas = []
    for ring in polygon["coordinates"]:
        x, y = np.asarray(ring, np.float64)[:, :2].T
        areas.append(abs(float(x[:-1] @ y[1:] - x[1:] @ y[:-1])) / 2)
    return areas[0] - sum(areas[1:])
