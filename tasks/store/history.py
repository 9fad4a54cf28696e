"""What calibration learns from: a region's pairs of forecast and observation, one Parquet file a cycle.

{store}/{region}/calibration/{source}/{cycle}.parquet     opens as one table with any Parquet reader

A cycle's file is written whole and by its name: two runs at once lose nothing, and what is written again replaces
itself. Forecasts are those before calibration.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
from pyarrow import ArrowException, parquet

from tasks.handover.candidates import Candidate, headline
from tasks.handover.cycle import Cycle
from tasks.storage import join, names_in, read_all, read_bytes, remove, write_parquet
from tasks.store.paths import history_folder, history_uri

log = logging.getLogger(__name__)

# What calibration learns from, and how far a forecast may be from the truth: what is further away is a mistake.
FURTHEST = {"t2m": 15.0, "d2m": 20.0, "sp": 3000.0, "msl": 3000.0, "wind_speed": 25.0}
AT_ONCE = 8  # files
NAMES = ["station", "variable"]
COLUMNS = {
    "station": "str",
    "latitude": "float64",  # degrees north
    "longitude": "float64",  # degrees east
    "elevation": "float64",  # m above mean sea level; NaN: unknown
    "land": "float64",  # share of land in the product there; NaN: unknown
    "time": "datetime64[ns]",  # UTC, valid
    "lead_hours": "float64",
    "variable": "str",
    "forecast": "float64",  # SI, before calibration, at the station's height
    "simple": "float64",  # of the input, by bilinear interpolation at the same height; NaN: not known
    "observed": "float64",  # SI
    "left_out": "float64",  # what the forecast's error was expected to be from all other stations; NaN: nothing known
    "own": "float64",  # the same with the station's own earlier pairs
    "spread": "float64",  # standard deviation of an ensemble's members there, before calibration; NaN: none
}
YOUNGER = {"spread"}  # columns that older files lack


def history_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in the columns' order and types; without forecast or observation there is no row."""
    table = rows.reindex(columns=list(COLUMNS)).astype(COLUMNS)
    return table.dropna(subset=["forecast", "observed"]).reset_index(drop=True)


def of_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Rows of what tasks/observations/matching.py gives: the headline's forecasts, before calibration."""
    parts = []
    for variable, found in pairs.groupby("variable", sort=False):
        if variable not in FURTHEST:
            continue
        here = set(found.columns[found.notna().any()])
        ours = [headline(str(variable)), Candidate("product", "bilinear")]  # plain where no heights are known
        forecast = next((w for way in ours for w in (replace(way, field="raw"), way) if w.name in here), None)
        if "middle_raw" in here:  # of an ensemble's winds, whose mean says little of their speed
            parts.append(found.assign(forecast=found["middle_raw"], simple=np.nan))
        elif forecast is not None:
            simple = replace(forecast, field="input").name
            rows = found.assign(forecast=found[forecast.name], simple=found[simple] if simple in here else np.nan)
            parts.append(rows)
    return believable(history_table(pd.concat(parts) if parts else pd.DataFrame()))


def believable(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose observation is within FURTHEST of the forecast, the first guess of analyses' background check."""
    away = (rows["forecast"] - rows["observed"]).abs()
    return rows[away <= rows["variable"].map(FURTHEST).astype("float64")].reset_index(drop=True)


def write_history(store: str, region: str, cycle: Cycle, rows: pd.DataFrame) -> None:
    """Put a cycle's pairs into the history, in the place of those that were there."""
    table = history_table(rows)
    names = ("elevation", "land", "lead_hours", "forecast", "simple", "observed", "left_out", "own", "spread")
    write_parquet(table.astype(dict.fromkeys(names, "float32")), history_uri(store, region, cycle))


def remove_history(store: str, region: str, cycle: Cycle) -> None:
    """Take a cycle out of the history: what was refused is nothing to learn from."""
    remove(history_uri(store, region, cycle))


def read_history(
    store: str, region: str, source: str, before: datetime, most: int, newest_first: bool = False
) -> Iterator[pd.DataFrame]:
    """Pairs of the newest `most` cycles that began before this one, a cycle at a time, the oldest first.

    One cycle is in memory at a time; names are categories. A damaged file is left out.
    """
    folder, until = history_folder(store, region, source), Cycle(source=source, time=before).stamp
    names = sorted(n for n in names_in(folder) if n.endswith(".parquet") and n.removesuffix(".parquet") < until)
    names = names[-most:][::-1] if newest_first else names[-most:]
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        for name, data in _contents(folder, some):
            try:
                table = parquet.read_table(io.BytesIO(data), read_dictionary=NAMES, page_checksum_verification=True)
                found = table.to_pandas()
                yield found.assign(**dict.fromkeys(YOUNGER - set(found), np.nan))[list(COLUMNS)]
            except (ArrowException, ValueError, OSError, TypeError, KeyError) as error:
                log.warning(
                    "calibration: %s/%s is damaged and left out (%s); `finescale calibrate %s` writes it anew",
                    folder, name, str(error).splitlines()[0], region,
                )  # fmt: skip


def _contents(folder: str, names: list[str]) -> Iterator[tuple[str, bytes]]:
    """Of files; what was removed since it was listed is left out."""
    try:
        yield from zip(names, read_all(join(folder, n) for n in names), strict=True)
    except FileNotFoundError:
        for name in names:
            with suppress(FileNotFoundError):
                yield name, read_bytes(join(folder, name))


def has_history(store: str, region: str, source: str) -> bool:
    """Whether there is any."""
    return any(n.endswith(".parquet") for n in names_in(history_folder(store, region, source)))


def old_history(store: str, region: str, before: datetime) -> list[str]:
    """URIs of pairs of all sources' cycles that began before a time."""
    root, old = join(store, region, "calibration"), []
    for source in names_in(root):
        until = Cycle(source=source, time=before).stamp
        names = (n for n in names_in(join(root, source)) if n.endswith(".parquet"))
        old += [join(root, source, n) for n in names if n.removesuffix(".parquet") < until]
    return sorted(old)
