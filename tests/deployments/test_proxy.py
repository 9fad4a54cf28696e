"""The stack behind nginx as docs/operate.md configures it: UI, sockets, workers, S3 and map by TLS, other names not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from playwright.sync_api import Browser, Page, sync_playwright

from deployments.supervision import Supervisor
from tests.conftest import HUBEI, ROOT
from tests.deployments.test_doors import CHROMIUM, FLAGS, HEAR
from tests.servers.prefect import free_port, wait_for
from tests.servers.proxy import Proxy, proxy
from tests.servers.stack import Stack, clean_environ, stack_folder, taken

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NAME, MAP = "weather.example", "map.weather.example"
S3 = "localhost"  # for clients in Python, which have no name server of the test's
MAPPED = f"--host-resolver-rules=MAP {NAME} 127.0.0.1, MAP {MAP} 127.0.0.1, MAP bent.example 127.0.0.1"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Proxy, int]]:
    """A stack, the proxy before it, and the port that `finescale serve` is to have."""
    port, map_port = free_port(), free_port()
    with stack_folder() as place:
        region = place.parent / "regions" / "small"
        shutil.copytree(HUBEI, region)
        data = yaml.safe_load((region / "region.yaml").read_text())
        never = {"ifs": None, "era5": None, "maintain": None, "verify": None}
        (region / "region.yaml").write_text(yaml.safe_dump(data | {"name": "small", "schedule": never}))
        api = f"https://{NAME}:{port}/api"
        environ = clean_environ(place, FINESCALE_REGIONS=str(region.parent), PREFECT_UI_API_URL=api)
        stack = Stack(place, environ)
        behind = {4200: int(environ["FINESCALE_UI_PORT"]), 8333: int(environ["FINESCALE_S3_PORT"]), 8000: map_port}
        folder = tmp_path_factory.mktemp("nginx")
        try:
            with proxy(folder, port, behind, {f"s3.{NAME}": S3}) as before:
                stack.first = stack("up")
                assert stack.first.returncode == 0, stack.first.stdout + stack.first.stderr
                yield stack, before, map_port
        finally:
            stack("down")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    flags = [flag for flag in FLAGS if "host-resolver-rules" not in flag] + [MAPPED]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(ignore_https_errors=True)
    yield context.new_page()
    context.close()


def ask(before: Proxy, name: str, path: str, host: str | None = None, **headers: str) -> httpx.Response:
    """The server of a name, as a client that resolves it; the certificate is checked."""
    asked = {"Host": host or f"{name}:{before.port}"} | headers
    with httpx.Client(verify=before.trust, trust_env=False) as client:
        url = f"https://127.0.0.1:{before.port}{path}"
        return client.get(url, headers=asked, extensions={"sni_hostname": name})


def environment(stack: Stack, before: Proxy) -> dict[str, str]:
    """Of another machine: everything through the proxy."""
    trust = dict.fromkeys(("SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), str(before.certificate))
    through = {"PREFECT_API_URL": f"{before.url('127.0.0.1')}/api", "AWS_ENDPOINT_URL": before.url(S3)}
    return stack.environ | stack.env_file() | trust | through


def test_the_ui_works_by_its_name(front: tuple[Stack, Proxy, int], page: Page) -> None:
    stack, before, _ = front
    assert stack.first is not None
    assert f"UI      {before.url(NAME)} " in stack.first.stdout
    asked: set[str] = set()
    page.on("response", lambda answer: asked.add(httpx.URL(answer.url).host))
    page.goto(before.url(NAME))
    page.get_by_placeholder("admin:pass").fill(stack.env_file()["PREFECT_API_AUTH_STRING"])
    page.keyboard.press("Enter")
    page.get_by_text("Active Work Pools").wait_for()
    page.goto(f"{before.url(NAME)}/deployments")
    page.get_by_text("downscale").first.wait_for()
    assert asked <= {NAME, ""}
    opener = json.dumps({"type": "auth", "token": stack.env_file()["PREFECT_API_AUTH_STRING"]})
    socket = before.url(NAME).replace("https", "wss") + "/api/events/out"
    assert page.evaluate(HEAR, [socket, ["prefect"], opener]).startswith("heard")
    wrong = json.dumps({"type": "auth", "token": "operator:wrong"})
    assert page.evaluate(HEAR, [socket, ["prefect"], wrong]).startswith("closed")


@pytest.mark.fault("a name that is not the server's is asked through the proxy", "refused by the server itself")
def test_other_names_are_refused_behind_it_too(front: tuple[Stack, Proxy, int], page: Page) -> None:
    _, before, _ = front
    assert ask(before, NAME, "/api/health").status_code == 200
    assert ask(before, NAME, "/api/admin/version").status_code == 401
    bent = ask(before, NAME, "/api/health", host="bent.example")
    assert (bent.status_code, bent.text) == (400, "Invalid host header")
    answer = page.goto(before.url("bent.example"))
    assert answer is not None
    assert answer.status == 400
    elsewhere = ask(before, NAME, "/api/health", Origin="https://bent.example")
    assert "access-control-allow-origin" not in elsewhere.headers
    own = ask(before, NAME, "/api/health", Origin=before.url(NAME))
    assert own.headers["access-control-allow-origin"] == before.url(NAME)


def test_a_worker_elsewhere_runs_and_publishes_through_it(front: tuple[Stack, Proxy, int], tmp_path: Path) -> None:
    stack, before, _ = front
    assert stack("status").returncode == 0
    there = environment(stack, before) | {"PREFECT_HOME": str(tmp_path), "FINESCALE_HOME": str(ROOT)}
    prefect = str(Path(sys.executable).with_name("prefect"))
    run = [sys.executable, "-m", "flows.commands.app", "run", "small", "--source", "demo"]
    done = subprocess.run(run, env=there, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    latest = stack.s3().get_object(Bucket="finescale", Key="products/small/demo/latest.json")["Body"].read()
    assert json.loads(latest)["cycle"] == "demo/2021-12-10T12"
    log = tmp_path / "worker.log"
    with log.open("wb") as out:
        words = [prefect, "worker", "start", "--pool", "cpu", "--name", "elsewhere", "--work-queue", "upkeep"]
        worker = subprocess.Popen(words, env=there, cwd=ROOT, stdout=out, stderr=out)
    try:
        wait_for("a worker elsewhere", lambda: "started" in log.read_text(), 120)
        Supervisor(stack.folder).stop_part("worker-backfill")  # so that nobody else takes it
        words = [prefect, "deployment", "run", "maintain/small", "--watch"]
        ran = subprocess.run(words, env=there, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert "'Completed'" in ran.stdout, ran.stdout + ran.stderr + log.read_text()[-2000:]
        assert "submitting flow run" in log.read_text()
    finally:
        worker.terminate()
        worker.wait(30)
        stack("up")


def test_the_map_works_by_its_name_alone(front: tuple[Stack, Proxy, int], page: Page, tmp_path: Path) -> None:
    stack, before, port = front
    there = stack.environ | stack.env_file()
    store = str(tmp_path / "store")
    run = [sys.executable, "-m", "flows.commands.app", "run", "small", "--source", "demo", "--store", store]
    done = subprocess.run(run, env=there, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    words = [sys.executable, "-m", "flows.commands.app", "serve", "--store", store, "--port", str(port)]
    server = subprocess.Popen([*words, "--allow-host", MAP], env=there, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        wait_for("finescale serve", lambda: taken(port), 60)
        product = json.loads(ask(before, MAP, "/small/demo/latest.json").text)["product"]
        part = ask(before, MAP, f"/{product}/zarr.json", Range="bytes=0-9")
        assert (part.status_code, len(part.content)) == (206, 10)
        assert part.headers["x-content-type-options"] == "nosniff"
        assert ask(before, MAP, "/", host="bent.example").status_code in (400, 421)
        assert ask(before, MAP, "/", host=f"{MAP}.bent.example").status_code in (400, 421)
        answer = page.goto(f"{before.url(MAP)}/?region=small&source=demo")
        assert answer is not None
        assert answer.ok
        page.locator("canvas").first.wait_for()
        assert not re.search("cannot|missing", page.locator("body").inner_text())
    finally:
        server.kill()
        server.wait()
