"""Which of our variables a field is: by paramId, by WMO number and level, by the names and standard names of files.

Names are of ECMWF (cfgrib, MARS, NCAR's copies of ERA5), NCEP, CMIP, WeatherBench 2 and ARCO-ERA5, dynamical.org and
Open-Meteo. Paramids and short names: https://codes.ecmwf.int/grib/param-db.
"""

from __future__ import annotations

from tasks.variables import TERRAIN, VARIABLES, Variable

PARAM_IDS = {
    167: "t2m", 168: "d2m", 165: "u10", 166: "v10", 134: "sp", 151: "msl",
    260074: "msl",  # prmsl: NCEP, DWD, CMA
    228: "tp",  # m
    228228: "tp",  # kg m-2
    260048: "tp",  # tprate, kg m-2 s-1
    235055: "tp",  # mean total precipitation rate of ERA5
    49: "fg10", 228028: "fg10", 123: "fg10", 237318: "fg10",
    228246: "u100", 228247: "v100", 235: "skt", 137: "tcwv", 164: "tcc",
    228164: "tcc",  # %
    169: "ssrd", 175: "strd",
    201: "mx2t", 228026: "mx2t", 121: "mx2t", 202: "mn2t", 228027: "mn2t", 122: "mn2t",
    144: "sf", 141: "sd",  # m
    228144: "sf", 228141: "sd",  # kg m-2
}  # fmt: skip

GEOPOTENTIAL = 129  # at the surface, which its level says, that of the model's terrain

# (short name of ecCodes, level type, level): what centres write that have no number of their own for 2 and 10 metres
AT_LEVEL = {
    ("t", "heightAboveGround", 2): "t2m",
    ("dpt", "heightAboveGround", 2): "d2m",
    ("u", "heightAboveGround", 10): "u10",
    ("v", "heightAboveGround", 10): "v10",
    ("u", "heightAboveGround", 100): "u100",
    ("v", "heightAboveGround", 100): "v100",
    ("t", "surface", 0): "skt",
    ("sp", "surface", 0): "sp",
    ("pres", "surface", 0): "sp",
    ("mslet", "meanSea", 0): "msl",
    ("mslma", "meanSea", 0): "msl",
    ("pres", "meanSea", 0): "msl",
    ("tp", "surface", 0): "tp",
    ("prate", "surface", 0): "tp",
    ("tprate", "surface", 0): "tp",
}

# (category, number, type of first fixed surface, its value) of GRIB2's discipline 0
WMO = {
    (0, 0, 103, 2): "t2m",
    (0, 6, 103, 2): "d2m",
    (2, 2, 103, 10): "u10",
    (2, 3, 103, 10): "v10",
    (2, 2, 103, 100): "u100",
    (2, 3, 103, 100): "v100",
    (0, 0, 1, 0): "skt",
    (3, 0, 1, 0): "sp",
    (3, 0, 101, 0): "msl",
    (3, 1, 101, 0): "msl",
    (1, 8, 1, 0): "tp",
    (1, 49, 1, 0): "tp",
    (1, 52, 1, 0): "tp",
    (1, 7, 1, 0): "tp",
}

# units of these where they are not the table's (code table 4.2 of GRIB2)
WMO_UNITS = {(1, 8): "kg m-2", (1, 49): "kg m-2", (1, 52): "kg m-2 s-1", (1, 7): "kg m-2 s-1"}

# of NetCDF and Zarr, in small letters; the first is ours
NAMES = {
    "t2m": ("t2m", "2t", "t2", "tas", "var_2t", "t_2m", "tmp2m", "2m_temperature", "temperature_2m",
            "temperature_at_2m"),
    "d2m": ("d2m", "2d", "td2", "tdps", "var_2d", "td_2m", "dpt2m", "2m_dewpoint_temperature",
            "dew_point_temperature_2m", "dew_point_2m", "dewpoint_2m"),
    "u10": ("u10", "10u", "uas", "var_10u", "u_10m", "ugrd10m", "10m_u_component_of_wind", "wind_u_10m", "u10m"),
    "v10": ("v10", "10v", "vas", "var_10v", "v_10m", "vgrd10m", "10m_v_component_of_wind", "wind_v_10m", "v10m"),
    "sp": ("sp", "ps", "psfc", "surface_pressure", "pressure_surface", "pressfc"),
    "msl": ("msl", "mslp", "psl", "pmsl", "prmsl", "prmslmsl", "mean_sea_level_pressure",
            "pressure_reduced_to_mean_sea_level", "pressure_msl"),
    "tp": ("tp", "pr", "prate", "tprate", "mtpr", "avg_tprate", "tot_prec", "apcp", "apcpsfc", "prcp", "precip",
           "total_precipitation", "precipitation_surface", "precipitation"),
    "u100": ("u100", "100u", "ua100m", "u_100m", "ugrd100m", "100m_u_component_of_wind", "wind_u_100m", "u100m"),
    "v100": ("v100", "100v", "va100m", "v_100m", "vgrd100m", "100m_v_component_of_wind", "wind_v_100m", "v100m"),
    "fg10": ("fg10", "10fg", "fg10_3", "10fg3", "fg10_6", "10fg6", "max_i10fg", "vmax_10m",
             "10m_wind_gust_since_previous_post_processing", "wind_gusts_10m"),
    "skt": ("skt", "ts", "skin_temperature", "surface_temperature"),
    "tcwv": ("tcwv", "prw", "pwat", "total_column_water_vapour", "total_column_water_vapor",
             "precipitable_water_atmosphere"),
    "tcc": ("tcc", "clt", "clct", "total_cloud_cover", "total_cloud_cover_atmosphere", "cloud_cover"),
    "ssrd": ("ssrd", "surface_solar_radiation_downwards"),
    "strd": ("strd", "surface_thermal_radiation_downwards"),
    "mx2t": ("mx2t", "mx2t3", "mx2t6", "tasmax", "tmax_2m", "tmax2m",
             "maximum_2m_temperature_since_previous_post_processing"),
    "mn2t": ("mn2t", "mn2t3", "mn2t6", "tasmin", "tmin_2m", "tmin2m",
             "minimum_2m_temperature_since_previous_post_processing"),
    "sf": ("sf", "snowfall", "snowfall_water_equivalent"),
    "sd": ("sd", "sdwe", "swe", "w_snow", "snow_depth_water_equivalent"),
}  # fmt: skip

# where no name is known: CF's names that leave no doubt of the level
STANDARD_NAMES = {
    "surface_air_pressure": "sp",
    "air_pressure_at_mean_sea_level": "msl",
    "air_pressure_at_sea_level": "msl",
    "precipitation_amount": "tp",
    "lwe_thickness_of_precipitation_amount": "tp",
    "precipitation_flux": "tp",
    "lwe_precipitation_rate": "tp",
    "surface_temperature": "skt",
    "atmosphere_mass_content_of_water_vapor": "tcwv",
    "cloud_area_fraction": "tcc",
    "integral_wrt_time_of_surface_downwelling_shortwave_flux_in_air": "ssrd",
    "integral_wrt_time_of_surface_downwelling_longwave_flux_in_air": "strd",
    "snowfall_amount": "sf",
    "lwe_thickness_of_snowfall_amount": "sf",
    "snowfall_flux": "sf",
    "lwe_snowfall_rate": "sf",
    "surface_snow_amount": "sd",
    "lwe_thickness_of_surface_snow_amount": "sd",
}
# those that do, with the height in metres at which they are ours
AT_HEIGHT = {
    ("air_temperature", 2.0): "t2m",
    ("dew_point_temperature", 2.0): "d2m",
    ("eastward_wind", 10.0): "u10",
    ("northward_wind", 10.0): "v10",
    ("eastward_wind", 100.0): "u100",
    ("northward_wind", 100.0): "v100",
}

_BY_NAME = {name: variable for variable, names in NAMES.items() for name in names}


def by_param_id(param_id: int) -> Variable | None:
    """The variable of an ECMWF paramId, or None if it is not ours."""
    if param_id == GEOPOTENTIAL:
        return TERRAIN
    return VARIABLES.get(PARAM_IDS.get(param_id, ""))


def by_level(short_name: str, level_type: str, level: int) -> Variable | None:
    """The variable of a short name of ecCodes at a level."""
    return VARIABLES.get(AT_LEVEL.get((short_name, level_type, level), ""))


def by_wmo(category: int, number: int, surface: int, value: int) -> Variable | None:
    """The variable of a GRIB2 message's numbers, where ecCodes has no name; of discipline 0."""
    return VARIABLES.get(WMO.get((category, number, surface, value), ""))


def by_name(name: str) -> Variable | None:
    """The variable of a NetCDF or Zarr name."""
    return VARIABLES.get(_BY_NAME.get(name.lower(), ""))


def by_standard_name(name: str, height: float | None) -> Variable | None:
    """The variable of a CF standard name, where that and the height in metres leave no doubt."""
    if name in STANDARD_NAMES:
        return VARIABLES[STANDARD_NAMES[name]]
    return VARIABLES.get(AT_HEIGHT.get((name, height), "")) if height is not None else None


def rank(name: str) -> int:
    """Which of several names of a variable comes first."""
    variable = _BY_NAME.get(name.lower())
    return NAMES[variable].index(name.lower()) if variable else len(_BY_NAME)
