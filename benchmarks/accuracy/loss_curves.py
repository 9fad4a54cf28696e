"""Loss curves of training runs as one picture: `python -m benchmarks.accuracy.loss_curves OUT.png RUN ...`.

A run is the folder that an experiment names as `out`; its history.json is read, so it works while the run goes on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

mpl.use("Agg")
VALIDATED = ("t2m", "u10", "v10", "sp")


def draw(out: Path, runs: list[Path]) -> None:
    """Left the training loss, right the error on the validation box as a share of interpolation's."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for run, color in zip(runs, plt.rcParams["axes.prop_cycle"].by_key()["color"] * 10, strict=False):
        history = json.loads((run / "history.json").read_text())
        names = list(json.loads((run / "stats.json").read_text()))
        steps = [h["step"] for h in history]
        left.plot(steps, [h["loss"] for h in history], color=color, label=run.name)
        for name, style in zip(VALIDATED, ("-", "--", "-.", ":"), strict=True):
            if name not in names:
                continue
            label = name if run == runs[0] else None
            values = [h["ratio"][names.index(name)] for h in history]
            right.plot(steps, values, style, color=color, label=label)
    left.set(xlabel="step", ylabel="training loss (Charbonnier, residual sigmas)")
    right.set(xlabel="step", ylabel="RMSE / interpolation's, validation box")
    right.axhline(1, color="0.7", linewidth=0.8, zorder=0)
    left.legend(frameon=False)
    right.legend(frameon=False, ncols=2)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    args = parser.parse_args()
    draw(args.out, args.runs)
    print(args.out)


if __name__ == "__main__":
    main()
