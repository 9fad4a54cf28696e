"""ECMWF open data's layout: where files lie, what an index says, and proving that bytes are the message asked for.

Works on any root that is laid out so, local or remote. The demo cycle ships in this layout.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

import eccodes

from tasks.cycle import Cycle, RawFile
from tasks.errors import IncompleteDownload
from tasks.storage import filesystem, join, write_bytes
from tasks.variables import Variable


@dataclass(frozen=True)
class IndexEntry:
    """One message as the index lists it."""

    param: str
    levtype: str
    step: str
    offset: int
    length: int


def file_uri(root: str, time: datetime, step: int, stream: str = "oper") -> str:
    """URI of one lead time's GRIB file, without the ending."""
    day, hour = f"{time:%Y%m%d}", f"{time:%H}"
    return join(root, day, f"{hour}z", "ifs", "0p25", stream, f"{time:%Y%m%d%H%M%S}-{step}h-{stream}-fc")


def read_index(text: str) -> list[IndexEntry]:
    """Entries of an `.index` file."""
    lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [IndexEntry(e["param"], e["levtype"], str(e["step"]), int(e["_offset"]), int(e["_length"])) for e in lines]


def assert_is_message(data: bytes, variable: Variable, cycle: Cycle, step: int, length: int, where: str) -> None:
    """The bytes are whole, decode, and are this parameter, cycle and lead time; IncompleteDownload otherwise."""
    remedy = "fetch it again, or from another mirror"
    if len(data) != length or data[:4] != b"GRIB" or data[-4:] != b"7777":
        raise IncompleteDownload(f"{where}: {len(data)} of {length} bytes, or not a whole GRIB message; {remedy}")
    try:
        handle = eccodes.codes_new_from_message(data)
    except eccodes.CodesInternalError as error:
        raise IncompleteDownload(f"{where}: does not decode ({error}); {remedy}") from None
    try:
        get = lambda key: eccodes.codes_get(handle, key)  # noqa: E731
        time = datetime.strptime(f"{get('dataDate'):08d}{get('dataTime'):04d}", "%Y%m%d%H%M").replace(tzinfo=UTC)
        found = (int(get("paramId")) in variable.param_ids, time, int(get("endStep")))
        if found != (True, cycle.time, step):
            raise IncompleteDownload(
                f"{where}: the index is wrong, the message there is {get('shortName')} of {time:%Y-%m-%dT%H} "
                f"+{get('endStep')} h; {remedy}"
            )
    except (eccodes.CodesInternalError, ValueError) as error:
        raise IncompleteDownload(f"{where}: header does not decode ({error}); {remedy}") from None
    finally:
        eccodes.codes_release(handle)


def fetch_lead_time(root: str, cycle: Cycle, step: int, variables: list[Variable], folder: str) -> RawFile:
    """Needed messages of one lead time, by byte range, proved, as one file in `folder`."""
    base = file_uri(root, cycle.time, step)
    fs, path = filesystem(base)
    where = f"{cycle} +{step} h"
    try:
        entries = {e.param: e for e in read_index(fs.cat_file(path + ".index").decode()) if e.levtype == "sfc"}
    except FileNotFoundError:
        raise IncompleteDownload(f"{where}: no index at {base}.index; wait for the cycle to be complete") from None
    except (ValueError, KeyError, TypeError) as error:  # not text, not JSON, not these keys
        raise IncompleteDownload(
            f"{where}: {base}.index is cut or no index ({error}); fetch it again, or from another mirror"
        ) from None
    messages = []
    for variable in variables:
        entry = entries.get(variable.param)
        if entry is None:
            if variable.amount and step == 0:
                continue  # nothing has fallen yet: the services leave it out
            raise IncompleteDownload(f"{where}: {variable.param} is not in the index; wait for it, or another mirror")
        try:
            data = fs.cat_file(path + ".grib2", start=entry.offset, end=entry.offset + entry.length)
        except FileNotFoundError:
            raise IncompleteDownload(
                f"{where}: no file at {base}.grib2, though there is an index; wait for it"
            ) from None
        assert_is_message(data, variable, cycle, step, entry.length, f"{where} {variable.param}")
        messages.append(data)
    whole = b"".join(messages)
    uri = join(folder, f"{cycle.stamp}-{step}h.grib2")
    write_bytes(uri, whole)
    return RawFile(uri=uri, sha256=hashlib.sha256(whole).hexdigest(), size=len(whole))
