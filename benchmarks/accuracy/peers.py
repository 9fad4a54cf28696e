"""How far our network is ahead of its peers on sampled inputs, all trained alike: PSNR at the 0.1 degree test sets.

    python -m benchmarks.accuracy.peers evaluation.npz OURS.toml PEER.toml ... [--scale 2]

Experiments as `python -m models.training.train` ran them, each opened from its run. Every method gets the same inputs,
statics and operator, and is held to the same limits. Points lie amid their queries, as a network of one ratio needs
it; such a peer takes part at its ratio alone.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from benchmarks.accuracy.operators import FINE, ROOT, open_model, within_limits
from models.downscaler import Downscaler
from models.operator import Sampling
from models.training.data import EVERYWHERE, Dataset, load
from models.training.scenes import box_scene

RESULTS = ROOT / "benchmarks" / "results" / "peers.json"


@torch.inference_mode()
def rmse(dataset: Dataset, model: Downscaler, scale: float) -> dict[str, float]:
    """By variable, pooled over times."""
    names = model.statistics.names
    squares = []
    for time in range(dataset.times):
        scene = box_scene(dataset, EVERYWHERE, time, names, scale, scale, sampling=Sampling.SAMPLES, centred=True)
        error = (within_limits(model, scene).double() - scene.target.double())[0]
        squares.append((error**2).mean(dim=(-2, -1)).numpy())
    found = np.sqrt(np.mean(squares, axis=0))
    return {n: float(v) for n, v in zip(names, found, strict=True) if n in dataset.fields}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("ours", type=Path)
    parser.add_argument("peers", type=Path, nargs="+")
    parser.add_argument("--scale", type=float, default=2.0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    sets = [s for s in load(args.evaluation, ()).values() if s.name in FINE]
    scored = {p.stem: {s.name: rmse(s, open_model(str(p)), args.scale) for s in sets} for p in (args.ours, *args.peers)}
    args.results.write_text(json.dumps({"scale": args.scale, "rmse": scored}, indent=1) + "\n")
    ours = scored[args.ours.stem]
    print(f"x{args.scale:g}: PSNR of {args.ours.stem} minus that of a peer, dB; positive is better")
    for name, by_set in scored.items():
        if name == args.ours.stem:
            continue
        ahead = [20 * np.log10(by_set[s][v] / ours[s][v]) for s in ours for v in ours[s]]
        each = ", ".join(f"{s} {v} {20 * np.log10(by_set[s][v] / ours[s][v]):+.2f}" for s in ours for v in ours[s])
        print(f"{name}: mean {np.mean(ahead):+.2f} ({each})")


if __name__ == "__main__":
    main()
