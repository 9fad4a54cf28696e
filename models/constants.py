"""Constants of physics and of the standard atmosphere, in SI units, each once and with its source.

Numbers that somebody chose (limits, windows, settings) stand where they are used.
"""

from __future__ import annotations

STATICS = ("height", "land")  # m; fraction 0..1: the fields that are known at both resolutions
GRAVITY = 9.80665  # m s-2: standard gravity, ISO 2533; ECMWF's geopotential over it is a height
DRY_AIR = 287.05  # J kg-1 K-1: specific gas constant of dry air, WMO-No. 8, volume I, chapter 3
KELVIN = 273.15  # K: 0 degrees Celsius
STANDARD_TEMPERATURE = 288.15  # K: at sea level, ISO 2533
# K m-1: change of temperature with height, so negative where it gets colder. ISO 2533; by which verification brings
# temperature to a station's height, WMO-No. 485, Appendix 2.2.34
STANDARD_LAPSE_RATE = -0.0065
SCALE_HEIGHT = 8000.0  # m: of pressure in air of 273 K, DRY_AIR * 273 / GRAVITY rounded
EARTH_RADIUS = 6371229.0  # m: the sphere of the IFS and of ERA5's grids, GRIB 2 code table 3.2, shape 6
DEGREE = 111.195  # km: a degree of latitude on the sphere of 6371 km, the Earth's mean radius (IUGG 1980)
