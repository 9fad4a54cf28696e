"""Fields of one time held against each other: what no weather does, whatever each field alone looks like.

GRIB has no checksum. A wrong byte leaves a field whose values are all possible, beside others that it contradicts. Each
limit stands with the largest that real fields have, measured on IFS, HRES (0.1 degree, and every 2nd and 3rd point of
it), ERA5, ARPEGE, ICON and MOGREPS-UK from 0.02 to 1 degree, whole and in windows of 12 x 14 points and more, mountains
and poles among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from models.constants import DRY_AIR, GRAVITY, STANDARD_LAPSE_RATE
from tasks.prepare.measures import alone, outside, unevenness

Fields = Mapping[str, np.ndarray]  # variable -> (rows, cols), no NaN


@dataclass(frozen=True)
class Finding:
    """What is beyond a limit: `value` in `units`, at a place in the grid; `excess` is the measure over its limit."""

    variables: tuple[str, ...]
    what: str
    excess: float
    row: int
    col: int


@dataclass(frozen=True)
class Limit:
    """Of a measure for one variable; `seen`: the largest in real fields."""

    floor: float  # in the variable's unit: below it a measure says nothing
    limit: float
    seen: float


# Points that stand alone (`measures.alone`), less what fields beside say of the same place (COMPANIONS); where these
# are not there, ALONE. Limits are 1.3 times what was seen, and more. That of msl is not in the way of typhoons, whose
# eye is in sp too; alone it leaves them 12 hPa between the eye and all points around it.
BESIDE = {
    "t2m": Limit(2.0, 3.3, 2.53),
    "d2m": Limit(1.0, 9.5, 7.22),
    "sp": Limit(4000.0, 2.4, 1.73),  # every 4th point of a field; of all 0.74
    "msl": Limit(200.0, 2.5, 1.83),
}
ALONE = {
    "t2m": Limit(2.0, 6.5, 4.80),
    "d2m": Limit(1.0, 10.0, 7.53),
    "u10": Limit(2.0, 2.7, 1.76),
    "v10": Limit(2.0, 2.7, 2.05),
    "sp": Limit(4000.0, 6.0, 4.56),
    "msl": Limit(400.0, 3.1, 2.36),
}
# What a field's standing out explains of another's, per its unit: a peak or a lake stands out in all of them
COMPANIONS = {
    "t2m": {"d2m": 1.0, "sp": 1e-3},
    "d2m": {"t2m": 1.0, "sp": 1e-3},
    "sp": {"t2m": 1500.0},
    "msl": {"sp": 1.0},
}
# Roughness from row to row over that along rows (`measures.unevenness`)
UNEVEN = {
    "t2m": Limit(0.5, 10.0, 7.2),
    "d2m": Limit(0.5, 10.0, 7.1),
    "u10": Limit(1.5, 6.5, 4.5),
    "v10": Limit(1.5, 6.5, 2.8),
    "sp": Limit(50.0, 22.0, 15.7),
    "msl": Limit(90.0, 6.0, 4.2),
}
DEW_POINT_ABOVE = Limit(0.0, 1.0, 0.01)  # K: packing with few bits is off by some tenths
# Height of the terrain by sp, msl and t2m against the input model's own terrain: |difference| / (HEIGHT + SLOPE |z|)
HEIGHT, SLOPE = 40.0, 0.1
HEIGHTS = Limit(0.0, 1.0, 0.71)
COARSEST = 0.3  # degrees from point to point: every second point of the demo, 0.5 degree, goes to 2.7 beside a plain
STEEP = 100.0  # m between a point and its neighbours: where one model's terrain is not another's
STEEP_POINTS = 30
OWN_MEDIAN, OWN_HIGH = 0.05, 0.15  # of those metres; IFS terrain under IFS 0.002, 0.012; other terrain 0.07, 0.5 and up


def findings(fields: Fields, latitude: np.ndarray, heights: np.ndarray | None = None) -> list[Finding]:
    """All that is beyond limits, the largest excess first. `heights`: terrain (rows, cols) in m, of any model."""
    found = [f for f in measured(fields, latitude, heights) if f.excess > 1]
    return sorted(found, key=lambda f: -f.excess)


def measured(fields: Fields, latitude: np.ndarray, heights: np.ndarray | None = None) -> Iterator[Finding]:
    """Each measure's largest, as a share of its limit; for whoever asks how near to them real fields come."""
    if "t2m" in fields and "d2m" in fields:
        above = fields["d2m"] - fields["t2m"]
        yield largest(("d2m", "t2m"), "a dew point above the temperature", above / DEW_POINT_ABOVE.limit)
    if min(next(iter(fields.values())).shape) >= 3:
        yield from _lone_points(fields)
        for name in UNEVEN.keys() & fields.keys():
            limit = UNEVEN[name]
            rough = unevenness(fields[name], latitude, limit.floor)
            yield largest((name,), "rows that do not follow each other", rough / limit.limit)
    apart = abs(float(latitude[1] - latitude[0])) if len(latitude) > 1 else 0.0
    if heights is not None and apart < COARSEST and {"sp", "msl", "t2m"} <= fields.keys():
        off = _off_the_terrain(fields, heights)
        if off is not None:
            what = "surface pressure, sea-level pressure and temperature that no height joins"
            yield largest(("sp", "msl"), what, off / (HEIGHT + SLOPE * np.abs(heights)))


def _lone_points(fields: Fields) -> Iterator[Finding]:
    out = {name: np.abs(outside(field)) for name, field in fields.items() if name in ALONE}
    for name in out:
        beside, excess = unexplained(out, name, COMPANIONS)
        limit = (BESIDE if beside else ALONE)[name]
        yield largest((name,), "a point unlike all around it", alone(excess, limit.floor) / limit.limit)


def unexplained(out: Fields, name: str, companions: Mapping[str, Mapping[str, float]]) -> tuple[bool, np.ndarray]:
    """(whether all companions are there, how far a field stands out beyond what these explain, at least 0)."""
    weights = companions.get(name, {})
    if not weights or not weights.keys() <= out.keys():
        return False, out[name]
    explained = sum((w * out[n] for n, w in weights.items()), np.zeros_like(out[name]))
    return True, np.maximum(out[name] - explained, 0)


def _off_the_terrain(fields: Fields, heights: np.ndarray) -> np.ndarray | None:
    """Metres between the height that pressures say and the terrain; None where that is not the input model's own.

    z = R T / g ln(msl / sp), T that of the layer's middle by the standard lapse rate: as ECMWF brings pressure to sea
    level (IFS documentation, part VI, chapter 5), but for cold and hot corrections above 500 m.
    """
    spread = ndimage.maximum_filter(heights, 3) - ndimage.minimum_filter(heights, 3)
    steep = spread > STEEP
    if steep.sum() < STEEP_POINTS:
        return None
    middle = fields["t2m"] - 0.5 * STANDARD_LAPSE_RATE * heights
    off = np.abs(DRY_AIR * middle / GRAVITY * np.log(fields["msl"] / fields["sp"]) - heights)
    share = off[steep] / spread[steep]
    own = np.median(share) < OWN_MEDIAN and np.percentile(share, 90) < OWN_HIGH
    return off if own else None


def largest(variables: tuple[str, ...], what: str, measure: np.ndarray) -> Finding:
    """The finding at a measure's largest; `measure` (rows, cols) as a share of its limit."""
    row, col = np.unravel_index(int(np.argmax(measure)), measure.shape)
    return Finding(variables, what, float(measure[row, col]), int(row), int(col))
