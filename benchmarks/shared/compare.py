"""Has anything become slower? `make bench-compare` (python -m benchmarks.shared.compare).

A short version of the benchmarks, three rounds, against the last result that was kept. Machines differ: every time is
divided by that of a yardstick of the same kind of work, measured in the same rounds, which no change of ours makes
faster. On the machine of the kept result the seconds themselves have to say so too: then neither a busy hour now nor a
quiet one for the yardstick alone counts. What takes longer than before by more than both results' noise is named, and
the exit code is 1.

    python -m benchmarks.shared.compare                 # compares with benchmarks/results/short.json
    python -m benchmarks.shared.compare --keep          # the same, and keeps the new result in its place
    python -m benchmarks.shared.compare --with OLD.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import torch

from benchmarks.runs.cycles import LEAD_HOURS, PARAMETERS, noise, write_cycle, write_region
from benchmarks.runs.whole import launch, product_of
from benchmarks.shared.rounds import about, keep, say, spread
from benchmarks.stages import decode, infer, inference
from benchmarks.stages import regrid as regridding
from benchmarks.stages.inference import OURS, RESULTS
from benchmarks.stages.limits import values_of
from benchmarks.stages.suite import prepare_run
from benchmarks.stages.write import like_product
from tasks.arrays import open_zarr
from tasks.grids.regrid import regrid
from tests.grib import messages

FILE = RESULTS / "short.json"
ROUNDS, LEAD_TIMES = 3, 8
FLOOR = 0.15  # a difference of less than that share is never called one
SHORTEST = 0.05  # s: nor one of less than that
# timing -> the yardstick of its kind of work
KINDS = {
    "decode": "decode", "regrid": "memory", "prepare": "decode", "network": "matmul", "write": "compress",
    "run: prepare": "decode",
    "run: downscale": "matmul", "run: validate": "python", "run: publish": "python",
}  # fmt: skip


@dataclass(frozen=True)
class Timing:
    """Seconds of all rounds of something, and of its yardstick in the same rounds."""

    seconds: list[float]
    yardstick: list[float]

    @property
    def relative(self) -> float:
        """Fastest round in fastest rounds of the yardstick: a pure number, much the same on any machine."""
        return min(self.seconds) / min(self.yardstick)

    @property
    def noise(self) -> float:
        """Share by which rounds of both differ."""
        return spread(self.seconds) + spread(self.yardstick)


@dataclass(frozen=True)
class Verdict:
    """One timing, then and now.

    `ratio`: now over then, in units of the yardstick; on one machine that or the seconds' ratio, whichever is lower.
    """

    name: str
    before: float  # s, then
    now: float  # s, now
    ratio: float
    allowed: float

    @property
    def slower(self) -> bool:
        """Beyond noise, and long enough to matter."""
        return self.ratio > self.allowed and self.now * (1 - 1 / self.ratio) > SHORTEST

    @property
    def word(self) -> str:
        """For people."""
        return "SLOWER" if self.slower else "faster" if self.ratio < 1 / self.allowed else "same"


def timings(found: dict[str, Any]) -> dict[str, Timing]:
    """Of a results file."""
    sticks = found["yardsticks"]
    return {n: Timing(t["seconds"], sticks[t["yardstick"]]) for n, t in found["timings"].items()}


def judge(old: dict[str, Any], new: dict[str, Any]) -> list[Verdict]:
    """Every timing that both results have."""
    before, now, out = timings(old), timings(new), []
    one_machine = "about" in old and old["about"] == new.get("about")
    for name in (n for n in now if n in before):
        a, b = before[name], now[name]
        allowed = 1 + max(FLOOR, a.noise + b.noise)
        ratio, seconds = b.relative / a.relative, min(b.seconds) / min(a.seconds)
        ratio = min(ratio, seconds) if one_machine else ratio
        out.append(Verdict(name, min(a.seconds), min(b.seconds), ratio, allowed))
    return out


def table(verdicts: list[Verdict]) -> str:
    """Plain columns."""
    lines = [f"{'':18} {'then, s':>9} {'now, s':>9} {'ratio':>7} {'noise':>7}"]
    lines += [
        f"{v.name:18} {v.before:9.3f} {v.now:9.3f} {v.ratio:7.2f} {v.allowed - 1:7.2f}  {v.word}" for v in verdicts
    ]
    return "\n".join(lines) + "\n(ratio: in units of the yardstick, so that another machine makes no difference)"


def _loop() -> int:
    """What Python itself takes."""
    return sum(len(str(i)) for i in range(400_000))


def yardsticks(message: bytes) -> dict[str, Callable[[], Any]]:
    """Work of others' code, of each kind: about 0.1 s each."""
    a, big = torch.randn(1536, 1536), torch.zeros(1 << 25)
    noisy, codec = noise((721, 1440), 2.0, 1).astype(np.float32), numcodecs.Blosc("zstd", 5)
    return {
        "decode": lambda: [values_of(message) for _ in range(6)],
        "matmul": lambda: a @ a,
        "memory": lambda: [big.clone() for _ in range(3)],
        "compress": lambda: [codec.encode(noisy) for _ in range(4)],
        "python": _loop,
    }


def _seconds(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return round(time.perf_counter() - began, 5)


def measure(rounds: int) -> dict[str, Any]:
    """The short benchmarks and their yardsticks, all in every round."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_cycle(folder / "cycle", LEAD_HOURS[:LEAD_TIMES])
        region = write_region(folder / "regions", "hubei")
        product = product_of(region, files, folder)  # the first run is the one that warms up
        values = {n: open_zarr(str(product))[n].values for n in PARAMETERS.values()}
        numbers = count()
        source, target, _ = regridding.CASES["0.25° globe to 0.25° Hubei"]
        fields = np.stack([noise((source.rows, source.cols), 2.0, 3).astype(np.float32)] * 7)
        network, given = inference.network(OURS), inference.inputs((180, 360), infer.SCALE, 1)
        ways: dict[str, Callable[[], Any]] = {
            "decode": lambda: decode.ours(files[1:4]),
            "regrid": lambda: [regrid(fields, source, target, conservative=False) for _ in range(10)],
            "prepare": prepare_run(folder, files[1:4]),
            "network": torch.inference_mode()(lambda: network(*given, inference.SEEN)),
            "write": lambda: like_product(product, values, folder / f"written{next(numbers)}"),
        }
        sticks = yardsticks(messages(files[1])[0])
        kept: dict[str, list[float]] = {name: [] for name in KINDS}
        beside: dict[str, list[float]] = {name: [] for name in sticks}
        for i in range(rounds + 1):  # the first warms up
            for runs, into in ((sticks, beside), (ways, kept), (sticks, beside)):
                for key, run in runs.items():
                    took = _seconds(run)
                    if i:
                        into[key].append(took)
            if i:
                here = folder / f"run{i}"
                here.mkdir()
                stages = launch(region, files, here)[1]["timings"]
                for stage in ("prepare", "downscale", "validate", "publish"):
                    kept[f"run: {stage}"].append(stages[stage])
            say(f"round {i}/{rounds}")
    named = {name: {"seconds": kept[name], "yardstick": stick} for name, stick in KINDS.items()}
    return {"about": about(), "yardsticks": beside, "timings": named}


def compare(old: dict[str, Any], new: dict[str, Any]) -> int:
    """Print the table and what became slower; the exit code."""
    verdicts = judge(old, new)
    print(table(verdicts))
    slower = [v for v in verdicts if v.slower]
    for v in slower:
        print(f"{v.name} takes {100 * (v.ratio - 1):.0f} % longer than in the last kept result")
    if gone := sorted(set(old["timings"]) - set(new["timings"])):
        print(f"not measured any more: {', '.join(gone)}")
    if not slower:
        worst = statistics.median(v.allowed - 1 for v in verdicts) if verdicts else 0.0
        print(f"nothing became slower by more than its noise (about {100 * worst:.0f} %)")
    return 1 if slower else 0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="two rounds")
    parser.add_argument("--keep", action="store_true", help="keep the new result, whatever it is")
    parser.add_argument("--with", dest="old", type=Path, default=FILE, help="result to compare with")
    parser.add_argument("--new", type=Path, help="result to compare, instead of measuring")
    args = parser.parse_args()
    if not args.old.exists() and not args.keep:
        parser.error(
            f"{args.old}: no kept result to compare with; keep one: python -m benchmarks.shared.compare --keep"
        )
    new = json.loads(args.new.read_text()) if args.new else measure(2 if args.quick else args.rounds)
    code = compare(json.loads(args.old.read_text()), new) if args.old.exists() else 0
    if args.keep:
        keep(FILE, new)
        print(f"kept: {FILE}")
        return 0
    return code


if __name__ == "__main__":
    sys.exit(main())
