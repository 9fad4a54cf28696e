"""One published product of several lead times, `finescale serve` in front of it, and Chromium: once a session."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
import xarray as xr
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from flows.downscale import downscale
from tasks.page import bundle
from tests.conftest import ROOT
from tests.several_leads import write_grib, write_stations

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PRODUCT = "hubei/file/2021/12/2021-12-10T12.zarr"


@dataclass(frozen=True)
class Published:
    """A store with one product of ten lead times, and stations."""

    store: Path

    @property
    def product(self) -> xr.Dataset:
        return xr.open_zarr(self.store / PRODUCT)

    def group(self, name: str) -> xr.Dataset:
        return xr.open_zarr(self.store / PRODUCT, group=name)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store."""
    if bundle() is None:
        pytest.skip("the page is not built: make page")
    store = tmp_path_factory.mktemp("page") / "store"
    store.mkdir()
    return store


@pytest.fixture(scope="session")
def published(place: Path, serving: subprocess.Popen[str], prefect_server: None) -> Published:
    folder = place.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINESCALE_WORKSPACE", str(folder / "workspace"))
        outcome = downscale(
            "hubei", inputs=[str(write_grib(folder / "several.grib2"))], store=str(folder / "store"),
            observations=str(write_stations(folder / "stations.csv")),
        )  # fmt: skip
    assert outcome.made
    write_catalogue(folder / "store")
    return Published(folder / "store")


def write_catalogue(store: Path) -> None:
    """As a static STAC catalogue has it: the root's children are regions, theirs are collections."""

    def write(path: str, title: str, child: str, child_title: str) -> None:
        links = [
            {"rel": "self", "href": f"./{path}"},
            {"rel": "child", "href": child, "type": "application/json", "title": child_title},
        ]
        catalogue = {"type": "Catalog", "stac_version": "1.1.0", "id": title, "description": title, "links": links}
        (store / path).write_text(json.dumps(catalogue))

    write("catalog.json", "finescale", "./hubei/catalog.json", "Hubei Province")
    write("hubei/catalog.json", "Hubei Province", "./file/collection.json", "Files")


@pytest.fixture(scope="session")
def serving(place: Path) -> Iterator[subprocess.Popen[str]]:
    """The real command on a free port, begun before there is anything to show: it takes seconds to start."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.commands.app", "serve", "--store", str(place), "--port", "0"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    yield process
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="session")
def served(published: Published, serving: subprocess.Popen[str]) -> str:
    """What the command says one should open."""
    assert serving.stdout is not None
    line = serving.stdout.readline()
    found = re.match(r"http://127\.0\.0\.1:\d+/", line)
    assert found, line
    return found[0]


@pytest.fixture(scope="module")  # no longer: while it is there an event loop runs, for which Prefect takes a caller
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


Opener = Callable[..., Page]


@pytest.fixture
def show(browser: Browser) -> Iterator[Opener]:
    """Opens an address and waits until it is drawn; nothing may go wrong, and nothing be fetched elsewhere."""
    wrong: list[str] = []
    contexts = []

    def opened(
        url: str,
        *,
        width: int = 1280,
        height: int = 800,
        locale: str = "en-GB",
        scheme: Literal["light", "dark"] = "light",
        expect: str = "ready",
        init: str = "",
    ) -> Page:
        size: ViewportSize = {"width": width, "height": height}
        context = browser.new_context(viewport=size, locale=locale, color_scheme=scheme)
        contexts.append(context)
        if init:
            context.add_init_script(init)
        page = context.new_page()
        origin = re.match(r"\w+://[^/]+/", url)
        assert origin is not None

        def asked(address: str) -> None:
            if not address.startswith((origin[0], "data:", f"blob:{origin[0]}")):
                wrong.append(f"fetched elsewhere: {address}")

        page.on("request", lambda request: asked(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        if expect == "ready":
            page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
        page.goto(url)
        page.wait_for_selector("#message:visible" if expect == "message" else "html[data-ready=true][data-shown]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [w for w in wrong if "GPU stall" not in w and "swiftshader" not in w.lower()] == []


def picture(page: Page) -> np.ndarray:
    """(row, column, colour) of what is seen."""
    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)


def clicked(page: Page, x: float, y: float) -> tuple[float, float]:
    """Latitude and longitude of a pixel, from the address after a click on it."""
    before = page.url
    page.mouse.click(x, y)
    page.wait_for_url(lambda now: now != before)
    given = parse_qs(urlparse(page.url).query)
    return float(given["lat"][0]), float(given["lon"][0])
