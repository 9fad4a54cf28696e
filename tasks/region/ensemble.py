"""What a region asks of an ensemble: how many members, at which lead times, which variables, which thresholds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tasks.errors import short
from tasks.passing import Passing
from tasks.region.settings import once
from tasks.variables import VARIABLES, WINDS, meant

MEMBERS = 50  # that ECMWF perturbs


class EnsembleSettings(BaseModel):
    """Of source `ens`. The members cost as many downloads and as much computing as so many forecasts."""

    model_config = ConfigDict(extra="forbid")

    members: Annotated[int, Field(ge=2, le=MEMBERS)] = 10  # the first so many: they are all alike
    every: Annotated[int, Field(ge=3, le=24, multiple_of=3)] = 6  # hours, of the region's lead times
    variables: Annotated[list[str], Field(min_length=1)] = ["t2m", "u10", "v10", "tp"]  # those that the region has
    keep: bool = False  # the members' own fields, in the product
    thresholds: list[str] = []  # how likely it is that they are passed: t2m<0, wind_speed>10.8, tp/24h>50

    @field_validator("variables")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in VARIABLES:
                raise ValueError(f"{short(name)!r} is not one of {', '.join(VARIABLES)}{meant(name)}")
        return once(names)

    @field_validator("thresholds")
    @classmethod
    def _thresholds(cls, texts: list[str]) -> list[str]:
        return once([str(_passing(text)) for text in texts])

    @model_validator(mode="after")
    def _of_whole_steps(self) -> EnsembleSettings:
        for one in self.passings:
            if one.hours % self.every:
                raise ValueError(f"threshold {one}: {one.hours} h is no multiple of every {self.every} h")
        return self

    @property
    def numbers(self) -> list[int]:
        """Of the members."""
        return list(range(1, self.members + 1))

    @property
    def passings(self) -> list[Passing]:
        """The thresholds."""
        return [Passing.parse(text) for text in self.thresholds]

    def chosen(self, variables: list[str]) -> list[str]:
        """Those of a region's variables that are asked of the ensemble, in its order."""
        return [n for n in variables if n in self.variables]


def _passing(text: str) -> Passing:
    """ValueError for what is no threshold of an ensemble."""
    try:
        one = Passing.parse(text)
    except ValueError as error:
        raise ValueError(f"{short(text)!r}: {error}") from None
    known = [n for n, v in VARIABLES.items() if not v.component] + list(WINDS)
    if one.variable not in known:
        raise ValueError(f"{short(text)!r}: ranges are known of {', '.join(known)}")
    amount = one.variable in VARIABLES and VARIABLES[one.variable].amount
    if one.hours and not amount:
        raise ValueError(f"{short(text)!r}: {one.variable} is no amount, and has no sum over {one.hours} h")
    return one


def assert_of(ensemble: EnsembleSettings, variables: list[str], hours: list[int]) -> None:
    """ValueError if a region of these variables and lead times cannot ask that of an ensemble."""
    known = spoken_of(ensemble.chosen(variables))
    if not known:
        raise ValueError(
            f"ensemble: of {', '.join(ensemble.variables)} variables has none whose ranges are known (of wind, both "
            "components have to be there)"
        )
    for one in ensemble.passings:
        if one.variable not in known:
            raise ValueError(f"ensemble: threshold {one}: ranges are of {', '.join(known)}")
        ends = {0, *(h for h in hours if h % ensemble.every == 0)}
        if one.hours and not any(h - one.hours in ends for h in ends):
            raise ValueError(f"ensemble: threshold {one}: no two lead times are {one.hours} h apart")


def spoken_of(variables: list[str]) -> dict[str, tuple[str, ...]]:
    """What an ensemble's ranges are of -> the fields it is made of: components become their speed."""
    speeds: dict[str, tuple[str, ...]] = {
        speed: parts for speed, parts in WINDS.items() if set(parts) <= set(variables)
    }
    fields: dict[str, tuple[str, ...]] = {n: (n,) for n in variables if not VARIABLES[n].component}
    return fields | speeds
