"""A cycle: where a forecast comes from and when it starts. Its text form names runs, folders and ledger entries."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from tasks.errors import BadInput

_TEXT = re.compile(r"(?:(?P<source>[a-z0-9]+)/)?(?P<time>\d{4}-\d{2}-\d{2}T\d{2})(?::?00)?Z?")

# hres: ECMWF's product of that name ended with IFS cycle 50r1 (2026-05-12); people still say it
ALIASES = {"hres": "ifs", "ifs-9km": "ifs9km", "enfo": "ens"}
# where the fields come from -> what their licence asks products to say
LICENCE = {
    "ifs": "CC-BY-4.0",
    "aifs": "CC-BY-4.0",
    "ens": "CC-BY-4.0",
    "ifs9km": "CC-BY-4.0",
    "era5": "CC-BY-4.0",
}  # of a file of unknown origin nothing can be said
ATTRIBUTION = {
    "ifs": "Contains ECMWF open data, (c) ECMWF, CC-BY-4.0; modified by finescale",
    "ens": "Contains ECMWF open data (ENS), (c) ECMWF, CC-BY-4.0; modified by finescale",
    "aifs": "Contains ECMWF open data (AIFS), (c) ECMWF, CC-BY-4.0; modified by finescale",
    "era5": "Contains modified Copernicus Climate Change Service information; neither the European Commission nor "
    "ECMWF is responsible for any use of it",
    "ifs9km": "Contains ECMWF data, (c) ECMWF, CC-BY-4.0, by Open-Meteo.com, CC-BY-4.0; modified by finescale",
    "unknown": "Made by finescale from a file whose origin is not stated in it",
}


def attribution(source: str, origin: str) -> str:
    """What a product of a source, whose fields are of an origin, has to say; empty where nothing is known of it."""
    return ATTRIBUTION.get(source, ATTRIBUTION.get(origin, ""))


class Cycle(BaseModel):
    """Source and initial time, e.g. ifs/2026-11-22T00."""

    model_config = ConfigDict(frozen=True)

    source: str
    time: datetime  # UTC, timezone-aware

    def __str__(self) -> str:
        return f"{self.source}/{self.stamp}"

    @property
    def stamp(self) -> str:
        """Initial time as in file names: 2026-11-22T00."""
        return self.time.strftime("%Y-%m-%dT%H")

    @classmethod
    def parse(cls, text: str, source: str) -> Cycle:
        """From `ifs/2026-11-22T00` or `2026-11-22T00`; BadInput if it is neither or names another source."""
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise BadInput(f"--cycle {text!r} is not a cycle; write it like 2026-11-22T00 or {source}/2026-11-22T00")
        if match["source"] not in (None, source):
            raise BadInput(f"--cycle {text!r} names source {match['source']}, but --source is {source}")
        try:
            time = datetime.strptime(match["time"], "%Y-%m-%dT%H").replace(tzinfo=UTC)
        except ValueError as error:
            raise BadInput(f"--cycle {text!r}: {error}") from None
        return cls(source=source, time=time)


class RawFile(BaseModel):
    """One fetched or handed-in file, and the proof of what it held."""

    model_config = ConfigDict(frozen=True)

    uri: str
    sha256: str
    size: int
    member: int = 0  # of an ensemble; 0: of none
    mirror: str = ""  # that it came from
    confirmed: bool | None = None  # by a second mirror's bytes, or a checksum of who made it; None: there was neither
    expver: dict[str, list[int]] = {}  # ERA5: hours that are final (0001) and preliminary (0005)
