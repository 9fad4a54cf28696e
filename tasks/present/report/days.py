"""The forecast day by day, as people plan: highest and lowest temperature, rain and the strongest wind of each day."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

import numpy as np
import xarray as xr
from PIL import Image, ImageDraw

from tasks.grids.gridded import lead_times
from tasks.present import display
from tasks.present.display import Display
from tasks.present.quicklook import colour_map, outline, thinned
from tasks.present.report.pictures import Picture, webp
from tasks.timezones import day_of, shares, spans_of

# title -> what it is made of, how its lead times become a day's value, and how it is shown
ROWS = {
    "highest temperature": (("t2m",), np.fmax, "t2m"),
    "lowest temperature": (("t2m",), np.fmin, "t2m"),
    "precipitation": (("tp",), np.add, "tp"),
    "strongest wind": (("u10", "v10"), np.fmax, "wind_speed"),
}
WIDTH = 240  # px of a map, shown half as wide
NOTHING = (222, 226, 230)  # colour of what is missing
INK = (22, 33, 43)


@dataclass(frozen=True)
class Row:
    """One quantity's maps, a day each."""

    title: str
    unit: str
    low: str  # ends of the scale of colours
    high: str
    colours: str  # CSS
    maps: list[Picture]
    ranges: list[str]  # of the middle nine tenths of the region


@dataclass(frozen=True)
class Days:
    """A table of maps."""

    days: list[str]
    rows: list[Row]


def days(product: xr.Dataset, boundary: Path | None, zone: tzinfo) -> Days | None:
    """Of a product (step, latitude, longitude), SI, with `valid_time`; days are those of the zone. None without any."""
    small, rings = thinned(product, 2 * WIDTH), outline(boundary)
    seconds = np.atleast_1d(product["valid_time"].values).astype("datetime64[s]")
    times = [t.replace(tzinfo=UTC) for t in seconds.tolist()]
    rows, named = [], {span.day: span.heading for span in spans_of(times[0], times[-1], zone)}
    begins = _begins(product, times)
    for names in dict.fromkeys(names for names, _, _ in ROWS.values()):
        if not named or not set(names) <= set(small):
            continue
        mine = {title: (combine, shown) for title, (n, combine, shown) in ROWS.items() if n == names}
        found: dict[str, dict[date, np.ndarray]] = {title: {} for title in mine}
        for i, field in _fields(small, names):  # read once, whatever is made of it
            for title, (combine, _) in mine.items():
                amount = combine is np.add  # what falls over midnight is shared by the time that each day has of it
                parts = shares(begins[i], times[i], zone) if amount else {day_of(times[i], zone): 1.0}
                days_so_far = found[title]
                for day, share in ((d, s) for d, s in parts.items() if d in named):
                    part = share * field if amount else field
                    days_so_far[day] = combine(days_so_far[day], part) if day in days_so_far else part
        for title, (_, shown) in mine.items():
            if all(day in found[title] for day in named):
                how = display.of(shown)
                fields = {d: how.shown(found[title][d]) for d in named}
                rows.append(_row(title, how, fields, small, rings, named))
    return Days(list(named.values()), rows) if rows else None


def _begins(product: xr.Dataset, times: list[datetime]) -> list[datetime]:
    """When the sums of each lead time begin; where nobody says it, at the lead time before, first with the forecast."""
    start = times[0] - timedelta(seconds=int(product["step"].values[0] / np.timedelta64(1, "s")))
    if "step_bounds" not in product:
        return [start, *times[:-1]]
    seconds = product["step_bounds"].values[:, 0] / np.timedelta64(1, "s")
    return [start + timedelta(seconds=int(s)) for s in seconds]


def _fields(ds: xr.Dataset, names: tuple[str, ...]) -> Iterator[tuple[int, np.ndarray]]:
    """(index, (latitude, longitude)) of a variable's lead times, or of a wind's speed."""
    for parts in zip(*(lead_times(ds[n]) for n in names), strict=True):
        fields = [field for _, field in parts]
        yield parts[0][0], fields[0] if len(fields) == 1 else np.hypot(*fields)


def _row(
    title: str, how: Display, by_day: dict[date, np.ndarray], ds: xr.Dataset, rings: list[np.ndarray],
    named: dict[date, str],
) -> Row:  # fmt: skip
    every = np.stack(list(by_day.values()))
    every = every[np.isfinite(every)]
    low, high = (float(np.percentile(every, q)) for q in (0.5, 99.5)) if every.size else (0.0, 0.0)
    low = 0.0 if how.from_zero else low
    high = max(high, low + how.span)
    maps, ranges = [], []
    for day, values in by_day.items():
        there = values[np.isfinite(values)]
        ends = [f"{float(np.percentile(there, q)):.0f}" for q in (5, 95)] if there.size else ["–"]
        text = " to ".join(dict.fromkeys("0" if e == "-0" else e for e in ends))
        ranges.append(text.replace("-", "−"))
        maps.append(webp(_map(values, low, high, how, ds, rings), f"{title}, {named[day]}: {text} {how.unit}"))
    stops = [colour_map(how.colours)(f) for f in np.linspace(0, 1, 9)]
    css = ", ".join("#" + "".join(f"{round(255 * c):02x}" for c in stop[:3]) for stop in stops)
    ends_of = (f"{low:.0f}".replace("-", "−"), f"{high:.0f}".replace("-", "−"))
    return Row(title, how.unit, *ends_of, f"linear-gradient(to right, {css})", maps, ranges)


def _map(
    values: np.ndarray, low: float, high: float, how: Display, ds: xr.Dataset, rings: list[np.ndarray]
) -> Image.Image:
    """Painted cell by cell: matplotlib would take as long for one of these as this takes for all."""
    colours = (255 * colour_map(how.colours)((values - low) / (high - low))[..., :3]).round().astype(np.uint8)
    colours[~np.isfinite(values)] = NOTHING
    west, east, north, south = (float(v) for v in (ds.longitude[0], ds.longitude[-1], ds.latitude[0], ds.latitude[-1]))
    aspect = 1 / math.cos(math.radians((north + south) / 2))
    size = (WIDTH, max(round(WIDTH * (north - south) * aspect / (east - west)), 1))
    image = Image.fromarray(colours).resize(size, Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(image)
    for ring in rings:
        x = (ring[:, 0] - west) / (east - west) * size[0]
        y = (north - ring[:, 1]) / (north - south) * size[1]
        pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=INK, width=1)
    return image
