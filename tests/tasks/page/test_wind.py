"""Wind on the map in a real browser: every barb has its shaft to the side that xarray's wind comes from."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.tasks.page.conftest import Opener, Published, clicked, picture

pytestmark = pytest.mark.usefixtures("prefect_server")

APART, SHAFT = 34, 25  # px: between barbs, and of one
LEFT, RIGHT, TOP, BOTTOM = 100, 800, 240, 560  # px: of the map, nothing lies over it


def mercator(latitude: float) -> float:
    return math.asinh(math.tan(math.radians(latitude)))


def every(pixels: float) -> int:
    """Of rows or columns so many pixels from each other, how manyth has a barb."""
    return 2 ** max(math.ceil(math.log2(APART / pixels)), 0)


def test_barbs_stand_over_any_field_and_point_where_wind_comes_from(
    published: Published, served: str, show: Opener
) -> None:
    page = show(f"{served}?var=t2m&lead=27&stations=0&lat=30.6&lon=114.3")  # a panel that opens would move the map
    before = picture(page)
    expect(page.locator("#barbs")).to_have_attribute("aria-pressed", "false")
    page.locator("#barbs").click()
    expect(page.locator("#barbs")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#legend .barbs")).to_contain_text("long 5 m/s (10 kn), pennant 25 m/s (50 kn)")
    assert "barbs=1" in page.url
    page.wait_for_selector("html[data-ready=true]")
    page.wait_for_timeout(1500)  # MapLibre's worker draws in its own time
    seen = picture(page)
    (south, west), (north, east) = clicked(page, LEFT, BOTTOM), clicked(page, RIGHT, TOP)
    product = published.product.sel(step=np.timedelta64(27, "h"))[["u10", "v10"]].load()
    across = (RIGHT - LEFT) / (east - west)  # px a degree
    down = (BOTTOM - TOP) / (mercator(north) - mercator(south))
    latitude, longitude = product["latitude"].values, product["longitude"].values
    cols = every(abs(longitude[1] - longitude[0]) * across)
    middle = math.cos(math.radians((south + north) / 2))
    rows = every(abs(latitude[1] - latitude[0]) * across / middle)

    def inked(x: float, y: float) -> bool:
        box = np.s_[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2]
        return bool(np.abs(seen[box] - before[box]).max() > 40)

    found: list[bool] = []
    for row in range(rows // 2, len(latitude), rows):
        for col in range(cols // 2, len(longitude), cols):
            x = LEFT + across * (longitude[col] - west)
            y = BOTTOM - down * (mercator(latitude[row]) - mercator(south))
            wind = product.isel(latitude=row, longitude=col)
            u, v = float(wind["u10"]), float(wind["v10"])
            speed = math.hypot(u, v)
            if speed < 2 or not (LEFT < x < RIGHT and TOP < y < BOTTOM):
                continue
            half = SHAFT / 2 / speed  # of the shaft
            found.append(inked(x - u * half, y + v * half) and not inked(x + u * half, y - v * half))
    assert len(found) > 30
    assert np.mean(found) > 0.85, "some lie under names"


def test_a_place_has_the_force_of_its_wind(published: Published, served: str, show: Opener) -> None:
    for locale, words in (("en-GB", r"Bft \d+"), ("zh-CN", r"风力 \d+ 级")):
        page = show(f"{served}?var=wind&lead=27&lat=30.6&lon=114.3", locale=locale)
        page.wait_for_selector("#panel[data-state=ready]")
        expect(page.locator("#panel dd[data-quantity=wind] .force")).to_have_text(re.compile(words))
        assert all(text.isdigit() for text in page.locator("#panel td.grade").all_inner_texts())


def test_words_of_barbs_in_chinese(published: Published, served: str, show: Opener) -> None:
    page = show(f"{served}?var=msl&barbs=1", locale="zh-CN")
    expect(page.locator("#barbs")).to_have_text("风羽")
    expect(page.locator("#legend .barbs")).to_contain_text("长划 5 米/秒（10 节）")
    page.locator("#barbs").click()
    expect(page.locator("#legend .barbs")).to_have_count(0)
    assert "barbs" not in page.url
