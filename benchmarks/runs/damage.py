"""What a wrong byte among one message's values does: `python -m benchmarks.runs.damage --count 1200 --keep`.

Of each message of the demo cycle but rain, in simple packing and CCSDS, one byte of the data section is another, by a
seeded generator, at every second seed in one bit only. With the other messages intact it goes through `prepare` as
`finescale run hubei --input` does, without any cycle before, and through `finescale field`'s reading of the whole file,
without terrain. *Gross*: a value of the input is more than 10 K, 10 hPa or 15 m/s off; *caught*: the file is refused.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import eccodes
import numpy as np

from benchmarks.runs.fuzz_decode import DEMO, PAGE
from benchmarks.shared.rounds import about, keep, say
from benchmarks.stages.inference import RESULTS
from tasks.errors import BadInput
from tasks.grids.grid import Grid
from tasks.packages import open_package
from tasks.prepare import prepare_files
from tasks.prepare.agreement import disagreement
from tasks.prepare.assemble import assemble
from tasks.prepare.decode import grid_of, scanned
from tasks.region import search
from tasks.variables import VARIABLES

FILE = RESULTS / "damage.json"
BEGIN, END = "<!-- damage: written by `python -m benchmarks.runs.damage --keep` -->", "<!-- end of damage -->"
GROSS = {"t2m": 10.0, "d2m": 10.0, "u10": 15.0, "v10": 15.0, "sp": 1000.0, "msl": 1000.0}  # K, m/s, Pa
PACKINGS = ("simple", "ccsds")
WAYS = ("run", "field")
DATA = 7  # section of a GRIB2 message that holds the values
OUTCOMES = ("not decoded", "as before", "small", "caught", "missed")

Messages = dict[str, bytes]


def messages(packing: str) -> Messages:
    """The demo's messages by variable, in a packing."""
    names = {v.param: v.name for v in VARIABLES.values()}
    out = {}
    with DEMO.open("rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            if packing == "simple":
                values = eccodes.codes_get_values(handle)
                eccodes.codes_set(handle, "packingType", "grid_simple")
                eccodes.codes_set_values(handle, values)
            out[names[eccodes.codes_get(handle, "shortName")]] = bytes(eccodes.codes_get_message(handle))
            eccodes.codes_release(handle)
    return out


def spoiled(message: bytes, seed: tuple[int, ...]) -> bytes:
    """The message with one byte of its data section changed; with an even first number of the seed, one bit."""
    at = 16
    while message[at + 4] != DATA:
        at += int.from_bytes(message[at : at + 4], "big")
    end = at + int.from_bytes(message[at : at + 4], "big")
    rng = np.random.default_rng(seed)
    where = int(rng.integers(at + 5, end))
    other = message[where] ^ (int(rng.integers(1, 256)) if seed[0] % 2 else 1 << int(rng.integers(8)))
    return message[:where] + bytes([other]) + message[where + 1 :]


def values_of(message: bytes) -> np.ndarray | None:
    """(rows, cols) as ecCodes decodes them; None if it does not."""
    handle = eccodes.codes_new_from_message(message)
    try:
        shape = eccodes.codes_get(handle, "Nj"), eccodes.codes_get(handle, "Ni")
        return np.asarray(eccodes.codes_get_values(handle)).reshape(shape)
    except eccodes.CodesInternalError:
        return None
    finally:
        eccodes.codes_release(handle)


class Reading:
    """How a file is read: as a run of Hubei does without any cycle before, or as `finescale field` does."""

    def __init__(self, way: str, folder: Path) -> None:
        self._way, self._file = way, folder / "input.grib2"
        self._region = search.load("hubei")
        self._halo = open_package(self._region.model).halo

    def grid(self, parts: Messages) -> Grid:
        """Which part of the file is the input; BadInput if that cannot be true."""
        self._file.write_bytes(b"".join(parts.values()))
        if self._way == "run":
            return prepare_files([str(self._file)], self._region, self._halo)[0].grid
        with scanned([self._file], set(VARIABLES)) as scan:
            found = assemble(scan, lambda grid: grid, list(VARIABLES), [])
            disagreement(found.load(), found)
            return found.grid


@dataclass(frozen=True)
class Result:
    """Of one wrong byte; `off`: the largest difference within the input."""

    way: str
    packing: str
    variable: str
    number: int
    outcome: str
    off: float
    line: str


def run(way: str, numbers: range) -> Iterator[Result]:
    """Every packing, variable and number; the checks run only where a value of the input is grossly off."""
    with tempfile.TemporaryDirectory(prefix="damage-") as folder:
        reading = Reading(way, Path(folder))
        for packing in PACKINGS:
            good = messages(packing)
            whole, part = grid_of_file(good), reading.grid(good)
            top, left = round((whole.north - part.north) / part.dlat), round((part.west - whole.west) / part.dlon)
            used = slice(top, top + part.rows), slice(left, left + part.cols)
            for i, (name, limit) in enumerate(GROSS.items()):
                right = values_of(good[name])
                assert right is not None
                for number in numbers:
                    message = spoiled(good[name], (number, i, PACKINGS.index(packing)))
                    found = values_of(message)
                    if found is None:
                        yield Result(way, packing, name, number, "not decoded", np.inf, "")
                        continue
                    off = float(np.abs(found - right)[used].max())
                    outcome, line = "small" if off else "as before", ""
                    if off > limit:
                        outcome = "missed"
                        try:
                            reading.grid(good | {name: message})
                        except BadInput as error:
                            outcome, line = "caught", str(error)
                    yield Result(way, packing, name, number, outcome, off, line)


def grid_of_file(parts: Messages) -> Grid:
    """The grid of the demo's messages."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "one.grib2"
        file.write_bytes(parts["t2m"])
        return grid_of(file)


Counts = dict[str, dict[str, dict[str, int]]]  # way and packing, variable, outcome


def table(counts: Counts) -> str:
    """Markdown."""
    lines = [f"| | | bytes | {' | '.join(OUTCOMES)} | share caught |", f"|---|---|{'---:|' * (len(OUTCOMES) + 2)}"]
    for way, by_variable in counts.items():
        total = Counter[str]()
        for by in by_variable.values():
            total.update(by)
        for name, by in [*by_variable.items(), ("all", total)]:
            gross = by.get("caught", 0) + by.get("missed", 0)
            cells = " | ".join(str(by.get(outcome, 0)) for outcome in OUTCOMES)
            share = f"{by.get('caught', 0) / gross:.0%}" if gross else ""
            lines.append(f"| {way} | {name} | {sum(by.values())} | {cells} | {share} |")
    return "\n".join(lines)


def page(text: str, counts: Counts) -> str:
    """docs/acquire.md with these counts."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table(counts)}\n\n{END}{rest.split(END)[1]}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="bytes of each message")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--keep", action="store_true", help=f"write the counts to {FILE.name} and docs")
    arguments = parser.parse_args()
    counts: Counts = {}
    for way in WAYS:
        for result in run(way, range(arguments.first, arguments.first + arguments.count)):
            by = counts.setdefault(f"{way}, {result.packing}", {}).setdefault(result.variable, {})
            by[result.outcome] = by.get(result.outcome, 0) + 1
            if result.outcome == "missed":
                say(f"{way} {result.packing} {result.variable} {result.number}: {result.off:.5g} off, and accepted")
    print(table(counts))
    if arguments.keep:
        keep(FILE, {"counts": counts, **about()})
        PAGE.write_text(page(PAGE.read_text(), counts))


if __name__ == "__main__":
    main()
