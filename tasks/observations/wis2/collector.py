"""The collector: a process that listens to WIS2 for as long as it runs, and keeps reports of stations in regions."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.errors import BadInput, RequestRefused, UnreadableFile
from tasks.locations import observations_folder
from tasks.observations.networks.wis2 import BASE_URL
from tasks.observations.observe import AROUND
from tasks.observations.wis2.kept import FILE, FOLDER, KEPT, Absence, Kept
from tasks.observations.wis2.sifting import Clock, Sifter, now
from tasks.observations.wis2.subscription import Connected, Event, Lost, Message, Rejected, Subscription
from tasks.region.document import Region

log = logging.getLogger(__name__)

TOPIC = "cache/a/wis2/+/data/core/weather/surface-based-observations/synop"  # of all centres, as caches announce it
BATCH = 100  # messages that are kept at once
REPORT = timedelta(minutes=10)  # between two lines of the log that say what came
SHORT = timedelta(minutes=1)  # an absence that is not worth a note, if the session was kept


class Collector:
    """Listens until it is stopped; everything is kept by the thread that runs it."""

    def __init__(self, regions: Sequence[Region], folder: Path, topic: str = TOPIC, clock: Clock = now) -> None:
        """`folder`: where messages are kept. BadInput for regions that name several brokers, or none to listen to."""
        if not regions:
            raise BadInput("give a region whose stations are to be collected")
        addresses = {str(r.observations.services.get("wis2", BASE_URL)).rstrip("/") for r in regions}
        if len(addresses) > 1:
            raise BadInput(
                f"regions name several brokers: {', '.join(sorted(addresses))}; collect them in two workspaces"
            )
        self.address, self.topic, self.folder, self.clock = addresses.pop(), topic, folder, clock
        self.boxes = [r.box.around(AROUND) for r in regions]
        self.late = timedelta(days=max(r.observations.late_days for r in regions))
        self.connected = False
        self._reported = clock()

    def run(self, stop: threading.Event) -> None:
        """Collect until `stop` is set. BadInput if another collector does; RequestRefused if the broker refuses."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".collector.lock", timeout=0)
        try:
            with lock, Kept(self.folder) as kept:
                self._collect(kept, stop)
        except Timeout:
            raise BadInput(
                f"{self.folder}: another collector keeps messages there; give that one all regions"
            ) from None
        except sqlite3.DatabaseError as error:
            raise UnreadableFile(f"{self.folder / FILE}: {error}; if it is damaged, remove it") from None

    def _collect(self, kept: Kept, stop: threading.Event) -> None:
        subscription = Subscription(self.address, self.topic, kept.client_id)
        sifter = Sifter(kept, self.boxes, self.late, self.clock)
        log.info("wis2: collecting %s of %s into %s", self.topic, self.address, self.folder)
        subscription.open()
        try:
            while not stop.is_set():
                self._turn(subscription, sifter)
            self._note(kept)
        finally:
            subscription.close()
            sifter.close()
            self._report(sifter)

    def _turn(self, subscription: Subscription, sifter: Sifter) -> None:
        """What came within a second."""
        events = _some(subscription.events)
        for event in events:
            match event:
                case Connected():
                    self._returned(sifter.kept, event.resumed)
                case Lost():
                    self._note(sifter.kept)
                    self.connected = False
                    log.warning("wis2: %s: no connection (%s); it is tried again", self.address, event.why)
                case Rejected():
                    raise RequestRefused(event.why)
        messages = [event for event in events if isinstance(event, Message)]
        if messages:
            sifter.kept.alive = self.clock()
            sifter.sift(message.payload for message in messages)
            for message in messages:  # kept now, or not wanted
                subscription.acknowledge(message)
        if self.clock() - self._reported >= REPORT:
            self._report(sifter)
            sifter.kept.forget(self.clock() - KEPT)
            self._note(sifter.kept)

    def _returned(self, kept: Kept, resumed: bool) -> None:
        """Say, and keep for those who read, since when nothing came."""
        time, before = self.clock(), kept.alive
        self.connected = True
        if before is None:
            log.info("wis2: connected for the first time; what was published before is not here")
        elif not resumed:
            log.warning("wis2: connected; what was published since %s is missing", _text(before))
            kept.away(Absence(before, time, lost=True))
        elif time - before >= SHORT:
            log.info(
                "wis2: connected; what came since %s the broker sends now, as far as its queue held it", _text(before)
            )
            kept.away(Absence(before, time, lost=False))
        self._note(kept)

    def _note(self, kept: Kept) -> None:
        """Until now nothing was missed."""
        if self.connected:
            kept.alive = self.clock()
        kept.commit()

    def _report(self, sifter: Sifter) -> None:
        counts, sifter.counts = sifter.counts, Counter()
        self._reported = self.clock()
        words = ", ".join(f"{outcome} {count}" for outcome, count in counts.most_common())
        log.info("wis2: notifications: %d%s", counts.total(), f" ({words})" if words else "")


def collect(regions: Sequence[Region], stop: threading.Event, topic: str = TOPIC) -> None:
    """Collect for regions, where `finescale verify` reads it, until `stop` is set; errors as of `Collector`."""
    Collector(regions, Path(observations_folder()) / "wis2" / FOLDER, topic).run(stop)


def _some(events: queue.Queue[Event]) -> list[Event]:
    """What is there, one batch at most; nothing if for a second nothing comes."""
    found: list[Event] = []
    try:
        found.append(events.get(timeout=1.0))
        while len(found) < BATCH:
            found.append(events.get_nowait())
    except queue.Empty:
        pass
    return found


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
