"""A stand-in of the Copernicus CDS on loopback: its protocol, real GRIB of ERA5, faults on demand.

By hand: `python -m tests.servers.cds --port 8082 --folder FOLDER_OF_GRIB` prints what to put into ~/.cdsapirc.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import eccodes

from tests.servers.http import Handler, Served, serving

KEY = "11111111-2222-3333-4444-5555deadbeef"
DATASET = "reanalysis-era5-single-levels"
PARAM_IDS = {
    "2m_temperature": 167, "2m_dewpoint_temperature": 168, "surface_pressure": 134, "total_precipitation": 228,
    "10m_u_component_of_wind": 165, "10m_v_component_of_wind": 166, "mean_sea_level_pressure": 151,
    "100m_u_component_of_wind": 228246, "100m_v_component_of_wind": 228247, "skin_temperature": 235,
    "10m_wind_gust_since_previous_post_processing": 49, "total_column_water_vapour": 137, "total_cloud_cover": 164,
    "surface_solar_radiation_downwards": 169, "surface_thermal_radiation_downwards": 175,
    "maximum_2m_temperature_since_previous_post_processing": 201,
    "minimum_2m_temperature_since_previous_post_processing": 202, "snowfall": 144, "snow_depth": 141,
    "geopotential": 129,
}  # fmt: skip
LICENCE_PAGE = f"https://cds.climate.copernicus.eu/datasets/{DATASET}?tab=download#manage-licences"


class Fault(StrEnum):
    """What can go wrong; each happens as often as it was put in."""

    JOB_FAILS = "the job ends as failed"
    JOB_REJECTED = "the job ends as rejected"
    QUEUE_LIMIT = "the job is rejected: too many of this user are queued"
    JOB_DISMISSED = "the job is dismissed by its user on the web page"
    JOB_VANISHES = "404 for the job"
    RESULT_EXPIRED = "404 for the result's file"
    CHECKSUM_WRONG = "the size is right, a byte is not"
    CHECKSUM_ODD = "a checksum of an unknown kind"
    TRUNCATED = "the connection is cut in the middle of the file"
    SIZE_WRONG = "the file is shorter than the job says"
    SLOW_DRIP = "the file comes a byte at a time"
    HTML_PAGE = "a page of HTML with status 200 in the file's place"
    WRONG_HOUR = "a message of another day's hour"
    WRONG_FIELD = "a message of another parameter"
    HOUR_MISSING = "an hour in the middle is missing"
    END_MISSING = "the last hours of the day are missing"
    TWICE = "a message is there twice"
    FINAL = "the first twelve hours are final ERA5"
    LICENCE = "403: the licence is not accepted"
    TOO_LARGE = "403: cost limits exceeded"
    INVALID = "400: the request is not valid, and the answer holds the key"
    NOT_YET = "400: the day is not available yet"
    SERVER_ERROR = "500 to anything"
    RATE_LIMIT = "429 with Retry-After"
    MAINTENANCE = "a page of HTML with status 200 to anything"
    SILENT = "nothing is answered"


@dataclass
class Job:
    """A queued request."""

    id: str
    inputs: dict[str, Any]
    polls: int = 0
    end: Fault | None = None
    deleted: bool = False
    expired: bool = False  # its file is not there any more
    body: bytes = b""


@dataclass(kw_only=True)
class CdsServer(Served):
    """Where the stand-in is, what it was asked, and what it is told to do."""

    folder: Path
    base: str = "/api"
    key: str = KEY
    end: str = "2026-05-31T23:00:00Z"  # of the catalogue's temporal extent
    hold: bool = False  # jobs stay queued
    jobs: dict[str, Job] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._messages = _by_time(self.folder)

    def inject(self, fault: Fault, times: int = 1) -> None:
        """Let a fault happen so often."""
        self.faults[fault] += times

    def take(self, *faults: Fault) -> Fault | None:
        """The first of these that is to happen now."""
        with self.lock:
            for fault in faults:
                if self.faults[fault] > 0:
                    self.faults[fault] -= 1
                    return fault
        return None

    def count(self, kind: str) -> None:
        """One more request of a kind."""
        with self.lock:
            self.counts[kind] += 1

    def status(self, job: Job) -> str:
        """Two polls queued, one running, then done; queued for ever while told so."""
        if not self.hold:
            job.polls += 1
        if job.polls <= 2:
            return "accepted"
        if job.polls == 3:
            return "running"
        if job.end is None and not job.body:
            job.end = self.take(Fault.JOB_FAILS, Fault.JOB_REJECTED, Fault.QUEUE_LIMIT, Fault.JOB_DISMISSED)
        match job.end:
            case Fault.JOB_FAILS:
                return "failed"
            case Fault.JOB_REJECTED | Fault.QUEUE_LIMIT:
                return "rejected"
            case Fault.JOB_DISMISSED:
                return "dismissed"
        job.body = job.body or self._cut(job.inputs)
        return "successful"

    def _cut(self, inputs: dict[str, Any]) -> bytes:
        """The messages asked for, spoiled as told; the area is the file's own."""
        day = f"{inputs['year'][0]}{inputs['month'][0]}{inputs['day'][0]}"
        wanted = [
            (PARAM_IDS[name], f"{day}{hour.replace(':', '')}") for hour in inputs["time"] for name in inputs["variable"]
        ]
        fault = self.take(
            Fault.WRONG_HOUR, Fault.WRONG_FIELD, Fault.HOUR_MISSING, Fault.END_MISSING, Fault.TWICE, Fault.FINAL
        )
        match fault:
            case Fault.WRONG_HOUR:
                wanted[5] = next(k for k in self._messages if k[0] == wanted[5][0] and not k[1].startswith(day))
            case Fault.WRONG_FIELD:
                others = [p for p in PARAM_IDS.values() if p not in {w[0] for w in wanted}]
                wanted[5] = next(k for k in self._messages if k[0] in others)
            case Fault.HOUR_MISSING:
                wanted = [w for w in wanted if not w[1].endswith("1100")]
            case Fault.END_MISSING:
                wanted = [w for w in wanted if w[1][-4:] < "1600"]
            case Fault.TWICE:
                wanted.insert(5, wanted[5])
        messages = [self._messages[w] for w in wanted if w in self._messages]
        if fault is Fault.FINAL:
            half = len(messages) // 2
            messages = [_rewritten(m, "0001") if i < half else m for i, m in enumerate(messages)]
        return b"".join(messages)


def _rewritten(message: bytes, expver: str) -> bytes:
    handle = eccodes.codes_new_from_message(message)
    eccodes.codes_set(handle, "expver", expver)
    out = eccodes.codes_get_message(handle)
    eccodes.codes_release(handle)
    return bytes(out)


@cache  # a test run opens many servers on the same files
def _by_time(folder: Path) -> dict[tuple[int, str], bytes]:
    """(paramId, valid time as YYYYMMDDHHMM) -> message, of every ERA5 file in a folder; the first file wins."""
    found: dict[tuple[int, str], bytes] = {}
    for path in sorted(folder.glob("*.grib")):
        for message in eccodes.FileReader(path):
            if message.get("class") == "ea":
                time = f"{message.get('validityDate'):08d}{message.get('validityTime'):04d}"
                found.setdefault((message.get("paramId"), time), bytes(message.get_buffer()))
    return found


REASONS = {
    Fault.JOB_FAILS: ("The job has failed", "MARS has returned an error, please check your selection."),
    Fault.JOB_REJECTED: ("The job has been rejected", "Your request has not produced a valid combination of values."),
    Fault.QUEUE_LIMIT: (
        "The job has been rejected",
        "Number queued requests for this dataset is temporarily limited. Please configure your scripts accordingly",
    ),
}


class _Handler(Handler):
    """One request."""

    @property
    def cds(self) -> CdsServer:
        return self.served

    # -- answers

    def _json(self, status: int, data: object, **headers: str) -> None:
        self.reply(status, json.dumps(data).encode(), Content_Type="application/json", **headers)

    def _problem(self, status: int, title: str, detail: str = "", traceback: str = "", **headers: str) -> None:
        said = {"type": title, "title": title, "status": status, "instance": self.path, "trace_id": uuid4().hex}
        said |= {k: v for k, v in (("detail", detail), ("traceback", traceback)) if v}
        self._json(status, said, **headers)

    # -- questions

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[0] == "cache":
            self._file(parts[-1])
            return
        if self._general_fault() or self.faulty(self.path):
            return
        match (self.command, *parts[1:]):
            case ("GET", "catalogue", "v1", "messages"):
                self.cds.count("messages")
                self._json(200, {"messages": []})
            case ("GET", "catalogue", "v1", "collections", dataset):
                self.cds.count("collection")
                interval = [["1940-01-01T00:00:00Z", self.cds.end]]
                self._json(200, {"id": dataset, "extent": {"temporal": {"interval": interval}}, "links": []})
            case _ if self.headers.get("PRIVATE-TOKEN") != self.cds.key:
                self.cds.count("unauthorized")
                self._problem(401, "operation not allowed", "authentication required")
            case ("GET", "retrieve", "v1", "processes", dataset):
                self.cds.count("process")
                if dataset == DATASET:
                    self._json(200, {"id": dataset, "links": []})
                else:
                    self._problem(404, "process not found", f"dataset {dataset} not found")
            case ("POST", "retrieve", "v1", "processes", _, "execution"):
                self.cds.count("execution")
                self._execute(body["inputs"])
            case ("GET", "retrieve", "v1", "jobs"):
                self._json(200, {"jobs": [self._job(j, "accepted") for j in self.cds.jobs.values()], "links": []})
            case (_, "retrieve", "v1", "jobs", job, *rest):
                self.cds.count("results" if rest else "job")
                self._about_job(job, bool(rest))
            case _:
                self._problem(404, "not found")

    def _general_fault(self) -> bool:
        match self.cds.take(Fault.SILENT, Fault.SERVER_ERROR, Fault.RATE_LIMIT, Fault.MAINTENANCE):
            case Fault.SILENT:
                self.cds.stopped.wait(60)
                self.close_connection = True
            case Fault.SERVER_ERROR:
                self.reply(500, b"<html>Internal Server Error</html>", Content_Type="text/html")
            case Fault.RATE_LIMIT:
                self._problem(429, "rate limit exceeded", "Rate limit exceeded. Please wait.", Retry_After="1")
            case Fault.MAINTENANCE:
                self.reply(200, b"<html>The CDS is under maintenance</html>", Content_Type="text/html")
            case _:
                return False
        self.cds.count("faults")
        return True

    def _execute(self, inputs: dict[str, Any]) -> None:
        match self.cds.take(Fault.LICENCE, Fault.TOO_LARGE, Fault.INVALID, Fault.NOT_YET):
            case Fault.LICENCE:
                self._problem(
                    403,
                    "required licences not accepted",
                    f"Not all the required licences have been accepted; please visit {LICENCE_PAGE} "
                    "to accept the required licence(s).",
                )
            case Fault.TOO_LARGE:
                self._problem(403, "cost limits exceeded", "Your request is too large, please reduce your selection.")
            case Fault.INVALID:
                self._problem(400, "invalid request", f"no such value; token was {self.headers['PRIVATE-TOKEN']}")
            case Fault.NOT_YET:
                self._problem(
                    400,
                    "invalid request",
                    "None of the data you have requested is available yet, please revise the period requested. "
                    "The latest date available for this dataset is: 2026-05-29 15:00",
                )
            case _:
                job = Job(str(uuid4()), inputs)
                with self.cds.lock:
                    self.cds.jobs[job.id] = job
                self._json(201, self._job(job, "accepted"))

    def _job(self, job: Job, status: str) -> dict[str, Any]:
        now, here = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}", f"{self.cds.url}/retrieve/v1/jobs/{job.id}"
        links = [{"href": here, "rel": rel, "type": "application/json"} for rel in ("self", "monitor")]
        if status in ("successful", "failed", "rejected"):
            links.append({"href": f"{here}/results", "rel": "results"})
        return {
            "processID": DATASET, "type": "process", "jobID": job.id, "status": status, "created": now, "updated": now,
            "links": links, "metadata": {"request": {"ids": job.inputs}, "log": [], "origin": "api"},
        }  # fmt: skip

    def _about_job(self, name: str, results: bool) -> None:
        job = self.cds.jobs.get(name)
        if job is not None and not job.deleted and self.cds.take(Fault.JOB_VANISHES):
            job.deleted = True
        if job is None or job.deleted:
            self._problem(404, "job not found", f"job {name} not found")
        elif self.command == "DELETE":
            job.deleted = True
            self._json(200, self._job(job, "deleted"))
        elif not results:
            self._json(200, self._job(job, self.cds.status(job)))
        elif job.end is not None:
            title, why = REASONS.get(job.end, ("The job has been dismissed", ""))
            self._problem(400, title, traceback=why)
        elif not job.body:
            self._problem(404, "job results not ready", f"job {name} is not done")
        else:
            md5 = hashlib.md5(job.body).hexdigest()
            checksum = "crc32-of-parts" if self.cds.take(Fault.CHECKSUM_ODD) else f"{int(md5, 16):x}"
            about = {
                "type": "application/x-grib", "href": f"{self.cds.url.removesuffix('/api')}/cache/{job.id}.grib",
                "file:checksum": checksum, "file:size": len(job.body), "file:local_path": f"s3://cache/{job.id}.grib",
            }  # fmt: skip
            self._json(200, {"asset": {"value": about}})

    # -- files: any object store would serve them, so without token

    def _file(self, name: str) -> None:
        self.cds.count("head" if self.command == "HEAD" else "download")
        job = self.cds.jobs.get(name.removesuffix(".grib"))
        if job is not None and not job.expired:
            job.expired = self.cds.take(Fault.RESULT_EXPIRED) is not None
        if job is None or not job.body or job.expired:
            self.reply(404, b"<Error><Code>NoSuchKey</Code></Error>", Content_Type="application/xml")
            return
        if self.command == "HEAD":
            self.reply(200, job.body, Content_Type="application/x-grib", Accept_Ranges="bytes")
            return
        self._body(job.body)

    def _body(self, body: bytes) -> None:
        fault = self.cds.take(Fault.CHECKSUM_WRONG, Fault.SIZE_WRONG, Fault.HTML_PAGE, Fault.TRUNCATED, Fault.SLOW_DRIP)
        start, status = 0, 200
        if given := self.headers.get("Range"):
            start, status = int(given.removeprefix("bytes=").split("-")[0]), 206
        match fault:
            case Fault.CHECKSUM_WRONG:
                middle = len(body) // 2 + 1000  # among values: GRIB itself does not notice
                body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
            case Fault.SIZE_WRONG:
                body = body[:-1000]
            case Fault.HTML_PAGE:
                body = b"<html>Please log in to this network</html>".ljust(len(body))
        body = body[start:]
        if fault not in (Fault.TRUNCATED, Fault.SLOW_DRIP):
            self.reply(status, body, Content_Type="application/x-grib", Accept_Ranges="bytes")
            return
        self.begin(status, len(body), Accept_Ranges="bytes")
        if fault is Fault.TRUNCATED:
            self.write(body[: len(body) // 2])
        else:
            for i in range(len(body)):
                if self.cds.stopped.wait(0.1):
                    break
                self.write(body[i : i + 1])
        self.close_connection = True


@contextmanager
def cds_server(folder: Path, port: int = 0) -> Iterator[CdsServer]:
    """Serve the GRIB files of a folder as the CDS would."""
    cds = CdsServer(folder=folder)
    with serving(_Handler, cds, port):
        try:
            yield cds
        finally:
            cds.stopped.set()


def main() -> None:
    """Until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8082)
    parser.add_argument("--folder", type=Path, required=True, help="of GRIB files of ERA5")
    parser.add_argument("--fault", choices=[f.name for f in Fault], action="append", default=[])
    options = parser.parse_args()
    with cds_server(options.folder, options.port) as cds:
        for name in options.fault:
            cds.inject(Fault[name])
        sys.stdout.write(f"url: {cds.url}\nkey: {cds.key}\n")
        sys.stdout.flush()
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
