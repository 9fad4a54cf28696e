"""A proxy in the environment stands before no server on this machine: Prefect's own, the stack's, its S3."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from ecmwf.opendata.urls import URLS
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.server.orchestrator import assert_prefect_usable
from flows.server.runtime import without_proxy
from tasks.acquire.cds_credentials import DEFAULT_URL
from tasks.errors import OrchestratorUnavailable
from tasks.observations.networks.sources import SOURCES
from tasks.region.settings import AcquireSettings
from tests.conftest import ROOT
from tests.deployments.test_settings import KNOWN, read
from tests.flows.server.test_runtime import after

DEAD = "http://127.0.0.1:9"  # nobody listens there: whatever goes through it fails
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
MAIN = "from flows.commands import app; app.app = lambda: None; app.main()"
ALL = "127.0.0.1,localhost,::1"


def plain() -> dict[str, str]:
    """This environment without anything of proxies, as that of a user is; no server is configured."""
    return {k: v for k, v in os.environ.items() if k.lower() not in NAMES and k != "PREFECT_API_URL"}


@pytest.mark.parametrize(
    ("given", "direct"),
    [
        ({"HTTP_PROXY": DEAD}, ALL),
        ({"https_proxy": DEAD}, ALL),
        ({"ALL_PROXY": DEAD}, ALL),
        ({"HTTP_PROXY": DEAD, "NO_PROXY": "intranet.example, 10.0.0.0/8"}, f"intranet.example,10.0.0.0/8,{ALL}"),
        ({"HTTP_PROXY": DEAD, "no_proxy": "localhost", "NO_PROXY": "unread"}, "localhost,127.0.0.1,::1"),
        ({"HTTP_PROXY": DEAD, "NO_PROXY": "*"}, None),  # as the user has it
        ({"HTTP_PROXY": ""}, None),
        ({}, None),  # NO_PROXY alone would hide a proxy of the system's settings
    ],
)
def test_the_command_line_reaches_loopback_past_a_proxy(given: dict[str, str], direct: str | None) -> None:
    found = after(MAIN, **given)
    if direct is None:
        assert {k: v for k, v in found.items() if "proxy" in k.lower()} == given
    else:
        assert (found["no_proxy"], found["NO_PROXY"]) == (direct, direct)


def test_hosts_of_ones_own_are_named_once() -> None:
    assert without_proxy({}, "10.0.0.7")["NO_PROXY"] == f"10.0.0.7,{ALL}"
    assert without_proxy({"NO_PROXY": "10.0.0.7"}, "10.0.0.7", "")["no_proxy"] == f"10.0.0.7,{ALL}"


@pytest.mark.parametrize("before", ["", "intranet.example"])
def test_a_shell_that_has_read_the_stacks_env_reaches_it(tmp_path: Path, before: str) -> None:
    settings = read(tmp_path, FINESCALE_HOST="10.0.0.7", PREFECT_SERVER_API_AUTH_STRING="a:b")
    file = settings.write_env_file(KNOWN)
    shell = ["sh", "-euc", f". {file}; echo $no_proxy; echo $NO_PROXY"]
    found = subprocess.run(
        shell, env={"NO_PROXY": before} if before else {}, capture_output=True, text=True, check=True
    ).stdout.split()
    assert found == [",".join(filter(None, [before, "10.0.0.7", ALL]))] * 2
    assert settings.process_environment(KNOWN, {"HTTP_PROXY": DEAD})["no_proxy"] == f"10.0.0.7,{ALL}"


@pytest.mark.slow
def test_a_run_behind_a_proxy_makes_the_product(tmp_path: Path) -> None:
    environment = plain() | {
        "HTTP_PROXY": DEAD, "HTTPS_PROXY": DEAD, "PREFECT_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT),
        "FINESCALE_WORKSPACE": str(tmp_path / "workspace"),
    }  # fmt: skip
    words = [sys.executable, "-m", "flows.commands.app", "run", "hubei", "--source", "demo", "--spacing", "0.125"]
    done = subprocess.run(
        [*words, "--store", str(tmp_path / "store")], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "store/hubei/demo/2021/12/2021-12-10T12.zarr/zarr.json").is_file()


def test_a_configured_server_behind_a_proxy_names_the_way_past_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", DEAD)
    monkeypatch.setenv("no_proxy", "")
    with (
        temporary_settings({PREFECT_API_URL: "http://192.0.2.1:4200/api"}),
        pytest.raises(OrchestratorUnavailable, match=r"add 192\.0\.2\.1 to NO_PROXY if no proxy leads there"),
    ):
        assert_prefect_usable()


def test_the_docs_name_every_host_that_is_asked() -> None:
    asked = [URLS[name] for name in AcquireSettings().mirrors] + [DEFAULT_URL]
    asked += [service.base_url for service in SOURCES.values()]
    docs = (ROOT / "docs/operate.md").read_text()
    assert [host for url in asked if (host := httpx.URL(url).host) not in docs] == []
