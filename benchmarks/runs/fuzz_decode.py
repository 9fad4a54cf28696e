"""What becomes of input files in which bytes are wrong: `python -m benchmarks.runs.fuzz_decode --count 2400`.

The demo cycle's fields in eight kinds of file; bytes are flipped, overwritten, cut out or cut off by a seeded
generator, half of them in headers and metadata. Each file goes through `finescale field` in a child process with limits
of time and memory, which is started anew when it dies. No file is kept: `--again FORMAT NUMBER` makes one again.

refused     one line that says what is wrong
traceback   any other exception: a fault of ours
crash       the process died of a signal
hang        the process took longer than the limit
equal       the product is the same
different   another product, and nobody noticed
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import resource
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import eccodes
import numpy as np
import xarray as xr

from benchmarks.shared.rounds import about, keep, say
from benchmarks.stages.inference import RESULTS
from tasks.arrays import checked

FILE = RESULTS / "fuzz.json"
ROOT = Path(__file__).parents[2]
DEMO = ROOT / "tasks/acquire/demo_cycle/20211210/12z/ifs/0p25/oper/20211210120000-8h-oper-fc.grib2"
PAGE = ROOT / "docs/acquire.md"
BEGIN, END = "<!-- fuzz: written by `python -m benchmarks.runs.fuzz_decode --keep` -->", "<!-- end of fuzz -->"
PARAMETERS = ("2t", "10u", "tp")  # a state, one that is wrong more quietly, an amount
OUTCOMES = ("refused", "traceback", "crash", "hang", "equal", "different")
SECONDS = 30  # a file takes half a second
MEMORY = 3 << 30  # bytes more than a child has when it is ready
HEADER = 200  # bytes of a message before its values, about; of NetCDF below
METADATA = 8192


def _rewritten(file: Path, change: Callable[[int], None]) -> None:
    """The demo's messages of PARAMETERS, each changed."""
    with DEMO.open("rb") as source, file.open("wb") as target:
        while (handle := eccodes.codes_grib_new_from_file(source)) is not None:
            if eccodes.codes_get(handle, "shortName") in PARAMETERS:
                values = eccodes.codes_get_values(handle)
                change(handle)
                eccodes.codes_set_values(handle, values)
                eccodes.codes_write(handle, target)
            eccodes.codes_release(handle)


def _simple(handle: int) -> None:
    eccodes.codes_set(handle, "packingType", "grid_simple")


def _grib1(handle: int) -> None:
    values = eccodes.codes_get_values(handle)
    _simple(handle)
    eccodes.codes_set_values(handle, values)  # a new packing forgets them
    eccodes.codes_set(handle, "edition", 1)


def _bitmap(handle: int) -> None:
    _simple(handle)
    eccodes.codes_set(handle, "bitmapPresent", 1)


def _fields(folder: Path) -> xr.Dataset:
    import cfgrib

    grib = folder / "fields.grib2"
    _rewritten(grib, _simple)
    with xr.set_options(use_new_combine_kwarg_defaults=True):
        parts = cfgrib.open_datasets(str(grib), backend_kwargs={"indexpath": ""})
        ds = xr.merge(parts, compat="override").load()
    grib.unlink()
    return ds


def seeds(folder: Path) -> dict[str, Path]:
    """A good file of each format."""
    changes = {"grib1": _grib1, "grib2 simple": _simple, "grib2 ccsds": lambda _: None, "grib2 bitmap": _bitmap}
    out = {name: folder / f"{name.replace(' ', '-')}.grib" for name in changes}
    for name, change in changes.items():
        _rewritten(out[name], change)
    ds = _fields(folder)
    out |= {"netcdf4": folder / "four.nc", "netcdf3": folder / "three.nc"}
    out |= {"zarr": folder / "seed.zarr", "zarr crc32c": folder / "checked.zarr"}
    packed = {n: {"zlib": True, "complevel": 1} for n in ds.data_vars}
    ds.to_netcdf(out["netcdf4"], encoding=packed)
    ds.to_netcdf(out["netcdf3"], format="NETCDF3_64BIT")
    ds.to_zarr(out["zarr"], zarr_format=3)
    ds.to_zarr(out["zarr crc32c"], zarr_format=3, encoding={n: {"compressors": checked()} for n in ds.variables})
    return out


def _spoiled(data: bytes, rng: np.random.Generator, reach: int) -> tuple[str, bytes]:
    """(what was done, other bytes): half of it within `reach` of the start of a message or file."""
    begins = [0]
    while (at := data.find(b"GRIB", begins[-1] + 1)) >= 0:
        begins.append(at)
    at = int(rng.integers(len(data)))
    if rng.random() < 0.5:
        at = min(int(rng.choice(begins)) + int(rng.integers(min(reach, len(data)))), len(data) - 1)
    kind = str(rng.choice(["bit", "byte", "bytes", "cut off", "cut out"], p=[0.45, 0.25, 0.1, 0.15, 0.05]))
    many = int(rng.integers(2, 17))
    match kind:
        case "bit":
            return kind, data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]
        case "byte":
            return kind, data[:at] + bytes([data[at] ^ int(rng.integers(1, 256))]) + data[at + 1 :]
        case "bytes":
            return kind, data[:at] + rng.bytes(many)[: len(data) - at] + data[at + many :]
        case "cut off":
            return kind, data[:at]
    return kind, data[:at] + data[at + many :]


def mutate(seed: Path, target: Path, name: str, number: int) -> str:
    """Write the mutation of this number of a good file; returns what was done."""
    rng = np.random.default_rng([number, *name.encode()])
    if seed.is_file():
        kind, data = _spoiled(seed.read_bytes(), rng, HEADER if "grib" in name else METADATA)
        target.write_bytes(data)
        return kind
    shutil.copytree(seed, target)
    files = sorted(f for f in target.rglob("*") if f.is_file())
    metadata = rng.random() < 0.5
    file = rng.choice([str(f) for f in files if (f.suffix == ".json") == metadata])
    if rng.random() < 0.05:
        Path(file).unlink()
        return "file gone"
    kind, data = _spoiled(Path(file).read_bytes(), rng, METADATA)
    Path(file).write_bytes(data)
    return kind


def product_digest(path: Path) -> str:
    """What `finescale field` makes of a file: sha-256 of names, coordinates and values."""
    from flows.products.field import super_resolve_file

    output = path.with_name(f"{path.name}.out.nc")
    try:
        super_resolve_file(str(path), str(output), scale="2", method="bilinear")
        whole = hashlib.sha256()
        with xr.open_dataset(output, decode_times=False) as ds:
            for name in sorted(str(n) for n in ds.variables):
                whole.update(f"{name} {ds[name].dims} {ds[name].shape}".encode())
                whole.update(np.ascontiguousarray(ds[name].values).tobytes())
        return whole.hexdigest()
    finally:
        output.unlink(missing_ok=True)


def outcome_of(path: Path) -> tuple[str, str]:
    """(refused, traceback or accepted; the line, where it was raised, or the digest)."""
    from tasks.errors import FinescaleError

    try:
        return "accepted", product_digest(path)
    except FinescaleError as error:
        line = str(error)
        return ("refused", line) if "\n" not in line else ("traceback", f"several lines: {line}")
    except BaseException as error:
        places = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(str(ROOT))]
        place = places[-1] if places else None
        at = f"{Path(place.filename).relative_to(ROOT)}:{place.lineno}" if place else "?"
        return "traceback", f"{type(error).__name__} at {at}: {error}"[:300]


def _serve(pipe: Connection) -> None:
    """A child: says that it is ready, then an outcome for every path that it is sent."""
    import flows.products.field  # noqa: F401

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pipe.send(("ready", ""))
    with contextlib.suppress(EOFError):
        while True:
            pipe.send(outcome_of(Path(pipe.recv())))


class Child:
    """A process that decodes files one by one, and is replaced when it dies or takes too long."""

    def __init__(self) -> None:
        self._process: Any = None
        self._pipe: Any = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(180) or self._pipe.recv()[0] != "ready":
            raise RuntimeError("a child does not start")

    def outcome(self, path: Path) -> tuple[str, str]:
        """As `outcome_of`, or crash or hang."""
        if self._process is None:
            self._start()
        try:
            self._pipe.send(str(path))
            if self._pipe.poll(SECONDS):
                found: tuple[str, str] = self._pipe.recv()
                return found
        except (EOFError, ConnectionError):
            self._process.join(10)
            code = self._process.exitcode
            self.end()
            return "crash", f"exit {code}"
        self.end()
        return "hang", f"{SECONDS} s"

    def end(self) -> None:
        """Kill it, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None


@dataclass(frozen=True)
class Result:
    """Of one mutation."""

    name: str
    number: int
    kind: str
    outcome: str
    detail: str


def run(names: list[str], numbers: list[int], processes: int = 2) -> Iterator[Result]:
    """Every mutation of these numbers of these formats, as they are done."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        files = seeds(Path(folder))
        todo: Queue[tuple[str, int]] = Queue()
        for number in numbers:
            for name in names:
                todo.put((name, number))
        right: dict[str, str] = {}
        first = Child()
        try:
            for name in names:
                what, right[name] = first.outcome(files[name])
                if what != "accepted":
                    raise RuntimeError(f"the good file of {name}: {what}, {right[name]}")
        finally:
            first.end()
        done: Queue[Result | None] = Queue()

        def work() -> None:
            child = Child()
            try:
                while True:
                    try:
                        name, number = todo.get_nowait()
                    except Empty:
                        return
                    done.put(_one(child, files[name], name, number, right[name]))
            finally:
                child.end()
                done.put(None)

        with ThreadPoolExecutor(processes) as pool:
            workers = [pool.submit(work) for _ in range(processes)]
            running = processes
            while running:
                result = done.get()
                if result is None:
                    running -= 1
                else:
                    yield result
            for worker in workers:
                worker.result()


def _one(child: Child, seed: Path, name: str, number: int, right: str) -> Result:
    target = seed.with_name(f"{number}-{seed.name}")
    kind = mutate(seed, target, name, number)
    outcome, detail = child.outcome(target)
    if outcome == "accepted":
        outcome, detail = ("equal" if detail == right else "different"), ""
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink()
    return Result(name, number, kind, outcome, detail)


FORMATS = ("grib1", "grib2 simple", "grib2 ccsds", "grib2 bitmap", "netcdf4", "netcdf3", "zarr", "zarr crc32c")


def table(counts: dict[str, dict[str, int]]) -> str:
    """Markdown."""
    lines = [f"| | files | {' | '.join(OUTCOMES)} | share |", f"|---|{'---:|' * (len(OUTCOMES) + 2)}"]
    for name, by in counts.items():
        cells = " | ".join(str(by.get(outcome, 0)) for outcome in OUTCOMES)
        files = sum(by.values())
        lines.append(f"| {name} | {files} | {cells} | {by.get('different', 0) / files:.0%} |")
    return "\n".join(lines)


def page(text: str, counts: dict[str, dict[str, int]]) -> str:
    """docs/acquire.md with these counts."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table(counts)}\n\n{END}{rest.split(END)[1]}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2400, help="files in all")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--formats", nargs="*", default=FORMATS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--again", nargs=2, metavar=("FORMAT", "NUMBER"), help="one mutation, in this process")
    parser.add_argument("--keep", action="store_true", help=f"write the counts to {FILE.name} and docs")
    arguments = parser.parse_args()
    if arguments.again:
        name, number = arguments.again[0], int(arguments.again[1])
        with tempfile.TemporaryDirectory() as folder:
            seed = seeds(Path(folder))[name]
            target = seed.with_name(f"{number}-{seed.name}")
            say(mutate(seed, target, name, number))
            print(product_digest(target))
        return
    numbers = range(arguments.first, arguments.first + -(-arguments.count // len(arguments.formats)))
    counts = {name: Counter[str]() for name in arguments.formats}
    for result in run(list(arguments.formats), list(numbers), arguments.processes):
        counts[result.name][result.outcome] += 1
        if result.outcome in ("traceback", "crash", "hang"):
            say(f"{result.name} {result.number} ({result.kind}): {result.outcome}: {result.detail}")
    print(table(counts))
    if arguments.keep:
        keep(FILE, {"counts": {name: dict(by) for name, by in counts.items()}, **about()})
        PAGE.write_text(page(PAGE.read_text(), counts))
    print(json.dumps({outcome: sum(by[outcome] for by in counts.values()) for outcome in OUTCOMES}))


if __name__ == "__main__":
    main()
