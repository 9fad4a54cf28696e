"""ECMWF open data's files: what an index says, and proving that bytes are the message that was asked for.

Works on any root that is laid out so. The demo cycle ships in this layout.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.acquire.catalogue import served
from tasks.acquire.layout import file_uri
from tasks.errors import IncompleteDownload
from tasks.grib.header import read_header
from tasks.grib.layout import decode_values
from tasks.grib.walk import message_of
from tasks.handover.cycle import Cycle, RawFile
from tasks.region.document import Region
from tasks.storage import join, read_bytes, write_bytes
from tasks.variables import VARIABLES, Variable, known

REMEDY = "fetch it again, or from another mirror"
HEIGHTS = {"2t": 2, "2d": 2, "10u": 10, "10v": 10, "100u": 100, "100v": 100, "10fg": 10, "mx2t": 2, "mn2t": 2}  # m
FIRST_NAME = {other: v.param for v in VARIABLES.values() for other in v.also}


def key_of(param: str, member: int = 0) -> str:
    """What a message of a lead time is called: 2t, or 2t-m07 of an ensemble's member 7."""
    return f"{param}-m{member:02d}" if member else param


@dataclass(frozen=True)
class Wanted:
    """A variable of a lead time, of one forecast or of an ensemble's member."""

    variable: Variable
    member: int = 0

    @property
    def key(self) -> str:
        """As `IndexEntry.key`."""
        return key_of(self.variable.param, self.member)


class IndexEntry(BaseModel):
    """One message as a line of the index has it."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)

    param: str
    levtype: str
    step: str
    member: Annotated[int, Field(alias="number", ge=0)] = 0  # of an ensemble; 0: of none, or its control
    offset: Annotated[int, Field(alias="_offset", ge=0)]  # bytes
    length: Annotated[int, Field(alias="_length", gt=0)]

    @property
    def key(self) -> str:
        """What the message is called."""
        return key_of(self.param, self.member)


def read_index(text: bytes) -> list[IndexEntry]:
    """Entries of an `.index` file; ValueError that says in a line what is wrong if it is none."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                entries.append(IndexEntry.model_validate_json(line))
            except ValidationError as error:
                first = error.errors()[0]
                label = " ".join(map(str, (f"line {number}", *first["loc"])))
                raise ValueError(f"{label}: {first['msg']}") from None
    return entries


def by_key(entries: list[IndexEntry]) -> dict[str, IndexEntry]:
    """The single-level messages of a lead time by their keys, each by the first of its names.

    What else an index says is proved with the message.
    """
    here = [e for e in entries if e.levtype == "sfc"]
    others = [e.model_copy(update={"param": FIRST_NAME[e.param]}) for e in here if e.param in FIRST_NAME]
    return {e.key: e for e in (*others, *here)}


def needed(variables: list[Variable], step: int) -> list[Variable]:
    """Those that a lead time has: nothing has fallen or been the largest at the start, the services leave it out."""
    return [v for v in variables if not ((v.amount or v.extreme) and step == 0)]


def wanted_of(cycle: Cycle, region: Region, step: int) -> list[Wanted]:
    """What a region needs of a lead time: of an ensemble, member by member."""
    members = region.of_ensemble.numbers if cycle.source == "ens" else [0]
    return [Wanted(v, member) for member in members for v in needed(known(served(region, cycle)), step)]


def assert_is_message(
    data: bytes, variable: Variable, cycle: Cycle, step: int, length: int, label: str, member: int = 0
) -> None:
    """The bytes are a whole message of this parameter, level, cycle, lead time and member, or IncompleteDownload.

    By its header: values are decoded by `assert_decodes`.
    """
    message = message_of(data, length, IncompleteDownload, label, REMEDY)
    header = read_header(message, IncompleteDownload, label, REMEDY)
    height = HEIGHTS.get(variable.param)
    level = header.of_surface and (height is None or header.level == height)
    found = (header.variable, level, header.init, header.lead_hours, header.member)
    if found != (variable, True, cycle.time, step, member):
        whose = f" of member {header.member}" if header.member != member else ""
        raise IncompleteDownload(
            f"{label}: the index is wrong, the message there is {header.short_name}{whose} of "
            f"{header.init:%Y-%m-%dT%H} +{header.lead_hours:g} h at {header.level_type} {header.level}; {REMEDY}"
        )


def assert_decodes(data: bytes, label: str) -> None:
    """A whole message's values decode; IncompleteDownload otherwise."""
    message = message_of(data, len(data), IncompleteDownload, label, REMEDY)
    decode_values(message, IncompleteDownload, label, REMEDY)


def fetch_lead_time(
    root: str, cycle: Cycle, step: int, variables: list[Variable], folder: str, *, decode: bool = True
) -> RawFile:
    """Needed messages of one lead time in a folder laid out so, by byte range, proved, as one file in `folder`.

    `decode`: prove their values too, where no checksum has proved the files.
    """
    base = file_uri(root, cycle.time, step)
    label = f"{cycle} +{step} h"
    try:
        entries = by_key(read_index(read_bytes(f"{base}.index")))
    except FileNotFoundError:
        raise IncompleteDownload(f"{label}: no index at {base}.index; wait for the cycle to be complete") from None
    except ValueError as error:
        raise IncompleteDownload(f"{label}: {base}.index is cut or no index ({error}); {REMEDY}") from None
    messages = []
    for variable in needed(variables, step):
        entry = entries.get(variable.param)
        if entry is None:
            raise IncompleteDownload(
                f"{label}: {variable.param} is not in the index {base}.index; wait for it, or another mirror"
            )
        try:
            data = read_bytes(f"{base}.grib2", entry.offset, entry.offset + entry.length)
        except FileNotFoundError:
            raise IncompleteDownload(
                f"{label}: no file at {base}.grib2, though there is an index; wait for it"
            ) from None
        assert_is_message(data, variable, cycle, step, entry.length, f"{label} {variable.param}")
        if decode:
            assert_decodes(data, f"{label} {variable.param}")
        messages.append(data)
    whole = b"".join(messages)
    uri = join(folder, f"{cycle.stamp}-{step}h.grib2")
    write_bytes(uri, whole)
    return RawFile(uri=uri, sha256=hashlib.sha256(whole).hexdigest(), size=len(whole))
