"""IFS on its own 9 km grid, from the files that Open-Meteo keeps of ECMWF's open forecasts in a public bucket.

ECMWF serves 0.25 degree itself; its catalogue of 9 km is CC-BY-4.0 since October 2025, and Open-Meteo (CC-BY-4.0 too)
writes each run's hours as they come, `data_spatial/ecmwf_ifs/{run}/{time}.om`, for seven days. Names, units and steps
are those of its downloader (open-meteo/open-meteo, Sources/App/EcmwfEcpds, August 2026). Values are rounded: 0.05 K,
0.05 m/s, 10 Pa, 0.1 mm an hour, 1 W/m2, 1 % of cloud. Surface pressure, thermal radiation and snow as water are not
there. The model's heights are `data/ecmwf_ifs/static/HSURF.om`, whole metres, -999 at sea.

A region's points are sampled linearly on multiples of 0.1 degree, as ECMWF makes its regular grids, and kept as GRIB.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from models.constants import GRAVITY, KELVIN
from tasks.acquire.catalogue import served
from tasks.acquire.era5_request import HALO_CELLS
from tasks.acquire.ifs import IfsSource, assert_can_be
from tasks.acquire.layout import between
from tasks.acquire.om import Bucket, NoSuchFile
from tasks.acquire.raw import RawFolder
from tasks.errors import CycleNotReady, IncompleteDownload
from tasks.grib.write import grib_message
from tasks.grids.grid import Grid, lattice
from tasks.grids.octahedral import Octahedral
from tasks.handover.cycle import Cycle, RawFile
from tasks.region.document import Region
from tasks.variables import TERRAIN, Variable, known
from tasks.web.patience import Deadline, NotYet, Patience, PatienceEnded

log = logging.getLogger(__name__)

GRID = Octahedral(1280)
SPACING = 0.1  # degrees, near the grid's own
MILLIMETRE, PERCENT = 1e-3, 1e-2
HEIGHTS = "static/HSURF.om"
LOWEST = -500.0  # m: no land is lower; the sea has -999 there


@dataclass(frozen=True)
class Stored:
    """How a variable is there: its name; value * factor + offset is in the table's unit, `rate`: a mean, per second."""

    name: str
    factor: float = 1.0
    offset: float = 0.0
    rate: bool = False


STORED = {
    "t2m": Stored("temperature_2m", offset=KELVIN),
    "d2m": Stored("dew_point_2m", offset=KELVIN),
    "u10": Stored("wind_u_component_10m"),
    "v10": Stored("wind_v_component_10m"),
    "u100": Stored("wind_u_component_100m"),
    "v100": Stored("wind_v_component_100m"),
    "msl": Stored("pressure_msl"),
    "tp": Stored("precipitation", MILLIMETRE),
    "fg10": Stored("wind_gusts_10m"),
    "skt": Stored("surface_temperature", offset=KELVIN),
    "tcwv": Stored("total_column_integrated_water_vapour"),
    "tcc": Stored("cloud_cover", PERCENT),
    "ssrd": Stored("shortwave_radiation", rate=True),
    "mx2t": Stored("temperature_2m_max", offset=KELVIN),
    "mn2t": Stored("temperature_2m_min", offset=KELVIN),
    "sf": Stored("snowfall_water_equivalent", MILLIMETRE),
}


def grid_around(region: Region) -> Grid:
    """Multiples of SPACING that hold the region's box with halo."""
    box, halo = region.box, HALO_CELLS * SPACING
    out = lambda degrees: math.ceil(degrees / SPACING - 1e-6) * SPACING  # noqa: E731
    return lattice(out(box.north + halo), -out(halo - box.south), -out(halo - box.west), out(box.east + halo), SPACING)


class NativeSource(IfsSource):
    """Implements `Source` for IFS at 9 km."""

    name = "ifs9km"
    spacing: float | None = SPACING

    def latest(self, region: Region, now: datetime) -> Cycle:
        """The newest cycle that is complete there and reaches the region's last lead time."""
        bucket, last = Bucket(region.acquire.native, region.acquire), self.steps(region)[-1]
        why, silent = list[str](), True
        for cycle in self.newest_first(now, last):
            try:
                lacks = _lacks(bucket, cycle, last)
            except NotYet as failure:
                why.append(failure.why)
                continue
            if not lacks:
                return cycle
            why, silent = [*why, lacks], False
        if silent:
            raise IncompleteDownload(f"{self.name}: {bucket.root} does not answer ({why[0]}); check the network")
        raise CycleNotReady(f"{self.name}: no cycle of the last two days is complete ({why[0]}); try again later")

    def fetch(self, cycle: Cycle, region: Region, folder: str) -> list[RawFile]:
        """A file of every lead time, sampled around the region; waits for what is not there, up to the deadline."""
        steps = self.steps(region)
        assert_can_be(cycle, steps)
        raw = RawFolder(folder, cycle)
        with raw.locked(region.acquire.wait_minutes * 60):
            fields = _Fetch(cycle, region, steps, raw)
            asks = not all(fields.here())
            return fields.run() + self.terrain(cycle, region, raw, ask=asks)

    def terrain(self, cycle: Cycle, region: Region, raw: RawFolder, ask: bool) -> list[RawFile]:
        """The terrain that the model computes with, at the points of the fields; none if it cannot be had now."""
        if region.terrain_file is None:
            return []
        grid, root = grid_around(region), region.acquire.native
        name = f"z-{hashlib.sha256(f'{root} {grid}'.encode()).hexdigest()[:12]}.grib2"
        if (file := raw.get(name)) is not None or not ask:
            return [file] if file else []
        circles = GRID.circles(grid)
        try:
            heights = Bucket(beside(root), region.acquire).open(HEIGHTS).only(GRID.points(circles))
        except (NoSuchFile, NotYet) as failure:
            level = logging.INFO if isinstance(failure, NoSuchFile) else logging.WARNING
            log.log(level, "acquire: %s: without the model's own terrain (%s)", cycle, failure)
            return []
        field = GRID.sampled(np.where(heights > LOWEST, heights, 0.0), circles, grid) * GRAVITY
        message = grib_message(TERRAIN, cycle.time, (0, 0), grid, field)
        return [raw.put(name, message, f"{cycle} {TERRAIN.param}", mirror=root)]


def beside(root: str) -> str:
    """Where what never changes lies, of where forecasts do: in Open-Meteo's bucket it is another folder."""
    return root.replace("/data_spatial/", "/data/")


def _run_folder(cycle: Cycle) -> str:
    return f"{cycle.time:%Y/%m/%d/%H%MZ}"


def _lacks(bucket: Bucket, cycle: Cycle, last: int) -> str:
    """What a cycle is short of, up to a lead time; empty if nothing."""
    try:
        found = json.loads(bucket.whole(f"{_run_folder(cycle)}/meta.json"))
        times = {datetime.fromisoformat(t) for t in found["valid_times"]}
        completed = bool(found["completed"])
    except NoSuchFile:
        return f"{cycle}: not there yet"
    except (ValueError, KeyError, TypeError) as error:
        return f"{cycle}: meta.json cannot be read ({error})"
    wanted = {cycle.time + timedelta(hours=h) for h in between(cycle.source, -1, last)}
    aware = {t if t.tzinfo else t.replace(tzinfo=cycle.time.tzinfo) for t in times}
    missing = len(wanted - aware)
    return "" if not missing else f"{cycle}: {missing} of {len(wanted)} times are missing" + " so far" * (not completed)


class _Fetch:
    """One cycle's files for a region: lead times in parallel."""

    def __init__(self, cycle: Cycle, region: Region, steps: list[int], raw: RawFolder) -> None:
        self.cycle, self.steps, self.raw, self.settings = cycle, steps, raw, region.acquire
        self.variables = known(served(region, cycle))
        self.grid = grid_around(region)
        self.circles = GRID.circles(self.grid)
        self.bucket = Bucket(self.settings.native, self.settings)
        asked = [self.settings.native, str(self.grid), [v.name for v in self.variables], steps]
        self.key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]

    def run(self) -> list[RawFile]:
        """In order of lead time."""
        deadline = Deadline(self.settings.wait_minutes * 60)
        if here := sum(self.here()):
            log.info("acquire: %s, %d of %d lead times are here already", self.cycle, here, len(self.steps))
        with ThreadPoolExecutor(self.settings.in_flight, thread_name_prefix="acquire") as pool:
            futures = [pool.submit(self._patiently, i, deadline) for i in range(len(self.steps))]
            try:
                return [f.result() for f in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def here(self) -> list[bool]:
        """Of each lead time, whether the raw folder has it."""
        return [self.raw.get(self._name(i)) is not None for i in range(len(self.steps))]

    def _name(self, i: int) -> str:
        return f"{self.key}-{self.steps[i]}h.grib2"

    def _patiently(self, i: int, deadline: Deadline) -> RawFile:
        """A lead time's file, asked for until it is there."""
        what = f"{self.cycle} +{self.steps[i]} h"
        if (file := self.raw.get(self._name(i))) is not None:
            return file

        def ask() -> bytes:
            try:
                return self._lead_time(i)
            except NoSuchFile as absent:
                raise NotYet(str(absent), self.settings.poll_seconds) from absent

        try:
            patience = Patience(first=self.settings.pause_seconds / 15, longest=self.settings.pause_seconds)
            data = patience.ask(ask, deadline, tell=lambda not_yet, pause: log.info(
                "acquire: %s: %s, asking again in %.0f s", what, not_yet.why, pause
            ))  # fmt: skip
        except PatienceEnded as ended:
            kind = CycleNotReady if isinstance(ended.last.__cause__, NoSuchFile) else IncompleteDownload
            raise kind(f"{what}: {ended.last.why}; run it again: what is here is kept") from None
        return self.raw.put(self._name(i), data, what, mirror=self.settings.native)

    def _lead_time(self, i: int) -> bytes:
        """The messages of a lead time: states at it; sums and extremes of the hours since the one before."""
        step, before = self.steps[i], self.steps[i - 1] if i else 0
        over_time = [v for v in self.variables if step and (v.amount or v.extreme)]
        moments = [v for v in self.variables if not (v.amount or v.extreme)]
        found: dict[str, list[np.ndarray]] = {}
        for hour in between(self.cycle.source, before, step) or [step]:
            for variable, field in self._hour(hour, over_time + (moments if hour == step else [])):
                found.setdefault(variable.name, []).append(field)
        return b"".join(
            grib_message(v, self.cycle.time, (before, step), self.grid, _combined(v, found[v.name]))
            for v in self.variables
            if v.name in found
        )

    def _hour(self, hour: int, wanted: list[Variable]) -> list[tuple[Variable, np.ndarray]]:
        """Fields of one of the source's lead times on the grid, in the table's units."""
        if not wanted:
            return []
        length = hour - max(between(self.cycle.source, -1, hour - 1), default=0)  # hours that its means are of
        time = self.cycle.time + timedelta(hours=hour)
        name = f"{_run_folder(self.cycle)}/{time:%Y-%m-%dT%H%M}.om"
        file, points, out = self.bucket.open(name), GRID.points(self.circles), []
        for variable in wanted:
            stored = STORED[variable.name]
            values = file.values(stored.name, points)
            if values is None:
                raise NotYet(f"{name}: has no {stored.name}", self.settings.poll_seconds)
            field = GRID.sampled(values, self.circles, self.grid) * stored.factor + stored.offset
            if not np.isfinite(field).all():
                raise NotYet(f"{name}: {stored.name} has holes there", self.settings.poll_seconds)
            out.append((variable, field * (length * 3600.0) if stored.rate else field))
        return out


def _combined(variable: Variable, fields: list[np.ndarray]) -> np.ndarray:
    """Of the hours of an interval, what the variable is over it; of a moment the field itself."""
    if variable.amount:
        return np.asarray(np.sum(fields, axis=0))
    if variable.extreme:
        return np.asarray(np.max(fields, axis=0) if variable.extreme == "maximum" else np.min(fields, axis=0))
    return fields[-1]
