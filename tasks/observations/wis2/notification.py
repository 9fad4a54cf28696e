"""What WIS2's notifications say: WMO's WIS2 Notification Message, GeoJSON of one object of data; proved, not believed.

https://wmo-im.github.io/wis2-notification-message. Nothing is fetched or decoded here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import zlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, ValidationError, field_validator

from tasks.grids.box import Box

LARGEST = 1 << 20  # bytes of data: the largest bulletins of the GTS have half of that (WMO-No. 386: 500,000 octets)
METHODS = {  # of integrity, and what hashlib calls them
    "sha256": "sha256", "sha384": "sha384", "sha512": "sha512",
    "sha3-256": "sha3_256", "sha3-384": "sha3_384", "sha3-512": "sha3_512",
}  # fmt: skip
Short = Annotated[str, Field(min_length=1, max_length=1000)]


class Outcome(StrEnum):
    """What became of a notification."""

    KEPT = "kept"
    DELETED = "deleted"  # what it names is kept no more
    DUPLICATE = "duplicate"
    OUTSIDE = "outside the region"
    MALFORMED = "malformed"
    TOO_LARGE = "too large"
    UNAVAILABLE = "not to be fetched"
    CHECKSUM = "wrong checksum"
    UNDECODABLE = "not decodable"
    LATE = "too late"
    FUTURE = "from the future"


class Refused(Exception):
    """Why a notification, or what it announces, is not used."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome


class Integrity(BaseModel):
    """A checksum of the data."""

    method: Short
    value: Short


class Content(BaseModel):
    """Data within its notification; the standard allows 4,096 bytes."""

    encoding: Literal["utf-8", "base64", "gzip"]
    value: str
    size: int | None = None


class Link(BaseModel):
    """Where data is."""

    href: Short
    rel: Short
    length: int | None = None


class Properties(BaseModel):
    """Which data, of which version."""

    data_id: Short
    pubtime: AwareDatetime  # of the publisher; caches do not change it
    integrity: Integrity | None = None
    content: Content | None = None


class Notification(BaseModel):
    """One notification: new data, a newer version of it, or that it is withdrawn."""

    type: Literal["Feature"]
    geometry: dict[str, Any] | None = None
    properties: Properties
    links: Annotated[list[Link], Field(min_length=1, max_length=100)]

    @field_validator("links")
    @classmethod
    def _one_says_what_it_is(cls, links: list[Link]) -> list[Link]:
        if sum(link.rel in ("canonical", "update", "deletion") for link in links) != 1:
            raise ValueError("not one link of canonical, update, deletion")
        return links

    @property
    def link(self) -> Link:
        """The one that says what the notification is of."""
        return next(link for link in self.links if link.rel in ("canonical", "update", "deletion"))

    @property
    def is_deletion(self) -> bool:
        """Whether the data is withdrawn by its publisher."""
        return self.link.rel == "deletion"

    @property
    def data_id(self) -> str:
        """Name of the data, the same in all caches and versions."""
        return self.properties.data_id

    @property
    def pubtime(self) -> datetime:
        """When this version was published, with zone."""
        return self.properties.pubtime

    def is_outside(self, box: Box) -> bool:
        """Whether it gives a point, and that is not in the box; one without a point may be anywhere."""
        geometry = self.geometry or {}
        if geometry.get("type") != "Point":
            return False
        try:
            longitude, latitude = (float(x) for x in geometry["coordinates"][:2])
        except (KeyError, TypeError, ValueError):
            return False
        east = (longitude + 180) % 360 - 180
        along = any(w <= east <= e for w, e in box.spans)
        return not (along and box.south <= latitude <= box.north)

    def inline(self) -> bytes | None:
        """The data, if the notification has it; Refused if it cannot be unpacked, or is not as long as it says."""
        content = self.properties.content
        if content is None:
            return None
        try:
            data = (
                content.value.encode()
                if content.encoding == "utf-8"
                else base64.b64decode(content.value, validate=True)
            )
            if content.encoding == "gzip":
                unpacker = zlib.decompressobj(wbits=31)
                data = unpacker.decompress(data, LARGEST + 1)
                if not unpacker.eof and len(data) <= LARGEST:
                    raise Refused(Outcome.UNDECODABLE, "its content is cut")
        except (binascii.Error, ValueError, zlib.error) as error:
            raise Refused(Outcome.UNDECODABLE, f"its content cannot be unpacked ({error})") from None
        if len(data) > LARGEST:
            raise Refused(Outcome.TOO_LARGE, f"more than {LARGEST} bytes")
        # of gzip some state the packed length
        if content.size is not None and content.encoding != "gzip" and content.size != len(data):
            raise Refused(Outcome.CHECKSUM, f"{len(data)} bytes where it says {content.size}")
        return data

    def prove(self, data: bytes) -> None:
        """Refused if the data has another checksum than the notification says; one that says none is not proved.

        The standard has checksums in base64; hexadecimal ones, which some centres write, are taken as well.
        """
        integrity = self.properties.integrity
        if integrity is None:
            return
        if integrity.method not in METHODS:
            raise Refused(Outcome.CHECKSUM, f"checksum by an unknown method, {integrity.method[:40]!r}")
        digest = hashlib.new(METHODS[integrity.method], data)
        known = (base64.b64encode(digest.digest()).decode(), digest.hexdigest())
        if not any(hmac.compare_digest(integrity.value.encode(), k.encode()) for k in known):
            raise Refused(Outcome.CHECKSUM, f"its {integrity.method} is another")


def read_notification(payload: bytes) -> Notification:
    """A message's notification; Refused, with the first thing that is wrong, if it is none."""
    try:
        return Notification.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        raise Refused(Outcome.MALFORMED, f"{at or 'it'}: {first['msg'][:120]}") from None
