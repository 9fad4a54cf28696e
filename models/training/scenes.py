"""Scenes to score on: coarse fields made from known fine ones by a clean or degraded area mean, with their statics."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.cell_means import area_mean
from models.geometry import with_margin
from models.statics import FINE_MARGIN, Statics, cell_sizes
from models.training.batches import Batch, fine_axis
from models.training.data import STATIC_FIELDS, Box, Dataset
from models.training.degradation import degrade

EDGE = 4  # input cells of repeated edge around a scene, as a region at the end of its input gets them in daily use


def box_scene(
    dataset: Dataset,
    box: Box,
    time: int,
    names: list[str],
    sy: float,
    sx: float,
    rng: np.random.Generator | None = None,
) -> Batch:
    """A box of a data set at scales sy, sx; degraded if there is a generator. Queries are all whole cells of the box.

    Beyond the box its edge is repeated. A variable that the data set lacks is absent.
    """
    top, left, height, width = dataset.box(box)
    h, w = int(height / sy + 1e-9), int(width / sx + 1e-9)
    rows, cols = fine_axis(round(h * sy), sy, 0.0), fine_axis(round(w * sx), sx, 0.0)
    window = lambda v: dataset.window(v, time, top, left, len(rows), len(cols))  # noqa: E731
    known = [n in dataset.fields for n in names]
    empty = np.zeros((len(rows), len(cols)), dtype=np.float32)
    y = torch.from_numpy(np.stack([window(n) if k else empty for n, k in zip(names, known, strict=True)]))[None]
    fine = torch.from_numpy(np.stack([window(n) for n in STATIC_FIELDS]))[None]
    x = area_mean(y, rows, cols, h, w) if rng is None else degrade(y, rows, cols, h, w, rng, clean=0.0)
    latitudes = dataset.latitudes(top, len(rows))
    at_cells = np.interp(np.arange(-EDGE, h + EDGE), rows.centres, latitudes)
    spacing = cell_sizes(at_cells, dataset.spacing * sy, dataset.spacing * sx)
    coarse = _edged(area_mean(fine, rows, cols, h, w), EDGE)
    statics = Statics(coarse, _edged(fine, FINE_MARGIN), torch.ones(1, len(STATIC_FIELDS)), spacing)
    present = torch.tensor([known], dtype=torch.float32)
    x = _edged(x, EDGE) * present[:, :, None, None]
    return Batch(x, present, statics, rows.shifted(-EDGE), cols.shifted(-EDGE), y)


def with_edges(scene: Batch) -> tuple[Batch, tuple[int, int]]:
    """The scene with an input cell of queries more on every side, terrain repeating its edge, and where its own begin.

    What a product is computed with, and cut to its target afterwards; `target` stays that of the scene.
    """
    more = [math.ceil(axis.scale) for axis in (scene.rows, scene.cols)]
    fine = F.pad(scene.statics.fine, (more[1],) * 2 + (more[0],) * 2, mode="replicate")
    rows, cols = (with_margin(axis, n) for axis, n in zip((scene.rows, scene.cols), more, strict=True))
    return replace(scene, statics=replace(scene.statics, fine=fine), rows=rows, cols=cols), (more[0], more[1])


def _edged(x: Tensor, cells: int) -> Tensor:
    """With its edge repeated."""
    return F.pad(x, (cells,) * 4, mode="replicate")
