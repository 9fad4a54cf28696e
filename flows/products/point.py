"""A place's forecast for people and programs: `finescale point`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from flows.products.choose import choose, steps_of, variables_of
from flows.products.series import Series, compass, read_series
from tasks.errors import BadInput
from tasks.present import display

HEADINGS = {"wind_speed": "wind", "wind_direction": "from", "tp": "rain"}


def point(
    region: str,
    latitude: float,
    longitude: float,
    *,
    source: str = "ifs",
    cycle: str | None = None,
    store: str | None = None,
    lead_hours: str | None = None,
    elevation: float | None = None,
    utc_offset: float = 0.0,
    now: datetime | None = None,
) -> dict[str, Any]:
    """What is forecast for a place, with where that comes from and how good it is; keys as in docs/products.md."""
    if not -12 <= utc_offset <= 14:
        raise BadInput(f"--utc-offset {utc_offset:g}: give hours from -12 to 14")
    chosen = choose(region, source, cycle, store)
    entry = chosen.entry
    series = read_series(
        chosen, variables_of(entry, None), steps_of(entry, lead_hours), latitude, longitude, elevation
    )  # fmt: skip
    zone, cell = timezone(timedelta(hours=utc_offset)), series.cell
    age = ((now or datetime.now(UTC)) - chosen.cycle.time).total_seconds() / 3600
    return {
        "region": entry.region,
        "cycle": entry.cycle,
        "age_hours": round(age, 2),
        "quality": entry.quality,
        "why": entry.scorecard.why,
        "product": chosen.uri,
        "latitude": latitude,
        "longitude": longitude,
        "elevation": elevation,
        "cell": {"latitude": cell.latitude, "longitude": cell.longitude, "height": cell.height, "land": cell.land},
        "units": series.units,
        "series": _rows(series, zone),
    }


def _rows(series: Series, zone: timezone) -> list[dict[str, Any]]:
    rows = []
    for time, values in zip(series.times, series.values.to_dict("records"), strict=True):
        rows.append({"time": time.astimezone(zone).isoformat(timespec="minutes")} | {
            str(k): round(float(v), 3) for k, v in values.items()
        })  # fmt: skip
    return rows


def heading_lines(found: dict[str, Any]) -> list[str]:
    """Which forecast this is, how old, how good and why, and of which terrain."""
    cell, age = found["cell"], found["age_hours"]
    height = f"terrain {cell['height']:.0f} m" if cell["height"] is not None else "height of the terrain unknown"
    old = f"{age:.0f} h" if age < 72 else f"{age / 24:.1f} d"
    lines = [
        f"{found['region']} {found['cycle']}, {old} since its start; {found['quality']}",
        *(f"  {why}" for why in found["why"]),
        f"cell {cell['latitude']:g} north, {cell['longitude']:g} east; {height}",
    ]
    if found["elevation"] is not None and "t2m" in found["units"]:
        lines.append(
            f"temperature brought from {cell['height']:.0f} m to {found['elevation']:g} m by 6.5 K/km; all else is "
            "the cell's"
        )
    return lines


def table_of(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a line a lead time."""
    units = found["units"]
    offset = datetime.fromisoformat(found["series"][0]["time"]).strftime("%z")
    zone = "UTC" if offset == "+0000" else f"UTC{offset[:3]}:{offset[3:]}"
    header = [f"time {zone}", "lead h", *(f"{HEADINGS.get(n, n)} {u}" for n, u in units.items())]
    rows = []
    for row in found["series"]:
        cells = [row["time"][:16].replace("T", " "), f"{row['lead_hours']:g}"]
        for name in units:
            said = f"{row[name]:.{display.of(name).decimals}f}"
            cells.append(f"{said} {compass(row[name])}" if name == "wind_direction" else said)
        rows.append(cells)
    return header, rows
