"""What is asked of the CDS for one UTC day of ERA5: dataset, names, hours and area; no talk with it."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.grids.box import Box
from tasks.region.document import Region
from tasks.variables import TERRAIN, Variable, known

DATASET = "reanalysis-era5-single-levels"
SPACING = 0.25  # degree: the grid that the CDS gives ERA5 on
# Input cells around the region. A model package asks for 4 and prepare adds up to one for the cell that the edge cuts;
# the rest is room for another package. Eight cells of 0.25 degree make the request of Hubei 1.7 times larger.
HALO_CELLS = 8
HOURS = range(24)
TERRAIN_DAY = datetime(2000, 1, 1, tzinfo=UTC)

# paramId and short name are in tasks/variables.py; these are the names of the CDS's form
LONG_NAMES = {
    "t2m": "2m_temperature",
    "d2m": "2m_dewpoint_temperature",
    "u10": "10m_u_component_of_wind",
    "v10": "10m_v_component_of_wind",
    "sp": "surface_pressure",
    "msl": "mean_sea_level_pressure",
    "tp": "total_precipitation",
    "u100": "100m_u_component_of_wind",
    "v100": "100m_v_component_of_wind",
    "fg10": "10m_wind_gust_since_previous_post_processing",
    "skt": "skin_temperature",
    "tcwv": "total_column_water_vapour",
    "tcc": "total_cloud_cover",
    "ssrd": "surface_solar_radiation_downwards",
    "strd": "surface_thermal_radiation_downwards",
    "mx2t": "maximum_2m_temperature_since_previous_post_processing",
    "mn2t": "minimum_2m_temperature_since_previous_post_processing",
    "sf": "snowfall",
    "sd": "snow_depth",
    TERRAIN.name: "geopotential",
}


@dataclass(frozen=True)
class Asked:
    """One day's request."""

    day: datetime
    variables: list[Variable]
    area: Box
    hours: range = HOURS

    @property
    def inputs(self) -> dict[str, Any]:
        """The request as the CDS takes it: GRIB, since names and dimensions of its NetCDF have changed before."""
        a = self.area
        return {
            "product_type": ["reanalysis"],
            "variable": [LONG_NAMES[v.name] for v in self.variables],
            "year": [f"{self.day:%Y}"],
            "month": [f"{self.day:%m}"],
            "day": [f"{self.day:%d}"],
            "time": [f"{hour:02d}:00" for hour in self.hours],
            "area": [a.north, a.west, a.south, a.east],
            "data_format": "grib",
            "download_format": "unarchived",
        }

    @property
    def digest(self) -> str:
        """Short hash of dataset and request: names the file, so that another request never finds this one's."""
        return hashlib.sha256(json.dumps([DATASET, self.inputs], sort_keys=True).encode()).hexdigest()[:16]


def area_around(region: Region) -> Box:
    """The region's box with halo, outwards to the grid, cut at the poles; whole circles where it is nearly one.

    Across the date line east is above 180, as MARS takes it; what would pass 360 is asked as the whole circle.
    """
    box, halo = region.box, HALO_CELLS * region.input_spacing
    out = lambda degrees: math.ceil(degrees / SPACING - 1e-6) * SPACING  # noqa: E731
    north, south = min(90.0, out(box.north + halo)), max(-90.0, -out(-(box.south - halo)))
    west, east = -out(-(box.west - halo)), out(box.east + halo)
    if west < -180.0:
        west, east = west + 360.0, east + 360.0
    if east > 360.0 or east - west >= 360.0 - SPACING:
        west, east = -180.0, 180.0 - SPACING
    return Box(north=north, south=south, west=west, east=east)


def terrain_of(asked: Asked) -> Asked:
    """The request for the terrain alone, which never changes: so that every day's is the same."""
    return Asked(TERRAIN_DAY, [TERRAIN], asked.area, range(1))


def asked_of(region: Region, day: datetime) -> Asked:
    """The request for a region's day; variables in the table's order, so that equal requests are the same.

    With the terrain that the model computes with, where the region has one to hold it against.
    """
    names = [n for n in LONG_NAMES if n in region.variables]
    terrain = [TERRAIN] if region.terrain_file is not None else []  # without it the model's own corrects nothing
    return Asked(day, [*known(names), *terrain], area_around(region))
