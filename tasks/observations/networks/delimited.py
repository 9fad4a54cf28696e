"""Text in columns, as editors and spreadsheets write it: encoding, separator and length are seen, not asked for.

What the columns are is not known here; `columns` makes numbers and times of them.
"""

from __future__ import annotations

import csv
import gzip
import io
import warnings
import zlib
from collections.abc import Collection

import numpy as np
import pandas as pd

from tasks.decoded import BEGINNING, decodable
from tasks.errors import BadInput, UnreadableFile

MOST = 256 * 2**20  # bytes of text, two million reports: half a minute and 5 GB of memory
LONGEST = 2**20  # bytes of a line; a thousand columns have a tenth of that
MOST_COLUMNS = 2000  # archives of stations have some hundred; what is done for every column would take minutes
ENOUGH = 100  # lines of a table with none of the columns that are read, to say so
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
HAND = "sep="  # Excel's own first line
OTHER_KINDS = {  # first bytes -> what it is, and what to do
    b"PK\x03\x04": "is a workbook of Excel, or a zip; save its sheet as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "is a workbook of Excel; save its sheet as CSV",
    b"GRIB": "is a gridded file (GRIB), and stations are wanted; --grid or --forecasts takes it",
    b"CDF": "is a gridded file (NetCDF), and stations are wanted; --grid or --forecasts takes it",
    b"\x89HDF": "is a gridded file (NetCDF), and stations are wanted; --grid or --forecasts takes it",
    b"<": "is a page (HTML or XML), perhaps an error of the server that it was fetched from; fetch the file again",
    b"BZh": "is packed by bzip2; unpack it, or pack it by gzip",
    b"\xfd7zXZ": "is packed by xz; unpack it, or pack it by gzip",
    b"(\xb5/\xfd": "is packed by zstd; unpack it, or pack it by gzip",
}


def bounded(size: int, uri: str) -> None:
    """BadInput for a text that is too long to be read."""
    if size > MOST:
        raise BadInput(
            f"{uri}: has {size / 2**20:,.0f} MiB or more, and of text {MOST / 2**20:,.0f} MiB are read; keep the days "
            "and places that are wanted, or write it as Parquet"
        )


def unpacked(data: bytes, uri: str) -> bytes:
    """Content of a file that may be gzipped, of what unpacks to `MOST` at most."""
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            content = file.read(MOST + 1)
    except (EOFError, OSError, zlib.error):
        raise UnreadableFile(f"{uri}: is cut; copy it again") from None
    bounded(len(content), uri)
    return content


def refuse_other_kinds(data: bytes, uri: str) -> None:
    """UnreadableFile says what a file is that is no text of columns."""
    for start, what in OTHER_KINDS.items():
        if data[:64].lstrip()[: len(start)] == start:
            raise UnreadableFile(f"{uri}: {what}")


def read_delimited(data: bytes, known: Collection[str], texts: Collection[str] | None = None) -> pd.DataFrame:
    """The columns of a text, numbers where all is numbers; those in `texts` (None: all) stay text.

    known: names that headers have, by which the separator is seen. The index is the line in the file. UnreadableFile,
    without the file's name, says what is wrong.
    """
    data, encoding = decodable(data)
    _refuse_long_lines(data)
    beginning = data[:BEGINNING].decode(encoding, errors="replace").lstrip("\ufeff")
    lines = beginning.splitlines()
    header = next((i for i, line in enumerate(lines) if line.strip(" ;,\t") and not _is_remark(line)), None)
    if header is None:
        raise UnreadableFile("has no line with the names of its columns; put them first")
    separator, recognized = _separator(lines[header], known)
    _refuse_more_than_header(lines[header:] if len(data) <= BEGINNING else lines[header:-1], separator, header + 1)
    _refuse_cut(data, encoding, separator, lines[header])
    names = _unique(_words(lines[header], separator))
    if texts is not None:
        wanted = {t.casefold() for t in texts}
    kinds = {n: str for n in names if texts is None or n.casefold() in wanted}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            raw = pd.read_csv(
                io.BytesIO(data), sep=separator, skiprows=header, header=0, names=names, encoding=encoding, dtype=kinds,
                nrows=None if recognized else ENOUGH, index_col=False, skip_blank_lines=False, low_memory=False,
                skipinitialspace=True,
                keep_default_na=texts is not None,
            )  # fmt: skip
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeError, ValueError, csv.Error) as error:
        raise UnreadableFile(f"is no table ({str(error).strip()})") from None
    raw.index = pd.RangeIndex(header + 2, header + 2 + len(raw))
    return raw[~(raw.isna() | (raw == "")).all(axis=1)] if len(raw) else raw


def _refuse_cut(data: bytes, encoding: str, separator: str, header: str) -> None:
    """A last line without its end that has fewer values than there are names may end within a number."""
    last = data[-BEGINNING:].decode(encoding, errors="replace").splitlines()[-1]
    if not data.endswith((b"\n", b"\r")) and last.count(separator) < header.count(separator):
        raise UnreadableFile(f"ends within a line ({last[-40:]!r}); is the file cut? Copy it again")


def _words(header: str, separator: str) -> list[str]:
    """The names in a header; UnreadableFile for more than any table has, and for one that does not end."""
    try:
        words = next(csv.reader([header], delimiter=separator), [])
    except csv.Error as error:
        raise UnreadableFile(f"is no table: its first line is none of names ({error})") from None
    if len(words) > MOST_COLUMNS:
        raise UnreadableFile(
            f"has {len(words):,} columns, of which {MOST_COLUMNS:,} are read; is a line break missing?"
        )
    return words


def _unique(names: list[str]) -> list[str]:
    """Without blanks around them; what comes again is counted, as pandas does."""
    stripped = [n.strip() or f"unnamed {i}" for i, n in enumerate(names)]
    return [f"{n}.{again}" if (again := stripped[:i].count(n)) else n for i, n in enumerate(stripped)]


def _refuse_long_lines(data: bytes) -> None:
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == (10 if b"\n" in data else 13))
    lengths = np.diff(np.concatenate([[-1], ends, [len(data)]])) - 1
    if lengths.max() > LONGEST:
        at = int(lengths.argmax())
        raise UnreadableFile(f"line {at + 1} has {lengths[at]:,} bytes; is a line break missing? Export the file again")


def _is_remark(line: str) -> bool:
    return line.startswith("#") or line.strip().casefold().startswith(HAND)


def _separator(header: str, known: Collection[str]) -> tuple[str, int]:
    """By which most of the header's names are known, or else by which there are most; and how many are known."""
    names = {n.casefold() for n in known}

    def score(separator: str) -> tuple[int, int]:
        words = [w.strip().casefold() for w in _words(header, separator)]
        return len(names & set(words)), len(words)

    best = max(SEPARATORS, key=score)
    blanks = header.casefold().split()
    if score(best)[0] < 2 and len(names & set(blanks)) > 2:
        raise UnreadableFile(
            f"has its columns between blanks; write {', '.join(SEPARATORS.values())} between them, and save it again"
        )
    return best, score(best)[0]


def _refuse_more_than_header(lines: list[str], separator: str, first: int) -> None:
    """A line with more values than there are names would move them all by one."""
    rows = csv.reader(lines[:100], delimiter=separator)
    try:
        count = len(next(rows))
        for row in rows:
            if any(word.strip() for word in row[count:]):
                raise UnreadableFile(
                    f"line {first + rows.line_num - 1} has {len(row)} values of {count} columns; is a comma the "
                    "decimal point? Write semicolons between columns, or points in numbers"
                )
    except csv.Error:
        return  # the parser's own words are better
