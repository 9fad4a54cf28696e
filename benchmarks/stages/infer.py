"""Cost of inference against the size of the field: ours, chunked as sup3r does it, LIIF and EDSR. Part of stages.

One lead time of seven variables to x2 on the same threads; ours is the shipped package, LIIF and EDSR are as published.
Ours in blocks, as the pipeline computes large domains. *sup3r-style*: NREL sup3r's forward pass cuts the
field into chunks of a fixed size with overlap around, runs the whole network on each with its overlap, crops and
stitches; here with our network, whose package's halo is the overlap that makes both equal but for 0.2 % of the model's
error (benchmarks.accuracy.halo).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.shared.rounds import interleaved
from benchmarks.stages.inference import EDSR, LIIF, OURS, SEEN, inputs, network
from models.geometry import Axis
from models.operator import Seen
from models.statics import Statics
from models.statistics import VARIABLES
from tasks.downscale.predict import TILE
from tasks.downscale.tiles import tiles
from tasks.handover.shards import SHARD_SIDE, blocks
from tasks.packages import open_package

SCALE = 2.0
SIZES = ((64, 64), (128, 128), (180, 360), (360, 720), (720, 1440))
QUICK = SIZES[:3]
CHUNK = 64  # input cells a side, without the overlap
CHUNKED = "our network, sup3r-style chunks"
# a fixed size of field beyond which a method is not run: LIIF takes minutes on the globe
LARGEST = {LIIF: 360 * 720}
MANY = 180 * 360  # cells up to which there are as many rounds as asked for; above them one
GOAL = 1.05  # of the exponent: cost may not grow faster than the field


class Method(Protocol):
    """A super-resolution method of any kind."""

    reach: int

    def __call__(
        self, x: torch.Tensor, present: torch.Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen
    ) -> torch.Tensor:
        """Fine fields."""


def chunked(model: Method, size: tuple[int, int], overlap: int) -> torch.Tensor:
    """The field in chunks of a fixed size with overlap; each padded chunk goes through the network whole."""
    x, present, statics, rows, cols = inputs(size, SCALE, 1)
    out = torch.empty(1, len(VARIABLES), len(rows), len(cols))
    factor = int(SCALE)
    for top in range(0, size[0], CHUNK):
        for left in range(0, size[1], CHUNK):
            spans = [(i, min(i + CHUNK, n)) for i, n in zip((top, left), size, strict=True)]
            (r0, r1), (c0, c1) = (
                (max(a - overlap, 0), min(b + overlap, n)) for (a, b), n in zip(spans, size, strict=True)
            )
            around = statics.window(slice(r0, r1), slice(c0, c1))
            around = around.part(r0 * factor, r1 * factor, c0 * factor, c1 * factor)
            queries = (axis.part(a * factor, b * factor).shifted(a) for axis, a, b in ((rows, r0, r1), (cols, c0, c1)))
            fine = model(x[..., r0:r1, c0:c1], present, around, *queries, SEEN)
            (a, b), (c, d) = ((start * factor, stop * factor) for start, stop in spans)
            part = fine[..., a - r0 * factor : b - r0 * factor, c - c0 * factor : d - c0 * factor]
            out[..., a:b, c:d] = part
    return out


def in_blocks(model: Method, size: tuple[int, int], given: tuple[Any, ...]) -> torch.Tensor:
    """The field block by block, as the pipeline computes it: the input window of each with all that queries can see."""
    x, present, statics, rows, cols = given
    out = torch.empty(1, len(VARIABLES), len(rows), len(cols))
    for block in blocks(len(rows), len(cols), SHARD_SIDE, SHARD_SIDE):
        here = rows.part(block.rows.start, block.rows.stop), cols.part(block.cols.start, block.cols.stop)
        (tile,) = tiles(*here, *size, size=TILE, halo=model.reach)
        around = statics.window(tile.window_rows, tile.window_cols)
        around = around.part(block.rows.start, block.rows.stop, block.cols.start, block.cols.stop)
        queries = here[0].shifted(tile.window_rows.start), here[1].shifted(tile.window_cols.start)
        fine = model(x[..., tile.window_rows, tile.window_cols], present, around, *queries, SEEN)
        out[..., block.rows, block.cols] = fine
    return out


def exponent(pixels: Sequence[int], seconds: Sequence[float]) -> float:
    """Of a power law fitted to cost against output pixels on log axes; 1 is proportional."""
    return float(np.polyfit(np.log(pixels), np.log(seconds), 1)[0])


def multiply_adds(model: Method, count: int, scale: float = SCALE) -> int:
    """Of all convolutions and matrix products for one output pixel of seven variables of one of `count` lead times.

    Counted on a small field.
    """
    size = SIZES[0]
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(*inputs(size, scale, count), SEEN)
    return round(counter.get_total_flops() / 2 / (count * math.prod(size) * scale**2))


def measure(rounds: int, quick: bool) -> dict[str, Any]:
    """Seconds by size and way."""
    overlap = open_package(OURS).halo
    models = {case: network(case) for case in (OURS, LIIF, EDSR)}
    records = []
    with torch.inference_mode():
        for size in QUICK if quick else SIZES:
            cells = math.prod(size)
            given = inputs(size, SCALE, 1)
            ways: dict[str, Callable[[], Any]] = {
                case: lambda model=model, given=given: model(*given, SEEN)
                for case, model in models.items()
                if cells <= LARGEST.get(case, cells)
            }
            ways[OURS] = lambda size=size, given=given: in_blocks(models[OURS], size, given)
            ways[CHUNKED] = lambda size=size: chunked(models[OURS], size, overlap)
            large = cells > MANY
            seconds = interleaved({f"{size[0]} x {size[1]} {n}": w for n, w in ways.items()},
                                  1 if large else rounds, warm=not large)  # fmt: skip
            found = dict(zip(ways, seconds.values(), strict=True))
            records.append({"size": list(size), "pixels": round(cells * SCALE**2), "ways": found})
    work = {case: multiply_adds(model, 1) for case, model in models.items()}
    return {"scale": SCALE, "chunk": CHUNK, "overlap": overlap, "multiply_adds_per_pixel": work, "records": records}


def law(found: dict[str, Any], way: str) -> tuple[list[int], list[float], float]:
    """Output pixels, seconds of the fastest round, and the exponent of a way."""
    here = [r for r in found["records"] if way in r["ways"]]
    pixels, seconds = [int(r["pixels"]) for r in here], [min(r["ways"][way]) for r in here]
    return pixels, seconds, exponent(pixels, seconds)


def table(found: dict[str, Any], matmul: float) -> str:
    """Markdown: seconds by size, and exponents; `matmul` in multiply-adds a second."""
    sizes = [tuple(r["size"]) for r in found["records"]]
    ways = [OURS, CHUNKED, EDSR, LIIF]
    text = "| method | " + " | ".join(f"{h} x {w}" for h, w in sizes) + " | exponent | share of the limit |\n"
    text += "|---|" + "---:|" * (len(sizes) + 2) + "\n"
    for way in ways:
        cells = [f"{min(r['ways'][way]):.2f}" if way in r["ways"] else "–" for r in found["records"]]
        pixels, seconds, power = law(found, way)
        work = found["multiply_adds_per_pixel"].get(way)
        share = f"{max(work * p / s for p, s in zip(pixels, seconds, strict=True)) / matmul:.2f}" if work else "–"
        text += f"| {way} | {' | '.join(cells)} | {power:.2f} | {share} |\n"
    last = found["records"][-1]["ways"]
    text += (
        f"\nSeconds by input cells, x{found['scale']:g}. Exponent: of output pixels, goal for ours at most {GOAL:g}. "
        "Share: of torch's own matrix product, at the size where it is highest; convolutions can be faster than that. "
        f"Chunks of {found['chunk']} cells with {found['overlap']} around take "
        f"{min(last[CHUNKED]) / min(last[OURS]):.2f} times the time of one call at the largest size.\n"
    )
    return text
