"""Flows that end badly: failed on a real server with their message, and their report is in their caller's hands."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from pydantic import BaseModel

from flows.server.endings import EndedBadly, completed, ended, failed

pytestmark = pytest.mark.usefixtures("prefect_server")


class Counts(BaseModel):
    done: int = 2
    bad: int


class SomeBad(EndedBadly[Counts]):
    exit_code = 7


@flow(name="counts")
def counts(bad: int) -> Counts:
    report = Counts(bad=bad)
    return failed(SomeBad(f"{bad} bad", report)) if bad else completed(report, "all well")


@flow(name="slips")
def slips() -> Counts:
    raise KeyError("a bug")


def on_the_server(state: Any) -> tuple[str, str | None]:
    with get_client(sync_client=True) as client:
        found = client.read_flow_run(state.state_details.flow_run_id).state
    assert found is not None
    return found.type.value, found.message


def test_the_server_shows_the_message_and_the_state_has_the_report() -> None:
    well, badly = (counts(bad, return_state=True) for bad in (0, 3))
    assert on_the_server(well) == ("COMPLETED", "all well")
    assert on_the_server(badly) == ("FAILED", "3 bad")
    ending = badly.result(raise_on_failure=False)
    assert (ending.report, ending.exit_code) == (Counts(bad=3), 7)


def test_whoever_calls_the_flow_gets_the_ending_raised_or_beside_the_report() -> None:
    with pytest.raises(SomeBad, match=r"^3 bad$") as raised:
        counts(3)
    assert raised.value.report == Counts(bad=3)
    assert ended(counts, 0) == (Counts(bad=0), None)
    report, ending = ended(counts, bad=3)
    assert report == Counts(bad=3)
    assert isinstance(ending, SomeBad)


def test_any_other_error_of_a_flow_is_raised() -> None:
    with pytest.raises(KeyError, match="a bug"):
        ended(slips)


def test_an_ending_can_be_kept_by_prefect() -> None:
    kept = pickle.loads(pickle.dumps(SomeBad("3 bad", Counts(bad=3))))
    assert (str(kept), kept.report, kept.exit_code) == ("3 bad", Counts(bad=3), 7)
