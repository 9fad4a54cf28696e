"""The table of variables: what they may hold, how products describe them. How files name them is in `tasks.names`."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from tasks.errors import UnknownVariable, short


@dataclass(frozen=True)
class Variable:
    """One field. Names follow cfgrib, units are SI, metadata is CF-1.11.

    `low`, `high`: no value outside is physical on Earth (records with room: WMO extremes archive). `jump`: no two
    neighbours 0.25 degree apart differ by more; at least twice the largest step in the few global IFS and ERA5 fields
    measured (JUMPS_SEEN). It catches gross damage inside the range, not a field shifted by less than the limit.
    """

    name: str
    param: str  # short name in ECMWF's indices
    units: str
    standard_name: str
    long_name: str
    low: float
    high: float
    jump: float
    amount: bool = False  # a sum over time: regridded conservatively, never below zero
    # of an amount: what packing and differencing may leave below zero; less than that may be nothing in a product
    noise: float = 0.0
    grain: float = 0.0  # of an amount: by less a packed sum falls by itself
    component: str = ""  # u or v: changes sign across a pole
    extreme: str = ""  # maximum, or minimum, over the time before; of a forecast's start there is none
    also: tuple[str, ...] = ()  # other short names in ECMWF's indices, of the same over other hours
    bounds: tuple[float, float] | None = None  # what products are cut to: `low` and `high` leave files some noise


# Largest step between neighbours in global 0.25 degree fields: IFS 2025-01-15 (two runs), 2026-03-10 (cloud) and
# 2026-07-16 (rain, 24 h), HRES 2021-12-10 averaged from 0.1 degree (of u100, v100, fg10, tcwv every 3rd point), ERA5
# 2012-12-01. Temperature and surface pressure: Andes and Himalaya. The limits of wind and sea-level pressure leave more
# room: no typhoon was in these fields, and in its wall 40 m/s and 4000 Pa a step are possible. Those of rain
# and radiation too: what is checked is summed over up to 15 days. Snow: 10 m is what a glacier has, beside bare ground.
# Of skt, ssrd, strd, sf and the extremes of temperature no field was at hand.
JUMPS_SEEN = {
    "t2m": 29.5, "d2m": 31.3, "u10": 14.3, "v10": 12.0, "sp": 25300.0, "msl": 1790.0, "tp": 0.25,
    "u100": 24.6, "v100": 21.8, "fg10": 23.6, "tcwv": 31.1, "tcc": 1.0, "sd": 10.0,
}  # fmt: skip

MOST_LETTERS = 3  # of a name like t2m; longer ones are words

# what is made of two components -> these
WINDS = {"wind_speed": ("u10", "v10"), "wind_speed_100": ("u100", "v100")}

VARIABLES: dict[str, Variable] = {
    v.name: v
    for v in (
        Variable(
            "t2m", "2t", "K", "air_temperature", "2 metre temperature", 173.0, 335.0, 60.0,
        ),
        Variable(
            "d2m", "2d", "K", "dew_point_temperature", "2 metre dewpoint temperature", 150.0, 315.0, 65.0,
        ),
        Variable(
            "u10", "10u", "m s-1", "eastward_wind", "10 metre U wind component", -100.0, 100.0, 40.0,
            component="u",
        ),
        Variable(
            "v10", "10v", "m s-1", "northward_wind", "10 metre V wind component", -100.0, 100.0, 40.0,
            component="v",
        ),
        Variable(
            "sp", "sp", "Pa", "surface_air_pressure", "Surface pressure", 30000.0, 111000.0, 51000.0,
        ),
        Variable(
            "msl", "msl", "Pa", "air_pressure_at_mean_sea_level", "Mean sea level pressure",
            85000.0, 111000.0, 5000.0,
        ),
        Variable(
            "tp", "tp", "m", "lwe_thickness_of_precipitation_amount",
            "Total precipitation since the previous lead time", 0.0, 3.0, 1.0, amount=True, noise=1e-4, grain=2e-6,
        ),
        Variable(
            "u100", "100u", "m s-1", "eastward_wind", "100 metre U wind component", -120.0, 120.0, 50.0,
            component="u",
        ),
        Variable(
            "v100", "100v", "m s-1", "northward_wind", "100 metre V wind component", -120.0, 120.0, 50.0,
            component="v",
        ),
        Variable(
            "fg10", "10fg", "m s-1", "wind_speed_of_gust", "Maximum 10 metre wind gust since the previous output",
            -0.1, 150.0, 60.0, extreme="maximum", also=("10fg3", "10fg6"), bounds=(0.0, 150.0),
        ),
        Variable(
            "skt", "skt", "K", "surface_temperature", "Skin temperature", 170.0, 360.0, 90.0,
        ),
        Variable(
            "tcwv", "tcwv", "kg m-2", "atmosphere_mass_content_of_water_vapor", "Total column water vapour",
            -0.1, 120.0, 65.0, bounds=(0.0, 120.0),
        ),
        Variable(
            "tcc", "tcc", "1", "cloud_area_fraction", "Total cloud cover", -0.01, 1.01, 2.0, bounds=(0.0, 1.0),
        ),
        Variable(
            "ssrd", "ssrd", "J m-2", "integral_wrt_time_of_surface_downwelling_shortwave_flux_in_air",
            "Solar radiation downwards at the surface since the previous lead time", 0.0, 5.5e8, 2.5e8, amount=True,
            noise=3e4, grain=2e3,
        ),
        Variable(
            "strd", "strd", "J m-2", "integral_wrt_time_of_surface_downwelling_longwave_flux_in_air",
            "Thermal radiation downwards at the surface since the previous lead time", 0.0, 8e8, 2.5e8, amount=True,
            noise=3e4, grain=2e3,
        ),
        Variable(
            "mx2t", "mx2t", "K", "air_temperature", "Maximum 2 metre temperature since the previous output",
            173.0, 335.0, 60.0, extreme="maximum", also=("mx2t3", "mx2t6"),
        ),
        Variable(
            "mn2t", "mn2t", "K", "air_temperature", "Minimum 2 metre temperature since the previous output",
            173.0, 335.0, 60.0, extreme="minimum", also=("mn2t3", "mn2t6"),
        ),
        Variable(
            "sf", "sf", "m", "lwe_thickness_of_snowfall_amount", "Snowfall since the previous lead time, as water",
            0.0, 3.0, 1.0, amount=True, noise=1e-4, grain=2e-6,
        ),
        Variable(
            "sd", "sd", "m", "lwe_thickness_of_surface_snow_amount", "Snow on the ground, as water",
            -1e-3, 20.0, 40.0, bounds=(0.0, 20.0),
        ),
    )
}  # fmt: skip


# no field of a product: the terrain that a model computes with, of which its other fields are
TERRAIN = Variable(
    "z", "z", "m2 s-2", "surface_geopotential", "Geopotential of the model's terrain", -5000.0, 90000.0, 45000.0
)


# what commands make of variables of a product, which `--variables` names by these
DERIVED = {
    **WINDS, **{speed.replace("speed", "direction"): uv for speed, uv in WINDS.items()}, "rh": ("t2m", "d2m"),
}  # fmt: skip


def known(names: list[str]) -> list[Variable]:
    """The variables of these names; UnknownVariable if one is not in the table, with what may be meant."""
    for name in names:
        if name not in VARIABLES:
            raise UnknownVariable(f"unknown variable {short(name)!r}{meant(name)}; known are: {', '.join(VARIABLES)}")
    return [VARIABLES[n] for n in names]


def meant(name: str) -> str:
    """What somebody may mean who writes an unknown name, as the middle of a sentence; "" where nothing is like it."""
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    derived = plain if plain in DERIVED else None
    if derived is None:
        derived = {"wind": "wind_speed", "humidity": "rh", "relative_humidity": "rh"}.get(plain)
    if derived is not None:
        of = ",".join(DERIVED[derived])
        return (
            f": {derived} is made of {of}; write {of}, of which `point`, `districts`, csv-point and `export --units "
            "common` make it"
        )
    words = plain.replace("_", " ")
    others = {by: v.name for v in VARIABLES.values() for by in (v.param, v.standard_name, v.name)}
    like = [others[plain]] if plain in others else []
    if not like and len(words) > MOST_LETTERS:
        like = [v.name for v in VARIABLES.values() if words in v.long_name.lower()][:3]
    like = like or get_close_matches(plain, VARIABLES, 2, 0.6)
    return f": did you mean {' or '.join(like)}?" if like else ""
