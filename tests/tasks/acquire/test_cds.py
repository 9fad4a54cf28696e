"""What the CDS's client stumbles over: no answer is asked for again; odd JSON and slips of ours are errors at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tasks.acquire import cds as talk
from tasks.acquire.cds import Cds
from tasks.acquire.cds_credentials import Credentials
from tasks.acquire.era5 import Era5Source
from tasks.errors import AnswerNotUnderstood, CycleNotReady, RequestRefused
from tasks.handover.cycle import Cycle
from tasks.region.document import Region
from tasks.web.patience import Deadline, Patience
from tests.servers.cds import DATASET, KEY, CdsServer, Fault, Job, cds_server
from tests.servers.http import Handler, html, status

CYCLE = Cycle(source="era5", time=datetime(2026, 5, 30, tzinfo=UTC))
FAST = Patience(first=0.01, longest=0.05, growth=1.5)
JOB = r"/jobs/[^/?]+"


@pytest.fixture
def served(fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CdsServer]:
    with cds_server(fixtures) as server:
        monkeypatch.setenv("CDSAPI_URL", server.url)
        monkeypatch.setenv("CDSAPI_KEY", KEY)
        yield server


@pytest.fixture
def client(served: CdsServer, place: Callable[..., Region]) -> Cds:
    return Cds(CYCLE, Credentials(served.url, KEY, True, "here"), place().acquire, FAST, Deadline(60))


@pytest.fixture
def fetch(place: Callable[..., Region], tmp_path: Path) -> Callable[[], bytes]:
    def run() -> bytes:
        (file,) = Era5Source(FAST).fetch(CYCLE, place(), str(tmp_path))
        return Path(file.uri).read_bytes()

    return run


class Odd:
    """200 with this JSON, counted."""

    def __init__(self, document: object) -> None:
        self.document, self.times = document, 0

    def __call__(self, handler: Handler) -> bool:
        self.times += 1
        return status(200, json.dumps(self.document).encode(), Content_Type="application/json")(handler)


@pytest.mark.parametrize(
    ("pattern", "document"),
    [
        (r"/processes/[^/]+$", []),
        (r"/processes/[^/]+$", {"messages": 5}),
        (rf"{JOB}$", None),
        pytest.param(
            rf"{JOB}\?",
            {"jobID": "1", "links": []},
            id="no status",
            marks=pytest.mark.fault(
                "CDS: JSON that lacks what it should hold", "an error at once (exit 1): what came, and from where"
            ),
        ),
        (rf"{JOB}\?", {"jobID": "1", "status": "running", "metadata": {"log": [5]}}),
        (r"/results$", {"asset": {}}),
        (r"/results$", {"asset": {"value": {"file:size": "many"}}}),
        (r"/results$", {"asset": {"value": {"file:size": 5}}}),
    ],
    ids=str,
)
def test_json_that_is_not_what_the_client_knows_is_an_error_at_once(
    served: CdsServer, fetch: Callable[[], bytes], pattern: str, document: object
) -> None:
    odd = Odd(document)
    served.on(pattern, odd)
    with pytest.raises(AnswerNotUnderstood) as caught:
        fetch()
    text = str(caught.value)
    assert odd.times == 1
    assert text.startswith("era5/2026-05-30T00: an answer of the CDS is not what its client knows (")
    assert f"sent {json.dumps(document)}" in text
    assert served.url in text
    assert "update ecmwf-datastores-client" in text
    assert "\n" not in text
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("extent", [{}, {"temporal": {"interval": []}}, {"temporal": {"interval": [[None, "soon"]]}}])
def test_a_catalogue_that_says_nothing_is_an_error_at_once(client: Cds, served: CdsServer, extent: object) -> None:
    odd = Odd({"extent": extent})
    served.on("/collections/", odd)
    with pytest.raises(AnswerNotUnderstood, match=r"/collections/.* sent "):
        client.newest(DATASET)
    assert odd.times == 1


def test_odd_json_keeps_the_key_and_the_job(served: CdsServer, fetch: Callable[[], bytes]) -> None:
    served.on(rf"{JOB}\?", Odd({"said": f"token was {KEY}"}), times=1)
    with pytest.raises(AnswerNotUnderstood, match=r"token was \*\*\*") as caught:
        fetch()
    assert KEY not in f"{caught.value!r}"
    assert fetch(), "the next run goes on with the same job"
    assert served.counts["execution"] == 1


@pytest.mark.parametrize("pattern", ["/collections/", "/processes/", rf"{JOB}$", rf"{JOB}\?", "/results$"])
def test_a_page_of_html_is_no_answer_whatever_was_asked(
    served: CdsServer, fetch: Callable[[], bytes], client: Cds, pattern: str
) -> None:
    served.on(pattern, html, times=3)
    assert client.newest(DATASET) is not None
    assert fetch()
    assert served.counts["execution"] == 1


def test_json_that_does_not_say_where_to_go_on_is_no_answer(served: CdsServer, fetch: Callable[[], bytes]) -> None:
    odd = Odd({"jobID": "1", "status": "accepted", "links": []})
    served.on(rf"{JOB}$", odd, times=2)
    assert fetch()
    assert odd.times == 2


def test_a_slip_of_ours_goes_up_at_once(client: Cds) -> None:
    asked: list[int] = []

    def slip() -> None:
        asked.append(1)
        raise TypeError("a slip")

    with pytest.raises(TypeError, match="a slip"):
        client.patiently(slip)
    assert len(asked) == 1


@pytest.mark.parametrize("error", [KeyError, IndexError, AssertionError, TypeError, ValueError, AttributeError])
def test_a_slip_in_what_the_client_calls_back_is_not_laid_at_its_door(
    client: Cds, served: CdsServer, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    right, slips = talk.one_line, [error("a slip")]

    def slip_once(*given: Any) -> str:
        if slips:
            raise slips.pop()
        return right(*given)

    monkeypatch.setattr(talk, "one_line", slip_once)  # the client calls back what reads a warning of the service
    served.on("/processes/", Odd({"messages": [{"content": "work tonight", "severity": "warning"}]}))
    with pytest.raises(error, match="a slip"):
        client.submit(DATASET, {})
    assert served.counts["execution"] == 0


def test_a_wrong_call_of_the_client_goes_up_at_once(client: Cds) -> None:
    with pytest.raises(TypeError, match="positional argument"):
        client.patiently(lambda: client._client.client.get_collection())


def test_an_address_that_is_none_is_refused_at_once(place: Callable[..., Region]) -> None:
    odd = Cds(CYCLE, Credentials("http://[::1", KEY, True, "here"), place().acquire, FAST, Deadline(60))
    with pytest.raises(RequestRefused, match="the CDS url from here is none"):
        odd.newest(DATASET)


@pytest.mark.fault("CDS: job dismissed after it was done", "submitted anew once, then right product")
def test_a_job_that_is_dismissed_between_two_questions_is_submitted_anew(
    served: CdsServer, fetch: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    status_of, dismissed = served.status, []

    def dismiss_once(job: Job) -> str:
        state = status_of(job)
        if state == "successful" and not dismissed:
            dismissed.append(job.id)
            job.end = Fault.JOB_DISMISSED
        return state

    monkeypatch.setattr(served, "status", dismiss_once)
    assert fetch()
    assert served.counts["execution"] == 2


def test_what_is_refused_in_a_download_is_told_as_it_is(
    client: Cds, served: CdsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The thread that downloads hands on what it raises: a slip in it is no file that does not come."""
    job = client.submit(DATASET, inputs())
    results = client.wait(job)

    def slip(target: str) -> None:
        raise AssertionError("a slip")

    monkeypatch.setattr(results, "download", slip)
    with pytest.raises(AssertionError, match="a slip"):
        client.download(results, tmp_path / "x.grib", job)


def inputs() -> dict[str, Any]:
    return {
        "variable": ["2m_temperature"], "year": ["2026"], "month": ["05"], "day": ["30"], "time": ["00:00"],
    }  # fmt: skip


def test_transport_errors_are_asked_again_and_end_as_not_ready(client: Cds) -> None:
    asked: list[int] = []

    def silent() -> None:
        asked.append(1)
        raise requests.ConnectionError("Connection refused")

    with pytest.raises(CycleNotReady, match=r"the CDS does not answer, 3 times in 0 min \(Connection refused\)"):
        client.patiently(silent, tries=3)
    assert len(asked) == 3
