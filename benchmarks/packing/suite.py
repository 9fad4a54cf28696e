"""How products are packed: docs/packing.md from measurements (python -m benchmarks.packing.suite).

Needs the team's folder of real data. Writes benchmarks/results/packing.json; with names of parts, only
those are measured again. Two idle cores take five minutes; on a busy machine its speeds mean little.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.packing import bits, checksums, codecs, fields, shapes
from benchmarks.stages.inference import RESULTS, processor
from tasks.store.packing import KEPT_BITS, largest_error, round_field
from tasks.variables import VARIABLES

FILE = RESULTS / "packing.json"
PARTS = ["bits", "codecs", "shapes"]
PAGE = Path(__file__).parents[2] / "docs" / "packing.md"
TYPICAL = {"t2m": 300.0, "d2m": 295.0, "u10": 20.0, "v10": 20.0, "sp": 100000.0, "msl": 101325.0, "tp": 0.02}


def speed(field: np.ndarray) -> float:
    """GB a second of rounding, one core."""
    best = np.inf
    for _ in range(5):
        began = time.perf_counter()
        round_field("t2m", field)
        best = min(best, time.perf_counter() - began)
    return field.nbytes / best / 1e9


def measure(parts: list[str]) -> dict[str, Any]:
    """Results of the parts asked for."""
    fine, _ = fields.hres_product()
    out: dict[str, Any] = {}
    if "bits" in parts:
        out["bits"] = bits.measure(fine, fields.era5_product())
    if "codecs" in parts:
        exact = fields.cube(fine, 8)
        out["speed"] = speed(exact["t2m"].copy())
        rounded = {n: round_field(n, f.copy()) for n, f in exact.items()}
        out["codecs"] = codecs.measure(exact, rounded)
    if "shapes" in parts:
        series = fields.cube({"t2m": fine["t2m"]}, shapes.STEPS)["t2m"]
        out["shapes"] = shapes.measure(round_field("t2m", series))
    return out


def _bits(result: dict[str, Any]) -> str:
    head = (
        "| variable | bits for 99 % | 99.9 % | kept | step | largest error | median, 99 of 100, worst area | contours |"
        " size |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    lines = []
    for name, found in result["bits"].items():
        units, kept = VARIABLES[name].units, KEPT_BITS[name]
        step = 2 * largest_error(name, TYPICAL[name])
        effect = next(e for e in found["effects"] if e["bits"] == kept)
        areas = ", ".join(f"{effect[k]:.4f}" for k in ("ratio_median", "ratio_p99", "ratio_max"))
        ratio = result["codecs"]["by_variable"][name]
        lines.append(
            f"| {name} | {found['99']} | {found['99.9']} | {kept} | {step:.2g} {units} at {TYPICAL[name]:g} |"
            f" {largest_error(name):.2g} {units} | {areas} | {effect['shift']:.2f} | 1/{ratio:.2f} |\n"
        )
    return head + "".join(lines)


def _coarser(result: dict[str, Any]) -> str:
    """What fewer bits would do."""
    lines = ["| variable | bits | largest error | 99 of 100 areas | contours |\n|---|---:|---:|---:|---:|\n"]
    for name, found in result["bits"].items():
        lines += [
            f"| {name} | {e['bits']} | {e['largest_error']:.2g} {VARIABLES[name].units} | {e['ratio_p99']:.4f} |"
            f" {e['shift']:.2f} |\n"
            for e in found["effects"]
            if e["bits"] < KEPT_BITS[name]
        ]
    return "".join(lines)


def _codecs(found: dict[str, Any]) -> str:
    raw, rows = found["raw"], {}
    for r in found["records"]:
        rows.setdefault(r["codec"], {})[r["pipeline"]] = r
    lines = []
    for codec, by in rows.items():
        cells = []
        for i in (0, 2):  # writing, reading; by the clock
            cells += [f"{raw / 1e6 / by[p]['seconds'][i]:.0f}" for p in ("zarr", "zarrs")]
        cpu = raw / 1e6 / by["zarrs"]["seconds"][1]
        ratio = raw / by["zarrs"]["bytes"]
        lines.append(f"| {codec} | {' | '.join(cells)} | {cpu:.0f} | 1/{ratio:.2f} |\n")
    head = "| codec | write: zarr | zarrs | read: zarr | zarrs | write, a core's second, zarrs | size |\n"
    return head + "|---|---:|---:|---:|---:|---:|---:|\n" + "".join(lines)


def _shapes(found: list[dict[str, Any]], shape: tuple[int, int]) -> str:
    lines = ["| chunks | shards | objects | map | quarter | point's series |\n|---|---|---:|---:|---:|---:|\n"]
    for r in (r for r in found if tuple(r["shape"][1:]) == shape):
        cells = []
        for read in shapes.READS:
            size, asked = r["local"][read]["bytes"], r["zarrita"][read]
            line = shapes.far(asked, size)
            times = f"{1e3 * r['local'][read]['seconds']:.0f}, {1e3 * r['s3'][read]['seconds']:.0f} ms"
            cells.append(f"{asked}, {size / 1e6:.2f} MB; {line:.2f} s; {times}")
        chunks, shards = (" x ".join(map(str, r[k])) for k in ("chunks", "shards"))
        lines.append(f"| {chunks} | {shards} | {r['objects']} | {' | '.join(cells)} |\n")
    return "".join(lines)


def page() -> str:
    """docs/packing.md."""
    result = json.loads(FILE.read_text())
    sizes = result["codecs"]
    exact = ", ".join(f"{k} 1/{sizes['raw'] / v:.2f}" for k, v in sizes["exact"].items())
    wind = {n: sizes["by_variable"][n] / ratio - 1 for n, ratio in sizes["wind_in_multiples"].items()}
    return f"""# How products are packed

Written by `python -m benchmarks.packing.suite` from `benchmarks/results/packing.json`; do not edit. {result["device"]},
two cores. `tasks/store/packing.py` holds what follows from it.

## Bits

Values are rounded to the mantissa bits that say something (BitRound, half to even; attributes as in CF-1.12,
section 8.4). *Bits for 99 %* hold that share of the mutual information of neighbours along a row, as Klöwer et al.
(2021, doi:10.1038/s43588-021-00156-2) measure it, in a product made from HRES averaged to 0.2 degree,
{fields.ROWS} x {fields.WIDE} points; rain where it rains. Package `xbitinfo` 0.0.7 finds the same
information in every mantissa bit. The HRES file itself cannot be asked: GRIB's packing is information too.

More are kept than hold information, because more is asked: averaged over the cells of an input of means, the product
is the input, to 0.01 of its standard deviation. *Areas*: what rounding alone adds to that, in areas of 20 x 35
input cells, a province; the worst are calm seas, where temperature deviates by 0.2 K. *Contours*: how far rounding
moves an isoline, in grid points, exceeded at one point in a hundred. At 13 bits isobars every hectopascal show
steps, at 16 none.

{_bits(result)}
Largest errors are those at the variable's physical limit. Rain keeps its relative error, {2**-9:.1%}; zero stays
zero and nothing falls below it. Temperature and dew point keep equal bits: rounding keeps order, so dew point
stays at or below temperature. Rounding takes {result["speed"]:.1f} GB/s on one core. Variables that follow
([variables.md](variables.md)) keep 8 bits (wind at 100 m, gusts, cloud), 11 (column water), 12 (radiation) and 14 (skin
temperature): by the errors that these leave, without the measurements above. With fewer bits:

{_coarser(result)}
Rounding wind to multiples of {codecs.MULTIPLE:g} m/s instead, at equal conservation, changes its size by
{wind["u10"]:+.0%} (u10) and {wind["v10"]:+.0%} (v10), with the codec chosen below; CF has no name
for it, and one rule is simpler.

## Codec

MB/s of a product of 8 x 720 x 1240 x 7 values on the local disk, fastest of {codecs.ROUNDS} rounds in
turn, through zarr-python's own pipeline and through `zarrs`; zarrita.js reads all of these as it is. Sizes of exact
values: {exact}; of `to_zarr` as it is, 1/{sizes["raw"] / sizes["to_zarr_exact"]:.2f}, and of rounded values
1/{sizes["raw"] / sizes["to_zarr_rounded"]:.2f}.

{_codecs(sizes)}
Chosen: **blosc zstd 1, bitshuffle, crc32c**. Bitshuffle, which loses on exact values, gains on rounded ones: each cut
bit is a run of zeros.

## Checksums

Every chunk of every array of a product ends in its crc32c: fields (of those in shards each inner chunk, and the shard's
index), `input`, terrain, coordinates, `calibration`. blosc and zstd notice few wrong bytes by themselves; with it
zarr-python (xarray) and zarrs raise where a byte of a chunk is wrong, and hand out no other values
(`tests/tasks/store/test_checksums.py`). zarrita.js 0.7.5 takes the checksum off and does not look at it; the page does
(`tasks/page/web/src/checksum.ts`). Products of before have none, and are read as ever. What no checksum covers is
metadata, and a chunk that is gone, which Zarr reads as the fill value: `finescale maintain` finds by the ledger's
digests where either has changed a value ([products.md](products.md)).

What it costs, with over without, the processor's seconds and bytes, of 8 x 720 x 1240 x 3 values in one run
(`python -m benchmarks.packing.checksums`), which was made twice:

{checksums.section()}
## Chunks and shards

49 lead times of t2m. Each cell: requests of zarrita.js and MB; seconds over a line of {shapes.MB_S:g} MB/s
where an answer takes {1e3 * shapes.WAIT:.0f} ms and a browser asks {shapes.AT_ONCE} things at a
time (reckoned); milliseconds by zarr-python from the local disk, and from an S3 server on loopback: these
depend on what else the machine did, the other figures do not.

China at 0.05 degree, 720 x 1240:

{_shapes(result["shapes"], shapes.CHINA)}
Hubei at 0.05 degree, 88 x 166:

{_shapes(result["shapes"], shapes.HUBEI)}
The rule: chunks of 128 x 128 points and as many lead times, 2, 4 or 8, as let a map stay below 2,097,152 values;
256 x 256 where there is one lead time. For China that is 2, the layout whose slowest read stays below a second
with the fewest requests; for Hubei 8. Shards: 8 lead times and at most 1024 x 1024 points, of equal sizes: a shard
of each of seven variables is 235 MB at most, and a slab is whole shards. Shards of all lead times would save a
series six requests of 32, and could only be written by whoever holds all lead times: with seven variables 367 MB for
512 x 512 points and 49 lead times, more with every one.
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--page", action="store_true", help="only write the page")
    arguments = parser.parse_args()
    if not arguments.page:
        known = json.loads(FILE.read_text()) if FILE.exists() else {}
        found = measure(arguments.parts or PARTS)
        FILE.write_text(json.dumps(known | found | {"device": processor()}, indent=1) + "\n")
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
