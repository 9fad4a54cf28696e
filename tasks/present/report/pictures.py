"""Figures as WebP in data URIs, drawn small so that their text can be read at phone width; fonts, colours, styles."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from functools import cache
from typing import Any

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from tasks.handover.candidates import Candidate

WIDTH = 4.4  # inches: as wide as a phone, so that 8 points stay 8 points there
DPI = 180  # twice a phone's CSS pixels and more
TEXT, SMALL = 8.5, 7.5  # points
COLOURS = 48  # five lines on white, and what lies between for smooth edges
INK, FAINT = "#1b2733", "#c9d1d9"

# the product's line, then the baselines': by colour and by dashes, for print and for those who see no colours
PRODUCT_STYLE: dict[str, Any] = {"color": "#0b5cad", "linewidth": 2.0, "linestyle": "-", "zorder": 4}
STYLES: dict[str, dict[str, Any]] = {
    "input_nearest_none": {"color": "#7a7f87", "linewidth": 1.2, "linestyle": ":"},
    "input_bilinear_none": {"color": "#c8641b", "linewidth": 1.2, "linestyle": "--"},
    "input_bilinear_standard": {"color": "#8b3f8f", "linewidth": 1.2, "linestyle": "-."},
    "input_bilinear_own": {"color": "#2b7d4f", "linewidth": 1.2, "linestyle": (0, (6, 1.5))},
}
CJK = ["Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "Microsoft YaHei", "SimHei"]


@dataclass(frozen=True)
class Picture:
    """What an img element needs."""

    source: str  # data URI
    width: int  # px
    height: int
    alt: str


def style(candidate: Candidate) -> dict[str, Any]:
    """How a candidate's line looks in every chart."""
    plain: dict[str, Any] = {"color": INK, "linewidth": 1.0}
    return PRODUCT_STYLE if candidate.field == "product" else STYLES.get(candidate.name, plain)


@cache
def fonts() -> list[str]:
    """Families for titles that may be Chinese: matplotlib's own, then what the machine has."""
    return ["DejaVu Sans", *sorted({f.name for f in font_manager.fontManager.ttflist} & set(CJK), key=CJK.index)]


def new_figure(width: float, height: float, dpi: int = DPI, laid_out: bool = True) -> Figure:
    """An empty figure, in inches, that no window knows of. `laid_out`: what is put on it finds its own place."""
    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained" if laid_out else None)
    FigureCanvasAgg(figure)
    return figure


def plain(axes: Axes, title: str = "") -> None:
    """Small text, faint frame, no ornament."""
    axes.tick_params(labelsize=SMALL, colors=INK, length=3, width=0.6)
    for side, spine in axes.spines.items():
        spine.set(color=FAINT, linewidth=0.8, visible=side in ("left", "bottom"))
    if title:
        axes.set_title(title, fontsize=TEXT, color=INK, loc="left")


def picture(figure: Figure, alt: str, few_colours: bool = False) -> Picture:
    """The figure as WebP in a data URI. `few_colours`: lines and letters, smaller and sharper without loss."""
    raw = io.BytesIO()
    figure.savefig(raw, format="raw", dpi=figure.dpi)
    width, height = (int(v) for v in figure.bbox.size)
    image = Image.frombytes("RGBA", (width, height), raw.getvalue()).convert("RGB")
    if few_colours:
        image = image.quantize(COLOURS, dither=Image.Dither.NONE).convert("RGB")
    return webp(image, alt, lossless=few_colours)


def webp(image: Image.Image, alt: str, lossless: bool = False) -> Picture:
    """An image as WebP in a data URI."""
    packed = io.BytesIO()
    if lossless:
        image.save(packed, "WEBP", lossless=True, method=4)
    else:
        image.save(packed, "WEBP", quality=80, method=4)
    return Picture("data:image/webp;base64," + base64.b64encode(packed.getvalue()).decode(), *image.size, alt)
