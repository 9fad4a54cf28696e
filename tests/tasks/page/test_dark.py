"""The page by night: its controls are dark, its fields the same, and it changes while it is open."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.tasks.page.conftest import Opener, Published, picture

pytestmark = pytest.mark.usefixtures("prefect_server")

AT = "lat=31.02&lon=110.87&stations=0&lead=12"
FIELD, AROUND, PANEL = np.s_[260:520, 150:700], np.s_[650:700, 600:850], np.s_[100:110, 940:1260]


def drawn(page: Page) -> np.ndarray:
    page.wait_for_selector("#panel[data-state=ready]")
    page.wait_for_timeout(1500)  # MapLibre's worker draws in its own time, which may be longer
    seen = [picture(page)]
    while len(seen) < 40:
        page.wait_for_timeout(500)
        seen.append(picture(page))
        if np.array_equal(seen[-1], seen[-2]):
            return seen[-1]
    raise AssertionError("the map does not come to rest")


@pytest.mark.parametrize("quantity", ["t2m", "tp"])
def test_fields_have_the_same_colours_and_what_is_around_them_is_dark(
    published: Published, served: str, show: Opener, quantity: str
) -> None:
    page = show(f"{served}?{AT}&var={quantity}")
    day = drawn(page)
    page.emulate_media(color_scheme="dark")
    night = drawn(page)
    same = np.abs(day[FIELD] - night[FIELD]).max(axis=2) <= 2
    assert same.mean() > 0.97, "but for the graticule"
    for part in (AROUND, PANEL):
        assert np.median(day[part]) > 200
        assert np.median(night[part]) < 60
    opened = drawn(show(f"{served}?{AT}&var={quantity}", scheme="dark"))
    assert (np.abs(opened - night).max(axis=2) <= 2).mean() > 0.999, "as if it had been opened so"
