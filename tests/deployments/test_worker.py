"""A worker: its places, which can be taken away only while nobody has one, and the code that its runs are of."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import anyio
import pytest
from prefect.runner._control_channel import ControlChannel
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.workers.process import ProcessJobConfiguration

from deployments import forked
from deployments.forked import Ahead, ForkStarter
from deployments.worker import Places, Worker


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


@pytest.mark.parametrize("change", ["edited", "added", "removed", "a package installed"])
def test_runs_of_a_checkout_that_has_changed_are_new_processes_and_the_worker_is_outdated(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows, packages = tmp_path / "flows", tmp_path / "site-packages"
    flows.mkdir()
    packages.mkdir()
    for name in ("downscale.py", "verify.py"):
        (flows / name).touch()
    monkeypatch.setattr(forked, "ROOT", tmp_path)
    monkeypatch.setattr(forked, "PACKAGES", packages)
    monkeypatch.setattr(forked.forkserver, "ensure_running", lambda: None)
    worker = Worker(work_pool_name="cpu")
    worker.ahead = Ahead()
    configuration = ProcessJobConfiguration(command="python -m prefect.engine")

    def starter() -> object:
        return worker._starter(configuration, tmp_path, ControlChannel())

    assert isinstance(starter(), ForkStarter)
    assert not worker.is_outdated
    later = (packages.stat().st_mtime_ns + 10**9,) * 2
    if change == "edited":
        os.utime(flows / "verify.py", ns=later)
    elif change == "added":
        (flows / "catch_up.py").touch()
    elif change == "removed":
        (flows / "verify.py").unlink()
    else:
        os.utime(packages, ns=later)
    assert isinstance(starter(), EngineCommandStarter)
    assert worker.is_outdated
