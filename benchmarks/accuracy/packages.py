"""One package over another on every evaluation case: what a smaller network costs.

    python -m benchmarks.accuracy.packages evaluation.npz models/pretrained/inr-hres models/pretrained/inr-hres-lean

RMSE of the second over that of the first, as products have it, within their limits; by kind of input the geometric mean
and the largest, by variable at x2.5. Writes benchmarks/results/packages.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from benchmarks.accuracy.operators import EVERYWHERE, FINE, ROOT, SCALES, SMALLEST, between, open_model, within_limits
from models.downscaler import Downscaler
from models.operator import Sampling
from models.training.data import Dataset, load
from models.training.scenes import box_scene

RESULTS = ROOT / "benchmarks" / "results" / "packages.json"
SHOWN = 2.5  # 0.25 degree to 0.1


@torch.inference_mode()
def ratios(kind: str, dataset: Dataset, scale: float, first: Downscaler, second: Downscaler) -> dict[str, float]:
    """By variable, pooled over times."""
    names, squares = first.statistics.names, []
    sampling = Sampling.MEANS if kind == "means" else Sampling.SAMPLES
    for time in range(dataset.times):
        s = box_scene(dataset, EVERYWHERE, time, names, scale, scale, sampling=sampling)
        which = torch.from_numpy(between(s)) if kind == "exact" else torch.ones(s.target.shape[-2:], dtype=torch.bool)
        errors = [(within_limits(m, s).double() - s.target.double())[0][:, which] for m in (first, second)]
        squares.append([(e**2).mean(dim=1).numpy() for e in errors])
    of_first, of_second = np.sqrt(np.mean(squares, axis=0))
    return {n: float(of_second[i] / of_first[i]) for i, n in enumerate(names) if n in dataset.fields}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("first")
    parser.add_argument("second")
    args = parser.parse_args()
    first, second = open_model(args.first), open_model(args.second)
    rows = []
    for kind, scales in SCALES.items():
        for dataset in load(args.evaluation, ()).values():
            for scale in scales:
                if (dataset.name in FINE) == (kind != "exact") and min(dataset.shape) / scale >= SMALLEST:
                    found = ratios(kind, dataset, scale, first, second)
                    rows += [{"kind": kind, "set": dataset.name, "variable": n, "scale": scale, "ratio": round(r, 4)}
                             for n, r in found.items()]  # fmt: skip
    RESULTS.write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
    for kind in SCALES:
        mine = [r for r in rows if r["kind"] == kind]
        every = np.array([r["ratio"] for r in mine])
        print(f"{kind}: {len(every)} cases, mean {np.exp(np.log(every).mean()):.3f}, largest {every.max():.3f}")
        for name in sorted({r["set"] for r in mine if r["scale"] == SHOWN}):
            shown = [f"{r['variable']} {r['ratio']:.3f}" for r in mine if (r["set"], r["scale"]) == (name, SHOWN)]
            print(f"  {name} x{SHOWN:g}: {', '.join(shown)}")


if __name__ == "__main__":
    main()
