"""IFS (HRES) and AIFS from ECMWF open data: which cycle is complete. Messages are fetched by ifs_fetch.py."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tasks.acquire.ifs_fetch import Fetch
from tasks.acquire.layout import THREE_HOURLY_TO, lead_times, reach_of, ready_after
from tasks.acquire.mirrors import Mirror, MirrorFailure, NotThere
from tasks.acquire.open_data import Wanted, by_key, wanted_of
from tasks.acquire.raw import RawFolder
from tasks.errors import BadInput, CycleNotReady, IncompleteDownload
from tasks.handover.cycle import Cycle, RawFile
from tasks.region.document import Region
from tasks.variables import TERRAIN

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=2)
EVERY = timedelta(hours=6)


class IfsSource:
    """Implements `Source` for the IFS of ECMWF open data."""

    name = "ifs"
    forecast = "ifs"  # among whose fields of lead time 0 the model's terrain may lie
    truth: str | None = None
    spacing: float | None = None
    needs = "every parameter"  # of a lead time

    def latest(self, region: Region, now: datetime) -> Cycle:
        """The newest cycle whose last needed lead time lists every needed parameter, on any mirror."""
        mirrors = [Mirror(name, region.acquire) for name in region.acquire.mirrors]
        steps, answers = self.steps(region), dict[str, str]()
        for cycle in self.newest_first(now, steps[-1]):
            if not _lacking(cycle, region, steps[-1], mirrors, answers):
                return cycle
        if all(answers.values()):
            trouble = "; ".join(f"{m}: {why}" for m, why in answers.items())
            raise IncompleteDownload(
                f"{self.name}: no mirror answers ({trouble}); check the network, or `acquire: mirrors:` in the "
                "region's YAML"
            )
        raise CycleNotReady(
            f"{self.name}: no cycle of the last two days has lead time +{steps[-1]} h with {self.needs} of "
            f"{region.name} on {', '.join(region.acquire.mirrors)}; ask for fewer lead times, or name a cycle with "
            "--cycle"
        )

    def newest_first(self, now: datetime, last: int) -> Iterator[Cycle]:
        """Cycles of the last two days that reach a lead time."""
        start = now.replace(hour=now.hour // 6 * 6, minute=0, second=0, microsecond=0)
        for i in range(LOOK_BACK // EVERY):
            cycle = Cycle(source=self.name, time=start - i * EVERY)
            if last <= reach_of(cycle.time, self.name):
                yield cycle

    def due(self, region: Region, scheduled: datetime) -> Cycle:
        """The newest that is commonly complete by then and reaches the region's last lead time."""
        scheduled, last = scheduled.astimezone(UTC), self.steps(region)[-1]
        time = scheduled.replace(hour=scheduled.hour // 6 * 6, minute=0, second=0, microsecond=0)
        while scheduled < time + ready_after(time, self.name) or last > reach_of(time, self.name):
            if scheduled - time > LOOK_BACK:
                raise BadInput(f"{self.name}: no cycle reaches +{last} h; shorten lead_times of region {region.name}")
            time -= EVERY
        return Cycle(source=self.name, time=time)

    def fetch(self, cycle: Cycle, region: Region, folder: str) -> list[RawFile]:
        """Every needed message, proved, in the raw folder; waits for what is not there yet, up to the deadline."""
        steps = self.steps(region)
        assert_can_be(cycle, steps)
        raw = RawFolder(folder, cycle)
        patience = region.acquire.wait_minutes * 60
        with raw.locked(patience):
            wanted = {step: wanted_of(cycle, region, step) for step in steps}
            fields = Fetch(cycle, region.acquire, wanted, raw)
            return fields.run(patience) + self.terrain(cycle, region, raw, ask=fields.asked)

    def terrain(self, cycle: Cycle, region: Region, raw: RawFolder, ask: bool) -> list[RawFile]:
        """The terrain that the model computes with, which lies among the fields of its start; none if it does not.

        `ask`: mirrors too, not only the raw folder, where it is if they had it when the fields came.
        """
        if region.terrain_file is None:
            return []
        fetch = Fetch(Cycle(source=self.forecast, time=cycle.time), region.acquire, {0: [Wanted(TERRAIN)]}, raw)
        if not ask:
            return fetch.here()
        try:
            return fetch.run(0.0)
        except (CycleNotReady, IncompleteDownload) as error:
            level = logging.INFO if isinstance(error, CycleNotReady) else logging.WARNING  # not there, or broken
            log.log(level, "acquire: %s: without the model's own terrain (%s)", cycle, error)
            return []

    def final_since(self, time: datetime) -> datetime:
        """From the start: a forecast is never replaced."""
        return time

    def steps(self, region: Region) -> list[int]:
        """The region's lead times that there are; BadInput for none."""
        asked = region.lead_times.hours()
        if not (found := lead_times(asked, self.name)):
            every = "third" if THREE_HOURLY_TO[self.name] >= asked[0] else "sixth"
            raise BadInput(f"{self.name}: has no lead time +{asked[0]} h; it has every {every} hour")
        return found


class EnsembleSource(IfsSource):
    """Implements `Source` for the perturbed members of ECMWF's ensemble, in open data's stream enfo."""

    name = "ens"
    needs = "every parameter of every member (`ensemble:` in region.yaml)"

    def terrain(self, cycle: Cycle, region: Region, raw: RawFolder, ask: bool) -> list[RawFile]:
        """That of the high-resolution forecast, whose resolution members have since June 2023: for each of them."""
        found = super().terrain(cycle, region, raw, ask)
        return [f.model_copy(update={"member": n}) for n in region.of_ensemble.numbers for f in found]

    def steps(self, region: Region) -> list[int]:
        """Those of the region's lead times that it asks of the ensemble."""
        every = region.of_ensemble.every
        if not (found := [h for h in super().steps(region) if h % every == 0]):
            raise BadInput(f"{self.name}: none of the lead times of region {region.name} is a multiple of {every} h")
        return found


class AifsSource(IfsSource):
    """Implements `Source` for AIFS Single, ECMWF's forecast by machine learning: every six hours to 360 h."""

    name = forecast = "aifs"


def assert_can_be(cycle: Cycle, steps: list[int]) -> None:
    """BadInput for a cycle that there cannot be, or that does not reach the last lead time."""
    if cycle.time.hour % 6:
        raise BadInput(f"{cycle}: cycles start at 00, 06, 12 and 18 UTC")
    if cycle.time > datetime.now(UTC):
        raise BadInput(f"{cycle}: lies in the future")
    reach = reach_of(cycle.time, cycle.source)
    if steps[-1] > reach:
        raise BadInput(
            f"{cycle}: reaches +{reach} h, the region asks for +{steps[-1]} h; shorten lead_times in its YAML, or take "
            "a 00 or 12 UTC cycle"
        )


def _lacking(cycle: Cycle, region: Region, step: int, mirrors: list[Mirror], answers: dict[str, str]) -> list[str]:
    """Parameters of a lead time that no mirror lists; `answers` gets, by mirror, "" or why it does not answer."""
    lacking = {w.key for w in wanted_of(cycle, region, step)}
    for mirror in mirrors:
        if mirror.breaker.wait():
            continue
        try:
            lacking -= set(by_key(mirror.index(mirror.file(cycle, step))))
            answers[mirror.name] = ""
        except NotThere:
            answers[mirror.name] = ""
        except MirrorFailure as failure:
            answers.setdefault(mirror.name, failure.why)
            mirror.failed(failure)
        if not lacking:
            break
    return sorted(lacking)
