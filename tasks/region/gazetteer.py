"""The places of a region that people know by name: a CSV table in its folder, named by `places` in region.yaml."""

from __future__ import annotations

import csv
import difflib
import io
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tasks.decoded import decodable
from tasks.errors import InvalidRegion, UnreadableFile, in_a_line

COLUMNS = ("name", "name_zh", "latitude", "longitude", "rank")
LOWEST = 3  # rank of what is seen from near alone; 1: cities that everybody knows
LARGEST = 2_000_000  # bytes of a file: some ten thousand places
KINDS = "市县区镇乡"  # of a Chinese name's last character, which people leave out or not
NEAR, ALIKE = 3, 0.7  # names that are like one that nobody has: so many at most, and how like (difflib)


@dataclass(frozen=True)
class Known:
    """A place with its names; degrees north and east."""

    name: str
    name_zh: str  # empty: none
    latitude: float
    longitude: float
    rank: int

    def __str__(self) -> str:
        return f"{self.name} {self.name_zh}".strip()


def read_gazetteer(file: Path) -> list[Known]:
    """Every row's place; InvalidRegion says which row is none, or what else is wrong with the file."""
    try:
        if file.stat().st_size > LARGEST:
            raise InvalidRegion(f"{file}: more than {LARGEST / 1e6:g} MB; keep the places that people ask for")
        data, encoding = decodable(file.read_bytes())
        rows = csv.DictReader(io.StringIO(data.decode(encoding)))
        lines = list(rows)
    except OSError as error:
        why = error.strerror or in_a_line(error)
        raise InvalidRegion(f"{file}: {why}; leave `places` out, or put the table there") from None
    except UnreadableFile as error:
        raise InvalidRegion(f"{file}: {error}") from None
    except csv.Error as error:
        raise InvalidRegion(f"{file}: line {rows.line_num}: {error}; is a quotation mark open?") from None
    if rows.fieldnames is None or not set(COLUMNS) <= set(rows.fieldnames):
        raise InvalidRegion(f"{file}: its first line is not {','.join(COLUMNS)}")
    found = []
    for number, row in enumerate(lines, 2):
        try:
            place = Known(
                row["name"].strip(), row["name_zh"].strip(), float(row["latitude"]), float(row["longitude"]),
                int(row["rank"]),
            )  # fmt: skip
        except (ValueError, AttributeError, TypeError):
            place = None
        if place is None or not place.name or not (abs(place.latitude) <= 90 and abs(place.longitude) <= 360):
            raise InvalidRegion(
                f"{file}: line {number} is no place: a name, degrees north and east, a rank from 1 to {LOWEST}"
            )
        if not 1 <= place.rank <= LOWEST:
            raise InvalidRegion(f"{file}: line {number}: rank {place.rank} is not from 1 to {LOWEST}")
        found.append(place)
    count = Counter(simplified(p.name) for p in found)
    twice = sorted({p.name for p in found if count[simplified(p.name)] > 1})
    if twice:
        raise InvalidRegion(f"{file}: more than one place is called {', '.join(twice)[:200]}; tell them apart")
    return found


def simplified(name: str) -> str:
    """A name as it is compared: small letters without accents, signs and spaces; a Chinese one without its kind."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if c.isalnum())
    return letters[:-1] if len(letters) > 2 and letters[-1] in KINDS else letters


def find(places: list[Known], name: str) -> list[Known]:
    """Those of that name, in either language."""
    wanted = simplified(name)
    return [p for p in places if wanted and wanted in (simplified(p.name), simplified(p.name_zh))]


def like(places: list[Known], name: str) -> list[Known]:
    """Those whose name is nearest to one that none has, the nearest first."""
    by_name = {simplified(n): p for p in places for n in (p.name, p.name_zh) if n}
    return [by_name[n] for n in difflib.get_close_matches(simplified(name), by_name, NEAR, ALIKE)]
