"""The ledger entry of what a run has made, before it has a name."""

from __future__ import annotations

from datetime import UTC, datetime

from models.package import ModelPackage
from tasks.handover.calibrated import Calibrated
from tasks.handover.cycle import Cycle, RawFile
from tasks.handover.prepared import PreparedInfo
from tasks.handover.scorecard import Scorecard
from tasks.handover.slab import SlabReport, merged
from tasks.region.document import Region
from tasks.store.ledger import LedgerEntry, State
from tasks.version import VERSION


def draft(
    region: Region,
    cycle: Cycle,
    info: PreparedInfo,
    reports: list[SlabReport],
    calibrated: Calibrated,
    inputs: list[RawFile],
    package: ModelPackage,
    fingerprint: str,
    scorecard: Scorecard,
    timings: dict[str, float],
) -> LedgerEntry:
    """All of an entry but for its names and revision."""
    return LedgerEntry(
        region=region.name, cycle=str(cycle), state=State.PUBLISHED, quality=scorecard.quality, product="",
        quicklook="", revision=0, fingerprint=fingerprint, published_at=datetime.now(UTC),
        lead_hours=info.lead_hours,
        variables=info.variables, absent=info.absent,
        inputs=[f.model_copy(update={"uri": f.uri.rsplit("/", 1)[-1]}) for f in inputs],  # a path is nobody's business
        origin=info.origin, expver=info.expver, model=package.model_id, model_sha256=package.digest,
        code_version=VERSION,
        region_fingerprint=region.fingerprint, timezone=region.timezone,
        spacing=region.spacing, input_spacing=[info.grid.dlat, info.grid.dlon], file_spacing=list(info.file_spacing),
        timings=timings, scorecard=scorecard,
        verified_at=None if scorecard.verification is None else datetime.now(UTC),
        slabs=[r.model_copy(update={"digests": {}}) for r in reports],
        digests=merged(reports) | calibrated.digests | info.digests | calibrated.beside,
    )  # fmt: skip
