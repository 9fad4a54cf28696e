"""The forecast of a place, or of many, for people and programs: `finescale point`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

import numpy as np
from pydantic import BaseModel, ConfigDict, field_serializer

from flows.products.chances import with_chances
from flows.products.choose import choose, variables_of
from flows.products.daily import Day, daily
from flows.products.places import Place
from flows.products.runs import EarlierRun, earlier_runs
from flows.products.series import Series, inside, read_series
from tasks.errors import BadInput
from tasks.handover.calibrated import LEVELS
from tasks.handover.scorecard import Quality
from tasks.locations import default_store
from tasks.storage import join
from tasks.timezones import zone_of


class PointCell(BaseModel):
    """The product's cell that the point lies in."""

    latitude: float
    longitude: float
    height: float | None  # of its terrain in m; None: not known
    land: float | None  # fraction; None: not known


class PointStep(BaseModel):
    """One lead time; its further keys are the variables of `units`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    time: datetime  # valid time, in the zone asked for
    lead_hours: float

    @field_serializer("time")
    def _iso(self, value: datetime) -> str:
        return value.isoformat(timespec="minutes")


class PointForecast(BaseModel):
    """What is forecast for a point, where that comes from and how good it is: docs/clients.md, "The shell"."""

    region: str
    cycle: str
    age_hours: float  # since the cycle's initial time
    quality: Quality
    why: list[str]
    product: str  # its URI
    place: str  # its name, of one that a file names
    latitude: float
    longitude: float
    elevation: float | None  # as asked for, in m
    cell: PointCell
    units: dict[str, str]  # variable -> unit
    members: int = 0  # of the ensemble that ranges are of; 0: stations say them
    widened: list[str] = []  # variables whose members' ranges are as wide as past runs were wrong
    quantiles: list[float] = []  # in %, where stations or members say how sure the forecast is
    # variable -> at each of the series' steps, below which values the truth lies so often
    ranges: dict[str, list[list[float]]] = {}
    sum_hours: list[float] = []  # that sums like rain are of, before each of the series' steps
    interpolated: list[float] = []  # lead times in hours that lie between the product's
    series: list[PointStep]
    earlier: list[EarlierRun] = []  # the newest first
    daily: list[Day] = []  # days that the series covers, in the zone asked for


def forecasts(
    region: str,
    places: list[Place],
    *,
    source: str | None = None,
    cycle: str | None = None,
    store: str | None = None,
    lead_hours: str | None = None,
    timezone: str | None = None,
    hub_heights: Sequence[float] = (),
    every_hour: bool = False,
    chances: list[str] | None = None,
    runs: int = 0,
    with_days: bool = True,
    day_starts: int = 0,
    now: datetime | None = None,
) -> list[PointForecast]:
    """What is forecast for each place; of several, those outside of the region are left out with a warning.

    BadInput if there is none inside, NothingPublished without a product.

    `timezone`: of the times, by name or as +08:00; default: the region's. `hub_heights`: m above the ground at which
    wind is wanted too. `every_hour`: hours between lead times as well, interpolated. `chances`: how likely what is, in
    %, as `t2m<0`. `runs`: of so many runs before it too what they forecast for the same times.
    `with_days`: days too, for which all lead times are read; `day_starts`: hour at which they begin.
    """
    asked = _zone("--timezone", timezone) if timezone is not None else None
    chosen = choose(region, source, cycle, store)
    entry = chosen.entry
    zone = asked or _zone("its product", entry.timezone)
    places = inside(chosen, places) if len(places) > 1 else places
    names = variables_of(entry, None)
    found = read_series(chosen, names, lead_hours, places, hub_heights, every_hour)
    # days are of all lead times, and the same whatever is asked of them
    days: list[list[Day]] = [[] for _ in places]
    if with_days:
        some = lead_hours is not None or every_hour
        days = daily(read_series(chosen, names, None, places, hub_heights) if some else found, zone, day_starts)
    if chances:
        found = with_chances(found, chances, entry.region)
    before = (
        earlier_runs(chosen, join(store or default_store()), runs, names, places, found)
        if runs
        else [[] for _ in places]
    )
    age = ((now or datetime.now(UTC)) - chosen.cycle.time).total_seconds() / 3600
    return [
        PointForecast(
            region=entry.region,
            cycle=entry.cycle,
            age_hours=round(age, 2),
            quality=entry.quality,
            why=entry.scorecard.why,
            product=chosen.uri,
            place=place.name,
            latitude=place.latitude,
            longitude=place.longitude,
            elevation=place.elevation,
            cell=PointCell.model_validate(series.cell, from_attributes=True),
            units=series.units,
            members=series.sure.members,
            widened=list(series.sure.widened),
            quantiles=[round(100 * level) for level in LEVELS] if series.ranges else [],
            ranges={k: np.round(v, 3).tolist() for k, v in series.ranges.items()},
            sum_hours=[round(h - b, 3) for h, b in zip(series.lead_hours, series.begins, strict=True)],
            interpolated=[h for h in series.lead_hours if h not in entry.lead_hours],
            series=_steps(series, zone),
            daily=its_days,
            earlier=earlier,
        )
        for place, series, its_days, earlier in zip(places, found, days, before, strict=True)
    ]


def _zone(whose: str, name: str) -> tzinfo:
    try:
        return zone_of(name)
    except ValueError as error:
        raise BadInput(f"{whose}: {error}") from None


def _steps(series: Series, zone: tzinfo) -> list[PointStep]:
    columns = {"lead_hours": series.lead_hours} | series.values
    return [
        PointStep.model_validate(
            {"time": time.astimezone(zone)} | {k: round(float(v[i]), 3) for k, v in columns.items()}
        )
        for i, time in enumerate(series.times)
    ]
