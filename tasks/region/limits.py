"""Limits of the gate, which a region may set."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.region.settings import Positive


class GateLimits(BaseModel):
    """Limits of the gate. Hard ones: a product outside is quarantined. Soft ones: it is published as degraded."""

    model_config = ConfigDict(extra="forbid")

    # hard; of the input's standard deviation: product averaged back against its input, of an input of means
    recoarsening: Positive = 0.01
    seam: Positive = 1.5  # hard; mean jump across a tile's border over the largest within ten points of it
    # hard; the same of an input of samples, read at its points. What a product is off by because its terrain is higher
    # or lower there than the input's counts a quarter; IFS over Hubei 0.02, ERA5 over eastern China 0.17
    reading: Positive = 0.25
    # hard; RMSE against stations over the highest of the last `history_days`, where so many cycles are known
    history: Positive = 2.0
    history_days: Annotated[int, Field(ge=7)] = 90
    history_cycles: Annotated[int, Field(ge=2)] = 20
    stations: Annotated[int, Field(ge=1)] = 5  # soft; fewer say nothing of a product
    # soft; share by which RMSE may be above that of bilinear interpolation brought to the station's height, where the
    # difference is beyond chance
    worse: Annotated[float, Field(ge=0)] = 0.0
    spread: tuple[Positive, Positive] = (0.8, 1.25)  # soft; of an ensemble, over its mean's RMSE at stations
