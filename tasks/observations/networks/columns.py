"""Columns as people write them, made numbers, times and names; each error names column, row and remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

import pandas as pd

from tasks.errors import BadInput
from tasks.observations.networks.missing import TRACES, WORDS

# Names that other archives have, beside ours
SYNONYMS = {
    "latitude": ("lat", "y", "纬度"),
    "longitude": ("lon", "long", "lng", "x", "经度"),
    "station": ("station_id", "id", "stid", "wmo", "wmo_id", "site", "icao", "name", "站号", "区站号"),
    "time": ("time_utc", "date", "datetime", "valid", "valid_time", "timestamp", "obstime", "utc", "时间"),
    "elevation": ("elevation_m", "elev", "alt", "altitude", "height", "海拔"),
    "t2m_K": ("t2m", "temp", "temperature", "tmp", "tas", "气温"),
    "d2m_K": ("d2m", "dewpoint", "dew_point", "dwpt", "td", "露点"),
    "msl_Pa": ("msl", "slp", "mslp"),
    "sp_Pa": ("sp", "pressure", "pres", "stp"),
    "wind_speed_ms": ("wind_speed", "wspd", "ff", "风速"),
    "wind_dir_deg": ("wind_direction", "wdir", "dd", "风向"),
    "precip_mm": ("precip", "precipitation", "rain", "prcp", "降水"),
    "forecast": ("fcst", "fc", "model"),
    "observed": ("obs", "observation"),
    "lead_hours": ("lead", "lead_time", "step", "fhour"),
}
ALIKE = {"station_id": "station", "time_utc": "time", "elevation_m": "elevation", "lead_h": "lead_hours"}
ALIKE |= {"forecast_K": "forecast", "obs_K": "observed"}
LOCAL = re.compile(r"(?i)local|(^|_)(lst|bjt|cst|est|pst|ist|jst|kst|cet)($|_)|北京时|地方时|当地")
HOURS = ("hour", "hours", "hh", "hr", "hhmm", "month", "day", "时")
ZONES = ("timezone", "time_zone", "tz", "utc_offset", "utcoffset", "tzone")
NO_OFFSET = re.compile(r"(?i)(utc|gmt|z|etc/utc|0+|[+-]?0+(:?0+)?(\.0+)?)")
DAY_FIRST = re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}( .*)?")
AMBIGUOUS = re.compile(r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}( .*)?")
DECIMAL_COMMA = r"^[+-]?\d+,\d+$"
DIGITS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
ISO = "write times in UTC as 2025-01-16T00:00:00Z"
NOWHERE = [99.9, 99.99, 999.0, 999.9, 9999.0, 9999.9, 99999.0]  # degrees, of places that are not known
SIGNS = str.maketrans({"\u2212": "-", "\u00a0": "", "\u202f": ""})


def numbers(raw: pd.DataFrame, name: str, trace: bool = False) -> pd.Series:
    """A column as numbers, NaN where it says that there is none; with `trace`, a T is 0. BadInput for other words.

    Decimal commas are read; where a number has both, what comes last is the decimal point.
    """
    column = raw[name]
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.astype("float64")
    words = column.astype(object).where(column.notna(), "").astype(str).str.strip().str.translate(SIGNS)
    found = pd.to_numeric(words, errors="coerce").astype("float64")
    left = words[found.isna()]
    if left.empty:
        return found
    low = left.str.casefold()
    if trace:
        found[left.index[low.isin(TRACES)]] = 0.0
        left, low = left[~low.isin(TRACES)], low[~low.isin(TRACES)]
    left = left[~low.isin(WORDS)]
    if left.empty:
        return found
    parsed = _with_commas(left)
    if left.str.contains(DECIMAL_COMMA, regex=True).any():  # then a point in this column is none of a decimal
        pointed = words[found.notna() & words.str.contains(".", regex=False)]
        if len(pointed):
            parsed = pd.concat([parsed, _with_commas(pointed)])
    if (bad := parsed.isna()).any():
        at = parsed.index[bad][0]
        among = " where others have decimal commas" if len(parsed) > len(left) else ""
        raise BadInput(
            f"{row(raw, at)}: column {name} holds something else than it should: {str(column[at])[:40]!r} is no "
            f"number{among}; leave the field empty where there is none"
        )
    found[parsed.index] = parsed
    return found


def _with_commas(some: pd.Series) -> pd.Series:
    """Numbers of words with decimal commas or thousands, NaN for other words; 1.013,25 and 1,013.25 and 1.013 are."""
    low = some.where(~some.str.contains(r"^[^,]*\.[^,]*,[^,.]*$", regex=True), some.str.replace(".", "", regex=False))
    low = low.where(~low.str.contains(r"^[+-]?\d{1,3}(?:\.\d{3})+$", regex=True), low.str.replace(".", "", regex=False))
    low = low.where(~low.str.contains(".", regex=False) | ~low.str.contains(","), low.str.replace(",", "", regex=False))
    pointed = low.str.contains(".", regex=False) & ~some.str.contains(",", regex=False)
    parsed = pd.to_numeric(low.str.replace(",", ".", regex=False), errors="coerce").astype("float64")
    return parsed.mask(pointed)


def times(raw: pd.DataFrame, name: str) -> pd.Series:
    """A column as UTC without zone; what has no offset is UTC. BadInput for what can be read in two ways, or not."""
    column = raw[name]
    refuse_local(raw, name)
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.to_datetime(column, utc=True).dt.tz_localize(None)
    if pd.api.types.is_numeric_dtype(column):
        column = column.astype("Int64" if (column.dropna() % 1 == 0).all() else "float64")
    words = column.astype(object).where(column.notna(), "").astype(str).str.strip()
    words = words.str.replace(r"^(\d{8,14})\.0$", r"\1", regex=True).str.replace(
        r"(?i)\s*(?:UTC|GMT)$", "Z", regex=True
    )
    if words.str.fullmatch(AMBIGUOUS).any():
        at = words.index[words.str.fullmatch(AMBIGUOUS)][0]
        raise BadInput(f"{row(raw, at)}: column {name} is {words[at]!r}: which is the month? {ISO}")
    given = words != ""
    parsed = pd.Series(pd.NaT, index=words.index, dtype="datetime64[ns, UTC]")
    digits = given & words.str.fullmatch(r"\d{8}|\d{10}|\d{12}|\d{13}|\d{14}")
    try:
        if digits.any():
            parsed[digits] = _of_digits(words[digits])
        dotted = given & ~digits & words.str.fullmatch(DAY_FIRST)
        if dotted.any():
            colons = words[dotted].str.count(":")
            for count, form in enumerate(("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")):
                if (some := colons.index[colons == count]).size:
                    parsed[some] = pd.to_datetime(words[some], utc=True, format=form)
        rest = given & ~digits & ~dotted
        if (bad := rest & words.str.fullmatch(r"[\d.,]*")).any():
            raise ValueError(f"{words[bad].iloc[0]!r} is a number")
        if rest.any():
            parsed[rest] = pd.to_datetime(words[rest], utc=True, format="ISO8601")
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"column {name} holds something else than it should ({str(error).split('. You might')[0]}); {ISO}"
        ) from None
    return parsed.dt.tz_localize(None)


def refuse_local(raw: pd.DataFrame, name: str) -> None:
    """BadInput where another column says that times are not UTC."""
    for zone in (c for c in raw if str(c).casefold() in ZONES):
        words = raw[zone].dropna().astype(str).str.strip()
        if not pd.api.types.is_datetime64_any_dtype(raw[name]):
            words = words[~raw.loc[words.index, name].astype(str).str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True)]
        local = words[~words.str.fullmatch(NO_OFFSET)]
        if len(local):
            raise BadInput(
                f"{row(raw, local.index[0])}: column {zone} is {local.iloc[0]!r}, so that {name} is local time; write "
                f"it in UTC, or with its offset (2025-01-16T08:00+08:00), and take column {zone} out"
            )


def row(raw: pd.DataFrame, at: object) -> str:
    """Which one an error is about."""
    return f"{raw.attrs.get('rows', 'row')} {at}"


def canonical(raw: pd.DataFrame, known: Iterable[str]) -> pd.DataFrame:
    """With names as they are documented, where only their letters' case differs; BadInput for a column twice."""
    found = {str(c).casefold(): c for c in reversed(list(raw))}
    names = {found[k.casefold()]: k for k in known if k not in raw and k.casefold() in found}
    taken = raw.rename(columns=names)
    counted = pd.Index(taken.columns)
    if twice := sorted({str(c) for c in counted[counted.duplicated()]} | {k for k in known if f"{k}.1" in taken}):
        raise BadInput(f"has column {', '.join(twice)} twice; take one out")
    return taken


def need(raw: pd.DataFrame, columns: Iterable[str], forms: str) -> None:
    """BadInput names columns that are lacking, and which column each may be under another name."""
    lacking = [c for c in columns if c not in raw]
    if not lacking:
        return
    meant = {c: near for c in lacking if (near := nearest(c, raw))}
    hours = ""
    local = [str(c) for c in raw if LOCAL.search(str(c))]
    apart = [str(c) for c in raw if str(c).casefold() in HOURS]
    for name in [c for c in meant if ALIKE.get(c, c) == "time" and apart and meant[c] not in apart]:
        hours = f"; write {meant.pop(name)} and {', '.join(apart)} together in a column {name}, 2025-01-16T00:00:00Z"
    hints = "".join(f"; rename {near} to {c}, if that is it" for c, near in meant.items() if near not in local) + hours
    if any(ALIKE.get(c, c) == "time" for c in lacking) and local:
        name = next(c for c in lacking if ALIKE.get(c, c) == "time")
        hints += f"; {', '.join(local)} is local time: add a column {name} with UTC"
    raise BadInput(f"has no column {', '.join(lacking)}{hints}; {forms}")


def nearest(name: str, columns: Iterable[object]) -> str | None:
    """The column that may be the documented `name`."""
    by_case = {str(c).casefold(): str(c) for c in columns}
    synonyms = SYNONYMS.get(ALIKE.get(name, name), ())
    for word in (ALIKE.get(name, name), *synonyms):
        if word.casefold() in by_case:
            return by_case[word.casefold()]
    near = difflib.get_close_matches(name.casefold(), by_case, 1, 0.75)
    return by_case[near[0]] if near else None


def documented(column: str, known: Mapping[str, object]) -> str | None:
    """The documented name that a column may be."""
    return next((k for k in known if nearest(k, [column])), None)


def placed(raw: pd.DataFrame, latitude: pd.Series, longitude: pd.Series) -> pd.Series:
    """Rows that have a place; BadInput for one that is none."""
    nowhere = latitude.isna() | longitude.isna()
    nowhere |= latitude.abs().round(1).isin(NOWHERE)
    nowhere |= (longitude.abs() > 360) & longitude.abs().round(1).isin(NOWHERE)
    wrong = ~nowhere & ~(latitude.between(-90, 90) & longitude.between(-180, 360))
    if wrong.any():
        at = wrong.index[wrong][0]
        swapped = longitude[wrong].between(-90, 90).all() and latitude[wrong].between(-180, 360).all()
        remedy = "are the two columns swapped?" if swapped else "degrees north, and east from -180 to 360, are read"
        raise BadInput(f"{row(raw, at)}: latitude {latitude[at]:g}, longitude {longitude[at]:g} is no place; {remedy}")
    return ~nowhere


def _of_digits(words: pd.Series) -> pd.Series:
    """YYYYMMDD with HH, MM, SS; or seconds or milliseconds since 1970, which begin otherwise."""
    found = pd.Series(pd.NaT, index=words.index, dtype="datetime64[ns, UTC]")
    lengths = words.str.len()
    dated = words.str.match(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])") & (lengths != 13)
    for length, form in DIGITS.items():
        if (here := dated & (lengths == length)).any():
            found[here] = pd.to_datetime(words[here], format=form, utc=True)
    for length, unit in ((10, "s"), (13, "ms")):
        if (here := ~dated & (lengths == length)).any():
            found[here] = pd.to_datetime(words[here].astype("int64"), unit=unit, utc=True)
    if found.isna().any():
        raise ValueError(f"{words[found.isna()].iloc[0]!r} is no time")
    return found
