"""The page in a real browser: nothing is wider than the window, and nothing is refused."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tasks.present.report import made
from tests.tasks.present.report.test_report import page_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LEADS = [0.0, 6.0, 12.0, 24.0]

# a frame, since a window without a head is never narrower than 500 px
FRAME = """<!doctype html>
<iframe src="report.html{address}" style="width:{width}px;height:2000px;border:0"></iframe><script>
const frame = document.querySelector("iframe")
frame.addEventListener("load", () => {{
  const page = frame.contentDocument
  for (const d of page.querySelectorAll("details")) d.open = true
  const wide = [...page.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > {width} + 0.5).map(e => e.tagName + "." + e.className)
  const broken = [...page.images].filter(i => !i.complete || !i.naturalWidth)
  const seen = of => [...page.querySelectorAll("." + of)].some(e => e.checkVisibility())
  const languages = ["en", "zh"].filter(seen)
  const width = page.documentElement.scrollWidth
  document.title = `width ${{width}} wide [${{wide}}] broken ${{broken.length}} in ${{languages}}`
}})
</script>"""


@pytest.fixture(scope="module")
def page() -> bytes:
    """A page with names and reasons that want to be broken into lines."""
    pairs = made.pairs(LEADS)
    chinese = "恩施土家族苗族自治州鹤峰县走马镇自动气象站"
    pairs["station"] = pairs["station"].replace({"57405": chinese, "57411": "W" * 80})
    return page_of(made.entry(pairs, LEADS, quality="degraded", why=["t2m: " + "x" * 120]), pairs)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("address", "language"), [("", "en"), ("#zh", "zh")])
def test_nothing_is_wider_than_the_window(page: bytes, tmp_path: Path, width: int, address: str, language: str) -> None:
    assert CHROMIUM is not None
    (tmp_path / "report.html").write_bytes(page)
    (tmp_path / "frame.html").write_text(FRAME.format(width=width, address=address))
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--allow-file-access-from-files", "--enable-logging=stderr", "--virtual-time-budget=20000",
            "--dump-dom", f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=1400,2000", (tmp_path / "frame.html").as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r"<title>(.*?)</title>", done.stdout)
    assert found is not None
    assert found[1] == f"width {width} wide [] broken 0 in {language}"
    assert not [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
