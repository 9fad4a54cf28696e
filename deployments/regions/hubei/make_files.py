"""Makes this folder's terrain.nc and boundary.geojson; needs shapely, and the three files named on the command line.

terrain.nc: surface geopotential of ECMWF's HRES at 0.1 degree (hres_0p1_orography.nc), 20-40N 100-125E: Hubei and
every point that the model's halo can reach, and the demo cycle's area. Land where most of a cell is land in NOAA's
GLOBE at 1/120 degree (globe_combined_mask_compressed.npz of PyPI's global-land-mask 1.0.0; public domain): 0 or 1, as
in the mask that the model was trained with, with which it agrees in 99.5 % of these cells.
boundary.geojson: map/json/province/hubei.json of Apache ECharts 4.9.0 (Apache-2.0), its prefectures joined.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import xarray as xr
from shapely.geometry import Polygon, mapping
from shapely.ops import unary_union

HERE = Path(__file__).parent


def decode_ring(text: str, offset: list[int]) -> list[tuple[float, float]]:
    """One ring of ECharts' encoded GeoJSON: zig-zag deltas, one character a coordinate, unit 1/1024 degree."""
    x, y = offset
    ring = []
    for i in range(0, len(text), 2):
        dx, dy = ord(text[i]) - 64, ord(text[i + 1]) - 64
        x += (dx >> 1) ^ -(dx & 1)
        y += (dy >> 1) ^ -(dy & 1)
        ring.append((x / 1024, y / 1024))
    return ring


def polygons(geometry: dict) -> list[Polygon]:
    """All polygons of one encoded feature."""
    parts, offsets = geometry["coordinates"], geometry["encodeOffsets"]
    if geometry["type"] == "Polygon":
        parts, offsets = [[p] for p in parts], [[o] for o in offsets]
    rings = [decode_ring(r, o) for part, offs in zip(parts, offsets) for r, o in zip(part, offs)]
    return [Polygon(r).buffer(0) for r in rings if len(r) > 3]


def land(path: Path, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Land (1) and water (0) by the majority of GLOBE's points in each cell; latitude falls, both evenly spaced."""
    globe = np.load(path)
    step = float(longitude[1] - longitude[0])
    rows = np.round((latitude[0] - globe["lat"]) / step).astype(int)
    cols = np.round((globe["lon"] - longitude[0]) / step).astype(int)
    inside = (rows >= 0) & (rows < len(latitude)), (cols >= 0) & (cols < len(longitude))
    points = ~globe["mask"][np.ix_(*inside)]
    total, count = np.zeros((2, len(latitude), len(longitude)))
    at = rows[inside[0]][:, None], cols[inside[1]][None, :]
    np.add.at(total, at, points)
    np.add.at(count, at, 1)
    return (total / count > 0.5).astype(np.int8)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("orography", type=Path)
    parser.add_argument("echarts_province", type=Path)
    parser.add_argument("globe", type=Path)
    args = parser.parse_args()

    z = xr.open_dataset(args.orography).sel(latitude=slice(40.01, 19.99), longitude=slice(99.99, 125.01))
    z = z.assign_coords(latitude=z.latitude.round(1), longitude=z.longitude.round(1))
    low, high = float(z.z.min()), float(z.z.max())
    packed = {"dtype": "int16", "scale_factor": (high - low) / 65000, "add_offset": (high + low) / 2}
    mask = land(args.globe, z.latitude.values, z.longitude.values)
    attributes = {"standard_name": "land_binary_mask", "units": "1", "source": "NOAA GLOBE 1.0"}
    z["land"] = (("latitude", "longitude"), mask, attributes)
    squeezed = {"zlib": True, "complevel": 9}
    z.to_netcdf(HERE / "terrain.nc", encoding={"z": packed | squeezed, "land": squeezed})

    features = json.loads(args.echarts_province.read_text())["features"]
    parts = [p.buffer(0.002) for f in features for p in polygons(f["geometry"])]
    province = unary_union(parts).buffer(-0.002).simplify(0.002)
    solid = [Polygon(p.exterior) for p in getattr(province, "geoms", [province]) if p.area > 1e-3]
    shape = mapping(unary_union(solid))
    rounded = json.loads(json.dumps(shape), parse_float=lambda v: float(np.round(float(v), 3)))
    source = "Apache ECharts 4.9.0 map/json/province/hubei.json, Apache-2.0, prefectures joined"
    feature = {"type": "Feature", "properties": {"name": "Hubei", "source": source}, "geometry": rounded}
    text = json.dumps({"type": "FeatureCollection", "features": [feature]})
    (HERE / "boundary.geojson").write_text(text + "\n")


if __name__ == "__main__":
    main()
