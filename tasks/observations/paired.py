"""Anybody's table of forecasts beside observations at stations: what an archive of verification has."""

from __future__ import annotations

import io
import logging
import zlib

import pandas as pd

from models.constants import KELVIN
from tasks.buckets import in_bucket
from tasks.errors import BadInput, UnreadableFile
from tasks.observations.networks import anywhere
from tasks.observations.networks.columns import canonical, need, numbers, placed, times
from tasks.observations.networks.delimited import read_delimited, refuse_other_kinds, unpacked
from tasks.observations.networks.files import content
from tasks.observations.networks.missing import is_missing, known_elevation
from tasks.observations.networks.mistaken import other_unit
from tasks.observations.networks.rows import APART, on_the_hour
from tasks.store.history import COLUMNS, FURTHEST, believable, history_table

log = logging.getLogger(__name__)

NEEDS = ["station", "latitude", "longitude", "time", "lead_hours", "variable", "forecast", "observed"]
SHORT = {"time_utc": "time", "elevation_m": "elevation", "lead_h": "lead_hours"}
T2M = {"forecast_K": "forecast", "obs_K": "observed"}
CELSIUS = {"forecast_C": "forecast", "obs_C": "observed"}  # may stand in the place of those
FORMS = (
    f"a table of pairs is CSV (also .gz) or Parquet with the columns {', '.join(NEEDS)} (SI, UTC) and, where known, "
    f"elevation, land, simple; or, for t2m, {', '.join(T2M)} (or {', '.join(CELSIUS)}) with {', '.join(SHORT)}"
)
TEXTS = ["station", "time", "time_utc", "variable"]
TABLES = (".csv", ".parquet", ".tsv", ".txt")
GRIDDED = (b"GRIB", b"CDF", b"\x89HDF")
SERIES = ["station", "time", "lead_hours", "variable"]


def is_paired(uri: str) -> bool:
    """Whether a file is a table: by its content, or in buckets, and where nothing is, by its name."""
    named = uri.removesuffix(".gz").endswith((".csv", ".parquet"))
    if in_bucket(uri):
        return named
    try:
        start = anywhere.beginning(uri, 4096)
    except (OSError, BadInput):
        return named
    if start[:2] == b"\x1f\x8b":
        try:
            start = zlib.decompressobj(31).decompress(start, 4096)
        except zlib.error:
            return named
    if any(kind in start[:512] for kind in GRIDDED) or start[:3] == b"BZh":  # after a bulletin's heading, perhaps
        return False
    return named or start[:4] == b"PAR1" or (uri.removesuffix(".gz").endswith(TABLES) and b"\0" not in start)


def read_paired(uri: str, column: str = "") -> pd.DataFrame:
    """Rows as tasks/store/history.py has them, of forecasts in `column` where one is given.

    BadInput says what is wrong with a table that is none.
    """
    try:
        raw = _read(uri)
    except FileNotFoundError:
        raise UnreadableFile(f"{uri}: is not there; give a file of pairs, or its URI") from None
    except (ValueError, OSError, UnreadableFile) as error:
        why = str(error).removeprefix(f"{uri}: ")
        raise UnreadableFile(f"{uri}: is no table that can be read ({why}); {FORMS}") from None
    if column and column not in raw:
        raise BadInput(f"{uri}: has no column {column}; it has {', '.join(map(str, raw))}")
    try:
        return _pairs(uri, canonical(raw, [*COLUMNS, *SHORT, *T2M, *CELSIUS]), column)
    except BadInput as error:
        raise BadInput(f"{uri}: {error}") from None
    except (ValueError, TypeError) as error:
        raise BadInput(f"{uri}: a column holds something else than it should ({error}); {FORMS}") from None


def _read(uri: str) -> pd.DataFrame:
    data = content(uri)
    if data[:4] == b"PAR1":
        table = pd.read_parquet(io.BytesIO(data))
        return table.reset_index() if any(table.index.names) else table
    if not data:
        raise UnreadableFile("is empty")
    data = unpacked(data, uri)
    refuse_other_kinds(data, uri)
    raw = read_delimited(data, {*NEEDS, *SHORT, *T2M, *CELSIUS}, TEXTS)
    raw.attrs["rows"] = "line"
    return raw


def _pairs(uri: str, raw: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows that belong together; BadInput, without the file's name, for columns that hold something else."""
    short = {c: old for old, c in (T2M | CELSIUS).items() if old in raw}  # forecast and observed, where they are so
    names = SHORT | {old: new for new, old in short.items()}
    if column:
        raw = raw.assign(**{short.get("forecast", "forecast"): raw[column]})
    of_t2m = "variable" not in raw and (set(short) == {"forecast", "observed"} or (column and "observed" in short))
    rows = raw.rename(columns={old: new for old, new in names.items() if old in raw and new not in raw})
    rows.attrs = raw.attrs
    if column and "forecast" not in rows:
        rows["forecast"] = raw[column]
    if of_t2m:
        rows["variable"] = "t2m"
    need(rows, NEEDS, FORMS)
    if unknown := sorted(set(rows["variable"].dropna().astype(str)) - set(FURTHEST)):
        raise BadInput(f"has pairs of {', '.join(unknown)}; {', '.join(FURTHEST)} can be calibrated")
    for name in ("latitude", "longitude", "lead_hours", "elevation", "land", "simple", "forecast", "observed"):
        if name in rows:
            rows[name] = numbers(rows, name)
    if "elevation" in rows:
        rows["elevation"] = known_elevation(rows["elevation"], rows["station"])
    rows["time"] = times(rows, "time")
    for name in ("forecast", "observed"):
        written = column if column and name == "forecast" else short.get(name, name)
        rows[name] = _in_si(rows, name, written, short.get(name) in CELSIUS)
    rows = rows[placed(rows, rows["latitude"], rows["longitude"])]
    table = history_table(_once(uri, on_the_hour(rows[[c for c in COLUMNS if c in rows]].dropna(subset=NEEDS))))
    kept = believable(table)
    if kept.empty:
        furthest = "" if table.empty else f": all {len(table)} are further apart than weather is; are both in SI?"
        raise BadInput(f"holds no pair of a forecast and an observation that belong together{furthest}")
    return kept


def _in_si(rows: pd.DataFrame, name: str, written: str, celsius: bool) -> pd.Series:
    """A column's values, NaN for sentinels; BadInput where they are of another unit."""
    values = rows[name] + (KELVIN if celsius else 0.0)
    for variable, some in values.groupby(rows["variable"].astype(str)):
        if variable not in FURTHEST:
            continue
        values[some.index] = some.mask(is_missing(rows.loc[some.index, name], some, str(variable)))
        found = other_unit(values[some.index], str(variable))
        if found is None:
            continue
        unit, remedy = found
        if written in T2M and unit == "°C":
            remedy = f"name it {written.removesuffix('K')}C, or {remedy}"
        there = values[some.index].dropna()
        raise BadInput(
            f"column {written} looks like {unit} where variable is {variable} ({there.min():g} to "
            f"{there.max():g}); {remedy}"
        )
    return values


def _once(uri: str, rows: pd.DataFrame) -> pd.DataFrame:
    """One pair of a station, time and lead time; the log counts those left out."""
    again = rows.duplicated(SERIES, keep=False)
    if not again.any():
        return rows
    by = rows[again].groupby("station")[["latitude", "longitude"]]
    several = ((by.max() - by.min()) > APART).any(axis=1)
    apart = rows["station"].isin(several.index[several])
    if apart.any():
        log.warning("%s: %d pairs are left out, their identifiers are at several places at once", uri, apart.sum())
    kept = rows[~apart].drop_duplicates(SERIES, keep="last")
    if len(kept) < (~apart).sum():
        log.warning("%s: %d pairs are there twice; the last counts", uri, (~apart).sum() - len(kept))
    return kept
