"""What the CDS and its client say when something is wrong, as errors of ours: one line, without the key."""

from __future__ import annotations

import traceback

import requests
from ecmwf.datastores.processing import LinkError

from tasks.acquire.cds_credentials import PROFILE, Credentials
from tasks.errors import CycleNotReady, FinescaleError, IncompleteDownload, RequestRefused
from tasks.handover.cycle import Cycle

LONGEST = 300  # characters of what the service says: a failed job's traceback can fill a screen

# What the client raises where there is no answer, or no JSON, such as a page "under maintenance" (JSONDecodeError of
# `requests`), or where JSON does not say where to go on. Whatever else it raises has another reason: see `by_client`.
NO_ANSWER = (requests.RequestException, LinkError)
CLIENT = ("ecmwf.datastores", "multiurl")


class JobLost(Exception):
    """A job that will give nothing any more: failed, deleted, gone, or its result is."""


class JobRejected(RequestRefused):
    """A job that the service does not want to do."""


class QueueFull(CycleNotReady):
    """Too many jobs of this user wait already."""


class FileUnreachable(IncompleteDownload):
    """A job's file that does not come, or not whole, though it may be all right; the job is kept."""


def by_client(error: Exception) -> bool:
    """Whether the client raised an error while it read an answer, such as KeyError of JSON that lacks a key.

    It checks no answer, so that this shows only in where the error comes from: of the frames of the client's code and
    of ours, the innermost. A slip in our call, or in what the client calls back, is ours.
    """
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours_or_theirs = [m for m in modules if m.startswith((*CLIENT, "tasks."))]
    return bool(ours_or_theirs) and ours_or_theirs[-1].startswith(CLIENT)


def one_line(error: Exception, credentials: Credentials) -> str:
    """What the service or the client said, short, in one line, without the key."""
    text, response = str(error), getattr(error, "response", None)
    if response is not None:
        try:
            body = response.json()
            parts = [str(body[k]) for k in ("title", "traceback", "detail") if body.get(k)]
        except (ValueError, AttributeError):
            parts = []
        text = "; ".join(parts) or f"HTTP {response.status_code} {response.reason}"
    line = " ".join((text or type(error).__name__).replace(credentials.key, "***").split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def refusal(cycle: Cycle, credentials: Credentials, status: int, reason: str, job: str) -> FinescaleError | JobLost:
    """What a 4xx answer means to the one who asked, about a job or none."""
    lower = reason.lower()
    if status == 401:
        return RequestRefused(
            f"{cycle}: the CDS does not know the key from {credentials.place}; copy the one shown at {PROFILE} there "
            f"({reason})"
        )
    if "licence" in lower:
        return RequestRefused(
            f"{cycle}: the dataset's licence is not accepted yet; accept it with this user at the address that the CDS "
            f"names, and run again ({reason})"
        )
    if "cost limits" in lower:
        return RequestRefused(
            f"{cycle}: the request is too large for the CDS; take a smaller box or fewer variables ({reason})"
        )
    if "available yet" in lower or "latest date available" in lower:
        return CycleNotReady(f"{cycle}: the CDS does not have that day yet; run again later ({reason})")
    if status in (404, 410) and job:
        return JobLost(f"{cycle}: CDS request {job} is not there any more ({reason})")
    if status in (404, 410):
        return RequestRefused(
            f"{cycle}: {credentials.url} is not the CDS ({reason}); mend the url beside the key from "
            f"{credentials.place}"
        )
    return RequestRefused(
        f"{cycle}: the CDS refuses the request (HTTP {status}); change the region's box or variables, and run again "
        f"({reason})"
    )
