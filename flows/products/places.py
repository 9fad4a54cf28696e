"""Places that a file names, for their forecasts: a CSV table with a row a place."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

from tasks.decoded import decodable
from tasks.errors import BadInput, UnreadableFile
from tasks.region import search as regions
from tasks.region.gazetteer import find, like, read_gazetteer

# what tables call their columns, in small letters; the first is ours
NAMES = ("name", "place", "名称", "站名", "station", "id")
NUMBERS = ("number", "station", "station_id", "id", "wmo", "站号", "区站号")
LATITUDES = ("latitude", "lat", "纬度")
LONGITUDES = ("longitude", "lon", "long", "lng", "经度")
ELEVATIONS = ("elevation", "height", "altitude", "alt", "海拔")
HEADER = "name,latitude,longitude,elevation"  # the last may be missing
LOWEST, HIGHEST = -500.0, 9000.0  # m; the Dead Sea, Everest
SEPARATORS = ",;\t"
SHOWN = 3  # rows of which an error says what is wrong


@dataclass(frozen=True)
class Place:
    """Degrees north and east; elevation in m, None where none is given. `name`: none, of the one on a command line."""

    latitude: float
    longitude: float
    elevation: float | None = None
    name: str = ""
    number: str = ""  # of its station, where a table has them

    def __str__(self) -> str:
        if self.name:
            return f"{self.name} ({self.latitude:g} north, {self.longitude:g} east)"
        return f"--lat {self.latitude:g} --lon {self.longitude:g}"


def named(region: str, name: str) -> Place:
    """The place of that name in a region's table; BadInput says which names are like it, or who else is called so."""
    file = regions.load(region).places_file
    places = read_gazetteer(file) if file is not None else []
    found = find(places, name)
    if len(found) == 1:
        return Place(found[0].latitude, found[0].longitude, name=str(found[0]))
    if found:
        each = "; ".join(f"--lat {p.latitude:g} --lon {p.longitude:g}" for p in found)
        raise BadInput(f"{region} has {len(found)} places called {name[:40]!r}; say which: {each}")
    near = " or ".join(str(p) for p in like(places, name))
    hint = f"did you mean {near}?" if near else f"{file or '`places` in region.yaml'} has those that it knows;"
    raise BadInput(f"{region} knows no place {name[:40]!r}: {hint} any other goes by --lat and --lon")


def read_places(file: Path) -> list[Place]:
    """Every row's place, in the file's order; BadInput says which rows are none."""
    try:
        data, encoding = decodable(file.read_bytes())
        text = data.decode(encoding)
    except (OSError, UnreadableFile) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"{file}: {why}; give a CSV table of places (docs/clients.md)") from None
    if text.lstrip().startswith(("{", "[")):
        raise BadInput(
            f"{file}: is JSON, as GeoJSON is; give places as a CSV table with the first line {HEADER} (QGIS writes "
            "one; polygons in GeoJSON are for `finescale districts`)"
        )
    # spreadsheets separate by semicolons where a comma is the decimal sign, and copy tables with tabs
    first = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text), delimiter=max(SEPARATORS, key=first.count))
    try:
        lines = [(rows.line_num, row) for row in rows]
    except csv.Error as error:
        raise BadInput(f"{file}: line {rows.line_num}: {error}; is a quotation mark open?") from None
    columns = {str(c).strip().lower(): str(c) for c in rows.fieldnames or []}

    def column(known: tuple[str, ...]) -> str | None:
        return next((columns[c] for c in known if c in columns), None)

    name, lat, lon, elevation = (column(known) for known in (NAMES, LATITUDES, LONGITUDES, ELEVATIONS))
    number = column(NUMBERS)
    if lat is None or lon is None:
        raise BadInput(
            f"{file}: its first line has to name columns latitude and longitude, and "
            + (f"names {', '.join(columns)[:200]}" if columns else "there is none")
            + f"; write it like {HEADER}"
        )
    places, wrong = [], []
    for line, row in lines:
        if not any(str(cell or "").strip() for cell in row.values()):
            continue  # spreadsheets leave rows of commas
        try:
            height = (row[elevation] or "").strip() if elevation is not None else ""
            place = Place(
                degrees(row[lat] or "", "NS"), degrees(row[lon] or "", "EW"), _height(height),
                name=((row[name] or "").strip() if name is not None else "") or f"line {line}",
                number=(row[number] or "").strip() if number is not None else "",
            )  # fmt: skip
        except ValueError as error:
            wrong.append(f"line {line}: {error}")
            continue
        places.append(place)
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise BadInput(f"{file}: {'; '.join(wrong[:SHOWN])}{more}")
    if not places:
        raise BadInput(f"{file}: no places in it")
    return places


# 30.6, 30.6N, N30.6, 30°36', 30°36'12"N, -114.3; minutes and seconds as people and keyboards write them
DEGREES = re.compile(
    r"""(?P<before>[NSEW])?\s*(?P<sign>[-+])?(?P<degrees>\d+(?:\.\d*)?|\.\d+)\s*°?\s*
    (?:(?P<minutes>\d+(?:\.\d*)?)\s*['′’]\s*(?:(?P<seconds>\d+(?:\.\d*)?)\s*(?:"|″|”|'')\s*)?)?(?P<after>[NSEW])?""",
    re.VERBOSE | re.IGNORECASE,
)


def degrees(text: str, letters: str = "NSEW") -> float:
    """Degrees north or east, south and west negative; ValueError says what stands there instead.

    `letters`: those that may stand beside, NS or EW.
    """
    found = DEGREES.fullmatch(text.strip())
    if found is None:
        return _number(text)
    minutes, seconds = (float(found[part] or 0) for part in ("minutes", "seconds"))
    if (found["before"] and found["after"]) or minutes >= 60 or seconds >= 60:
        raise ValueError(f"{text[:40]!r} is no place's")
    value = float(found["degrees"]) + minutes / 60 + seconds / 3600
    letter = (found["before"] or found["after"] or "").upper()
    if letter and letter not in letters:
        raise ValueError(f"{text[:40]!r} is {'east or west' if letter in 'EW' else 'north or south'}: swapped?")
    south_or_west = letter in ("S", "W")
    if south_or_west and found["sign"] == "-":
        raise ValueError(f"{text[:40]!r} is no place's: minus and {found['before'] or found['after']}")
    return -value if south_or_west or found["sign"] == "-" else value


def _height(text: str) -> float | None:
    """In m; None where there is none, which tables write as -9999 or -999 too."""
    if not text:
        return None
    value = _number(text)
    if value in (-9999.0, -999.0):
        return None
    if not LOWEST <= value <= HIGHEST:
        raise ValueError(f"{text[:40]!r} is no height on land in m")
    return value


def _number(text: str | None) -> float:
    """A finite one; ValueError says what stands there instead."""
    try:
        value = float(text or "")
    except ValueError:
        raise ValueError(f"{(text or '')[:40]!r} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{(text or '')[:40]!r} is no place's")
    return value
