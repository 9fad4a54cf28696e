"""One cycle's messages of ECMWF open data, each proved, from mirrors of which two have to send the same bytes."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from tasks.acquire.layout import COMPLETE_AFTER, resol_of, stream_of
from tasks.acquire.mirrors import Mirror, MirrorFailure, NotThere
from tasks.acquire.open_data import IndexEntry, Wanted, assert_decodes, assert_is_message, by_key
from tasks.acquire.raw import RawFolder
from tasks.errors import CycleNotReady, IncompleteDownload
from tasks.handover.cycle import Cycle, RawFile
from tasks.region.settings import AcquireSettings
from tasks.web.patience import Deadline, NotYet, Patience, PatienceEnded

log = logging.getLogger(__name__)

REPORT_EVERY = 10.0  # seconds
TOGETHER = 16  # messages of a lead time that are held in memory at once: of an ensemble there are hundreds


class Fetch:
    """One cycle's download: lead times in parallel, mirrors in order, until all is there or the deadline is over."""

    def __init__(
        self, cycle: Cycle, settings: AcquireSettings, wanted: dict[int, list[Wanted]], raw: RawFolder
    ) -> None:
        """`wanted`: messages by lead time."""
        self.cycle, self.settings, self.wanted, self.raw = cycle, settings, wanted, raw
        # (mirror, lead time) -> what its index lists of these, until all mirrors are asked again
        self._listed: dict[tuple[str, int], dict[str, IndexEntry]] = {}
        self.mirrors = [Mirror(name, self.settings) for name in self.settings.mirrors]
        self.files: dict[tuple[int, str], RawFile] = {}
        # (lead time, parameter) -> mirror -> what was wrong, and whether it is only that it is not there, or not yet
        self.why: dict[tuple[int, str], dict[str, tuple[str, bool]]] = {}
        self.asked = False  # whether mirrors were, of anything
        self._lock = threading.Lock()
        self._reported = time.monotonic()
        self._until = datetime.now(UTC)

    def run(self, patience: float) -> list[RawFile]:
        """The files in order of lead time and variable; `patience`: seconds in which they have to come."""
        if self.here():
            log.info("acquire: %s, %d of %d messages are here already", self.cycle, len(self.files), self._total)
        self.asked = bool(self._absent)
        self._until = datetime.now(UTC) + timedelta(seconds=patience)
        try:
            Patience(jitter=0.2).ask(self._round, Deadline(patience), tell=self._tell_pause)
        except PatienceEnded as ended:
            if self._all_late:
                raise CycleNotReady(f"{ended.last.why}; run it again later: what is here is kept") from None
            raise IncompleteDownload(f"{ended.last.why}; run it again: what is here is kept") from None
        self._tell_unconfirmed()
        return [self.files[s, v.key] for s, messages in self.wanted.items() for v in messages]

    def here(self) -> list[RawFile]:
        """Those that the raw folder has."""
        for step, messages in self.wanted.items():
            for wanted in messages:
                if (file := self.raw.get(self._name(step, wanted))) is not None:
                    self.files[step, wanted.key] = file
        return list(self.files.values())

    def _round(self) -> None:
        """Ask for all that is missing; NotYet, with how long to leave the mirrors alone, if something still is."""
        steps = [s for s in self.wanted if self._missing(s)]
        self._listed.clear()
        with ThreadPoolExecutor(self.settings.in_flight, thread_name_prefix="acquire") as pool:
            for future in [pool.submit(self._lead_time, step) for step in steps]:
                future.result()
        if not self._absent:
            return
        sick = [wait for m in self.mirrors if (wait := m.breaker.wait())]
        if self._all_late and not sick and datetime.now(UTC) > self.cycle.time + timedelta(hours=COMPLETE_AFTER):
            raise CycleNotReady(f"{self._trouble()}; the cycle is {COMPLETE_AFTER} h old: that will not come any more")
        pause = self.settings.poll_seconds if self._all_late else self.settings.pause_seconds
        if len(sick) == len(self.mirrors):  # until the first of them may be asked again
            pause = min(sick)
        raise NotYet(self._trouble(), pause)

    @property
    def _total(self) -> int:
        return sum(map(len, self.wanted.values()))

    @property
    def _absent(self) -> list[tuple[int, str]]:
        """(lead time, parameter) of the messages that are not here."""
        return [(step, v.key) for step in self.wanted for v in self._missing(step)]

    @property
    def _all_late(self) -> bool:
        """Whether all that is missing is only not there, or not yet, on every mirror that was asked."""
        why = [self.why.get(message) for message in self._absent]
        return all(mirrors and all(late for _, late in mirrors.values()) for mirrors in why)

    def _name(self, step: int, wanted: Wanted) -> str:
        resol = resol_of(self.cycle.time, self.settings.resol, self.cycle.source)
        return f"{resol}-{stream_of(self.cycle.time, self.cycle.source)}-{step}h-{wanted.key}.grib2"

    def _missing(self, step: int) -> list[Wanted]:
        return [v for v in self.wanted[step] if (step, v.key) not in self.files]

    def _note(self, step: int, messages: list[Wanted], mirror: Mirror, why: str, late: bool) -> None:
        with self._lock:
            for wanted in messages:
                self.why.setdefault((step, wanted.key), {})[mirror.name] = (why, late)

    def _lead_time(self, step: int) -> None:
        """Ask for what is missing, some messages at a time."""
        missing = self._missing(step)
        for start in range(0, len(missing), TOGETHER):
            self._some(step, missing[start : start + TOGETHER])

    def _some(self, step: int, asked: list[Wanted]) -> None:
        """Ask the mirrors in turn for some messages of a lead time, and a second one for the same bytes."""
        copies: dict[str, dict[str, tuple[bytes, list[str]]]] = {v.key: {} for v in asked}
        votes = 2 if self.settings.confirm and len(self.mirrors) > 1 else 1
        open_ = lambda: [  # noqa: E731
            v for v in asked if max((len(m) for _, m in copies[v.key].values()), default=0) < votes
        ]
        for mirror in self.mirrors:
            messages = open_()
            if not messages:
                break
            if mirror.breaker.wait():
                continue
            proved = {param: set(by_digest) for param, by_digest in copies.items()}
            for wanted, digest, data in self._ask(mirror, step, messages, proved):
                copies[wanted.key].setdefault(digest, (data, []))[1].append(mirror.name)
        for wanted in asked:
            self._settle(step, wanted, copies[wanted.key])

    def _settle(self, step: int, wanted: Wanted, copies: dict[str, tuple[bytes, list[str]]]) -> None:
        """Keep what two mirrors agree on, or the only copy there is; nothing where they differ and none decides.

        What two mirrors send byte for byte is not decoded to prove it.
        """
        what = f"{self.cycle} +{step} h {wanted.key}"
        if not any(len(mirrors) > 1 for _, mirrors in copies.values()):
            copies = {d: c for d, c in copies.items() if self._decodes(step, wanted, *c, what)}
        if not copies:
            return
        data, mirrors = max(copies.values(), key=lambda c: len(c[1]))
        if len(copies) > 1:
            others = ", ".join(m for d, names in copies.values() for m in names if d != data)
            if len(mirrors) < 2:
                log.warning("acquire: %s: %s and %s send different bytes", what, mirrors[0], others)
                self._note(step, [wanted], self.mirrors[0], f"{mirrors[0]} and {others} send different bytes", False)
                return
            log.warning("acquire: %s: %s sends other bytes than %s: left aside", what, others, " and ".join(mirrors))
        confirmed = True if len(mirrors) > 1 else None
        file = self.raw.put(
            self._name(step, wanted), data, what, mirror=mirrors[0], confirmed=confirmed, member=wanted.member
        )
        with self._lock:
            self.files[step, wanted.key] = file
            if time.monotonic() - self._reported > REPORT_EVERY:
                self._reported = time.monotonic()
                size = sum(f.size for f in self.files.values()) / 1e6
                log.info("acquire: %s, %d of %d messages, %.0f MB", self.cycle, len(self.files), self._total, size)

    def _decodes(self, step: int, wanted: Wanted, data: bytes, mirrors: list[str], what: str) -> bool:
        """Whether a copy's values decode; why they do not is noted of its mirrors."""
        try:
            assert_decodes(data, what)
        except IncompleteDownload as error:
            for mirror in (m for m in self.mirrors if m.name in mirrors):
                self._refuse(step, wanted, mirror, error)
            return False
        return True

    def _refuse(self, step: int, wanted: Wanted, mirror: Mirror, error: IncompleteDownload) -> None:
        log.warning("acquire: %s (mirror %s)", error, mirror.name)
        self._note(step, [wanted], mirror, str(error).split(": ", 1)[-1].split(";")[0], late=False)

    def _ask(
        self, mirror: Mirror, step: int, messages: list[Wanted], proved: dict[str, set[str]]
    ) -> list[tuple[Wanted, str, bytes]]:
        """What one mirror has of a lead time with its sha-256, proved unless it was before; the rest is noted."""
        label = f"{self.cycle} +{step} h"
        try:
            base, listed = mirror.file(self.cycle, step), self._index(mirror, step)
            here = [v for v in messages if v.key in listed]
            absent = [v for v in messages if v.key not in listed]
            if absent:
                log.info("acquire: %s: %s not in the index of %s", label, _params(absent), mirror.name)
                self._note(step, absent, mirror, "not in the index", late=True)
            data = mirror.messages(base, [listed[v.key] for v in here]) if here else {}
        except MirrorFailure as failure:
            self._failed(mirror, step, messages, failure)
            return []
        good = []
        for wanted in here:
            message = data.get(wanted.key, b"")
            digest = hashlib.sha256(message).hexdigest()
            try:
                if digest not in proved[wanted.key]:
                    length = listed[wanted.key].length
                    about = self.cycle, step, length, f"{label} {wanted.key}", wanted.member
                    assert_is_message(message, wanted.variable, *about)
                good.append((wanted, digest, message))
            except IncompleteDownload as error:
                self._refuse(step, wanted, mirror, error)
        return good

    def _index(self, mirror: Mirror, step: int) -> dict[str, IndexEntry]:
        """What a mirror lists of a lead time, read once a round: an ensemble's index has thousands of lines."""
        if (mirror.name, step) not in self._listed:
            listed = by_key(mirror.index(mirror.file(self.cycle, step)))
            self._listed[mirror.name, step] = {w.key: listed[w.key] for w in self.wanted[step] if w.key in listed}
        return self._listed[mirror.name, step]

    def _failed(self, mirror: Mirror, step: int, messages: list[Wanted], failure: MirrorFailure) -> None:
        self._note(step, messages, mirror, failure.why, late=isinstance(failure, NotThere))
        level = logging.INFO if isinstance(failure, NotThere) else logging.WARNING
        log.log(level, "acquire: %s +%d h: mirror %s: %s", self.cycle, step, mirror.name, failure.why)
        mirror.failed(failure)

    def _tell_pause(self, _not_yet: NotYet, pause: float) -> None:
        missing, away = len(self._absent), all(mirror.breaker.wait() for mirror in self.mirrors)
        log.info(
            "acquire: waits for %s until %s: %d of %d messages missing%s, looking again in %.0f s",
            self.cycle, f"{self._until:%Y-%m-%d %H:%M} UTC", missing, self._total,
            ", no mirror reachable" if away else "", pause,
        )  # fmt: skip

    def _trouble(self) -> str:
        """Which messages are missing, and why the first one is."""
        missing = self._absent
        steps = sorted({s for s, _ in missing})
        params = sorted({p for _, p in missing})
        span = f"+{steps[0]} h" if len(steps) == 1 else f"+{steps[0]} to +{steps[-1]} h"
        why = "; ".join(f"{m}: {w}" for m, (w, _) in self.why.get(missing[0], {}).items()) or "no mirror could be asked"
        return (
            f"{self.cycle}: {len(missing)} of {self._total} messages are missing ({', '.join(params)} at {span}); {why}"
        )

    def _tell_unconfirmed(self) -> None:
        """One line if some messages came from one mirror only."""
        alone = Counter(f.mirror for f in self.files.values() if f.confirmed is None)
        if alone and self.settings.confirm and len(self.mirrors) > 1:
            names = ", ".join(f"{n} from {m}" for m, n in alone.items())
            log.warning("acquire: %s: no second mirror to compare with for some messages (%s)", self.cycle, names)


def _params(messages: list[Wanted]) -> str:
    return ", ".join(v.key for v in messages)
