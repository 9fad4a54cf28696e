"""Shared by all tests: one Prefect server for the session, the demo GRIB, regions to spoil, the command line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import yaml

from tests.grib import DEMO_GRIB

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
if "PYTEST_XDIST_WORKER" in os.environ:  # processes that share the cores: torch would take all of them in each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = [
    "tests.fault_table",
    "tests.golden",
    "tests.invented_month",
    "tests.flows.ensembles",
    "tests.published",
    "tests.clients.stac",
]


def pytest_configure(config: pytest.Config) -> None:
    """Nothing leaves loopback: pytest-socket holds this process, a proxy that is not there those that tests start."""
    if "live" in str(config.getoption("markexpr")).replace("not live", ""):
        return
    for name in ("http_proxy", "https_proxy"):
        os.environ[name] = os.environ[name.upper()] = "http://127.0.0.1:9"
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost,::1"


LONG = {"prefect_server", "browser", "s3"}  # what tests use that take longest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Live tests may leave loopback. Files with long tests come first: of several processes none is left with one."""
    for item in items:
        if item.get_closest_marker("live"):
            item.add_marker("enable_socket")
    long = {item.path for item in items if LONG & set(getattr(item, "fixturenames", ()))}
    items.sort(key=lambda item: item.path not in long)


# The same examples on every machine and in every run: CI must not fail by chance. `pytest --hypothesis-profile=default`
# looks for new ones; a machine that is busy is no failure.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.load_profile("steady")

ROOT = Path(__file__).parents[1]
TRUTH = ROOT / "tasks/acquire/demo_cycle/truth_0p1.nc"
HUBEI = ROOT / "deployments/regions/hubei"


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A real Prefect server in a temporary home, once a session."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    # at its end a flow waits a second for the thread that sends its heartbeats; alarms are tested with their own server
    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


def prefect_environment() -> dict[str, str]:
    """For processes that tests start: the session's server, where they would start one each; see `prefect_server`."""
    from prefect.settings import get_current_settings

    url = get_current_settings().api.url
    assert url is not None, "needs the fixture prefect_server"
    return {"PREFECT_API_URL": str(url)}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The team's folder of real data; the test is skipped where it is missing."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not on this machine")
    return folder


@pytest.fixture
def demo_grib(tmp_path: Path) -> Path:
    """A copy of the demo cycle's GRIB that may be spoiled."""
    return Path(shutil.copy(DEMO_GRIB, tmp_path / "demo.grib2"))


RegionMaker = Callable[..., Path]


def write_region(folder: Path, **changes: object) -> Path:
    """Hubei's region folder with some keys changed (None removes one), no services of observations, no thresholds."""
    shutil.copytree(HUBEI, folder, dirs_exist_ok=True)
    data = (
        yaml.safe_load((folder / "region.yaml").read_text())
        | {"observations": {"sources": []}, "ensemble": None}
        | changes
    )
    data = {k: v for k, v in data.items() if v is not None}
    (folder / "region.yaml").write_text(yaml.safe_dump(data))
    return folder


@pytest.fixture
def make_region(tmp_path: Path) -> RegionMaker:
    """`write_region` in a folder of the test, by the region's name; the folder."""
    return lambda **changes: write_region(tmp_path / "regions" / str(changes.get("name", "hubei")), **changes)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs keep their scratch files here."""
    folder = tmp_path / "workspace"
    monkeypatch.setenv("FINESCALE_WORKSPACE", str(folder))
    return folder
