"""The forecast of a place, or of many, for people and programs: `finescale point`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo

import numpy as np
from pydantic import BaseModel, ConfigDict, field_serializer

from flows.products.chances import shown, with_chances
from flows.products.choose import choose, steps_of, variables_of
from flows.products.daily import Day, daily, variable_of
from flows.products.places import Place
from flows.products.runs import EarlierRun, earlier_runs
from flows.products.series import Series, compass, read_series
from tasks.errors import BadInput
from tasks.handover.calibrated import LEVELS
from tasks.handover.scorecard import Quality
from tasks.locations import default_store
from tasks.present import display
from tasks.storage import join
from tasks.timezones import label_of, zone_of

HEADINGS = {
    "wind_speed": "wind", "wind_direction": "from", "tp": "rain", "fg10": "gust", "wind_speed_100": "100 m wind",
    "wind_direction_100": "from", "wind_speed_hub": "hub wind", "tcc": "cloud", "ssrd": "sun", "strd": "sky",
    "mx2t": "highest", "mn2t": "lowest", "sf": "snowfall", "sd": "snow",
}  # fmt: skip

SHOWN = (0.1, 0.9)  # quantiles that people are shown
FOLLOWED = ("t2m", "tp", "wind_speed")  # from run to run, in the table for people
DIRECTIONS = {"wind_direction", "wind_direction_100"}


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
    hub_height: float | None = None,
    every_hour: bool = False,
    chances: list[str] | None = None,
    runs: int = 0,
    with_days: bool = True,
    now: datetime | None = None,
) -> list[PointForecast]:
    """What is forecast for each place; BadInput if one is outside of the region, NothingPublished without a product.

    `timezone`: of the times, by name or as +08:00; default: the region's. `hub_height`: m above the ground at which
    wind is wanted too. `every_hour`: hours between lead times as well, interpolated. `chances`: how likely what is, in
    %, as `t2m<0`. `runs`: of so many runs before it too what they forecast for the same times.
    `with_days`: days too, for which all lead times are read.
    """
    asked = _zone("--timezone", timezone) if timezone is not None else None
    chosen = choose(region, source, cycle, store)
    entry = chosen.entry
    zone = asked or _zone("its product", entry.timezone)
    names = variables_of(entry, None)
    found = read_series(chosen, names, steps_of(entry, lead_hours), places, hub_height, every_hour)
    # days are of all lead times, and the same whatever is asked of them
    days: list[list[Day]] = [[] for _ in places]
    if with_days:
        some = lead_hours is not None or every_hour
        days = daily(read_series(chosen, names, steps_of(entry, None), places, hub_height) if some else found, zone)
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
            interpolated=[h for h in series.lead_hours if h not in entry.lead_hours],
            series=_steps(series, zone),
            daily=its_days,
            earlier=earlier,
        )
        for place, series, its_days, earlier in zip(places, found, days, before, strict=True)
    ]


def csv_lines(found: list[PointForecast]) -> Iterator[str]:
    """A table for programs: a row a place and lead time; what is missing is an empty cell.

    Of what stations say how sure it is, columns for the range SHOWN follow. Where hours between lead times are asked
    for, a last column says of each row whether it is one: 1 or 0.
    """
    units = found[0].units
    head = ["place", "latitude", "longitude", "time", "lead [h]", *(f"{n} [{u}]" for n, u in units.items())]
    head += [f"{n} {100 * level:.0f} % [{units[n]}]" for n in found[0].ranges for level in SHOWN]
    head += ["interpolated"] if found[0].interpolated else []
    for forecast in [None, *found]:
        yield _csv([head] if forecast is None else list(_rows(forecast)))


def csv_days(found: list[PointForecast]) -> Iterator[str]:
    """A table for programs: a row a place and day; what is missing is an empty cell."""
    names = list(found[0].daily[0].__pydantic_extra__)
    yield _csv([["place", "latitude", "longitude", "day", *(f"{n} [{found[0].units[variable_of(n)]}]" for n in names)]])
    for one in found:
        place = [one.place, one.latitude, one.longitude]
        days = ((d.day.isoformat(), [d.__pydantic_extra__[n] for n in names]) for d in one.daily)
        yield _csv([[*place, day, *(v if math.isfinite(v) else "" for v in values)] for day, values in days])


def _csv(rows: Sequence[Sequence[object]]) -> str:
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    return table.getvalue()


def _rows(found: PointForecast) -> Iterator[list[str | float]]:
    for i, step in enumerate(found.series):
        values = [step.__pydantic_extra__[n] for n in found.units]
        yield [
            found.place, found.latitude, found.longitude, step.time.isoformat(timespec="minutes"), step.lead_hours,
            *(v if math.isfinite(v) else "" for v in values),
            *(found.ranges[n][i][LEVELS.index(level)] for n in found.ranges for level in SHOWN),
            *([int(step.lead_hours in found.interpolated)] if found.interpolated else []),
        ]  # fmt: skip


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


def heading_lines(found: PointForecast) -> list[str]:
    """Which forecast this is, how old, how good and why, and of which terrain."""
    cell, age = found.cell, found.age_hours
    height = f"terrain {cell.height:.0f} m" if cell.height is not None else "height of the terrain unknown"
    old = f"{age:.0f} h" if age < 72 else f"{age / 24:.1f} d"
    lines = [
        f"{found.region} {found.cycle}, {old} since its start; {found.quality}",
        *(f"  {why}" for why in found.why),
        f"{found.place}{': ' if found.place else ''}cell {cell.latitude:g} north, {cell.longitude:g} east; {height}",
    ]
    if found.interpolated:
        given = ", ".join(f"{s.lead_hours:g}" for s in found.series if s.lead_hours not in found.interpolated)
        lines.append(f"hours between lead times are interpolated, all sums too; the forecast has {given} h")
    if found.earlier:
        cycles = ", ".join(run.cycle.partition("/")[2] for run in found.earlier)
        lines.append(f"behind each value what earlier runs forecast, of {cycles}")
    elif found.quantiles:
        who = f"{found.members} members" if found.members else "errors at stations"
        who += f", and of {', '.join(found.widened)} the errors of past runs" if found.widened else ""
        lines.append(f"in brackets: the truth lies within eight times in ten, as {who} say")
    if found.elevation is not None and "t2m" in found.units:
        lines.append(
            f"temperature brought from {cell.height:.0f} m to {found.elevation:g} m by 6.5 K/km; all else is the cell's"
        )
    return lines


def _cell(found: PointForecast, i: int, name: str, value: float) -> str:
    """A value as people read it, with what earlier runs said, or with its range where that is known."""
    if name not in display.TABLE:
        return shown(value)
    text = _rounded(name, value)
    if found.earlier:
        before = [run.values.get(name, [None] * (i + 1))[i] for run in found.earlier] if name in FOLLOWED else []
        return text + (f" | {' '.join('–' if v is None else _rounded(name, v) for v in before)}" if before else "")
    text += _bounds(found, i, name)
    return f"{text} {compass(value)}" if name in DIRECTIONS else text


def _rounded(name: str, value: float) -> str:
    """With as many decimals as are shown, and no minus before a zero; a direction from the north is 360, calm is 0."""
    rounded = round(value, display.of(name).decimals) + 0.0
    if name in DIRECTIONS and rounded == 0 and value > 0:
        rounded = 360.0
    return f"{rounded:.{display.of(name).decimals}f}"


def _bounds(found: PointForecast, i: int, name: str) -> str:
    """The range SHOWN of a lead time's value, in brackets; nothing where nobody knows."""
    if name not in found.ranges:
        return ""
    low, high = (_rounded(name, found.ranges[name][i][LEVELS.index(level)]) for level in SHOWN)
    return f" ({low} to {high})"


def table_of(found: PointForecast) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a line a lead time."""
    zones = {label_of(step.time) for step in found.series}  # two where clocks are changed between
    header = [
        f"time {zones.pop()}" if len(zones) == 1 else "time",
        "lead h",
        *(f"{HEADINGS.get(n, n)} {u}" for n, u in found.units.items()),
    ]
    rows = []
    for i, step in enumerate(found.series):
        zone = f" {label_of(step.time)}" if header[0] == "time" else ""
        cells = [f"{step.time:%Y-%m-%d %H:%M}{zone}", f"{step.lead_hours:g}"]
        for name in found.units:
            value = step.__pydantic_extra__[name]
            cells.append(_cell(found, i, name, value))
        rows.append(cells)
    return header, rows


def table_of_days(found: PointForecast) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a line a day. BadInput where the lead times cover none."""
    if not found.daily:
        raise BadInput(f"--daily: {found.cycle} covers no day: its lead times span less than 15 hours of any")
    names = list(found.daily[0].__pydantic_extra__)
    words = {"max": "highest", "min": "lowest", "sum": "sum"}
    header = [f"day {label_of(found.series[0].time)}"]
    for name in names:
        variable = variable_of(name)
        how = words[name.removeprefix(f"{variable}_")]
        header.append(f"{HEADINGS.get(variable, variable)} {how} {found.units[variable]}")
    rows = [[day.heading, *(_rounded(variable_of(n), day.__pydantic_extra__[n]) for n in names)] for day in found.daily]
    return header, rows
