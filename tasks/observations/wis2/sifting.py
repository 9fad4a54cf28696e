"""Notifications in, messages kept: what is of the regions, whole, readable, new and of now; all else is counted.

What is refused is not remembered, but for what is whole and of elsewhere or too late: other caches announce the same
data, and theirs may be whole.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pandas as pd

from tasks.errors import UnreadableFile, in_a_line
from tasks.grids.box import Box
from tasks.observations.networks.place import inside, utc
from tasks.observations.networks.synop import read_synop
from tasks.observations.wis2.download import download
from tasks.observations.wis2.kept import Kept
from tasks.observations.wis2.notification import Notification, Outcome, Refused, read_notification

log = logging.getLogger(__name__)

AT_ONCE = 4  # downloads
AHEAD = timedelta(
    hours=1
)  # of this machine's clock, that times may be: clocks differ, reports of the hour come before it
ROUNDED = 0.5  # degrees that a notification's point may be beside the stations of its data
REMEMBERED = 100_000  # versions of data that nobody wants: some hours of the world's
UNWANTED = {Outcome.OUTSIDE, Outcome.LATE}  # whatever cache it comes from
EXPECTED = {Outcome.OUTSIDE, Outcome.DUPLICATE, Outcome.KEPT, Outcome.DELETED}  # of which the log has numbers alone
Clock = Callable[[], datetime]


def now() -> datetime:
    """UTC."""
    return datetime.now(UTC)


class Sifter:
    """Proves notifications and keeps what they announce."""

    def __init__(self, kept: Kept, boxes: Sequence[Box], late: timedelta, clock: Clock = now) -> None:
        """`boxes`: where stations are wanted, degrees. `late`: after its valid time nobody wants a report any more."""
        self.kept, self.boxes, self.late, self.clock = kept, boxes, late, clock
        self.near = [box.around(ROUNDED) for box in boxes]
        self.counts: Counter[Outcome] = Counter()
        self._unwanted: dict[tuple[str, datetime], None] = {}  # in the order of coming
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="wis2")

    def close(self) -> None:
        """End downloads."""
        self._pool.shutdown(cancel_futures=True)

    def sift(self, payloads: Iterable[bytes]) -> list[Outcome]:
        """What became of each message of the broker, in their order; committed at the end, all or none."""
        notices = [self._read(payload) for payload in payloads]
        ahead: dict[tuple[str, datetime], Future[bytes]] = {}
        for notice in notices:
            if isinstance(notice, Notification) and (version := _version(notice)) not in ahead:
                ahead[version] = self._pool.submit(_data_of, notice)
        outcomes = [n if isinstance(n, Outcome) else self._take(n, ahead) for n in notices]
        self.kept.commit()
        self.counts.update(outcomes)
        return outcomes

    def _read(self, payload: bytes) -> Notification | Outcome:
        """The notification, if more has to be known of it."""
        try:
            notice = read_notification(payload)
        except Refused as refused:
            return _refusal("a notification", refused)
        if all(notice.is_outside(box) for box in self.near):
            return Outcome.OUTSIDE
        if self._knows(notice):
            return Outcome.DUPLICATE
        if notice.pubtime > self.clock() + AHEAD:  # it would keep every correction away
            return _refusal(notice.data_id, Refused(Outcome.FUTURE, f"published at {notice.pubtime}"))
        return notice

    def _take(self, notice: Notification, ahead: dict[tuple[str, datetime], Future[bytes]]) -> Outcome:
        data_id, pubtime = notice.data_id, notice.pubtime
        if self._knows(notice):  # of this batch
            return Outcome.DUPLICATE
        try:
            future = ahead.pop(_version(notice), None)
            data = future.result() if future is not None else _data_of(notice)
            if notice.is_deletion:
                self.kept.keep(data_id, pubtime, None, pubtime, pubtime)
                return Outcome.DELETED
            first, last = self._span(data)
        except Refused as refused:
            if refused.outcome in UNWANTED:
                self._unwanted[_version(notice)] = None
                if len(self._unwanted) > REMEMBERED:
                    del self._unwanted[next(iter(self._unwanted))]
            return _refusal(data_id, refused)
        self.kept.keep(data_id, pubtime, data, first, last)
        return Outcome.KEPT

    def _knows(self, notice: Notification) -> bool:
        return _version(notice) in self._unwanted or self.kept.has(notice.data_id, notice.pubtime)

    def _span(self, data: bytes) -> tuple[datetime, datetime]:
        """First and last valid time of what the data has of the regions; Refused for data that is not to be kept."""
        try:
            found = read_synop(data, "its data")
        except UnreadableFile as error:
            raise Refused(Outcome.UNDECODABLE, str(error)) from None
        except Exception as error:  # libraries raise anything of a message with a wrong byte in it
            raise Refused(Outcome.UNDECODABLE, in_a_line(error)) from None
        here = pd.Series(False, index=found.index)
        for box in self.boxes:
            here |= inside(found, box)
        times = found.loc[here, "time"]
        if found.empty:
            raise Refused(Outcome.UNDECODABLE, "it has no value")
        if times.empty:
            raise Refused(Outcome.OUTSIDE, "no station in the region")
        clock = utc(self.clock())
        if times.max() > clock + AHEAD:  # it would wait there for its hour
            raise Refused(Outcome.FUTURE, f"valid at {times.max()}")
        if times.max() < clock - self.late:
            raise Refused(Outcome.LATE, f"valid at {times.max()}")
        return times.min().to_pydatetime(), times.max().to_pydatetime()


def _version(notice: Notification) -> tuple[str, datetime]:
    return notice.data_id, notice.pubtime


def _data_of(notice: Notification) -> bytes:
    """What it announces, proved; of a deletion nothing."""
    if notice.is_deletion:
        return b""
    data = notice.inline()
    if data is None:
        data = download(notice.link)
    notice.prove(data)
    return data


def _refusal(what: str, refused: Refused) -> Outcome:
    if refused.outcome not in EXPECTED:
        log.warning("wis2: %s: %s: %s", what[:200], refused.outcome, refused)
    return refused.outcome
