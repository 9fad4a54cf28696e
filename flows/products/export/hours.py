"""Every hour of a product for a file: its coordinates, and its fields between lead times, some rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import xarray as xr

from flows.products.choose import steps_of
from flows.products.export.wanted import Column, Wanted
from flows.products.hourly import hourly, warn_of_sums_before
from flows.products.sun import sun_over

HOUR = np.timedelta64(1, "h")
COMMENT = (
    "hours between the forecast's lead times are interpolated: states along a monotone cubic, sums with their amounts, "
    "of the sun's radiation as the sun is high"
)


@dataclass(frozen=True)
class Hours:
    """Hours that are written, of a product with all its lead times; `starts`: at which their sums begin, if known."""

    known: list[float]
    every: list[float]
    starts: np.ndarray | None
    begin: datetime

    @classmethod
    def of(cls, product: xr.Dataset, wanted: Wanted) -> Hours:
        """From the first that is wanted to the last; BadInput where nothing can be said between lead times."""
        known = (product["step"].values / HOUR).tolist()
        starts = product["step_bounds"].values[:, 0] / HOUR if "step_bounds" in product else None
        every, _ = hourly(known, {}, starts, _nobody)
        kept = steps_of(every, wanted.lead_hours, wanted.chosen.entry.cycle)
        warn_of_sums_before(known, every[kept[0]], starts, wanted.names)
        return cls(known, every[kept[0] : kept[-1] + 1], starts, wanted.chosen.cycle.time)

    def coordinates(self, product: xr.Dataset) -> xr.Dataset:
        """The product without fields, at these hours."""
        step = np.array([round(h * 3600) for h in self.every], dtype="timedelta64[s]").astype("timedelta64[ns]")
        ds = product.drop_dims("step").assign_coords(
            step=("step", step, product["step"].attrs),
            valid_time=("step", product["time"].values + step, product["valid_time"].attrs),
        )
        if self.starts is not None:
            begin = np.maximum(step - HOUR, product["step_bounds"].values[0, 0])
            ds["step_bounds"] = (("step", "bounds"), np.stack([begin, step], axis=1))
        return ds

    def fields(self, column: Column, product: xr.Dataset, rows: slice) -> np.ndarray:
        """Some rows of a column at these hours, (hours, rows, cols) float32."""
        parts = {n: product[n].isel(latitude=rows).values for n in column.parts}
        size = next(iter(parts.values())).shape[1:]
        north, east = np.meshgrid(product["latitude"].values[rows], product["longitude"].values, indexing="ij")
        flat = {n: v.reshape(len(v), -1).astype(np.float64) for n, v in parts.items()}
        every, raw = hourly(self.known, flat, self.starts, sun_over(self.begin, north.ravel(), east.ravel()))
        first = every.index(self.every[0])
        kept = slice(first, first + len(self.every))
        made = column.made({n: v[kept] for n, v in raw.items()})
        return made.reshape(len(self.every), *size).astype(np.float32)


def _nobody(hours: np.ndarray) -> np.ndarray:
    return np.ones((len(hours), 0))
