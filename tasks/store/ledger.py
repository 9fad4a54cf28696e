"""The ledger: one JSON a cycle that alone answers "is this done?"; and `latest.json`, which readers start from.

Where they lie: tasks/store/paths.py.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ValidationError

from tasks.errors import FinescaleError
from tasks.handover.cycle import Cycle, RawFile
from tasks.handover.digests import Digests
from tasks.handover.scorecard import Quality, Scorecard
from tasks.handover.slab import SlabReport
from tasks.storage import create_bytes, exists, join, matching, read_all, read_tagged, replace_bytes
from tasks.store.paths import entry_uri, in_store, latest_uri

ERA5T = "0005"  # expver of preliminary ERA5; 0001 is final


class DamagedLedger(FinescaleError):
    """A ledger file that cannot be read."""


class State(StrEnum):
    """What became of a product."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"  # by a person
    DAMAGED = "damaged"  # found by the integrity scan
    QUARANTINED = "quarantined"  # by the gate


class LedgerEntry(BaseModel):
    """All there is to know of one published cycle; paths are relative to the store."""

    region: str
    cycle: str
    state: State  # see `good`
    why: str = ""  # of a state other than published
    quality: Quality
    product: str
    quicklook: str
    report: str = ""
    stations: str = ""  # what maps show of them; none before there are any
    revision: int  # 0: quarantined, and never published
    fingerprint: str
    published_at: datetime
    verified_at: datetime | None = None  # when observations were last looked at
    lead_hours: list[float]
    variables: list[str]
    absent: list[str]
    inputs: list[RawFile]
    origin: str
    expver: str
    model: str
    model_sha256: str
    code_version: str
    region_fingerprint: str
    timezone: str = "UTC"  # of who reads; what is stored is UTC
    spacing: float
    # degrees north-south and west-east: of what the model was given, and of the files; empty in entries of before
    input_spacing: list[float] = []
    file_spacing: list[float] = []
    timings: dict[str, float]  # seconds by step, publishing itself not yet known
    scorecard: Scorecard
    slabs: list[SlabReport] = []  # where, on what and in which time it was computed
    digests: Digests = {}  # of every array; of older versions those of variables, or none

    @property
    def good(self) -> bool:
        """Whether readers may use the product; one that is withdrawn or damaged counts as not made."""
        return self.state == State.PUBLISHED

    @property
    def scorable(self) -> bool:
        """Whether another verdict may be given: on what is good, and on what observations have put into quarantine."""
        return self.good or (self.state == State.QUARANTINED and self.revision > 0)

    @property
    def source(self) -> str:
        """Where the cycle is from."""
        return self.cycle.split("/")[0]

    @property
    def preliminary(self) -> bool:
        """Whether some hours are ERA5T."""
        return self.origin == "era5" and ERA5T in self.expver.split("+")


LATEST_KEYS = {
    "region", "cycle", "revision", "quality", "product", "quicklook", "report", "stations", "published_at",
    "verified_at", "lead_hours", "variables", "model", "timezone",
}  # fmt: skip
SKILL_KEYS = {"variable", "period", "units", "count", "stations", "product", "best", "baseline", "skill", "low", "high"}


def _latest(entry: LedgerEntry) -> bytes:
    """What readers start from: which product, how good it is and why, and its scores beside the best baseline's."""
    found = entry.scorecard.verification
    group = found.group if found is not None else ""
    skill = [s.model_dump(include=SKILL_KEYS) for s in (found.skill if found else []) if s.group == group]
    card = {"why": entry.scorecard.why, "scores": skill, "calibrated": entry.scorecard.calibrated}
    return _json(entry.model_dump(mode="json", include=LATEST_KEYS) | card)


def _json(data: Any) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()


def fingerprint(inputs: list[RawFile], model_sha256: str, region_fingerprint: str, code_version: str) -> str:
    """Hash of all that shapes a product: two runs that share it would make the same one."""
    parts = [sorted(f.sha256 for f in inputs), model_sha256, region_fingerprint, code_version]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def read_entry(store: str, region: str, cycle: Cycle) -> LedgerEntry | None:
    """The entry of a cycle, None if it was never published."""
    found = read_tagged_entry(store, region, cycle)
    return found[0] if found else None


def read_tagged_entry(store: str, region: str, cycle: Cycle) -> tuple[LedgerEntry, str] | None:
    """The entry of a cycle with the tag that `write_entry` wants when it is replaced."""
    uri = entry_uri(store, region, cycle)
    found = read_tagged(uri)
    return (_parse(found[0], uri), found[1]) if found else None


def write_entry(store: str, cycle: Cycle, entry: LedgerEntry, tag: str | None) -> bool:
    """Write a cycle's entry, in the place of the one with this tag or as the first; False if another was faster."""
    uri, data = entry_uri(store, entry.region, cycle), _json(entry.model_dump(mode="json"))
    return create_bytes(uri, data) if tag is None else replace_bytes(uri, data, tag)


def point_to(store: str, entry: LedgerEntry) -> None:
    """Let `latest.json` name this product, unless it names a later cycle, or a later revision of this one."""
    uri, data = latest_uri(store, entry.region, entry.source), _latest(entry)
    while True:
        found = read_tagged(uri)
        if found is None:
            if create_bytes(uri, data):
                return
            continue
        now = json.loads(found[0])
        # of one product the later verdict stays
        mine, named = _order(entry.model_dump(mode="json")), _order(now)
        if found[0] == data or named > mine or (named == mine and now["product"] != entry.product):
            return
        if replace_bytes(uri, data, found[1]):
            return


def _order(named: dict[str, Any]) -> tuple[str, int, str]:
    return named["cycle"], named.get("revision", 0), named.get("verified_at") or ""


def replace_latest(store: str, entry: LedgerEntry, tag: str) -> bool:
    """Let `latest.json` name this product instead of what it named with this tag; False if it has changed since."""
    return replace_bytes(latest_uri(store, entry.region, entry.source), _latest(entry), tag)


def entries(store: str, region: str) -> list[LedgerEntry]:
    """Every entry of a region, oldest cycle first within each source."""
    files = matching(join(store, region), "*/[0-9][0-9][0-9][0-9]/[0-9][0-9]/*.json")
    return [_parse(text, file) for file, text in zip(files, read_all(files), strict=True)]


def newest_good(store: str, region: str, source: str) -> LedgerEntry | None:
    """The newest good entry of a source whose product is there."""
    found = (e for e in reversed(entries(store, region)) if e.source == source and e.good)
    return next((e for e in found if exists(join(in_store(store, e.product), "zarr.json"))), None)


def _parse(text: bytes, label: str) -> LedgerEntry:
    try:
        return LedgerEntry.model_validate_json(text)
    except ValidationError as error:
        raise DamagedLedger(
            f"{label}: not a ledger entry ({error.error_count()} errors, first: {error.errors()[0]['msg']}); "
            "restore it, or remove it and make the cycle again"
        ) from None
