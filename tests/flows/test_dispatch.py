"""What Prefect's server answers: silence is waited for, a refusal is not."""

from __future__ import annotations

import httpx
import pytest

from flows import dispatch
from flows.dispatch import ask
from tasks.errors import SlabFailed


def answer(code: int) -> None:
    request = httpx.Request("POST", "http://127.0.0.1/api")
    httpx.Response(code, request=request).raise_for_status()


@pytest.mark.parametrize("code", [401, 403, 422])
def test_a_refusal_is_an_error_at_once(code: int) -> None:
    with pytest.raises(SlabFailed, match=rf"Prefect's server refuses: Client error '{code}"):
        ask(lambda: answer(code))


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_again_until_patience_ends(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "PATIENCE", 0.0)
    with pytest.raises(SlabFailed, match="Prefect's server is silent for 0 s"):
        ask(lambda: answer(code))
