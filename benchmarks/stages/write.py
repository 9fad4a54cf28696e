"""Writing the fields of a product: as it is made, `to_zarr` as it comes, both codecs, NetCDF. Part of stages.

A product is made by a whole run and its arrays' metadata are taken as they are, so that whatever chunks, shards and
codecs products have, this measures them. All ways write the same values: those of the product.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from benchmarks.runs.cycles import LEAD_HOURS, PARAMETERS, write_cycle, write_region
from benchmarks.runs.whole import product_of, size_of
from benchmarks.shared.rounds import interleaved
from tasks.arrays import open_zarr

OURS, OURS_PYTHON = "the product's settings, as slabs write them", "the same, zarr's Python codecs, as on S3"
DEFAULT, DEFAULT_ZARRS = "`to_zarr` as it comes", "the same, zarrs codecs"
NETCDF = "`to_netcdf`, zlib 4, shuffle"
ZARRS = {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}
LEAD_TIMES = 8


def like_product(product: Path, fields: dict[str, np.ndarray], out: Path) -> None:
    """Every variable into an array with the metadata of the product's, coded as the configuration says."""
    for name, values in fields.items():
        (out / name).mkdir(parents=True)
        shutil.copyfile(product / name / "zarr.json", out / name / "zarr.json")
        array = zarr.open_array(out / name, mode="r+")
        array[:] = values


def measure(folder: Path, rounds: int, domain: str) -> dict[str, Any]:
    """Seconds of all rounds, bytes and objects of every way."""
    product = product_of(write_region(folder / "regions", domain), write_cycle(folder, LEAD_HOURS[:LEAD_TIMES]), folder)
    ds = open_zarr(str(product)).load()
    fields = {n: ds[n].values for n in PARAMETERS.values()}
    plain = xr.Dataset({n: (ds[n].dims, v) for n, v in fields.items()}, {d: ds[d].values for d in ds["t2m"].dims})
    out, sizes = folder / "written", {}

    def way(write: Callable[[], Any], name: str, **config: Any) -> Callable[[], None]:
        def run() -> None:
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            with zarr.config.set(config):
                write()
            sizes[name] = size_of(out)

        return run

    packed = {n: {"zlib": True, "complevel": 4, "shuffle": True} for n in fields}
    python, default = (lambda: like_product(product, fields, out)), (lambda: plain.to_zarr(out / "plain.zarr"))

    ways = {
        OURS: way(python, OURS, **ZARRS),
        OURS_PYTHON: way(python, OURS_PYTHON),
        DEFAULT: way(default, DEFAULT),
        DEFAULT_ZARRS: way(default, DEFAULT_ZARRS, **ZARRS),
        NETCDF: way(lambda: plain.to_netcdf(out / "plain.nc", encoding=packed), NETCDF),
    }
    seconds = interleaved(ways, rounds)
    about = zarr.open_array(product / "t2m", mode="r")
    return {
        "domain": domain, "value_bytes": sum(v.nbytes for v in fields.values()), "lead_times": LEAD_TIMES,
        "settings": {"chunks": about.chunks, "shards": about.shards, "compressors": str(about.compressors)},
        "ways": seconds, "sizes": sizes,
    }  # fmt: skip


def table(found: dict[str, Any], disk: float) -> str:
    """Markdown; `disk` in bytes a second."""
    ours = min(found["ways"][OURS])
    text = (
        f"{found['lead_times']} lead times of {found['domain']}, {found['value_bytes'] / 1e6:.0f} MB of float32, as "
        f"the product holds them. The product's settings now: chunks {found['settings']['chunks']}, shards "
        f"{found['settings']['shards']}. Share of the limit: bytes written over what the disk takes.\n\n"
    )
    text += "| writing | MB/s of values | times ours | MB | objects | share of the limit |\n"
    text += "|---|---:|---:|---:|---:|---:|\n"
    for name, rounds in found["ways"].items():
        s, (size, objects) = min(rounds), found["sizes"][name]
        text += (
            f"| {name} | {found['value_bytes'] / s / 1e6:.0f} | {s / ours:.2f} | {size / 1e6:.1f} | {objects} | "
            f"{size / s / disk:.3f} |\n"
        )
    return text
