"""The catalogue's documents, made with pystac: items, collections, catalogues. What they say, not where they are kept.

STAC 1.1 with the extensions datacube and forecast. Links and hrefs are relative: a store can be copied or served from
anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pystac
import xarray as xr
from pystac.extensions.datacube import (
    DatacubeExtension,
    Dimension,
    HorizontalSpatialDimension,
    TemporalDimension,
    Variable,
    VariableType,
)

from tasks.grids.gridded import ALTITUDE, LAND
from tasks.handover.cycle import LICENCE, Cycle, attribution
from tasks.store.ledger import LedgerEntry
from tasks.store.stac.outline import outline
from tasks.variables import VARIABLES

FORECAST = "https://stac-extensions.github.io/forecast/v0.2.0/schema.json"  # pystac has no class for it
PROVIDERS = {
    "ifs": ("ECMWF", "https://www.ecmwf.int"),
    "ens": ("ECMWF", "https://www.ecmwf.int"),
    "aifs": ("ECMWF", "https://www.ecmwf.int"),
    "era5": ("Copernicus Climate Change Service", "https://climate.copernicus.eu"),
}
LICENCE_PAGES = {"CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/"}
AXES = ["latitude", "longitude"]
Document = dict[str, Any]


@dataclass(frozen=True)
class Catalogued:
    """A good product, opened, and its ledger entry."""

    entry: LedgerEntry
    product: xr.Dataset

    @property
    def cycle(self) -> Cycle:
        """Which cycle it is of."""
        return Cycle.parse(self.entry.cycle, self.entry.source)

    @property
    def title(self) -> str:
        """Its region, for people; products of older versions know its name only."""
        return str(self.product.attrs.get("finescale_region_title", self.entry.region))

    @property
    def times(self) -> list[datetime]:
        """Valid times, UTC."""
        return [self.cycle.time + timedelta(hours=h) for h in self.entry.lead_hours]


def item(found: Catalogued) -> Document:
    """One cycle: what it covers, how good it is, its product, picture, report and ledger entry."""
    entry, cycle, times = found.entry, found.cycle, found.times
    place = outline(found.product, entry.spacing)
    made = pystac.Item(
        id=f"{entry.region}-{entry.source}-{cycle.stamp}",
        geometry=place.geometry,
        bbox=place.bbox,
        datetime=times[0],  # as the forecast extension recommends for a period
        start_datetime=times[0],
        end_datetime=times[-1],
        collection=f"{entry.region}-{entry.source}",
        stac_extensions=[FORECAST],
        properties={
            "title": f"{found.title}: {entry.cycle}",
            "created": _utc(entry.published_at),
            "updated": _utc(entry.verified_at or entry.published_at),
            "license": LICENCE.get(entry.origin, "other"),
            "forecast:reference_datetime": _utc(cycle.time),
            "forecast:duration": f"PT{entry.lead_hours[-1] - entry.lead_hours[0]:g}H",
            "finescale:region": entry.region,
            "finescale:cycle": entry.cycle,
            "finescale:revision": entry.revision,
            "finescale:quality": entry.quality,
            "finescale:why": entry.scorecard.why,
            "finescale:lead_hours": entry.lead_hours,
            "finescale:model": entry.model,
            "finescale:calibrated": entry.scorecard.calibrated,
        },
    )
    DatacubeExtension.ext(made, add_if_missing=True).apply(_dimensions(found, times), _variables(found))
    assets = {
        "product": pystac.Asset(entry.product, "Zarr v3 store", media_type=pystac.MediaType.VND_ZARR, roles=["data"]),
        "quicklook": pystac.Asset(entry.quicklook, "Picture", media_type=pystac.MediaType.PNG, roles=["overview"]),
        "report": pystac.Asset(entry.report, "Verdict and scores", media_type="text/html", roles=["metadata"]),
        "ledger": pystac.Asset(
            "/".join([*entry.product.split("/")[:-1], f"{cycle.stamp}.json"]),
            "Ledger entry", media_type=pystac.MediaType.JSON, roles=["metadata"],
        ),
    }  # fmt: skip
    for name, asset in assets.items():
        if asset.href:  # entries of older versions know of no report
            asset.href = _from_items(asset.href)
            made.add_asset(name, asset)
    _link(made, root="../../../../catalog.json", parent="./catalog.json", collection="../../collection.json")
    return made.to_dict(include_self_link=False, transform_hrefs=False)


def month(region: str, source: str, name: str, stamps: list[str]) -> Document:
    """The items of one month of initial times, the oldest first."""
    made = pystac.Catalog(
        id=f"{region}-{source}-{name}", description=f"Cycles of {source} that began in {name}", title=name
    )
    _link(made, root="../../../../catalog.json", parent="../../collection.json")
    made.add_links([_to("item", f"./{s}.json", s, pystac.MediaType.GEOJSON) for s in stamps])
    return made.to_dict(include_self_link=False, transform_hrefs=False)


def collection(found: Catalogued, first: Cycle, months: list[str]) -> Document:
    """All cycles of a source for a region. `found`: the newest good one; `first`: the oldest that has an item."""
    entry, times = found.entry, found.times
    spatial = pystac.SpatialExtent([outline(found.product, entry.spacing).bbox])
    interval: list[datetime | None] = [first.time, times[-1]]
    licence = LICENCE.get(entry.origin, "other")
    made = pystac.Collection(
        id=f"{entry.region}-{entry.source}",
        title=f"{found.title}: {entry.source}",
        description=f"{entry.source} downscaled to {entry.spacing:g} degree. "
        f"{attribution(entry.source, entry.origin)}.",
        extent=pystac.Extent(spatial, pystac.TemporalExtent([interval])),
        license=licence,
        keywords=["weather", "downscaling", *entry.variables],
        providers=_providers(entry.origin),
        assets={
            "latest": pystac.Asset("./latest.json", "The newest good cycle", roles=["metadata"],
                                   media_type=pystac.MediaType.JSON),
        },
    )  # fmt: skip
    dimensions = _dimensions(found, [first.time, times[-1]], whole=True)
    DatacubeExtension.ext(made, add_if_missing=True).apply(dimensions, _variables(found))
    _link(made, root="../../catalog.json", parent="../catalog.json")
    if licence in LICENCE_PAGES:
        made.add_link(_to("license", LICENCE_PAGES[licence], licence, pystac.MediaType.HTML))
    made.add_links([_to("child", f"./items/{m}/catalog.json", m) for m in months])
    return made.to_dict(include_self_link=False, transform_hrefs=False)


def catalogue(name: str, title: str, description: str, children: dict[str, str], *, root: bool) -> Document:
    """The store's or a region's catalogue; `children`: href -> title."""
    made = pystac.Catalog(id=name, description=description, title=title)
    if root:
        _link(made, root="./catalog.json")
    else:
        _link(made, root="../catalog.json", parent="../catalog.json")
    made.add_links([_to("child", href, title) for href, title in children.items()])
    return made.to_dict(include_self_link=False, transform_hrefs=False)


def _dimensions(found: Catalogued, times: list[datetime], whole: bool = False) -> dict[str, Dimension]:
    """As the datacube extension has them; `whole`: of a collection, without each time."""
    step = {
        "type": "temporal",
        "extent": [_utc(times[0]), _utc(times[-1])],
        "description": "valid time; the store's `step` holds hours since forecast:reference_datetime",
    }
    values = {} if whole else {"values": [_utc(t) for t in times]}
    return {
        "step": TemporalDimension(step | values),
        "latitude": _axis(found, "latitude", "y", -found.entry.spacing),
        "longitude": _axis(found, "longitude", "x", found.entry.spacing),
    }


def _axis(found: Catalogued, name: str, axis: str, step: float) -> Dimension:
    values: np.ndarray = found.product[name].values
    extent = [float(values.min()), float(values.max())]
    return HorizontalSpatialDimension(
        {"type": "spatial", "axis": axis, "extent": extent, "step": step, "reference_system": 4326}
    )


def _variables(found: Catalogued) -> dict[str, Variable]:
    """Fields, and what the terrain is."""
    described = {n: (["step", *AXES], VariableType.DATA, VARIABLES[n].long_name, VARIABLES[n].units)
            for n in found.entry.variables}  # fmt: skip
    for name in (n for n in (ALTITUDE, LAND) if n in found.product.coords):
        attributes = found.product[name].attrs
        described[name] = (AXES, VariableType.AUXILIARY, attributes["long_name"], attributes["units"])
    return {
        name: Variable({"dimensions": dimensions, "type": kind, "description": what, "unit": units})
        for name, (dimensions, kind, what, units) in described.items()
    }


def _providers(origin: str) -> list[pystac.Provider]:
    maker = pystac.Provider("finescale", roles=[pystac.ProviderRole.PROCESSOR])
    if origin not in PROVIDERS:
        return [maker]
    name, url = PROVIDERS[origin]
    return [pystac.Provider(name, roles=[pystac.ProviderRole.PRODUCER, pystac.ProviderRole.LICENSOR], url=url), maker]


def _link(made: pystac.Item | pystac.Catalog, **targets: str) -> None:
    """Links up the tree, instead of those that pystac sets of itself."""
    made.clear_links()
    made.add_links([_to(rel, href) for rel, href in targets.items()])


def _to(rel: str, href: str, title: str | None = None, media: str = pystac.MediaType.JSON) -> pystac.Link:
    return pystac.Link(rel, href, media_type=media, title=title)


def _from_items(path: str) -> str:
    """A path in the store, {region}/{source}/..., as seen from {region}/{source}/items/{YYYY-MM}/."""
    return "../../" + path.split("/", 2)[2]


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
