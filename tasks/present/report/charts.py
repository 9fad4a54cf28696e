"""Charts of pairs: forecast against observed, errors by lead time and by hour of the day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.ticker import MaxNLocator, MultipleLocator

from tasks.handover.calibrated import LEVELS
from tasks.handover.scorecard import ChanceScore, MemberScore
from tasks.present import display
from tasks.present.report import pictures
from tasks.present.report.pictures import Picture
from tasks.present.report.samples import Sample

POINTS = 1500  # more of them hide each other: then cells are coloured by how many they hold
TICKS = (1, 3, 6, 12, 24)  # hours
MANY_HOURS = 6  # of the day: with fewer a chart says less than the lead times do


@dataclass(frozen=True)
class Chart:
    """A picture and what it is of."""

    title: str
    picture: Picture


def scatters(samples: list[Sample]) -> list[Chart]:
    """Best baseline and product beside each other, of the headline's stations."""
    return [Chart(s.title, _scatter(s.near)) for s in samples if s.variable != "wind_vector"]


def _scatter(sample: Sample) -> Picture:
    pair = [c for c in (sample.best, sample.shown[0]) if c is not None]
    figure = pictures.new_figure(pictures.WIDTH, 2.55 if len(pair) == 2 else 3.4)
    axes = figure.subplots(1, len(pair), sharex=True, sharey=True, squeeze=False)[0]
    observed = sample.observed
    # observed + error: a direction of 5 degrees that was forecast as 355 lies at -5, beside the line
    forecasts = [observed + sample.error(c) for c in pair]
    low, high = _square(np.concatenate([observed, *forecasts]))
    for i, (ax, candidate, forecast) in enumerate(zip(axes, pair, forecasts, strict=True)):
        colour = str(pictures.style(candidate)["color"])
        shades = LinearSegmentedColormap.from_list(
            "few to many", [to_rgba(c) for c in ((colour, 0.35), colour, pictures.INK)]
        )
        if len(observed) <= POINTS:
            ax.scatter(observed, forecast, s=7, color=colour, alpha=0.45, linewidths=0)
        else:
            ax.hexbin(
                observed, forecast, gridsize=55, extent=(low, high, low, high), bins="log", mincnt=1, cmap=shades,
                linewidths=0,
            )  # fmt: skip
        ax.plot([low, high], [low, high], color=pictures.INK, linewidth=0.8)
        ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        pictures.plain(ax, "\n".join(candidate.title.split(", ", 1)))
        ax.set_xlabel(f"observed, {sample.display.unit}", fontsize=pictures.SMALL, color=pictures.INK)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MultipleLocator(180) if sample.variable == "wind_direction" else MaxNLocator(5))
        if i == 0:
            ax.set_ylabel(f"forecast, {sample.display.unit}", fontsize=pictures.SMALL, color=pictures.INK)
    names = " and ".join(c.title for c in pair)
    return pictures.picture(figure, f"Forecast against observed, {len(observed)} pairs: {sample.title}; {names}")


def _square(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = max(0.03 * (high - low), 0.05)
    return low - margin, high + margin


def by_lead_time(samples: list[Sample]) -> list[Chart]:
    """RMSE and bias of product and baselines; nothing of a variable with a single lead time."""
    found = [s.near for s in samples]
    return [Chart(s.title, _lines(s, s.lead_times, "lead time, h")) for s in found if s.lead_times.nunique() > 1]


def by_hour(samples: list[Sample]) -> list[Chart]:
    """The same by hour of the day, where there are many and more than one day: otherwise it is the lead time again."""
    found = [s.near for s in samples]
    return [
        Chart(s.title, _lines(s, s.hours, "hour of the day, UTC"))
        for s in found
        if s.hours.nunique() >= MANY_HOURS and s.pairs["time"].dt.date.nunique() > 2
    ]


def _lines(sample: Sample, groups: pd.Series, label: str) -> Picture:
    biased = sample.variable != "wind_vector"  # a length has no sign
    figure = pictures.new_figure(pictures.WIDTH, 3.3 if biased else 2.3)
    axes: list[Axes] = list(figure.subplots(1 + biased, 1, sharex=True, squeeze=False)[:, 0])
    scores = sample.by(groups)
    for candidate, found in scores.items():
        for ax, what in zip(axes, ("rmse", "bias"), strict=False):
            marker = "o" if len(found) <= 24 and candidate.field == "product" else None
            how = pictures.style(candidate)
            ax.plot(found.index, found[what], label=candidate.title, marker=marker, markersize=3, **how)
    for ax, what in zip(axes, ("RMSE", "bias"), strict=False):
        pictures.plain(ax)
        ax.grid(color=pictures.FAINT, linewidth=0.5)
        ax.set_ylabel(f"{what}, {sample.display.unit}", fontsize=pictures.TEXT, color=pictures.INK)
        ax.yaxis.set_major_locator(MaxNLocator(5))
    axes[0].set_ylim(bottom=0)
    if biased:
        axes[1].axhline(0, color=pictures.INK, linewidth=0.8)
    axes[-1].set_xlabel(label, fontsize=pictures.TEXT, color=pictures.INK)
    span = float(groups.max() - groups.min())
    axes[-1].xaxis.set_major_locator(MultipleLocator(next((t for t in TICKS if span / t <= 8), 48)))
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2, fontsize=pictures.SMALL,
        frameon=False, handlelength=2.6, columnspacing=1.2, labelcolor=pictures.INK,
    )  # fmt: skip
    alt = f"RMSE{' and bias' if biased else ''} by {label.split(',')[0]}: {sample.title}"
    return pictures.picture(figure, alt, few_colours=True)


def ranks(scores: list[MemberScore]) -> Picture | None:
    """Where observations lay among an ensemble's quantiles; None without any.

    A panel a variable, in each how much more often an observation lay in a part of the ranges than was said.
    """
    scores = [s for s in scores if len(s.between) == len(LEVELS) + 1]
    if not scores:
        return None
    edges = np.array([0.0, *LEVELS, 1.0])
    rows = -(-len(scores) // 2)
    figure = pictures.new_figure(pictures.WIDTH, 1.5 * rows)
    panels = figure.subplots(rows, 2, sharey=True, squeeze=False).ravel()
    for ax, score in zip(panels, scores, strict=False):
        ax.bar(
            100 * edges[:-1], score.between / np.diff(edges), 100 * np.diff(edges), align="edge", linewidth=0.6,
            color=pictures.PRODUCT_STYLE["color"], edgecolor="white",
        )  # fmt: skip
        ax.axhline(1.0, color=pictures.INK, linewidth=0.8)
        pictures.plain(ax, display.title(score.variable, 0))
        ax.set_xlim(0, 100)
        ax.xaxis.set_major_locator(MultipleLocator(25))
        ax.set_xlabel("said, %", fontsize=pictures.SMALL, color=pictures.INK)
    for ax in panels[len(scores) :]:
        ax.set_visible(False)
    panels[0].set_ylabel("times as often", fontsize=pictures.SMALL, color=pictures.INK)
    listed = "; ".join(f"{s.variable}: " + ", ".join(f"{100 * share:.0f} %" for share in s.between) for s in scores)
    return pictures.picture(
        figure, f"Shares of observations below, between and above the quantiles. {listed}", few_colours=True
    )


def reliability(scores: list[ChanceScore]) -> Picture | None:
    """Reliability diagrams of an ensemble's chances: how often it happened where it was so likely; None without any.

    A panel a threshold; a point's area is its share of the pairs. The thin line is how often it happened altogether.
    """
    scores = [s for s in scores if s.reliability]
    if not scores:
        return None
    columns = min(len(scores), 3)
    rows = -(-len(scores) // columns)
    figure = pictures.new_figure(pictures.WIDTH, 2.3 * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for ax, score in zip(panels, scores, strict=False):
        chance, happened = ([getattr(p, name) for p in score.reliability] for name in ("chance", "happened"))
        colour = pictures.PRODUCT_STYLE["color"]
        ax.plot([0, 100], [0, 100], color=pictures.INK, linewidth=0.8)
        ax.axhline(score.happened, color=pictures.FAINT, linewidth=0.8)
        ax.plot(chance, happened, color=colour, linewidth=1.0)
        ax.scatter(chance, happened, s=[8 + 150 * p.count / score.count for p in score.reliability], color=colour)
        pictures.plain(ax, score.threshold)
        ax.set(xlim=(-4, 104), ylim=(-4, 104), aspect="equal")
        ax.xaxis.set_major_locator(MultipleLocator(25))
        ax.yaxis.set_major_locator(MultipleLocator(25))
        ax.set_xlabel("chance, %", fontsize=pictures.SMALL, color=pictures.INK)
    for ax in panels[len(scores) :]:
        ax.set_visible(False)
    for ax in panels[::columns]:
        ax.set_ylabel("happened, %", fontsize=pictures.SMALL, color=pictures.INK)
    listed = "; ".join(
        f"{s.threshold}: " + ", ".join(f"{p.chance:.0f} > {p.happened:.0f} %" for p in s.reliability) for s in scores
    )
    return pictures.picture(figure, f"How often it happened where the chance was so high. {listed}", few_colours=True)
