"""What calibration gains, in one picture: by day of lead time, at each station, and how reliable its ranges are."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tasks.handover.scorecard import Proof
from tasks.present import display
from tasks.present.report import pictures

WAYS = {
    "simple": ("#c8641b", "bilinear"),
    "raw": ("#7a7f87", "product before calibration"),
    "corrected": ("#0b5cad", "calibrated, station left out"),
    "own": ("#2b7d4f", "calibrated with its own past"),
}
HIGH, WIDE = 3.1, 13.0  # inches, of a variable
COLOURS = ("#0b5cad", "#2b7d4f", "#c8641b", "#7a7f87")  # of days of lead time
LARGEST = 0.5  # gain at which a station's colour ends


def gains_picture(pairs: pd.DataFrame, proofs: list[Proof], tenths: dict[str, dict[int, list[float]]]) -> bytes:
    """PNG, a row a variable: RMSE by day, each station's gain, 1 - corrected / raw, and reliability of ranges.

    pairs: as tasks/store/history.py has them. tenths: variable -> day -> share of observations in each tenth of what
    was foretold.
    """
    names = list(dict.fromkeys(p.variable for p in proofs))
    figure = pictures.new_figure(WIDE, HIGH * max(len(names), 1) + 0.5, dpi=110)
    axes = figure.subplots(max(len(names), 1), 3, squeeze=False)
    for (left, right, last), name in zip(axes, names, strict=True):
        _by_day(left, [p for p in proofs if p.variable == name])
        _by_station(right, pairs[(pairs["variable"] == name) & pairs["left_out"].notna()], name)
        _by_tenth(last, tenths.get(name, {}), name)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=pictures.SMALL, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _by_day(ax: Axes, proofs: list[Proof]) -> None:
    width = 0.8 / len(WAYS)
    days = np.array([p.day for p in proofs], float)
    how = display.of(proofs[0].variable, proofs[0].units)
    for i, (way, (colour, label)) in enumerate(WAYS.items()):
        values = np.array([getattr(p, way) if getattr(p, way) is not None else np.nan for p in proofs], float)
        ax.bar(days + (i - 1.5) * width, values * how.scale, width, color=colour, label=label)
    ax.set_title(f"{proofs[0].variable}: RMSE, {how.unit}", fontsize=pictures.TEXT, color=pictures.INK)
    ax.set_xlabel("day of lead time", fontsize=pictures.SMALL)
    ax.set_xticks(days, [f"{p.day}{'' if p.used else ' (not used)'}" for p in proofs], fontsize=pictures.SMALL)
    ax.tick_params(labelsize=pictures.SMALL)
    ax.spines[["top", "right"]].set_visible(False)


def _by_station(ax: Axes, pairs: pd.DataFrame, name: str) -> None:
    error = pairs["forecast"] - pairs["observed"]
    squared = pd.DataFrame({"station": pairs["station"], "raw": error**2, "left": (error - pairs["left_out"]) ** 2})
    mean = squared.groupby("station").mean()
    gain = 1.0 - np.sqrt(mean["left"] / mean["raw"].clip(lower=1e-12))
    places = pairs.drop_duplicates("station").set_index("station").loc[gain.index]
    order = gain.abs().argsort().to_numpy()
    drawn = ax.scatter(
        places["longitude"].iloc[order], places["latitude"].iloc[order], c=gain.iloc[order], s=14, cmap="RdBu",
        vmin=-LARGEST, vmax=LARGEST, edgecolors=pictures.INK, linewidths=0.2,
    )  # fmt: skip
    ax.set_title(
        f"{name}: gain at each station, left out; better at {(gain > 0).mean():.0%} of {len(gain)}",
        fontsize=pictures.TEXT, color=pictures.INK,
    )  # fmt: skip
    ax.tick_params(labelsize=pictures.SMALL)
    if len(places):
        ax.set_aspect(1.0 / max(np.cos(np.deg2rad(places["latitude"].mean())), 0.1))
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.8)
    bar.ax.tick_params(labelsize=pictures.SMALL)


def _by_tenth(ax: Axes, tenths: dict[int, list[float]], name: str) -> None:
    """A histogram of where observations lay (PIT): flat where ranges are reliable."""
    ax.set_title(f"{name}: observations in each tenth of its range", fontsize=pictures.TEXT, color=pictures.INK)
    ax.tick_params(labelsize=pictures.SMALL)
    ax.spines[["top", "right"]].set_visible(False)
    if not tenths:
        ax.set_axis_off()
        return
    for i, (day, shares) in enumerate(sorted(tenths.items())[: len(COLOURS)]):
        ax.stairs(shares, np.arange(len(shares) + 1), color=COLOURS[i], label=f"day {day}", linewidth=1.6)
    ax.axhline(1.0 / len(shares), color=pictures.INK, linewidth=0.8, linestyle=":")
    ax.set_ylim(0, max(0.25, 1.1 * max(max(s) for s in tenths.values())))
    ax.set_xticks(np.arange(len(shares) + 1), [f"{10 * i}" for i in range(len(shares) + 1)], fontsize=pictures.SMALL)
    ax.set_xlabel("%", fontsize=pictures.SMALL)
    ax.legend(fontsize=pictures.SMALL, frameon=False)
