"""A place's forecast as tables: for people, and as CSV for programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence

from flows.products.chances import shown
from flows.products.daily import SUMS, variable_of
from flows.products.point import PointForecast
from flows.products.series import compass
from tasks.errors import BadInput
from tasks.handover.calibrated import LEVELS
from tasks.present import display
from tasks.timezones import label_of

HEADINGS = {
    "wind_speed": "wind", "wind_direction": "from", "tp": "rain", "fg10": "gust", "wind_speed_100": "100 m wind",
    "wind_direction_100": "from", "tcc": "cloud", "ssrd": "sun", "strd": "sky",
    "mx2t": "highest", "mn2t": "lowest", "sf": "snowfall", "sd": "snow",
}  # fmt: skip

PLACE = ["place", "latitude", "longitude", "height [m]"]  # columns of tables
SHOWN = (0.1, 0.9)  # quantiles that people are shown
FOLLOWED = ("t2m", "tp", "wind_speed")  # from run to run, in the table for people
RADIATION = ("ssrd", "strd")
MJ_PER_WATT_HOUR = 0.0036
DIRECTIONS = {"wind_direction", "wind_direction_100"}


def csv_lines(found: list[PointForecast]) -> Iterator[str]:
    """A table for programs: a row a place and lead time; what is missing is an empty cell.

    Of what stations say how sure it is, columns for the range SHOWN follow. Where hours between lead times are asked
    for, a last column says of each row whether it is one: 1 or 0.
    """
    units = found[0].units
    head = [*PLACE, "time", "lead [h]", *(f"{n} [{u}]" for n, u in units.items())]
    head += [f"{n} {100 * level:.0f} % [{units[n]}]" for n in found[0].ranges for level in SHOWN]
    head += ["interpolated"] if found[0].interpolated else []
    for forecast in [None, *found]:
        yield _csv([head] if forecast is None else list(_rows(forecast)))


def csv_days(found: list[PointForecast]) -> Iterator[str]:
    """A table for programs: a row a place and day; what is missing is an empty cell."""
    names = list(found[0].daily[0].__pydantic_extra__)
    units = [f"{n} [{found[0].units[variable_of(n)]}]" for n in names]
    yield _csv([[*PLACE, "day", "covered [h]", *units]])
    for one in found:
        for day in one.daily:
            values = (day.__pydantic_extra__[n] for n in names)
            cells = ["" if not math.isfinite(v) else v for v in values]
            yield _csv([[*_place(one), day.day.isoformat(), day.hours, *cells]])


def _csv(rows: Sequence[Sequence[object]]) -> str:
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    return table.getvalue()


def _place(found: PointForecast) -> list[str | float]:
    """PLACE: its name, where it is, and the height that its values are of."""
    height = found.elevation if found.elevation is not None else found.cell.height
    return [found.place, found.latitude, found.longitude, "" if height is None else round(height, 1)]


def _rows(found: PointForecast) -> Iterator[list[str | float]]:
    for i, step in enumerate(found.series):
        values = [step.__pydantic_extra__[n] for n in found.units]
        yield [
            *_place(found), step.time.isoformat(timespec="minutes"), step.lead_hours,
            *(v if math.isfinite(v) else "" for v in values),
            *(found.ranges[n][i][LEVELS.index(level)] for n in found.ranges for level in SHOWN),
            *([int(step.lead_hours in found.interpolated)] if found.interpolated else []),
        ]  # fmt: skip


def heading_lines(found: PointForecast, by_day: bool = False) -> list[str]:
    """Which forecast this is, how old, how good and why, and of which terrain; `by_day`: above a table of days."""
    cell, age = found.cell, found.age_hours
    height = f"terrain {cell.height:.0f} m" if cell.height is not None else "height of the terrain unknown"
    old = f"{age:.0f} h" if age < 72 else f"{age / 24:.1f} d"
    lines = [
        f"{found.region} {found.cycle}, {old} since its start; {found.quality}",
        *(f"  {why}" for why in found.why),
        f"{found.place}{': ' if found.place else ''}cell {cell.latitude:g} north, {cell.longitude:g} east; {height}",
    ]
    if not by_day and (line := _sums(found)):
        lines.append(line)
    if found.interpolated and not by_day:
        given = ", ".join(f"{s.lead_hours:g}" for s in found.series if s.lead_hours not in found.interpolated)
        lines.append(f"hours between lead times are interpolated, all sums too; the forecast has {given} h")
    if found.earlier:
        cycles = ", ".join(run.cycle.partition("/")[2] for run in found.earlier)
        lines.append(f"behind each value what earlier runs forecast, of {cycles}")
    elif found.quantiles and not by_day:
        who = f"{found.members} members" if found.members else "errors at stations"
        who += f", and of {', '.join(found.widened)} the errors of past runs" if found.widened else ""
        lines.append(f"in brackets: the truth lies within eight times in ten, as {who} say")
    if found.elevation is not None and "t2m" in found.units:
        lines.append(
            f"from {cell.height:.0f} m to {found.elevation:g} m: temperature by 6.5 K/km, dew point and pressure with "
            "it; all else is the cell's"
        )
    return lines


def _sums(found: PointForecast) -> str:
    """Which time sums like rain are of; nothing where there are none."""
    names = [heading(n) for n in found.units if n in SUMS]
    if not names or not found.sum_hours:
        return ""
    ends, spans = [s.lead_hours for s in found.series], found.sum_hours
    over = f"{spans[-1]:g} h" if len(set(spans[1:] or spans)) == 1 else "time since the lead time"
    gaps = any(e - span > before + 1e-6 for before, e, span in zip(ends, ends[1:], spans[1:], strict=False))
    between = "; what comes in between is in none of these times" if gaps else ""
    return f"{', '.join(names)}: of the {over} before each time{between}{_mean_flux(found)}"


def _mean_flux(found: PointForecast) -> str:
    """How sums of radiation become means, beside whose W/m² they would be held."""
    here = [heading(n) for n in found.units if n in RADIATION]
    if not here:
        return ""
    hours = set(found.sum_hours[1:] or found.sum_hours)
    by = f"{MJ_PER_WATT_HOUR * hours.pop():g}" if len(hours) == 1 else f"{MJ_PER_WATT_HOUR:g} and these hours"
    return f"; {', '.join(here)} in MJ/m² is a sum, divided by {by} a mean in W/m²"


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


def heading(variable: str) -> str:
    """What a column is called for people."""
    hub = variable.removeprefix("wind_speed_")
    return HEADINGS.get(variable) or (f"{hub} m wind" if hub != variable else variable)


def table_of(found: PointForecast) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a line a lead time."""
    zones = {label_of(step.time) for step in found.series}  # two where clocks are changed between
    header = [
        f"time {zones.pop()}" if len(zones) == 1 else "time",
        "lead h",
        *(f"{heading(n)} {u}" for n, u in found.units.items()),
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
        header.append(f"{heading(variable)} {how} {found.units[variable]}")
    rows = [[day.heading, *(_rounded(variable_of(n), day.__pydantic_extra__[n]) for n in names)] for day in found.daily]
    return header, rows
