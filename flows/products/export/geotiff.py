"""A product as GeoTIFF, a file a variable and a band a lead time: what GDAL, QGIS and ArcGIS read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.products.export.wanted import Column, Wanted
from models.constants import EARTH_RADIUS
from tasks.errors import BadInput

if TYPE_CHECKING:
    import xarray as xr

BLOCK = 256  # points a side of a tile, as GeoTIFF wants: a multiple of 16
SPHERE = (
    f"Latitude and longitude are on the sphere of radius {EARTH_RADIUS:.0f} m of ECMWF's models, read as WGS 84 as is "
    "usual"
)


def geotiff_writers(wanted: Wanted, folder: Path) -> dict[Path, Callable[[Path], None]]:
    """A writer of each variable's file; BadInput where rasterio is missing."""
    try:
        import rasterio  # noqa: F401
    except ImportError:
        raise BadInput("--format geotiff needs rasterio: pip install 'finescale[export]'") from None
    product = wanted.open()

    def writer(column: Column) -> Callable[[Path], None]:
        return lambda path: _write(column, product, wanted, path)

    return {folder / f"{wanted.chosen.name}-{column.name}.tif": writer(column) for column in wanted.columns(product)}


def _write(column: Column, product: xr.Dataset, wanted: Wanted, path: Path) -> None:
    """Cloud-optimised, by way of a plain file, because the COG driver would hold all of it in memory."""
    import rasterio
    import rasterio.shutil

    entry, d = wanted.chosen.entry, wanted.chosen.entry.spacing
    west, north = float(product["longitude"][0]) - d / 2, float(product["latitude"][0]) + d / 2
    transform = rasterio.Affine(d, 0, west, 0, -d, north)
    plain = path.with_name(path.name + ".plain.tif")
    try:
        with rasterio.open(
            plain, "w", driver="GTiff", width=product.sizes["longitude"], height=product.sizes["latitude"],
            count=product.sizes["step"], dtype="float32", crs="EPSG:4326", transform=transform,
            nodata=float("nan"), interleave="band", tiled=True, blockxsize=BLOCK, blockysize=BLOCK, bigtiff="if_safer",
        ) as file:  # fmt: skip
            for i, field in column.fields(product):
                hour = entry.lead_hours[wanted.steps[i]]
                valid = wanted.chosen.cycle.time + timedelta(hours=hour)
                file.write(field, i + 1)
                file.set_band_description(
                    i + 1, f"{column.name} [{column.units}] {valid:%Y-%m-%d %H:%M} UTC (+{hour:g} h)"
                )
                file.set_band_unit(i + 1, column.units)
                file.update_tags(i + 1, VALID_TIME=f"{valid:%Y-%m-%dT%H:%M:%SZ}", LEAD_HOURS=f"{hour:g}")
            file.update_tags(
                TITLE=f"{entry.region} {entry.cycle}: {column.attributes['long_name']}", CYCLE=entry.cycle,
                QUALITY=entry.quality, MODEL=entry.model, COORDINATES=SPHERE, **_metadata(column.attributes),
            )  # fmt: skip
        rasterio.shutil.copy(
            plain, path, driver="COG", compress="DEFLATE", predictor="YES", blocksize=BLOCK,
            overview_resampling="AVERAGE", bigtiff="IF_SAFER",
        )  # fmt: skip
        with rasterio.open(path) as written:  # GDAL may have told nobody that the disk was full
            for band in written.indexes:
                written.read(band)
    finally:
        plain.unlink(missing_ok=True)


def _metadata(attributes: dict[str, Any]) -> dict[str, str]:
    return {k.upper(): str(attributes[k]) for k in ("standard_name", "cell_methods") if k in attributes}
