"""Tables of stations in our two forms, one value or one report a row: columns made SI, or refused by name.

What the file was, text or Parquet, is not known here.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from models.constants import KELVIN
from tasks.counted import counted
from tasks.errors import BadInput
from tasks.observations.limits import LIMITS
from tasks.observations.networks.columns import (
    canonical,
    documented,
    nearest,
    need,
    numbers,
    placed,
    refuse_local,
    times,
)
from tasks.observations.networks.missing import is_missing
from tasks.observations.networks.mistaken import other_unit, rain_in_m, rain_in_mm
from tasks.observations.networks.rows import APART, KNOT, Column, long_form, on_the_hour, one_place
from tasks.observations.networks.table import COLUMNS, OBSERVED, table

log = logging.getLogger(__name__)

WIDE = {
    "t2m_K": Column("t2m"),
    "d2m_K": Column("d2m"),
    "sp_Pa": Column("sp"),
    "msl_Pa": Column("msl"),
    "wind_speed_ms": Column("wind_speed"),
    "wind_dir_deg": Column("wind_direction"),
}
OTHER_UNITS = {  # columns that may stand in the place of those
    "t2m_C": Column("t2m", offset=KELVIN),
    "d2m_C": Column("d2m", offset=KELVIN),
    "sp_hPa": Column("sp", 100.0),
    "msl_hPa": Column("msl", 100.0),
    "wind_speed_kt": Column("wind_speed", KNOT),
    "wind_speed_kmh": Column("wind_speed", 1 / 3.6),
}
PLACE = {"station_id": "station", "latitude": "latitude", "longitude": "longitude", "time_utc": "time"}
OPTIONAL = {"network": "network", "elevation_m": "elevation"}
RAIN, RAIN_PERIOD, NOTE = "precip_mm", "precip_period_h", "quality_note"
LONG_NEEDS = ["station", "latitude", "longitude", "time", "variable", "value"]
FORMS = (
    f"a table has one value a row in {', '.join(COLUMNS)} (SI), or one report a row in {', '.join(PLACE)} and any of "
    f"{', '.join([*OPTIONAL, *WIDE, *OTHER_UNITS])}, {RAIN} with {RAIN_PERIOD}, {NOTE}"
)
REPORT = [*PLACE, *OPTIONAL, *WIDE, *OTHER_UNITS, RAIN, RAIN_PERIOD, NOTE]
TEXTS = ["station", "station_id", "network", "quality", NOTE, "time", "time_utc", "variable"]
GLOBAL_HOURLY = ["STATION", "DATE", "TMP", "WND"]
YEARS = (1850, 2100)  # of stations' observations; others are numbers that were taken for times


def read_rows(uri: str, raw: pd.DataFrame) -> pd.DataFrame:
    """The table of either form; BadInput for columns that fit neither, or hold something else."""
    try:
        long = {"variable", "value"} <= {str(c).casefold() for c in raw}
        raw = canonical(raw, COLUMNS if long else REPORT)
        found = _long(raw, uri) if long else _wide(raw, uri)
        if found.empty and len(raw):
            raise BadInput(_all_missing(raw, long))
    except BadInput as error:
        raise BadInput(f"{uri}: {error}") from None
    except (ValueError, TypeError) as error:
        raise BadInput(f"{uri}: a column holds something else than it should ({error}); {FORMS}") from None
    _name_unread(uri, raw, {*COLUMNS, *LONG_NEEDS} if long else set(REPORT))
    return found


def _all_missing(raw: pd.DataFrame, long: bool) -> str:
    """What is wrong with a table whose rows have no value."""
    columns = ["value"] if long else [c for c in [*WIDE, *OTHER_UNITS, RAIN] if c in raw]
    stations = counted(raw["station" if long else "station_id"].nunique(), "station")
    return (
        f"holds no observation of {', '.join(OBSERVED)}: of {counted(len(raw), 'row')} at {stations} all values are "
        f"missing, in {', '.join(columns)}: empty, a sentinel like -9999, or of no possible place; fill them in"
    )


def _name_unread(uri: str, raw: pd.DataFrame, read: set[str]) -> None:
    """Log columns that are not read though they may be meant to be."""
    left = {str(c): documented(str(c), WIDE | {RAIN: None}) for c in raw if c not in read}
    meant = [f"{c} (as {k}?)" for c, k in left.items() if k is not None and k not in raw]
    if meant and read == set(REPORT):
        log.warning("%s: columns that are not read: %s", uri, ", ".join(meant))


def _placed(raw: pd.DataFrame, names: dict[str, str], uri: str) -> pd.DataFrame:
    """Rows with station, place and time as the table has them; the log counts those without."""
    rows = raw.rename(columns=names)
    rows.attrs = raw.attrs
    given = {new: old for old, new in names.items() if old in raw}
    latitude, longitude = (numbers(raw, given.get(c, c)) for c in ("latitude", "longitude"))
    if pd.api.types.is_float_dtype(rows["station"]) and (rows["station"].dropna() % 1 == 0).all():
        rows["station"] = rows["station"].astype("Int64")
    station = rows["station"].astype(object).where(rows["station"].notna(), "").astype(str).str.strip()
    time = times(raw, given.get("time", "time"))
    whole = placed(raw, latitude, longitude) & (station != "") & time.notna()
    if not whole.all():
        if not whole.any():
            raise BadInput("has no row with station, latitude, longitude and time; fill these columns in")
        log.warning("%s: %d rows without station, place or time are left out", uri, (~whole).sum())
    if not time[whole].dt.year.between(*YEARS).all():
        raise BadInput(f"has times from {time[whole].min()} to {time[whole].max()}; write them as 2025-01-16T00:00:00Z")
    rows = rows.assign(station=station, latitude=latitude, longitude=longitude, time=time)
    height = given.get("elevation", "elevation")
    rows["elevation"] = numbers(raw, height) if height in raw else np.nan
    rows["network"] = rows["network"].fillna("").astype(str) if "network" in rows else ""
    return _apart(rows[whole], uri)


def _apart(rows: pd.DataFrame, uri: str) -> pd.DataFrame:
    """Rows whose identifier is of one place; one of several networks' becomes several, others are left out."""
    networks = rows.groupby("station")["network"].transform("nunique")
    if (networks > 1).any():
        spread = rows.groupby("station")[["latitude", "longitude"]].agg(np.ptp).max(axis=1)
        several = rows["station"].isin(spread.index[spread > APART]) & (networks > 1)
        rows = rows.assign(station=rows["station"].mask(several, rows["network"] + ":" + rows["station"]))
    kept = one_place(rows, uri)
    if kept.empty and len(rows):
        raise BadInput("every identifier is at several places; give each station its own")
    return kept.sort_index()


def _long(raw: pd.DataFrame, uri: str) -> pd.DataFrame:
    need(raw, LONG_NEEDS, FORMS)
    refuse_local(raw, "time")
    rows = _placed(raw[[c for c in COLUMNS if c in raw]], {}, uri)
    rows["value"] = numbers(raw, "value", trace=True)
    rows["period"] = numbers(raw, "period").fillna(0.0) if "period" in raw else 0.0
    rows["quality"] = rows["quality"].fillna("") if "quality" in rows else ""
    rows["variable"] = rows["variable"].astype(str).str.strip().str.casefold()
    for variable, values in rows.groupby("variable")["value"]:
        if variable not in OBSERVED:
            continue  # `table` names it
        rows.loc[values.index, "value"] = values.mask(is_missing(values, values, str(variable)))
        if found := other_unit(rows.loc[values.index, "value"], str(variable)):
            raise BadInput(f"column value looks like {found[0]} where variable is {variable}; {found[1]}")
        if variable == "tp" and rain_in_mm(rows.loc[values.index, "value"], rows.loc[values.index, "period"]):
            raise BadInput("column value looks like mm where variable is tp; divide by 1000")
    return table(on_the_hour(rows))


def _wide(raw: pd.DataFrame, uri: str) -> pd.DataFrame:
    if set(GLOBAL_HOURLY) <= set(raw):
        raise BadInput("is NCEI's global-hourly (ISD), which is not read; fetch the same stations as GHCNh, in psv")
    need(raw, list(PLACE), FORMS)
    columns = {n: c for n, c in (WIDE | OTHER_UNITS).items() if n in raw}
    if RAIN not in raw and not columns:
        need(raw, [n for n in [*WIDE, RAIN] if nearest(n, raw)], FORMS)
        raise BadInput(f"has no observation in its columns {', '.join(map(str, raw))}; {FORMS}")
    reports = _placed(raw, PLACE | OPTIONAL, uri)
    values = pd.DataFrame({n: numbers(raw, n) for n in columns}, index=raw.index).loc[reports.index]
    for name, column in columns.items():
        _refuse_other_unit(values[name], name, column)
    reports[list(columns)] = values
    if NOTE in raw:
        reports[[f"{c}:quality" for c in [*columns, RAIN]]] = pd.DataFrame(
            dict.fromkeys(
                [*columns, RAIN], reports[NOTE].map(lambda n: "" if pd.isna(n) or n == "" else f"its source: {n}")
            )
        )
    parts = long_form(reports, columns)
    if RAIN in raw:
        parts += _rain(raw, reports, uri)
    return table(parts)


def _rain(raw: pd.DataFrame, reports: pd.DataFrame, uri: str) -> list[pd.DataFrame]:
    need(raw, [RAIN_PERIOD], FORMS)
    hours = numbers(raw, RAIN_PERIOD)
    amounts = numbers(raw, RAIN, trace=True).loc[reports.index]
    amounts = amounts.mask(is_missing(amounts, amounts / 1000, "tp"))
    if rain_in_m(amounts):
        raise BadInput(f"column {RAIN} looks like m ({amounts.max():g} at most); multiply by 1000")
    lacking = amounts.notna() & ~(hours.loc[reports.index] > 0)
    if lacking.any():
        if lacking.sum() == amounts.notna().sum():
            raise BadInput(f"has no hours in column {RAIN_PERIOD}; write those that each amount of {RAIN} is of")
        log.warning("%s: %d amounts without hours in %s are left out", uri, lacking.sum(), RAIN_PERIOD)
    reports = reports.assign(**{RAIN: amounts, RAIN_PERIOD: hours.loc[reports.index]})
    parts: list[pd.DataFrame] = []
    for period, some in reports[~lacking].groupby(RAIN_PERIOD):
        parts += long_form(some, {RAIN: Column("tp", 1e-3, period=float(period))})
    return parts


def _refuse_other_unit(written: pd.Series, name: str, column: Column) -> None:
    """BadInput for a column whose numbers are of another unit than its name says."""
    value = written * column.scale + column.offset
    value = value.mask(is_missing(written, value, column.variable)).dropna()
    found = other_unit(value, column.variable) if column == WIDE.get(name) else None
    if found:
        unit, remedy = found
        plain = next((n for n in OTHER_UNITS if n == f"{name.rsplit('_', 1)[0]}_{unit.removeprefix('°')}"), None)
        raise BadInput(
            f"column {name} looks like {unit} ({written[value.index].min():g} to {written[value.index].max():g}); "
            + (f"name it {plain}, or {remedy}" if plain else remedy)
        )
    low, high = LIMITS[column.variable]
    if name in OTHER_UNITS and column.variable != "wind_speed" and len(value) and not value.between(low, high).any():
        right = next(n for n, c in WIDE.items() if c.variable == column.variable)
        if written[value.index].between(low, high).all():
            raise BadInput(f"column {name} looks like {right.rsplit('_', 1)[1]}; name it {right}")
