"""Where a product lies on the Earth, as GeoJSON says it: the outline of its cells, cut at the date line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import xarray as xr


@dataclass(frozen=True)
class Outline:
    """Edges of the outermost cells, degrees; west in -180..180, east above 180 where it crosses the date line."""

    west: float
    south: float
    east: float
    north: float

    @property
    def bbox(self) -> list[float]:
        """west, south, east, north; west is the larger number where it crosses the date line (RFC 7946, 5.2)."""
        return [self.west, self.south, self.east - 360.0 if self.east > 180.0 else self.east, self.north]

    @property
    def geometry(self) -> dict[str, Any]:
        """Polygon; of two parts where it crosses the date line (RFC 7946, 3.1.9)."""
        if self.east <= 180.0:
            return {"type": "Polygon", "coordinates": [self._ring(self.west, self.east)]}
        parts = [self._ring(self.west, 180.0), self._ring(-180.0, round(self.east - 360.0, 6))]
        return {"type": "MultiPolygon", "coordinates": [[ring] for ring in parts]}

    def _ring(self, west: float, east: float) -> list[list[float]]:
        """Corners against the clock, the first one again at the end."""
        south, north = self.south, self.north
        return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def outline(product: xr.Dataset, spacing: float) -> Outline:
    """Of a product whose points are `spacing` degrees apart; the whole Earth in longitude is -180..180."""
    latitude, longitude = product["latitude"].values, product["longitude"].values
    half = spacing / 2
    west, east = float(longitude[0]) - half, float(longitude[-1]) + half
    if east - west > 360.0 - 1e-6:
        west, east = -180.0, 180.0
    turns = (west + 180.0) // 360.0 * 360.0
    south, north = max(float(latitude[-1]) - half, -90.0), min(float(latitude[0]) + half, 90.0)
    return Outline(*(round(v, 6) for v in (west - turns, south, east - turns, north)))
