"""What of a product is to be written, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.products.choose import Chosen
from tasks.arrays import open_zarr

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Wanted:
    """Variables and lead times (indices of them) of one product."""

    chosen: Chosen
    names: list[str]
    steps: list[int]

    def open(self) -> xr.Dataset:
        """The product with these variables and lead times, read when asked for."""
        product = open_zarr(self.chosen.uri)
        return product[[*self.names, "crs", *(n for n in ("step_bounds",) if n in product)]].isel(step=self.steps)
