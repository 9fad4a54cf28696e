"""A box of latitudes and longitudes: one, with one order of its corners."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Box(BaseModel):
    """Bounding box of the target grid's points, degrees."""

    model_config = ConfigDict(extra="forbid")

    north: Annotated[float, Field(ge=-90, le=90)]
    south: Annotated[float, Field(ge=-90, le=90)]
    west: Annotated[float, Field(ge=-180, le=180)]
    east: Annotated[float, Field(ge=-180, le=540, description="larger than west; above 180 across the date line")]

    @model_validator(mode="after")
    def _ordered(self) -> Box:
        if self.north <= self.south:
            raise ValueError(f"north {self.north:g} must be above south {self.south:g}")
        if not 0 < self.east - self.west <= 360:
            raise ValueError(f"east {self.east:g} must be 0 to 360 degrees east of west {self.west:g}")
        return self
