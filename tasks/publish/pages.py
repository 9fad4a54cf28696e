"""What people see of a product: its global attributes, its picture, its report."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from tasks.handover.cycle import ATTRIBUTION, LICENCE
from tasks.handover.prepared import INPUT
from tasks.present.quicklook import quicklook, thinned
from tasks.present.report import report
from tasks.region.document import Region
from tasks.storage import open_zarr
from tasks.store.ledger import LedgerEntry
from tasks.store.product import open_input


def attributes(entry: LedgerEntry, region: Region) -> dict[str, str]:
    """Global attributes of the product: what it is, where it came from, how good it is."""
    return {
        "title": f"{region.title}: {entry.cycle} at {region.spacing:g} degree",
        "institution": "finescale",
        "source": f"{entry.cycle} downscaled by finescale {entry.code_version} with {entry.model}",
        "history": f"{entry.published_at:%Y-%m-%dT%H:%M:%SZ} finescale {entry.code_version}",
        "references": "Li et al., Computer Engineering 2026, 52(4), 376-385",
        "attribution": ". ".join(p for p in (ATTRIBUTION[entry.origin], region.attribution) if p),
        "finescale_region": entry.region,
        "finescale_region_title": region.title,
        "finescale_cycle": entry.cycle,
        "finescale_version": entry.code_version,
        "finescale_model": entry.model,
        "finescale_model_sha256": entry.model_sha256,
        "finescale_quality": entry.quality,
        "scorecard": entry.scorecard.model_dump_json(),
        "ledger": entry.model_dump_json(exclude={"scorecard", "digests", "slabs"}),
    } | ({"license": LICENCE[entry.origin]} if entry.origin in LICENCE else {})


def picture(product_uri: str, entry: LedgerEntry, region: Region) -> bytes:
    """Quick-look of the middle lead time."""
    product, fields = open_zarr(product_uri), open_zarr(product_uri, INPUT)
    middle = product.sizes["step"] // 2
    valid = product.valid_time.values[middle].astype("datetime64[m]")
    hours = product.step.values[middle].astype("timedelta64[m]").astype(int) / 60
    when = f"+{hours:g} h, valid {str(valid).replace('T', ' ')} UTC"
    title = f"{region.title}: {entry.cycle} {when}; product at {entry.spacing:g}°"
    coarse, fine = (thinned(ds.isel(step=middle)).load() for ds in (fields, product))
    return quicklook(coarse, fine, region.boundary_file, title)


def report_page(product_uri: str, entry: LedgerEntry, region: Region, pairs: pd.DataFrame | None) -> bytes:
    """The report, a page of its own."""
    coarse = open_input(product_uri)
    fields = coarse.fields if coarse is not None else xr.Dataset()  # of an older version
    return report(entry, open_zarr(product_uri), fields, pairs, region.boundary_file, region.title, entry.verified_at)
