"""The places of a worker: all can be taken away only while nobody has one."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from deployments.worker import Places


def test_places_are_taken_only_while_nothing_runs() -> None:
    asyncio.run(take_places())


async def take_places() -> None:
    limiter = anyio.CapacityLimiter(2)
    places = Places(limiter)
    limiter.acquire_on_behalf_of_nowait("one run")
    assert places.runs() == 1
    assert not places.take_all()
    assert limiter.available_tokens == 1, "the other place is free as before"
    limiter.acquire_on_behalf_of_nowait("another")
    assert places.runs() == 2
    limiter.release_on_behalf_of("one run")
    limiter.release_on_behalf_of("another")
    assert places.runs() == 2
    assert places.take_all()
    with pytest.raises(anyio.WouldBlock):
        limiter.acquire_on_behalf_of_nowait("a run that comes too late")
