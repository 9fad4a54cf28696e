"""Scenes to score on: coarse fields made from known fine ones by an operator or its second order, and statics."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.cell_means import overlap_weights
from models.geometry import with_margin
from models.operator import CELL_MEANS, Operator, Sampling
from models.statics import FINE_MARGIN, Statics, cell_sizes
from models.training.batches import Batch
from models.training.data import STATIC_FIELDS, Box, Dataset
from models.training.degradation import Lattice, both, degraded, read_at

EDGE = 4  # input cells of repeated edge around a scene, as a region at the end of its input gets them in daily use


def box_scene(
    dataset: Dataset,
    box: Box,
    time: int,
    names: list[str],
    sy: float,
    sx: float,
    rng: np.random.Generator | None = None,
    sampling: Sampling = Sampling.SAMPLES,
    centred: bool = False,
) -> Batch:
    """A box of a data set at scales sy, sx; degraded if there is a generator.

    Samples: the box's first point and every `sy`, `sx` further, read linearly; queries are all points of the box within
    them. `centred`: points in the middle of so many queries instead, as a network of one ratio has them. Means: whole
    cells from the box's edge on, and their queries. Beyond the box its edge is repeated. A variable that the data set
    lacks is absent.
    """
    top, left, height, width = dataset.box(box)
    if sampling is Sampling.SAMPLES:
        if centred:
            h, w = int(height / sy + 1e-9), int(width / sx + 1e-9)
            fines = [Lattice(0.0, 1.0, round(n * s)) for n, s in ((h, sy), (w, sx))]
            coarse = Lattice((sy - 1) / 2, sy, h), Lattice((sx - 1) / 2, sx, w)
        else:
            h, w = (int((n - 1) / s + 1e-9) + 1 for n, s in ((height, sy), (width, sx)))
            fines = [Lattice(0.0, 1.0, int((n - 1) * s + 1e-9) + 1) for n, s in ((h, sy), (w, sx))]
            coarse = Lattice(0.0, sy, h), Lattice(0.0, sx, w)
        matrices = [read_at(c.at, len(f.at)) for f, c in zip(fines, coarse, strict=True)]
        operator = Operator(sampling, dataset.footprint)
    else:
        h, w = int(height / sy + 1e-9), int(width / sx + 1e-9)
        fines = [Lattice(0.0, 1.0, round(n * s)) for n, s in ((h, sy), (w, sx))]
        coarse = Lattice(sy / 2 - 0.5, sy, h), Lattice(sx / 2 - 0.5, sx, w)
        matrices = [overlap_weights(f.seen_from(c), c.count) for f, c in zip(fines, coarse, strict=True)]
        operator = CELL_MEANS
    rows, cols = (f.seen_from(c) for f, c in zip(fines, coarse, strict=True))
    window = lambda v: dataset.window(v, time, top, left, len(rows), len(cols))  # noqa: E731
    known = [n in dataset.fields for n in names]
    empty = np.zeros((len(rows), len(cols)), dtype=np.float32)
    y = torch.from_numpy(np.stack([window(n) if k else empty for n, k in zip(names, known, strict=True)]))[None]
    fine = torch.from_numpy(np.stack([window(n) for n in STATIC_FIELDS]))[None]
    mean = y.mean(dim=(-2, -1), keepdim=True)
    pair = matrices[0], matrices[1]
    x = (both(y - mean, *pair) if rng is None else degraded(y - mean, pair, rng)) + mean
    latitudes = dataset.latitudes(top, len(rows))
    at_cells = np.interp(np.arange(-EDGE, h + EDGE), rows.centres, latitudes)
    spacing = cell_sizes(at_cells, dataset.spacing * sy, dataset.spacing * sx)
    statics = Statics(
        _edged(both(fine, *pair), EDGE), _edged(fine, FINE_MARGIN), torch.ones(1, len(STATIC_FIELDS)), spacing
    )
    present = torch.tensor([known], dtype=torch.float32)
    x = _edged(x, EDGE) * present[:, :, None, None]
    seen = operator.on(dataset.cell * float(np.sqrt(sy * sx)))
    return Batch(x, present, statics, rows.shifted(-EDGE), cols.shifted(-EDGE), seen, y)


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
