"""The last month of a region's scores in one picture: does the product get worse, is it of use."""

from __future__ import annotations

import io

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tasks.handover.candidates import ALL, HEADLINE, Candidate, baselines
from tasks.present import display
from tasks.present.report import pictures
from tasks.present.report.tables import ours

SHOWN_DAYS, RANGE_DAYS = 30, 90
ACROSS = 3  # charts in a row
SIZE = (3.5, 2.2)  # inches, of one chart


def rolling_picture(table: pd.DataFrame, title: str) -> bytes:
    """PNG: RMSE by cycle of product and best baseline over 30 days, with the product's 95 % interval.

    Shaded: lowest to highest of the product in 90 days. table: columns cycle (start, UTC), variable, period, candidate,
    group, count, bias, rmse, low, high, SI. Where no heights are known the scores of all stations are shown.
    """
    pooled = _one_group(table)
    last = pooled["cycle"].max()
    pooled = pooled[pooled["cycle"] > last - pd.Timedelta(days=RANGE_DAYS)].sort_values("cycle")
    keys = sorted({(str(v), float(p)) for v, p in zip(pooled["variable"], pooled["period"], strict=True)},
                  key=lambda k: display.order(*k))  # fmt: skip
    across = min(ACROSS, max(len(keys), 1))
    down = max(-(-len(keys) // across), 1)
    figure = pictures.new_figure(across * SIZE[0], down * SIZE[1] + 0.8, dpi=110)
    figure.suptitle(title, fontsize=12, color=pictures.INK, fontfamily=pictures.fonts())
    axes = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    baseline: set[Candidate] = set()
    for ax, (variable, period) in zip(axes, keys, strict=False):
        found = pooled[(pooled["variable"] == variable) & (pooled["period"] == period)]
        baseline |= _draw(ax, found, variable, period, last)
    for ax in axes[len(keys) :]:
        ax.set_axis_off()
    blue = pictures.PRODUCT_STYLE["color"]
    handles = [
        Line2D([], [], marker="o", markersize=3, label="product", **pictures.PRODUCT_STYLE),
        Patch(color=blue, alpha=0.22, label="its 95 % interval"),
        Patch(color=blue, alpha=0.07, label=f"its range in {RANGE_DAYS} days"),
        *(Line2D([], [], label=f"best baseline: {c.title}", **pictures.style(c)) for c in sorted(baseline, key=str)),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=pictures.SMALL, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _one_group(table: pd.DataFrame) -> pd.DataFrame:
    near = table["group"] == HEADLINE
    return table[near] if near.any() else table[table["group"] == ALL]


def _draw(ax: Axes, found: pd.DataFrame, variable: str, period: float, last: pd.Timestamp) -> set[Candidate]:
    """One variable; returns the baseline that is shown, best over the 30 days."""
    how = display.of(variable)
    product = ours(variable, found["candidate"])
    mine = found[found["candidate"] == product.name]
    recent = found[found["cycle"] > last - pd.Timedelta(days=SHOWN_DAYS)]
    others = recent[recent["candidate"].isin([c.name for c in baselines(variable)])].groupby("candidate")["rmse"].mean()
    best = {Candidate.parse(str(others.idxmin()))} if len(others) else set()
    blue = str(pictures.PRODUCT_STYLE["color"])
    if len(mine):
        ax.axhspan(mine["rmse"].min() * how.scale, mine["rmse"].max() * how.scale, color=blue, alpha=0.07, lw=0)
    shown = recent[recent["candidate"] == product.name]
    ax.fill_between(shown["cycle"], shown["low"] * how.scale, shown["high"] * how.scale, color=blue, alpha=0.22, lw=0)
    for candidate in (*best, product):
        rows = recent[recent["candidate"] == candidate.name]
        marker = "o" if candidate == product else None
        ax.plot(rows["cycle"], rows["rmse"] * how.scale, marker=marker, markersize=2.5, **pictures.style(candidate))
    pictures.plain(ax, display.title(variable, period))
    ax.grid(color=pictures.FAINT, linewidth=0.5)
    ax.set_ylabel(f"RMSE, {how.unit}", fontsize=pictures.SMALL, color=pictures.INK)
    ax.set_xlim(last - pd.Timedelta(days=SHOWN_DAYS), last + pd.Timedelta(hours=12))
    ax.set_ylim(bottom=0)
    locator = AutoDateLocator(minticks=3, maxticks=6)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.xaxis.get_offset_text().set(fontsize=pictures.SMALL, color=pictures.INK)
    return best
