"""Anybody's file of observations, told by its content or its name: local, or in an object store."""

from __future__ import annotations

import io
import logging
import re

import pandas as pd

from tasks.errors import BadInput, FinescaleError, UnreadableFile, in_a_line, short
from tasks.observations.networks import anywhere, delimited
from tasks.observations.networks.delimited import bounded, read_delimited, refuse_other_kinds, unpacked
from tasks.observations.networks.ghcnh import is_ghcnh, of_columns, read_ghcnh
from tasks.observations.networks.isd_lite import BASE_URL, isd_lite_files, read_history, read_isd_lite
from tasks.observations.networks.met_ascii import is_met, read_met
from tasks.observations.networks.metar import IEM_PLACE, read_iem, read_metar
from tasks.observations.networks.micaps import is_micaps, read_micaps
from tasks.observations.networks.station_columns import REPORT, TEXTS, read_rows
from tasks.observations.networks.synop import read_synop
from tasks.observations.networks.table import COLUMNS, OBSERVED, table
from tasks.storage import join

log = logging.getLogger(__name__)

HISTORY = "isd-history.csv"
ISD_LITE = re.compile(rb"\d{4} \d\d \d\d \d\d(?: +-?\d+){8}\s")


def read_observations(uri: str) -> pd.DataFrame:
    """The table of a file (CSV or Parquet, ISD-Lite, GHCNh, BUFR, MICAPS, MET) or of a folder.

    What a file is, its content says, not its name. CSV and Parquet have one value or one report a row, of the columns
    in COLUMNS, or in REPORT.
    A folder holds ISD-Lite or psv files, or else MICAPS's or MET's. ISD-Lite needs isd-history.csv beside it or in the
    folder above. BadInput says what is wrong with what cannot be read, and what would be right; so it does for a file
    without observations.
    """
    try:
        found = _folder(uri) if anywhere.is_folder(uri) else _file(uri, content(uri))
    except FileNotFoundError:
        raise UnreadableFile(f"{uri}: is not there; give a file or folder of observations, or its URI") from None
    except OSError as error:
        raise UnreadableFile(f"{uri}: cannot be read ({error}); are the path and the credentials right?") from None
    except FinescaleError:
        raise
    except Exception as error:  # libraries raise anything of a file with a wrong byte in it
        raise UnreadableFile(f"{short(uri)}: does not decode ({in_a_line(error)}); fetch it again") from error
    if found.empty:
        raise BadInput(f"{uri}: holds no observation of {', '.join(OBSERVED)}")
    return found


def content(uri: str) -> bytes:
    """A file's bytes; BadInput, before it is read, for a text that is too long."""
    size = anywhere.size(uri)
    if size is not None and size > delimited.MOST:
        start = anywhere.beginning(uri, 200)
        if start[:4] != b"PAR1" and b"BUFR" not in start:
            bounded(size, uri)
    return anywhere.read(uri)


def _folder(uri: str) -> pd.DataFrame:
    names = anywhere.files_in(uri)
    isd, psv = isd_lite_files(names), sorted(n for n in names if n.endswith(".psv"))
    if not isd and not psv:
        return _folder_of_text(uri, names)
    parts = [read_isd_lite(isd, _history(isd[0]))] if isd else []
    return table([*parts, *(read_ghcnh(content(f), f) for f in psv)])


def _folder_of_text(uri: str, names: list[str]) -> pd.DataFrame:
    """The table of a folder's MICAPS and MET files, whose names say nothing; other files are passed over and logged."""
    parts, others = [], []
    for name in sorted(n for n in names if not anywhere.is_folder(n)):
        data = unpacked(content(name), name)
        if is_micaps(data) or is_met(data):
            parts.append(_file(name, data))
        else:
            others.append(name)
    if not parts:
        raise UnreadableFile(
            f"{uri}: is a folder without ISD-Lite (574610-99999-2021, also .gz), GHCNh (.psv), MICAPS or MET files"
        )
    if others:
        log.warning(
            "%s: %d files are neither MICAPS nor MET and passed over: %s", uri, len(others), ", ".join(others[:5])
        )
    return table(parts)


def _file(uri: str, data: bytes) -> pd.DataFrame:
    if not data:
        raise UnreadableFile(f"{uri}: is empty")
    if isd_lite_files([uri]):
        return read_isd_lite(uri, _history(uri))
    data = unpacked(data, uri)
    if b"BUFR" in data[:200]:  # after a heading of the GTS, perhaps
        return read_synop(data, uri)
    if data[:4] == b"PAR1":
        try:
            raw = pd.read_parquet(io.BytesIO(data))
        except (ValueError, OSError) as error:
            raise UnreadableFile(f"{uri}: is no whole Parquet file ({error})") from None
        if any(raw.index.names):  # what pandas was indexed by when it wrote them
            raw = raw.reset_index()
        return of_columns(raw, uri) if is_ghcnh(raw) else read_rows(uri, raw)
    if is_micaps(data):
        return read_micaps(data, uri)
    if is_met(data):
        return read_met(data, uri)
    if ISD_LITE.match(data[:100]):
        raise UnreadableFile(f"{uri}: is ISD-Lite, whose station is in its name; name it USAF-WBAN-year as NOAA does")
    if b'"icaoId"' in data[:4000]:
        return read_metar(data)
    refuse_other_kinds(data, uri)
    return _columns(uri, data)


def _columns(uri: str, data: bytes) -> pd.DataFrame:
    """The table of a text in columns, whosever they are."""
    known = {*COLUMNS, *REPORT, *IEM_PLACE, "STATION", "Station_ID", "LATITUDE", "LONGITUDE"}
    try:
        raw = read_delimited(data, known, TEXTS)
        texts = read_delimited(data, known) if is_ghcnh(raw) else None
    except UnreadableFile as error:
        kinds = "; it is neither CSV, Parquet, BUFR, MICAPS, MET, GHCNh nor named like ISD-Lite"
        raise UnreadableFile(f"{uri}: {error}{kinds if str(error).startswith('is no ') else ''}") from None
    if texts is not None:
        return of_columns(texts, uri)
    if {*IEM_PLACE, "p01i"} <= set(raw):
        return read_iem(data)
    raw.attrs["rows"] = "line"
    return read_rows(uri, raw)


def _history(uri: str) -> pd.DataFrame:
    """The list of stations beside an ISD-Lite file, or in the folder above."""
    folder = join(uri).rsplit("/", 1)[0]
    for place in (folder, folder.rsplit("/", 1)[0]):
        if anywhere.exists(f"{place}/{HISTORY}"):
            return read_history(f"{place}/{HISTORY}")
    raise UnreadableFile(
        f"{uri}: ISD-Lite does not say where stations are; put {BASE_URL}/{HISTORY} beside it or in the folder above"
    )
