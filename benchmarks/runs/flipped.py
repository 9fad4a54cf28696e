"""Who notices a wrong bit in a published product: `python -m benchmarks.runs.flipped --count 2000`.

The demo's fields at three lead times are published for Hubei, corrected by an invented month of stations, so that every
group is there. A seeded generator takes an array, a byte of one of its chunks and a bit of that; then the file is put
right again. *maintain* is what `finescale maintain` asks of each product; *xarray* opens every group and loads it, with
nothing of ours; *zarrita* does so in JavaScript, alone and with the page's codec, which looks at checksums (`make
clients page`). Metadata has its own row: a reader cannot know which units were meant.

loud     an error
equal    the same values: nothing was lost
silent   other values, or other metadata, and no word
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.runs.clients import NODE, node_is_here
from benchmarks.shared.rounds import about, keep, say
from benchmarks.stages.inference import RESULTS
from tasks.calibrate.rolling import rolling
from tasks.store.integrity import verify_product
from tasks.store.ledger import LedgerEntry, entries
from tasks.store.paths import in_store
from tests.conftest import write_region
from tests.invented_month import month, places_of, put
from tests.several_leads import write_grib

FILE = RESULTS / "flipped.json"
WEB = Path(__file__).parents[2] / "tasks/page/web"
GROUPS = ("", "input", "calibration")
WHAT = ("values", "metadata")
HOURS = [6, 12, 18]  # lead times


def published(folder: Path) -> tuple[str, LedgerEntry]:
    """A store with one product, in which all groups are, and its entry."""
    store = str(folder / "store")
    places = places_of(folder / "stations.csv")
    pairs = month(places, ("t2m",), tuple(map(float, HOURS)))
    put(Path(store), rolling(pairs), source="file")
    region = str(write_region(folder / "regions/hubei"))
    grib = str(write_grib(folder / "several.grib2", HOURS))
    run = [str(Path(sys.executable).with_name("finescale")), "run", region, "--input", grib, "--store", store]
    subprocess.run(run, env=os.environ | {"FINESCALE_WORKSPACE": str(folder / "workspace")}, check=True)
    (entry,) = entries(store, "hubei")
    assert entry.scorecard.calibrated == ["t2m"]
    return store, entry


@dataclass(frozen=True)
class Flip:
    """One bit of one file."""

    what: str  # of WHAT
    file: Path
    at: int
    bit: int

    @contextmanager
    def done(self) -> Iterator[bytes]:
        """While the file has it; yields the bytes as they were."""
        whole = self.file.read_bytes()
        flipped = bytearray(whole)
        flipped[self.at] ^= 1 << self.bit
        try:
            self.file.write_bytes(flipped)
            yield whole
        finally:
            self.file.write_bytes(whole)


def flips(product: Path, count: int, seed: int = 0) -> Iterator[Flip]:
    """As many of chunks as `count`, every array as often as any other, and a tenth more of metadata."""
    rng = np.random.default_rng(seed)
    chunks: dict[Path, list[Path]] = {}
    for file in sorted(f for f in product.rglob("*") if f.is_file() and f.name != "zarr.json"):
        array = next(p for p in file.parents if (p / "zarr.json").is_file())
        chunks.setdefault(array, []).append(file)
    for number in range(count):
        files = list(chunks.values())[number % len(chunks)]
        file = files[int(rng.integers(len(files)))]
        yield Flip("values", file, int(rng.integers(file.stat().st_size)), int(rng.integers(8)))
    documents = sorted(product.rglob("zarr.json"))
    for _ in range(count // 10):
        file = documents[int(rng.integers(len(documents)))]
        yield Flip("metadata", file, int(rng.integers(file.stat().st_size)), int(rng.integers(8)))


def with_xarray(product: Path, right: list[xr.Dataset] | None) -> str:
    """Load all groups."""
    try:
        found = [xr.open_zarr(product, group=group or None).load() for group in GROUPS]
    except Exception:  # whatever a reader is shown
        return "loud"
    return "equal" if right and all(a.identical(b) for a, b in zip(found, right, strict=True)) else "silent"


def page_codec(folder: Path) -> str:
    """The page's codec as a module that node can import."""
    (folder / "node_modules").symlink_to(NODE / "node_modules")  # the same zarrita as the reader's
    bundle = ["npx", "--no-install", "rolldown", "src/checksum.ts", "--format", "esm", "--external", "zarrita"]
    target = folder / "checksum.mjs"
    subprocess.run([*bundle, "--file", str(target), "--logLevel", "silent"], cwd=WEB, check=True)
    return str(target)


class Zarrita:
    """A process of Node.js that loads every array of a product when asked, and says how that went."""

    def __init__(self, product: Path, *codec: str) -> None:
        command = ["node", str(NODE / "whole.mjs"), str(product), *codec]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._right = self._ask()
        if not re.fullmatch("[0-9a-f]{64}", self._right):
            raise RuntimeError(f"zarrita does not read the product: {self._right}")

    def _ask(self) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def __call__(self) -> str:
        """Loud, equal or silent."""
        found = self._ask()
        return "loud" if found.startswith("error") else "equal" if found == self._right else "silent"

    def end(self) -> None:
        """Let it go."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def run(folder: Path, count: int) -> dict[str, dict[str, Counter[str]]]:
    """What -> reader -> outcomes."""
    store, entry = published(folder)
    product = Path(in_store(store, entry.product))
    right = [xr.open_zarr(product, group=group or None).load() for group in GROUPS]
    scripts = {"zarrita": Zarrita(product)} if node_is_here() else {}
    if scripts and (WEB / "node_modules").is_dir():
        scripts["zarrita, checked"] = Zarrita(product, page_codec(folder))
    found = {what: {reader: Counter[str]() for reader in ("maintain", "xarray", *scripts)} for what in WHAT}
    if wrong := verify_product(store, entry):
        raise RuntimeError(f"the product is not whole before anything was changed: {wrong}")
    for number, flip in enumerate(flips(product, count), 1):
        with flip.done():
            by_xarray = with_xarray(product, right)
            noticed = bool(verify_product(store, entry))
            found[flip.what]["xarray"][by_xarray] += 1
            found[flip.what]["maintain"]["loud" if noticed else "equal" if by_xarray == "equal" else "silent"] += 1
            for name, script in scripts.items():
                found[flip.what][name][script()] += 1
        if number % 100 == 0:
            say(f"{number}: {json.dumps(found)}")
    for script in scripts.values():
        script.end()
    if verify_product(store, entry):
        raise RuntimeError("the product is not whole again")
    return found


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--keep", action="store_true", help=f"write {FILE.name}")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flipped-") as folder:
        found = run(Path(folder), args.count)
    table = pd.DataFrame({(w, r): c for w, by in found.items() for r, c in by.items()}).T.fillna(0).astype(int)
    print(table.to_string())
    if args.keep:
        keep(FILE, {"about": about(), "count": args.count, "found": found})


if __name__ == "__main__":
    main()
