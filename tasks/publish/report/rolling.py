"""Picture of a region's rolling table."""

from __future__ import annotations

import io

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tasks.rolling import ours


def rolling_picture(table: pd.DataFrame, title: str) -> bytes:
    """PNG of RMSE by cycle."""
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, rows in ours(table).groupby("variable"):
        axes.plot(rows["cycle"], rows["rmse"], label=str(name))
    axes.set_title(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
