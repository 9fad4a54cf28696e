"""The layout of a store: every name in it, here and nowhere else. Paths in ledger entries are relative to the store.

{store}/{region}/{source}/latest.json
{store}/{region}/{source}/{YYYY}/{MM}/{cycle}.json       ledger entry
{store}/{region}/{source}/{YYYY}/{MM}/{cycle}.zarr       product; {cycle}-r2.zarr when a cycle is made again
{store}/{region}/{source}/{YYYY}/{MM}/{cycle}.png        quick-look
{store}/{region}/{source}/{YYYY}/{MM}/{cycle}.html       report
{store}/{region}/{source}/{YYYY}/{MM}/{cycle}.stations.geojson     stations and their errors, for maps
{store}/{region}/scores/{source}/{cycle}.parquet         scores, one table for any Parquet reader
{store}/{region}/calibration/{source}/{cycle}.parquet    pairs that calibration learns from
{store}/_staging/{region}-{source}-{cycle}-{run}.zarr    products that are being made, and claims of names
{store}/_quarantine/{region}-{source}-{cycle}-{run}.*    the same files of products that the gate refused
"""

from __future__ import annotations

from uuid import uuid4

from tasks.handover.cycle import Cycle
from tasks.storage import join

STAGING, CLAIMS, QUARANTINE = "_staging", "claims", "_quarantine"
LATEST = "latest.json"
PRODUCT, QUICKLOOK, REPORT, STATIONS = ".zarr", ".png", ".html", ".stations.geojson"


def in_store(store: str, path: str) -> str:
    """URI of a path that is relative to the store."""
    return join(store, *path.split("/"))


def name_of(cycle: Cycle, revision: int) -> str:
    """Of a cycle's files, without their ending."""
    return cycle.stamp if revision == 1 else f"{cycle.stamp}-r{revision}"


def place_of(region: str, cycle: Cycle, revision: int) -> str:
    """Path of a revision's files, without their ending."""
    return "/".join([region, cycle.source, f"{cycle.time:%Y}", f"{cycle.time:%m}", name_of(cycle, revision)])


def quarantine_place(staged: str) -> str:
    """The same for a staged product that is refused: one path in every retry of one run."""
    return f"{QUARANTINE}/{staged.rsplit('/', 1)[-1].removesuffix(PRODUCT)}"


def product_uri(store: str, region: str, cycle: Cycle, revision: int) -> str:
    """URI of a revision's product."""
    return in_store(store, place_of(region, cycle, revision) + PRODUCT)


def entry_uri(store: str, region: str, cycle: Cycle) -> str:
    """URI of a cycle's ledger entry."""
    return in_store(store, place_of(region, cycle, 1) + ".json")


def latest_uri(store: str, region: str, source: str) -> str:
    """URI of latest.json."""
    return join(store, region, source, LATEST)


def new_staged_uri(store: str, region: str, cycle: Cycle) -> str:
    """URI for a product that is being made, another at every call."""
    return join(store, STAGING, f"{region}-{cycle.source}-{cycle.stamp}-{uuid4().hex[:8]}{PRODUCT}")


def claim_uri(store: str, region: str, cycle: Cycle, revision: int) -> str:
    """URI of the small file that claims a revision's name for a run."""
    return join(store, STAGING, CLAIMS, f"{region}-{cycle.source}-{name_of(cycle, revision)}")


def scores_folder(store: str, region: str, source: str) -> str:
    """URI of the folder of a source's scores."""
    return join(store, region, "scores", source)


def scores_uri(store: str, region: str, cycle: Cycle) -> str:
    """URI of a cycle's part of the table of scores."""
    return join(scores_folder(store, region, cycle.source), f"{cycle.stamp}.parquet")


def history_folder(store: str, region: str, source: str) -> str:
    """URI of the folder of a source's pairs, which calibration learns from."""
    return join(store, region, "calibration", source)


def history_uri(store: str, region: str, cycle: Cycle) -> str:
    """URI of a cycle's pairs."""
    return join(history_folder(store, region, cycle.source), f"{cycle.stamp}.parquet")
