"""All talk with the Copernicus CDS through its client: submit, wait, download; its errors as ours.

What is asked for and whether the answer is it: era5_request.py and era5_messages.py.

The client repeats a failed question up to 500 times and never looks at Retry-After, so each question here is asked once
and repeated by `Cds.patiently`, which does. Only a download is repeated by the client, for it goes on where it stopped.
The client takes any JSON for the one that it expects: what then fails in it is an error at once, see `by_client`.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import cdsapi
import requests
from ecmwf.datastores.processing import DownloadError, ProcessingFailedError

from tasks.acquire.cds_credentials import Credentials
from tasks.acquire.cds_errors import (
    NO_ANSWER,
    FileUnreachable,
    JobLost,
    JobRejected,
    QueueFull,
    by_client,
    one_line,
    refusal,
)
from tasks.errors import AnswerNotUnderstood, CycleNotReady, IncompleteDownload, RequestRefused, WorkspaceFull
from tasks.handover.cycle import Cycle
from tasks.region.settings import AcquireSettings
from tasks.storage import NO_ROOM
from tasks.web.answers import is_busy, retry_after
from tasks.web.failures import NO_ADDRESS
from tasks.web.patience import Deadline, NotYet, Patience, PatienceEnded

log = logging.getLogger(__name__)
T = TypeVar("T")

REQUESTS_PAGE = "https://cds.climate.copernicus.eu/requests"
GONE = (403, 404, 410)  # of a result's address: object stores answer 403 to what is not there any more
SUBMISSIONS = 3  # of one request: one that got no answer may have been queued all the same
CHUNK = 1 << 16  # bytes: the client loses what it has of a chunk when it is cut; its own MiB is a whole day of Hubei
REMINDER = 600.0  # seconds between two lines that say that nothing has changed

# The client's own log repeats what is told here, with whole pages of HTML: only for those who configure a handler.
logging.getLogger("multiurl").addHandler(logging.NullHandler())


class Cds:
    """The service as one cycle's fetch sees it."""

    def __init__(
        self, cycle: Cycle, credentials: Credentials, settings: AcquireSettings, pace: Patience, deadline: Deadline
    ) -> None:
        self.cycle, self.settings, self.pace, self.deadline = cycle, settings, pace, deadline
        self._credentials = credentials
        self._answer = requests.Response()  # the last one
        session = requests.Session()
        session.hooks["response"].append(self._keep)
        ignore = lambda *_args, **_kwargs: None  # noqa: E731  (at debug level the client logs the key)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a service that is down: the first question says so
            self._client = cdsapi.Client(
                url=credentials.url,
                key=credentials.key,
                verify=credentials.verify,
                quiet=True,
                progress=False,
                delete=False,
                wait_until_complete=False,
                timeout=settings.timeout_seconds,
                retry_max=1,
                sleep_max=pace.longest,
                debug_callback=ignore,
                info_callback=ignore,
                warning_callback=self._pass_on,
                error_callback=self._pass_on,
                session=session,
            )

    def newest(self, dataset: str) -> datetime | None:
        """The end of the dataset, as the catalogue has it."""
        ask = lambda: self._client.client.get_collection(dataset).end_datetime  # noqa: E731
        return self.patiently(ask)

    def submit(self, dataset: str, request: dict[str, Any]) -> str:
        """Queue a request; its id."""
        process = self.patiently(lambda: self._client.client.get_process(dataset))
        return str(self.patiently(lambda: process.submit(request).request_id, tries=SUBMISSIONS))

    def wait(self, job: str) -> Any:
        """The client's results of a job, once there are some.

        JobLost if there never will be; JobRejected or QueueFull if the CDS rejects it; CycleNotReady at the deadline.
        """
        remote = self.patiently(lambda: self._client.client.get_remote(job), job)
        began, logged, last = time.monotonic(), 0.0, ""

        def look() -> str:
            nonlocal logged, last
            state = self.patiently(lambda: str(remote.status), job)
            if state not in ("accepted", "running"):
                return state
            now = time.monotonic()
            if state != last or now - logged > REMINDER:
                word = "queued" if state == "accepted" else state
                log.info("%s: CDS request %s is %s, %.0f min so far", self.cycle, job, word, (now - began) / 60)
                last, logged = state, now
            raise NotYet(state)

        try:
            state = self.pace.ask(look, self.deadline)
        except PatienceEnded as ended:
            raise CycleNotReady(
                f"{self.cycle}: CDS request {job} is still {ended.last.why} after {self.settings.cds_wait_hours:g} h "
                "(cds_wait_hours); run again to go on waiting for the same request"
            ) from None
        if state == "successful":
            try:
                return self.patiently(remote.get_results, job)
            except ProcessingFailedError as error:  # dismissed since
                raise JobLost(f"{self.cycle}: CDS request {job} gives nothing ({self.in_a_line(error)})") from None
        reason = self._reason(remote)
        if "queued requests" in reason.lower():
            raise QueueFull(
                f"{self.cycle}: the CDS takes no more requests of this user now ({reason}); wait until some at "
                f"{REQUESTS_PAGE} are done, or delete them, and run again"
            )
        if state == "rejected":
            raise JobRejected(
                f"{self.cycle}: the CDS rejected request {job} ({reason}); look at it at {REQUESTS_PAGE}, change the "
                "region's box or variables, and run again"
            )
        raise JobLost(f"{self.cycle}: CDS request {job} is {state} ({reason})")

    def download(self, results: Any, target: Path, job: str) -> None:
        """A job's file, in a time that its size allows.

        JobLost if it is not there any more; FileUnreachable if it comes too slowly, or is cut again and again;
        IncompleteDownload if it is of another size than the CDS says.
        """
        size = self.patiently(lambda: int(results.content_length), job)
        allowed = min(self.deadline.left, self.settings.timeout_seconds + size / self.settings.slowest)
        results.retry_options = {"maximum_tries": 3, "retry_after": self.pace.first}
        results.download_options = results.download_options | {"chunk_size": CHUNK}
        log.info("%s: downloading %.1f kB of CDS request %s", self.cycle, size / 1e3, job)
        folder, ended = target.parent, f"{self.cycle}: the file of CDS request {job}"
        failures: list[Exception] = []

        def work() -> None:
            try:
                results.download(str(target))
            except Exception as error:  # whatever it is: the one who waits raises it, or says what it means
                failures.append(error)

        # The client gives up on a silent server, never on one that sends a byte now and then.
        thread = threading.Thread(target=work, daemon=True, name="cds-download")
        thread.start()
        thread.join(allowed)
        if thread.is_alive():
            got = target.stat().st_size if target.exists() else 0
            shutil.rmtree(folder, ignore_errors=True)  # the thread finds no place to start anew
            raise FileUnreachable(
                f"{ended}: {got} of {size} bytes after {allowed:.0f} s, slower than {self.settings.slowest:g} bytes/s "
                "(slowest); run again: the request is kept"
            )
        if failures:
            self._explain_download(failures[0], results, target, ended)

    def _explain_download(self, error: Exception, results: Any, target: Path, ended: str) -> None:
        """Raise the error of ours for what the client raised."""
        again = "run again: the request is kept"
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise WorkspaceFull(
                f"{ended}: no room for it ({os.strerror(error.errno)}); free some, or set FINESCALE_WORKSPACE to a "
                "larger disk, and run again: the request is kept"
            ) from None
        # The client keeps an HTTP error of the file's address to itself, and finds an empty file or none.
        if isinstance(error, FileNotFoundError) or (target.exists() and not target.stat().st_size):
            try:
                status = requests.head(
                    results.location,
                    timeout=self.settings.timeout_seconds,
                    verify=self._credentials.verify,
                    allow_redirects=True,
                ).status_code
            except requests.RequestException:
                status = 0
            if status in GONE:
                raise JobLost(f"{ended} has expired (HTTP {status})") from None
            raise FileUnreachable(f"{ended} cannot be had now (HTTP {status or 'no answer'}); {again}") from None
        if isinstance(error, DownloadError) or (isinstance(error, AssertionError) and by_client(error)):  # another size
            raise IncompleteDownload(f"{ended}: {self.in_a_line(error)}") from None
        if isinstance(error, NO_ANSWER):
            raise FileUnreachable(f"{ended}: {self.in_a_line(error)}; {again}") from None
        with self._understanding():
            raise error

    def patiently(self, ask: Callable[[], T], job: str = "", tries: int | None = None) -> T:
        """The answer to a question, about a job or none, asked again while the service is down.

        CycleNotReady after the region's `wait_minutes` without an answer, at the deadline, or after so many tries.
        """
        try:
            deadline = self.deadline.within(self.settings.wait_minutes * 60)
            return self.pace.ask(lambda: self._once(ask, job), deadline, tries=tries, tell=self._tell_pause)
        except PatienceEnded as ended:
            raise CycleNotReady(
                f"{self.cycle}: the CDS does not answer, {ended.tries} times in {ended.seconds / 60:.0f} min "
                f"({ended.last.why}); run again later{f' to go on with request {job}' if job else ''}"
            ) from None

    def _once(self, ask: Callable[[], T], job: str) -> T:
        """The answer; NotYet if none can come now, AnswerNotUnderstood if it is not what the client knows."""
        try:
            with self._understanding():
                return ask()
        except NO_ANSWER as error:
            raise NotYet(self.in_a_line(error), self._worth_waiting(error, job)) from error

    @contextmanager
    def _understanding(self) -> Iterator[None]:
        """What the client stumbles over in an answer is AnswerNotUnderstood; its own errors, and ours, go up."""
        try:
            yield
        except (*NO_ANSWER, ProcessingFailedError, DownloadError):
            raise
        except Exception as error:
            if not by_client(error):
                raise
            came = self.in_a_line(Exception(f"{self._answer.url} sent {self._answer.text}"))
            raise AnswerNotUnderstood(
                f"{self.cycle}: an answer of the CDS is not what its client knows ({type(error).__name__}: "
                f"{self.in_a_line(error)}): {came}; look at {REQUESTS_PAGE} whether work on the service is "
                "announced, else update ecmwf-datastores-client, and run again"
            ) from error

    def _worth_waiting(self, error: Exception, job: str) -> float | None:
        """Seconds that the service wants to be left alone; raises where waiting mends nothing."""
        response = getattr(error, "response", None)
        if isinstance(error, NO_ADDRESS):
            raise RequestRefused(
                f"{self.cycle}: the CDS url from {self._credentials.place} is none ({self.in_a_line(error)})"
            ) from None
        if response is None:
            return None
        if not is_busy(response.status_code):
            raise refusal(self.cycle, self._credentials, response.status_code, self.in_a_line(error), job) from None
        wanted = retry_after(response.headers)
        return None if wanted is None else min(wanted, self.pace.longest)

    def _tell_pause(self, not_yet: NotYet, pause: float) -> None:
        log.warning("%s: the CDS does not answer (%s); asking again in %.3g s", self.cycle, not_yet.why, pause)

    def _reason(self, remote: Any) -> str:
        """Why a job gave nothing: the CDS says it where its results would be."""
        try:
            with self._understanding():
                remote.results_ready  # noqa: B018  (a property that asks)
        except (*NO_ANSWER, ProcessingFailedError) as error:
            return self.in_a_line(error)
        return "no reason given"

    def in_a_line(self, error: Exception) -> str:
        """An error in one line, without the key."""
        return one_line(error, self._credentials)

    def _keep(self, response: requests.Response, *_args: Any, **_kwargs: Any) -> None:
        """For an error that says what could not be read. Files do not come through this session."""
        self._answer = response

    def _pass_on(self, *args: Any, **_kwargs: Any) -> None:
        """A warning of the service, such as one of maintenance, to our log."""
        text = str(args[0]) % args[1:] if len(args) > 1 else str(args[0])
        log.warning("%s: the CDS says: %s", self.cycle, self.in_a_line(Exception(text)))
