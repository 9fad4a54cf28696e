"""What the page and the report are for who does not see, or uses no mouse: by axe-core's rules."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.conftest import ROOT
from tests.tasks.page.conftest import Opener, Published
from tests.tasks.page.test_calibrated import shows

pytestmark = pytest.mark.usefixtures("prefect_server")

AT = "lead=12&lat=31.02&lon=110.87"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@functools.cache
def axe() -> str:
    file = ROOT / "tasks/page/web/node_modules/axe-core/axe.min.js"
    if not file.is_file():
        pytest.skip("axe-core is not installed: make page")
    return file.read_text()


def violations(page: Page) -> list[str]:
    """What is against the rules: rule, what it asks for, and what breaks it."""
    page.evaluate(axe())
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})", RULES
    )
    assert len(found["passes"]) > 10, "it has looked"
    return [
        f"{v['id']}: {v['help']}: {node['html'][:160]} {node['any'][:1] and node['any'][0]['message']}"
        for v in found["violations"]
        for node in v["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("width", [1280, 390])
def test_map_and_panel(published: Published, served: str, show: Opener, width: int, locale: str, scheme: str) -> None:
    page = show(f"{served}?{AT}&barbs=1", width=width, height=844, locale=locale, scheme=scheme)
    shows(page, "t2m 12")
    assert not violations(page), "\n".join(violations(page))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_as_it_opens(published: Published, served: str, show: Opener, scheme: str) -> None:
    page = show(served, scheme=scheme)
    page.locator("#verdict summary").click()
    assert not violations(page), "\n".join(violations(page))


def test_report(published: Published, served: str, show: Opener) -> None:
    page = show(f"{served}?{AT}")
    page.goto(f"{served}hubei/file/2021/12/2021-12-10T12.html")
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert not violations(page), "\n".join(violations(page))
