"""What of a product is to be written, whatever the format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flows.products.choose import Chosen, steps_of
from flows.products.series import derived
from tasks.arrays import open_zarr
from tasks.errors import BadInput
from tasks.grids.box import Box
from tasks.grids.gridded import lead_times
from tasks.present import display
from tasks.variables import VARIABLES, WINDS

if TYPE_CHECKING:
    import xarray as xr

# CF's names and units of what is derived; units of what is shown as UDUNITS writes them
NAMED = {
    "rh": ("2 metre relative humidity", "relative_humidity"),
    **{speed: (f"{h} metre wind speed", "wind_speed") for speed, h in zip(WINDS, (10, 100), strict=True)},
    **{
        speed.replace("speed", "direction"): (f"{h} metre wind direction", "wind_from_direction")
        for speed, h in zip(WINDS, (10, 100), strict=True)
    },
}
LARGEST_ERROR = "rounding_largest_error"
ROUNDING = (LARGEST_ERROR, "rounding_relative_error", "quantization_nsb")  # attributes of a product's variable
UDUNITS = {"°C": "degC", "m/s": "m s-1", "°": "degree", "MJ/m²": "MJ m-2", "kg/m²": "kg m-2"}


@dataclass(frozen=True)
class Column:
    """A field that is written: its CF attributes, and the product's variables that it is made of."""

    name: str
    attributes: dict[str, Any]
    parts: tuple[str, ...]
    common: bool

    @property
    def units(self) -> str:
        """Of its values."""
        return str(self.attributes["units"])

    def fields(self, product: xr.Dataset) -> Iterator[tuple[int, np.ndarray]]:
        """(index, (latitude, longitude)) of each lead time; one chunk's in memory at a time."""
        for each in zip(*(lead_times(product[part]) for part in self.parts), strict=True):
            yield each[0][0], self.made({part: values for part, (_, values) in zip(self.parts, each, strict=True)})

    def made(self, raw: dict[str, np.ndarray]) -> np.ndarray:
        """Its values of those of its parts, whatever their shape."""
        if not self.common:
            return raw[self.name]
        found = derived({n: v.astype(np.float64) for n, v in raw.items()})[self.name]
        return display.of(self.name).shown(found).astype(np.float32)


@dataclass(frozen=True)
class Wanted:
    """Variables and lead times, as they are asked for, of one product.

    common: in the units people use, wind as speed and direction, humidity beside the dew point; else as the product has
    them. box: cells whose centres lie in it; None: all. hourly: the hours between the lead times too, interpolated.
    """

    chosen: Chosen
    names: list[str]
    lead_hours: str | None
    common: bool = False
    box: Box | None = None
    hourly: bool = False

    @property
    def steps(self) -> list[int]:
        """Indices of the product's lead times that are written, or lie around the hours that are."""
        hours = self.chosen.entry.lead_hours
        return steps_of(hours, None if self.hourly else self.lead_hours, self.chosen.entry.cycle)

    def open(self) -> xr.Dataset:
        """The product with these variables, lead times and cells, read when asked for; BadInput for a box outside.

        With all lead times for hours between them, which those around say too.
        """
        product = open_zarr(self.chosen.uri)
        product = product[[*self.names, "crs", *(n for n in ("step_bounds",) if n in product)]]
        return self._cut(product if self.hourly else product.isel(step=self.steps))

    def _cut(self, product: xr.Dataset) -> xr.Dataset:
        if self.box is None:
            return product
        latitude, longitude = product["latitude"].values, product["longitude"].values
        east = (longitude - self.box.west) % 360.0
        rows = np.flatnonzero((latitude >= self.box.south) & (latitude <= self.box.north))
        cols = np.flatnonzero(east <= self.box.east - self.box.west)
        if not rows.size or not cols.size or np.any(np.diff(cols) > 1):
            box = self.box
            raise BadInput(
                f"--box: no block of cells of {self.chosen.entry.region} lies in it, which is {latitude[-1]:g} to "
                f"{latitude[0]:g} north and {longitude[0]:g} to {longitude[-1]:g} east, points {_apart(latitude):g} "
                f"and {_apart(longitude):g} degrees apart; --box is {box.south:g} to {box.north:g} north and "
                f"{box.west:g} to {box.east:g} east: write north,west,south,east of a part of it"
            )
        return product.isel(latitude=slice(rows[0], rows[-1] + 1), longitude=slice(cols[0], cols[-1] + 1))

    def columns(self, product: xr.Dataset) -> list[Column]:
        """What is written of what is opened, in the order of `names`."""
        if not self.common:
            return [Column(n, dict(product[n].attrs), (n,), common=False) for n in self.names]
        parts: dict[str, tuple[str, ...]] = {}
        for name in self.names:
            wind = next((w for w, uv in WINDS.items() if name in uv and set(uv) <= set(self.names)), None)
            if wind is None:
                parts[name] = (name,)
            else:
                parts |= dict.fromkeys((wind, wind.replace("speed", "direction")), WINDS[wind])
        if {"t2m", "d2m"} <= set(self.names):
            parts["rh"] = ("t2m", "d2m")
        found = []
        for name, of in parts.items():
            attributes = dict(product[of[0]].attrs)
            if name not in VARIABLES:
                attributes["long_name"], attributes["standard_name"] = NAMED[name]
            unit = display.of(name).unit
            attributes["units"] = UDUNITS.get(unit, unit)
            _convert_rounding(attributes, name)
            if attributes["units"] != "degC":
                attributes.pop("units_metadata", None)
            found.append(Column(name, attributes, of, common=True))
        return found


def _apart(axis: np.ndarray) -> float:
    """Degrees between a product's points."""
    return round(abs(float(axis[1] - axis[0])), 6) if len(axis) > 1 else 0.0


def _convert_rounding(attributes: dict[str, Any], name: str) -> None:
    """What is said of rounding, in the units shown; nothing of what is derived, nor in shares of a value in °C."""
    how, known = display.of(name), {n: attributes.pop(n) for n in ROUNDING if n in attributes}
    if name not in VARIABLES:
        return
    if LARGEST_ERROR in known:
        attributes[LARGEST_ERROR] = known.pop(LARGEST_ERROR) * how.scale
    if not how.offset:
        attributes |= known
