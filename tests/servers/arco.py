"""A stand-in of ECMWF's ERA5 archive on loopback: a Zarr that zarr has written, in the archive's layout, behind a key.

As in the archive of 0.25 degree: Zarr v2 with consolidated metadata, time x latitude x longitude, rows from south to
north, columns from -180, float32 in Blosc, missing as NaN, hours since 1970, years of a few points in a chunk. What was
not written is no file, as in any Zarr. Values are those of real GRIB of ERA5.

By hand: `python -m tests.servers.arco --file FILE_OF_GRIB` prints what to put into region.yaml and ~/.cdsapirc.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import eccodes
import numpy as np
import zarr
from numcodecs import Blosc
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from tests.servers.cds import KEY
from tests.servers.http import Handler, Served, serving

BASE = "/cadl-arco-geo-002/arco/reanalysis_era5_single_levels/sfc/geoChunked.zarr"
SPACING, ROWS, COLUMNS = 0.25, 721, 1440
BEGIN = datetime(1940, 1, 1, tzinfo=UTC)
CHUNKS = (67584, 4, 4)  # of the archive
QUICK = (192, 4, 4)  # the same for tests that need no years
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = {167: "t2m", 168: "d2m", 134: "sp", 228: "tp"}
UNITS = {"t2m": "K", "d2m": "K", "sp": "Pa", "tp": "m"}


@dataclass(kw_only=True)
class ArcoServer(Served):
    """Where it is, what it was asked for."""

    base: str = BASE
    key: str = KEY
    asked: Counter[str] = field(default_factory=Counter)

    def of(self, name: str) -> int:
        """Requests for chunks of a variable."""
        return sum(count for path, count in self.asked.items() if f"/{name}/" in path)


class _Handler(Handler):
    def do_GET(self) -> None:
        server: ArcoServer = self.served
        with server.lock:
            server.asked[self.path] += 1
        if self.faulty(self.path):
            return
        if self.headers.get("Authorization") != f"Bearer {server.key}":
            self.reply(401, b'{"title": "Unauthorized", "detail": "the key is not known"}')
        elif self.path not in server.files:
            self.reply(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self.reply(200, server.files[self.path])


@cache
def fields(path: Path) -> dict[tuple[str, datetime], tuple[np.ndarray, float, float]]:
    """(name, valid time) -> values (rows, columns) float32 from north to south, northern and western edge."""
    found = {}
    for message in eccodes.FileReader(path):
        valid = datetime.strptime(f"{message.get('validityDate')}{message.get('validityTime'):04d}", "%Y%m%d%H%M")
        values = message.data.reshape(message.get("Nj"), message.get("Ni")).astype(np.float32)
        edges = (message.get(f"{n}OfFirstGridPointInDegrees") for n in ("latitude", "longitude"))
        found[NAMES[message.get("paramId")], valid.replace(tzinfo=UTC)] = (values, *edges)
    return found


@cache
def store_of(
    path: Path, names: tuple[str, ...], begin: datetime, end: datetime, chunks: tuple[int, int, int]
) -> dict[str, bytes]:
    """Files of a Zarr with the fields of a GRIB file, over the hours from `begin` up to `end`."""
    store = MemoryStore()
    root = zarr.open_group(store, mode="w", zarr_format=2)
    hours = int((end - begin) / timedelta(hours=1))
    first = int((begin - EPOCH) / timedelta(hours=1))
    axes = {
        "time": (np.arange(first, first + hours), "hours since 1970-01-01"),
        "latitude": (-90.0 + SPACING * np.arange(ROWS), "degrees_north"),
        "longitude": (-180.0 + SPACING * np.arange(COLUMNS), "degrees_east"),
    }
    for name, (values, units) in axes.items():
        size = min(chunks[0], hours) if name == "time" else len(values)
        axis = root.create_array(name, shape=values.shape, chunks=(size,), dtype=values.dtype)
        axis[:] = values
        axis.attrs.update({"_ARRAY_DIMENSIONS": [name], "units": units})
    for name in names:
        array = root.create_array(
            name, shape=(hours, ROWS, COLUMNS), chunks=chunks, dtype="<f4", fill_value=np.nan,
            compressors=Blosc(cname="lz4"), config={"write_empty_chunks": False},
        )  # fmt: skip
        array.attrs.update({"_ARRAY_DIMENSIONS": list(axes), "units": UNITS[name]})
        series = sorted((time, *found) for (n, time), found in fields(path).items() if n == name)
        start, (values, north, west) = series[0][0], series[0][1:]
        at = int((start - begin) / timedelta(hours=1))
        south = round((north + 90.0) / SPACING) - len(values) + 1
        left = round((west + 180.0) / SPACING)
        block = np.stack([s[1][::-1] for s in series])[: hours - at]
        columns = (left + np.arange(values.shape[1])) % COLUMNS
        array.oindex[at : at + len(block), south : south + len(values), columns] = block
    zarr.consolidate_metadata(store, zarr_format=2)

    async def files() -> dict[str, bytes]:
        prototype = default_buffer_prototype()
        return {key: (await store.get(key, prototype)).to_bytes() async for key in store.list()}  # type: ignore[union-attr]

    return asyncio.run(files())


@contextmanager
def arco_server(
    path: Path,
    names: tuple[str, ...] = ("t2m", "d2m", "sp", "tp"),
    begin: datetime = datetime(2026, 5, 28, tzinfo=UTC),
    end: datetime = datetime(2026, 6, 1, tzinfo=UTC),
    chunks: tuple[int, int, int] = QUICK,
) -> Iterator[ArcoServer]:
    """Serve the fields of a GRIB file as the archive would."""
    server = ArcoServer()
    server.files = {f"{BASE}/{key}": data for key, data in store_of(path, names, begin, end, chunks).items()}
    with serving(_Handler, server):
        yield server


def main() -> None:
    """Until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True, help="GRIB of ERA5: t2m, d2m, sp, tp by the hour")
    file = parser.parse_args().file
    names, times = zip(*fields(file), strict=True)
    end = max(times) + timedelta(hours=1)
    with arco_server(file, tuple(sorted(set(names))), BEGIN, end, CHUNKS) as server:
        sys.stdout.write(f"acquire: {{era5_from: archive, archive: {server.url}}}\nkey: {server.key}\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
