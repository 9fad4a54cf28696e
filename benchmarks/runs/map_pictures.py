"""docs/page/*.png: the page in Chromium on a product made for it (python -m benchmarks.runs.map_pictures).

After `make page`.

The weather is the demo's, made into several lead times; its stations never were (tests/several_leads.py).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from datetime import timedelta
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from flows.downscale import downscale
from tasks.page import built
from tasks.page.serve import listen, url_of
from tasks.page.server import application
from tests.several_leads import START, write_grib, write_stations

FOLDER = Path(__file__).parents[2] / "docs" / "page"
HOURS = list(range(3, 73, 3))
PICTURES = {  # name: width, height, language, what is shown
    "desktop": (1280, 800, "en", "var=t2m&lead=27&lat=32.2&lon=113.1"),
    "compare": (1280, 800, "zh", "var=wind&lead=12&split=0.5&barbs=1"),
    "phone": (390, 844, "zh", "var=tp&lead=24"),
}
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking"]


def shoot(chromium: Browser, url: str, name: str) -> None:
    """One picture, as on the evening after the cycle."""
    width, height, language, shown = PICTURES[name]
    context = chromium.new_context(viewport={"width": width, "height": height}, timezone_id="UTC")
    page = context.new_page()
    page.clock.set_fixed_time(START + timedelta(hours=9))
    page.goto(f"{url}?{shown}&lang={language}")
    page.wait_for_selector("html[data-ready=true][data-shown]")
    page.wait_for_timeout(1500)  # MapLibre's worker draws lines and stations in its own time
    file = FOLDER / f"{name}.png"
    page.screenshot(path=file)
    with Image.open(file) as picture:
        picture.convert("RGB").save(file, optimize=True)
    print(f"{file}: {file.stat().st_size / 1e3:.0f} kB")
    context.close()


def main() -> None:
    """Command line."""
    bundle, program = built(), shutil.which("chromium") or shutil.which("google-chrome")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["FINESCALE_WORKSPACE"] = str(folder / "workspace")
        store = str(folder / "store")
        downscale(
            "hubei", inputs=[str(write_grib(folder / "several.grib2", HOURS))], store=store,
            observations=str(write_stations(folder / "stations.csv", HOURS, stations=60)),
        )  # fmt: skip
        server = uvicorn.Server(uvicorn.Config(application(store, bundle), log_level="warning", lifespan="off"))
        with listen("127.0.0.1", 0) as listening, sync_playwright() as playwright:
            thread = threading.Thread(target=server.run, args=([listening],))
            thread.start()
            chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
            for name in PICTURES:
                shoot(chromium, url_of(listening), name)
            chromium.close()
            server.should_exit = True
            thread.join()


if __name__ == "__main__":
    main()
