"""Decoding global GRIB messages: ours, ecCodes on one core and all, cfgrib, gribberish. Part of benchmarks.stages."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.runs import plain
from benchmarks.runs.cycles import PARAMETERS, WORLD
from benchmarks.shared.rounds import interleaved
from benchmarks.stages.limits import values_of
from tasks.prepare.decode import decode
from tests.grib import messages

OURS, ECCODES, PARALLEL = "finescale, `decode`", "ecCodes, one process", "ecCodes, a process a core"
CFGRIB, GRIBBERISH = "cfgrib, `xr.open_dataset(...).load()`", "gribberish, one process"
EVERYWHERE = {"north": 90.0, "south": -90.0, "west": -180.0, "east": 180.0}


def ours(files: list[Path]) -> int:
    """As preparation reads them: headers checked, rows and columns in canonical order, float32."""
    return sum(field.values.size for file in files for field in decode(file, set(PARAMETERS.values())))


def with_cfgrib(files: list[Path]) -> int:
    """As the plain script reads them, uncut."""
    return sum(v.size for file in files for v in plain.read(str(file), EVERYWHERE).data_vars.values())


def with_gribberish(files: list[Path]) -> int:
    """Message by message."""
    import gribberish  # in this function alone: it is of the extra `bench`

    return sum(gribberish.parse_grib_array(m, 0).size for f in files for m in messages(f))


def with_eccodes(files: list[Path]) -> int:
    """Message by message, nothing looked at but the values."""
    return sum(values_of(m).size for f in files for m in messages(f))


def _size(message: bytes) -> int:
    return int(values_of(message).size)


@contextmanager
def on_all_cores() -> Iterator[Callable[[list[Path]], int]]:
    """ECMWF's ecCodes, in processes that are there already."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, get_context("fork")) as pool:
        yield lambda files: sum(pool.map(_size, [m for f in files for m in messages(f)]))


def assert_same(file: Path) -> None:
    """Both gribberish and ours give the values that ecCodes gives."""
    import gribberish

    found = [f.values for f in decode(file, set(PARAMETERS.values()))]
    for message, field in zip(messages(file), found, strict=True):
        turned = np.roll(values_of(message).reshape(WORLD.rows, WORLD.cols), WORLD.cols // 2, axis=1)
        same = np.allclose(gribberish.parse_grib_array(message, 0), values_of(message), rtol=1e-6)
        # files begin at 180 degrees, the canonical order at -180, which is the same meridian
        if not same or not (np.allclose(field, turned) or np.allclose(field, np.roll(turned, WORLD.cols // 2, axis=1))):
            raise AssertionError(f"{file}: decoders do not agree")


def measure(files: list[Path], rounds: int) -> dict[str, Any]:
    """Seconds of all rounds, and what was decoded."""
    assert_same(files[0])
    with on_all_cores() as parallel:
        ways: dict[str, Callable[[list[Path]], int]] = {
            OURS: ours, ECCODES: with_eccodes, PARALLEL: parallel, CFGRIB: with_cfgrib, GRIBBERISH: with_gribberish
        }  # fmt: skip
        seconds = interleaved({name: lambda way=way: way(files) for name, way in ways.items()}, rounds)
    count = sum(len(messages(f)) for f in files)
    grib = sum(f.stat().st_size for f in files)
    return {"messages": count, "grib_bytes": grib, "value_bytes": 4 * count * WORLD.rows * WORLD.cols, "ways": seconds}


def table(found: dict[str, Any], limit: float) -> str:
    """Markdown; `limit` in bytes of GRIB a second."""
    ours_seconds = min(found["ways"][OURS])
    text = f"{found['messages']} global messages, {found['grib_bytes'] / 1e6:.0f} MB.\n\n"
    text += "| decoding | ms a message | MB/s of GRIB | MB/s of float32 values | times ours | share of the limit |\n"
    text += "|---|---:|---:|---:|---:|---:|\n"
    for name, all_rounds in found["ways"].items():
        s = min(all_rounds)
        rate = found["grib_bytes"] / s
        text += (
            f"| {name} | {1e3 * s / found['messages']:.1f} | {rate / 1e6:.0f} | "
            f"{found['value_bytes'] / s / 1e6:,.0f} | {s / ours_seconds:.2f} | {rate / limit:.2f} |\n"
        )
    return text
