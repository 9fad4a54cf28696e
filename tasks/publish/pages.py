"""What people see of a product: its global attributes, its picture, its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr

from tasks.arrays import open_zarr
from tasks.handover.cycle import LICENCE, attribution
from tasks.present.quicklook import quicklook, thinned
from tasks.present.report import report
from tasks.region.document import Region
from tasks.store.calibration import open_calibration
from tasks.store.ledger import LedgerEntry
from tasks.store.metadata import ledger_attribute
from tasks.store.product import open_input
from tasks.timezones import both, zone_of

AT_ONCE = 64_000_000  # bytes of an input that is read whole: a province's, of any length


def attributes(entry: LedgerEntry, region: Region) -> dict[str, Any]:
    """Global attributes of the product: what it is, where it came from, how good it is."""
    chinese = {"finescale_region_title_zh": region.title_zh} if region.title_zh else {}
    licence = {"license": LICENCE[entry.origin]} if entry.origin in LICENCE else {}
    return {
        "title": f"{region.title}: {entry.cycle} at {region.spacing:g} degree",
        "institution": "finescale",
        "source": f"{entry.cycle} downscaled by finescale {entry.code_version} with {entry.model}",
        "history": f"{entry.published_at:%Y-%m-%dT%H:%M:%SZ} finescale {entry.code_version}",
        "references": "Li et al., Computer Engineering 2026, 52(4), 376-385",
        "attribution": ". ".join(p for p in (attribution(entry.source, entry.origin), region.attribution) if p),
        "finescale_region": entry.region,
        "finescale_region_title": region.title,
        **chinese,
        "finescale_cycle": entry.cycle,
        "finescale_version": entry.code_version,
        "finescale_model": entry.model,
        "finescale_model_sha256": entry.model_sha256,
        "finescale_quality": entry.quality,
        "finescale_calibrated": " ".join(entry.scorecard.calibrated),
        "scorecard": entry.scorecard.model_dump_json(),
        "ledger": ledger_attribute(entry),
        **licence,
        **_spacings(entry),
    }


def _spacings(entry: LedgerEntry) -> dict[str, list[float]]:
    """Of what the model was given and of the files; nothing of products of versions that did not keep it."""
    found = {"finescale_input_spacing": entry.input_spacing, "finescale_file_spacing": entry.file_spacing}
    return {name: spacing for name, spacing in found.items() if spacing}


@dataclass(frozen=True)
class Opened:
    """A product and what it was made from, for its pages; the input is empty where an older version did not keep it."""

    product: xr.Dataset
    input: xr.Dataset
    increments: xr.Dataset | None  # of calibration


def opened(product_uri: str) -> Opened:
    """A product, read when asked for. A small input is read here, once for all pages."""
    coarse = open_input(product_uri)
    fields = coarse.fields if coarse is not None else xr.Dataset()
    calibration = open_calibration(product_uri)
    increments = (
        calibration.increments.fields if calibration is not None and calibration.increments is not None else None
    )
    return Opened(open_zarr(product_uri), fields.load() if fields.nbytes <= AT_ONCE else fields, increments)


def picture(pages: Opened, entry: LedgerEntry, region: Region) -> bytes:
    """Quick-look of the middle lead time."""
    middle = pages.product.sizes["step"] // 2
    valid = both(pages.product.valid_time.values[middle].astype("datetime64[s]").item(), zone_of(entry.timezone))
    hours = pages.product.step.values[middle].astype("timedelta64[m]").astype(int) / 60
    when = f"+{hours:g} h, valid {valid}"
    title = f"{region.title}: {entry.cycle} {when}; product at {entry.spacing:g}°"
    coarse, fine = (thinned(ds.isel(step=middle)).load() for ds in (pages.input, pages.product))
    return quicklook(coarse, fine, region.boundary_file, title)


def report_page(pages: Opened, entry: LedgerEntry, region: Region, pairs: pd.DataFrame | None) -> bytes:
    """The report, a page of its own."""
    return report(
        entry, pages.product, pages.input, pairs, region.boundary_file, region.title, entry.verified_at,
        pages.increments,
    )  # fmt: skip
