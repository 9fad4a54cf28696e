"""What an input value is: the observation operator of a source, and the same seen from one input grid.

A value is a *sample* (linear interpolation at the grid point, which is how ECMWF's MIR and the CDS make their regular
grids) or a *mean over the cell*. The field that is sampled is itself a mean over its native cells: its footprint.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from models.constants import DEGREE


class Sampling(StrEnum):
    """How a regular grid's value comes from the native field."""

    SAMPLES = "samples"  # linear at the grid point
    MEANS = "means"  # over the grid's cell


@dataclass(frozen=True)
class Operator:
    """What a source's value is; `footprint` in km is the cell over which the native field is a mean.

    Of means over the grid's own cells the footprint says nothing, and is not looked at.
    """

    sampling: Sampling
    footprint: float

    @property
    def terrain(self) -> float:
        """Width in km over which heights of a finer elevation model are averaged to be like the model's own terrain.

        A model's terrain is smoother than its cells: of IFS and ERA5 it is best met by 25 and 55 km
        (benchmarks/accuracy/own_terrain.py), what lies between is read off a line through these two.
        """
        return 12.5 + 1.375 * self.footprint

    def on(self, cell: float, target: float | None = None) -> Seen:
        """The same on a grid of `cell` km, where a field of footprint `target` km is asked for: by default its own."""
        if self.sampling is Sampling.MEANS:
            return MEANS
        return Seen(self.sampling, self.footprint / cell, (self.footprint if target is None else target) / cell)


# MIR's default for every field but categorical ones, rain included, https://confluence.ecmwf.int/x/mIA9CQ
# ("Interpolation"), ecmwf/mir DefaultParametrisation.cc: linear on the native points, O1280 and N320
IFS = Operator(Sampling.SAMPLES, 9.0)
ERA5 = Operator(Sampling.SAMPLES, 31.0)
ERA5_LAND = Operator(Sampling.SAMPLES, 9.0)  # doi:10.5194/essd-13-4349-2021: on O1280
AIFS = Operator(Sampling.SAMPLES, 31.0)  # computes on ERA5's own grid, N320: doi:10.48550/arXiv.2406.01465
CELL_MEANS = Operator(Sampling.MEANS, 0.0)


@dataclass(frozen=True)
class Seen:
    """An operator in input cells: what a network can know of it.

    `footprint` of the input's native field, `target` of the field that is asked for; both 1 for means over cells, where
    what is asked for are means over query cells.
    """

    sampling: Sampling
    footprint: float
    target: float

    def detail(self, scale: float) -> tuple[float, float]:
        """(octaves between the input's cells and the detail asked for, octaves that the input's footprint hides)."""
        if self.sampling is Sampling.MEANS:
            return math.log2(scale), 0.0
        return -math.log2(self.target), max(math.log2(self.footprint / self.target), 0.0)

    def code(self, scale: float) -> list[float]:
        """What a modulator is told, (CODE,): sampling, detail asked for, detail hidden."""
        octaves, hidden = self.detail(scale)
        return [float(self.sampling is Sampling.MEANS), octaves / 3, hidden / 2]


CODE = 3
MEANS = Seen(Sampling.MEANS, 1.0, 1.0)


def cell_km(dlat: float, dlon: float) -> float:
    """Size of a regular grid's cells in km at the equator: what footprints are compared with."""
    return DEGREE * math.sqrt(dlat * dlon)
