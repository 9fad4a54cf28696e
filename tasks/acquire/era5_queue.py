"""A day of ERA5 from the CDS's queue: one request, which outlives the run that made it; its file, proved."""

from __future__ import annotations

import hashlib
import logging
import shutil
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ValidationError

from tasks.acquire.cds import REQUESTS_PAGE, Cds
from tasks.acquire.cds_errors import FileUnreachable, JobLost, JobRejected, QueueFull
from tasks.acquire.era5_messages import prove
from tasks.acquire.era5_request import DATASET, Asked
from tasks.acquire.raw import RawFolder
from tasks.errors import CycleNotReady, IncompleteDownload, WorkspaceFull
from tasks.handover.cycle import RawFile
from tasks.storage import NO_ROOM, write_bytes

log = logging.getLogger(__name__)

VERSIONS = {"0001": "ERA5", "0005": "ERA5T"}  # GRIB's expver -> what it is
PART_SIZES = (5, 8, 16, 32, 50, 64, 100)  # MiB: in which object stores' clients commonly upload a large file


def assert_checksum(data: bytes, stated: str, label: str) -> bool:
    """Whether a checksum proves the bytes; IncompleteDownload if they are not those that the CDS took it of.

    It gives a number in hexadecimal, without leading zeros: the MD5 that its object store keeps, which for a file
    uploaded in parts is the MD5 of the parts' MD5s; a longer one is taken for SHA-256.
    """
    try:
        number = int(stated, 16)
    except ValueError:
        number = 0
    if not number or len(stated) > 64:
        log.warning("%s: checksum %.80r of the CDS is of an unknown kind and is not compared", label, stated)
        return False
    if len(stated) > 32:
        digests = [hashlib.sha256(data).hexdigest()]
    else:
        digests = [hashlib.md5(data, usedforsecurity=False).hexdigest()]
        for mib in PART_SIZES:
            parts = [data[i : i + (mib << 20)] for i in range(0, len(data), mib << 20)]
            if len(parts) > 1:
                joined = b"".join(hashlib.md5(p, usedforsecurity=False).digest() for p in parts)
                digests.append(hashlib.md5(joined, usedforsecurity=False).hexdigest())
    if number not in [int(d, 16) for d in digests]:
        raise IncompleteDownload(
            f"{label}: {len(data)} bytes with checksum {digests[0]}, the CDS says {stated} (cds_checksum: false "
            "under acquire: in the region's YAML leaves this comparison out)"
        )
    return True


class _Job(BaseModel):
    """A queued request, as it is kept between runs."""

    id: str
    submitted: AwareDatetime
    dataset: str
    request: dict[str, Any]


class QueueFetch:
    """One request, from the queue to the raw folder; the caller holds the folder's lock."""

    def __init__(self, cds: Cds, asked: Asked, raw: RawFolder, name: str) -> None:
        self.cds, self.asked, self.raw, self.name = cds, asked, raw, name
        self.cycle = raw.cycle
        self.job_file = raw.path / f"{asked.digest}.job.json"

    def run(self) -> RawFile:
        """The file; a job that gives nothing, or nothing right, is replaced by a new one, once a run."""
        for old in self.raw.path.glob(f".{self.name}.*.partial"):  # of a run that was killed
            shutil.rmtree(old, ignore_errors=True)
        try:
            return self._attempt()
        except FileUnreachable:
            raise
        except (JobLost, IncompleteDownload) as lost:
            log.warning("%s; asking the CDS anew", lost)
        try:
            return self._attempt()
        except JobLost as lost:
            raise CycleNotReady(
                f"{lost}, like the request before it; look at it at {REQUESTS_PAGE} and run again later"
            ) from None

    def _attempt(self) -> RawFile:
        """Submit or go on, wait, download, prove, keep. A job of no more use is forgotten, one still good is not."""
        job = self._stored() or self._submit()
        try:
            data, expver, whole = self._download(self.cds.wait(job), job)
        except FileUnreachable:
            raise
        except (JobLost, JobRejected, QueueFull, IncompleteDownload):
            self.job_file.unlink(missing_ok=True)
            raise
        file = self.raw.put(self.name, data, str(self.cycle), mirror="cds", expver=expver, confirmed=whole or None)
        self.job_file.unlink(missing_ok=True)
        versions = ", ".join(f"{len(hours)} h of {VERSIONS.get(e, 'expver ' + e)}" for e, hours in expver.items())
        log.info("%s: %.1f kB from the CDS, proved: %s", self.cycle, len(data) / 1e3, versions)
        return file

    def _stored(self) -> str | None:
        """The id of this request, if it was queued before."""
        try:
            job = _Job.model_validate_json(self.job_file.read_bytes())
        except (OSError, ValidationError):
            return None
        minutes = (datetime.now(UTC) - job.submitted).total_seconds() / 60
        log.info("%s: going on with CDS request %s, queued %.0f min ago", self.cycle, job.id, minutes)
        return job.id

    def _submit(self) -> str:
        """Queue the request; its id is kept before anything is waited for."""
        job = _Job(
            id=self.cds.submit(DATASET, self.asked.inputs),
            submitted=datetime.now(UTC),
            dataset=DATASET,
            request=self.asked.inputs,
        )
        try:
            write_bytes(str(self.job_file), (job.model_dump_json() + "\n").encode())
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise WorkspaceFull(
                f"{self.cycle}: no room in {self.raw.path} ({error.strerror}) to note CDS request {job.id}; free some, "
                "or set FINESCALE_WORKSPACE to a larger disk, and run again"
            ) from None
        names = ", ".join(v.name for v in self.asked.variables)
        log.info("%s: CDS request %s queued: %s, area %s", self.cycle, job.id, names, self.asked.inputs["area"])
        return job.id

    def _download(self, results: Any, job: str) -> tuple[bytes, dict[str, list[int]], bool]:
        """Proved bytes, hours by expver, whether a checksum proves them; what is wrong is downloaded once more."""
        try:
            return self._download_once(results, job)
        except FileUnreachable:
            raise
        except IncompleteDownload as wrong:
            log.warning("%s; downloading it once more", wrong)
        return self._download_once(results, job)

    def _download_once(self, results: Any, job: str) -> tuple[bytes, dict[str, list[int]], bool]:
        folder = self.raw.path / f".{self.name}.{uuid4().hex[:8]}.partial"
        folder.mkdir()
        try:
            target = folder / self.name
            self.cds.download(results, target, job)
            data = target.read_bytes()
            whole = False
            if self.cds.settings.cds_checksum:
                stated = str(results.asset.get("file:checksum", ""))
                whole = assert_checksum(data, stated, f"{self.cycle}: the file of CDS request {job}")
            return data, prove(target, self.asked, self.cycle, values=not whole), whole
        except CycleNotReady:  # the end of the day is missing: the next run must not find the same file again
            self.job_file.unlink(missing_ok=True)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
