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
from tasks.acquire.open_data import assert_decodes, assert_is_message, by_param, needed, served
from tasks.acquire.raw import RawFolder
from tasks.errors import CycleNotReady, IncompleteDownload
from tasks.handover.cycle import Cycle, RawFile
from tasks.region.document import Region
from tasks.region.settings import AcquireSettings
from tasks.variables import Variable, known
from tasks.web.patience import Deadline, NotYet, Patience, PatienceEnded

log = logging.getLogger(__name__)

REPORT_EVERY = 10.0  # seconds


class Fetch:
    """One cycle's download: lead times in parallel, mirrors in order, until all is there or the deadline is over."""

    def __init__(self, cycle: Cycle, region: Region, steps: list[int], raw: RawFolder) -> None:
        self.cycle, self.region, self.raw = cycle, region, raw
        self.settings: AcquireSettings = region.acquire
        self.variables = known(served(region, cycle.source))
        self.wanted = {step: needed(self.variables, step) for step in steps}
        self.mirrors = [Mirror(name, self.settings) for name in self.settings.mirrors]
        self.files: dict[tuple[int, str], RawFile] = {}
        # (lead time, parameter) -> mirror -> what was wrong, and whether it is only that it is not there, or not yet
        self.why: dict[tuple[int, str], dict[str, tuple[str, bool]]] = {}
        self._lock = threading.Lock()
        self._reported = time.monotonic()

    def run(self) -> list[RawFile]:
        """The files in order of lead time and variable."""
        for step, variables in self.wanted.items():
            for variable in variables:
                if (file := self.raw.get(self._name(step, variable))) is not None:
                    self.files[step, variable.param] = file
        if self.files:
            log.info("acquire: %s, %d of %d messages are here already", self.cycle, len(self.files), self._total)
        try:
            Patience(jitter=0.2).ask(self._round, Deadline(self.settings.wait_minutes * 60), tell=self._tell_pause)
        except PatienceEnded as ended:
            if self._all_late:
                raise CycleNotReady(f"{ended.last.why}; run it again later: what is here is kept") from None
            raise IncompleteDownload(f"{ended.last.why}; run it again: what is here is kept") from None
        self._tell_unconfirmed()
        return [self.files[s, v.param] for s, variables in self.wanted.items() for v in variables]

    def _round(self) -> None:
        """Ask for all that is missing; NotYet, with how long to leave the mirrors alone, if something still is."""
        steps = [s for s in self.wanted if self._missing(s)]
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
        return [(step, v.param) for step in self.wanted for v in self._missing(step)]

    @property
    def _all_late(self) -> bool:
        """Whether all that is missing is only not there, or not yet, on every mirror that was asked."""
        why = [self.why.get(message) for message in self._absent]
        return all(mirrors and all(late for _, late in mirrors.values()) for mirrors in why)

    def _name(self, step: int, variable: Variable) -> str:
        resol = resol_of(self.cycle.time, self.settings.resol, self.cycle.source)
        return f"{resol}-{stream_of(self.cycle.time, self.cycle.source)}-{step}h-{variable.param}.grib2"

    def _missing(self, step: int) -> list[Variable]:
        return [v for v in self.wanted[step] if (step, v.param) not in self.files]

    def _note(self, step: int, variables: list[Variable], mirror: Mirror, why: str, late: bool) -> None:
        with self._lock:
            for variable in variables:
                self.why.setdefault((step, variable.param), {})[mirror.name] = (why, late)

    def _lead_time(self, step: int) -> None:
        """Ask the mirrors in turn for what is missing, and a second one for the same bytes."""
        copies: dict[str, dict[str, tuple[bytes, list[str]]]] = {v.param: {} for v in self._missing(step)}
        votes = 2 if self.settings.confirm and len(self.mirrors) > 1 else 1
        open_ = lambda: [  # noqa: E731
            v for v in self._missing(step) if max((len(m) for _, m in copies[v.param].values()), default=0) < votes
        ]
        for mirror in self.mirrors:
            variables = open_()
            if not variables:
                break
            if mirror.breaker.wait():
                continue
            proved = {param: set(by_digest) for param, by_digest in copies.items()}
            for variable, digest, data in self._ask(mirror, step, variables, proved):
                copies[variable.param].setdefault(digest, (data, []))[1].append(mirror.name)
        for variable in self._missing(step):
            self._settle(step, variable, copies[variable.param])

    def _settle(self, step: int, variable: Variable, copies: dict[str, tuple[bytes, list[str]]]) -> None:
        """Keep what two mirrors agree on, or the only copy there is; nothing where they differ and none decides.

        What two mirrors send byte for byte is not decoded to prove it.
        """
        what = f"{self.cycle} +{step} h {variable.param}"
        if not any(len(mirrors) > 1 for _, mirrors in copies.values()):
            copies = {d: c for d, c in copies.items() if self._decodes(step, variable, *c, what)}
        if not copies:
            return
        data, mirrors = max(copies.values(), key=lambda c: len(c[1]))
        if len(copies) > 1:
            others = ", ".join(m for d, names in copies.values() for m in names if d != data)
            if len(mirrors) < 2:
                log.warning("acquire: %s: %s and %s send different bytes", what, mirrors[0], others)
                self._note(step, [variable], self.mirrors[0], f"{mirrors[0]} and {others} send different bytes", False)
                return
            log.warning("acquire: %s: %s sends other bytes than %s: left aside", what, others, " and ".join(mirrors))
        confirmed = True if len(mirrors) > 1 else None
        file = self.raw.put(self._name(step, variable), data, what, mirror=mirrors[0], confirmed=confirmed)
        with self._lock:
            self.files[step, variable.param] = file
            if time.monotonic() - self._reported > REPORT_EVERY:
                self._reported = time.monotonic()
                size = sum(f.size for f in self.files.values()) / 1e6
                log.info("acquire: %s, %d of %d messages, %.0f MB", self.cycle, len(self.files), self._total, size)

    def _decodes(self, step: int, variable: Variable, data: bytes, mirrors: list[str], what: str) -> bool:
        """Whether a copy's values decode; why they do not is noted of its mirrors."""
        try:
            assert_decodes(data, what)
        except IncompleteDownload as error:
            for mirror in (m for m in self.mirrors if m.name in mirrors):
                self._refuse(step, variable, mirror, error)
            return False
        return True

    def _refuse(self, step: int, variable: Variable, mirror: Mirror, error: IncompleteDownload) -> None:
        log.warning("acquire: %s (mirror %s)", error, mirror.name)
        self._note(step, [variable], mirror, str(error).split(": ", 1)[-1].split(";")[0], late=False)

    def _ask(
        self, mirror: Mirror, step: int, variables: list[Variable], proved: dict[str, set[str]]
    ) -> list[tuple[Variable, str, bytes]]:
        """What one mirror has of a lead time with its sha-256, proved unless it was before; the rest is noted."""
        label = f"{self.cycle} +{step} h"
        try:
            base = mirror.file(self.cycle, step)
            listed = by_param(mirror.index(base))
            here = [v for v in variables if v.param in listed]
            absent = [v for v in variables if v.param not in listed]
            if absent:
                log.info("acquire: %s: %s not in the index of %s", label, _params(absent), mirror.name)
                self._note(step, absent, mirror, "not in the index", late=True)
            data = mirror.messages(base, [listed[v.param] for v in here]) if here else {}
        except MirrorFailure as failure:
            self._failed(mirror, step, variables, failure)
            return []
        good = []
        for variable in here:
            message = data.get(variable.param, b"")
            digest = hashlib.sha256(message).hexdigest()
            try:
                if digest not in proved[variable.param]:
                    length = listed[variable.param].length
                    assert_is_message(message, variable, self.cycle, step, length, f"{label} {variable.param}")
                good.append((variable, digest, message))
            except IncompleteDownload as error:
                self._refuse(step, variable, mirror, error)
        return good

    def _failed(self, mirror: Mirror, step: int, variables: list[Variable], failure: MirrorFailure) -> None:
        self._note(step, variables, mirror, failure.why, late=isinstance(failure, NotThere))
        level = logging.INFO if isinstance(failure, NotThere) else logging.WARNING
        log.log(level, "acquire: %s +%d h: mirror %s: %s", self.cycle, step, mirror.name, failure.why)
        mirror.failed(failure)

    def _tell_pause(self, _not_yet: NotYet, pause: float) -> None:
        missing = len(self._absent)
        log.info(
            "acquire: %s, %d of %d messages missing, looking again in %.0f s", self.cycle, missing, self._total, pause
        )

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


def _params(variables: list[Variable]) -> str:
    return ", ".join(v.param for v in variables)
