"""Opens a published product with clients that nobody here wrote: `python -m benchmarks.runs.clients PRODUCT.zarr`.

Each says what sha-256 each lead time's values have; the ledger has the same of what was computed. GDAL and netCDF4 read
what `finescale export` makes of it. Node with zarrita is left out where it is missing (`make clients`).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from tasks.handover.shards import digest

NODE = Path(__file__).parents[2] / "tests/clients/node"


@dataclass(frozen=True)
class Reading:
    """What a client found in a variable: sha-256 of each lead time's values, and how long it took."""

    client: str
    shape: tuple[int, ...]
    digests: list[str]
    seconds: float = 0.0


def _of(client: str, values: np.ndarray) -> Reading:
    return Reading(client, values.shape, [digest(field) for field in values])


def with_xarray(product: str, name: str) -> Reading:
    """Plain `open_zarr`."""
    return _of(f"xarray {xr.__version__}, zarr-python {zarr.__version__}", xr.open_zarr(product)[name].values)


def with_zarrs(product: str, name: str) -> Reading:
    """The Rust library zarrs in the place of zarr-python's own codecs."""
    import zarrs

    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "codec_pipeline.strict": True}):
        array = zarr.open_array(product, path=name, mode="r")
        assert isinstance(array.async_array.codec_pipeline, zarrs.ZarrsCodecPipeline)
        return _of(f"zarrs {zarrs.__version__} (Rust)", np.asarray(array[:]))


def node_is_here() -> bool:
    """Whether node and the packages of `make clients` are installed."""
    return shutil.which("node") is not None and (NODE / "node_modules/zarrita").is_dir()


def with_zarrita(product: str, name: str) -> Reading:
    """JavaScript's zarrita, which browsers use; `product` may be a URL."""
    command = ["node", str(NODE / "read.mjs"), product, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr)
    said = json.loads(done.stdout)
    place = "HTTP" if product.startswith("http") else "a folder"
    return Reading(f"zarrita {said['version']} (JavaScript), {place}", tuple(said["shape"]), said["digests"])


def with_gdal(tif: str) -> Reading:
    """An exported GeoTIFF."""
    import rasterio

    with rasterio.open(tif) as file:
        return _of(f"GDAL {rasterio.__gdal_version__}, exported GeoTIFF", file.read())


def with_netcdf4(nc: str, name: str) -> Reading:
    """An exported NetCDF file."""
    import netCDF4

    with netCDF4.Dataset(nc) as file:
        values = file[name][:]
        assert not np.ma.is_masked(values)
        return _of(f"netCDF4 {netCDF4.__version__}, exported NetCDF", np.ma.getdata(values))


def timed(read: Callable[[], Reading]) -> Reading:
    """A reading with its seconds."""
    began = time.perf_counter()
    found = read()
    return Reading(found.client, found.shape, found.digests, time.perf_counter() - began)


def _exported(product: Path, name: str, folder: Path) -> tuple[Path, Path]:
    """The product as NetCDF and GeoTIFF; it lies in a store as {store}/{region}/{source}/YYYY/MM/{cycle}.zarr."""
    from flows.products.export import export

    region, source, *_ = product.parts[-5:]
    store, cycle = str(product.parents[4]), product.name[:13]
    options = {"source": source, "cycle": cycle, "store": store, "variables": name, "output": str(folder)}
    (nc,), (tif,) = export(region, "netcdf", **options), export(region, "geotiff", **options)  # type: ignore[arg-type]
    return nc, tif


def main() -> None:
    """Print a line a client."""
    parser = argparse.ArgumentParser(description="Opens a published product with other clients.")
    parser.add_argument("product", type=Path, help="as finescale run names it: .../2026-11-22T00.zarr")
    parser.add_argument("variable", nargs="?", default="t2m")
    args = parser.parse_args()
    product, name = args.product.absolute(), args.variable
    entry = json.loads((product.parent / f"{product.name[:13]}.json").read_text())
    right = entry["digests"][name]
    with tempfile.TemporaryDirectory() as folder:
        nc, tif = _exported(product, name, Path(folder))
        readers: list[Callable[[], Reading]] = [
            lambda: with_xarray(str(product), name),
            lambda: with_zarrs(str(product), name),
            *([lambda: with_zarrita(str(product), name)] if node_is_here() else []),
            lambda: with_gdal(str(tif)),
            lambda: with_netcdf4(str(nc), name),
        ]
        print(f"{entry['region']} {entry['cycle']}, {name}: sha-256 of the values, against the ledger's")
        for read in readers:
            found = timed(read)
            verdict = "same" if found.digests == right else "OTHER VALUES"
            size = "x".join(map(str, found.shape))
            print(f"{found.client:44} {size:12} {verdict}, {found.digests[0][:16]}  {found.seconds:.2f} s")


if __name__ == "__main__":
    main()
