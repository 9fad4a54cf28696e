"""A box of latitudes and longitudes: one, with one order of its corners."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Box(BaseModel):
    """Latitudes and longitudes in degrees, edges included; across the date line east is above 180."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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

    @property
    def spans(self) -> list[tuple[float, float]]:
        """(west, east) in -180..180: two across the date line."""
        if self.east - self.west >= 360:
            return [(-180.0, 180.0)]
        west, east = ((x + 180) % 360 - 180 for x in (self.west, self.east))
        return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]

    def around(self, degrees: float) -> Box:
        """The box with so much more on every side, as far as the Earth goes."""
        north, south = min(self.north + degrees, 90.0), max(self.south - degrees, -90.0)
        west, east = self.west - degrees, self.east + degrees
        if east - west >= 360:
            return Box(north=north, south=south, west=-180.0, east=180.0)
        turn = 360.0 if west < -180.0 else 0.0
        return Box(north=north, south=south, west=west + turn, east=east + turn)
