"""A place's forecast in one picture, in a real browser, against what xarray reads."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.tasks.page.conftest import Opener, Published, picture

pytestmark = pytest.mark.usefixtures("prefect_server")

PLACE = {"latitude": 31.02, "longitude": 110.87}
AT = "lat=31.02&lon=110.87"


def label(page: Page) -> str:
    page.wait_for_selector("#panel[data-state=ready] .meteogram[data-state=ready]")
    return page.locator(".meteogram").get_attribute("aria-label") or ""


def shown(low: float, high: float) -> str:
    """As `finescale point` writes them: from three decimals."""
    return f"{round(float(low), 3):.1f} to {round(float(high), 3):.1f}".replace("-", "−")


def test_it_says_what_xarray_reads(published: Published, served: str, show: Opener) -> None:
    ours = published.product.sel(PLACE, method="nearest").load()
    page = show(f"{served}?{AT}&lead=12")
    text = label(page)
    assert text.startswith("Meteogram, Fri 10 Dec 23:00 to Sun 12 Dec 02:00 (UTC+8); ")
    for name, title in (("t2m", "Temperature"), ("d2m", "Dew point")):
        celsius = ours[name].values - 273.15
        assert f"{title} {shown(celsius.min(), celsius.max())} °C" in text
    assert f"Precipitation {float(ours['tp'].sum()) * 1000:.1f} mm in all" in text
    assert f"Wind up to {float(np.hypot(ours['u10'], ours['v10']).max()):.1f} m/s" in text
    hectopascal = ours["msl"].values / 100
    assert f"Sea-level pressure {shown(hectopascal.min(), hectopascal.max())} hPa" in text
    page.locator("#language").click()
    expect(page.locator(".meteogram")).to_have_attribute("aria-label", re.compile("气温 .* 至 .* °C；露点 .*降水合计"))


def test_it_comes_first_and_stays_when_another_quantity_is_chosen(
    published: Published, served: str, show: Opener
) -> None:
    page = show(f"{served}?{AT}&lead=12")
    label(page)
    assert page.evaluate("document.querySelector('#panel').children[1].className") == "meteogram"
    assert page.locator(".meteogram .uplot").count() == 4, "temperatures, rain, wind, pressure: the demo has no clouds"
    expect(page.locator(".meteogram .unit").nth(1)).to_have_text("mm in 3 h")
    page.evaluate("document.querySelector('.meteogram canvas').dataset.kept = 'yes'")
    page.locator("#quantities [data-quantity=wind]").click()
    page.wait_for_selector("html[data-ready=true][data-shown='wind 12']")
    assert page.locator(".meteogram canvas").first.get_attribute("data-kept") == "yes"
    assert page.locator("#panel td[data-product]").count() == published.product.sizes["step"], "the table stays"


def test_rain_fills_the_hours_that_it_fell_in_and_a_click_goes_there(
    published: Published, served: str, show: Opener
) -> None:
    rain = published.product["tp"].sel(PLACE, method="nearest").values * 1000
    page = show(f"{served}?{AT}&lead=3")
    label(page)
    box = page.locator(".meteogram .u-over").nth(1).bounding_box()
    assert box is not None
    seen = picture(page)
    middle = [int(box["x"] + box["width"] * (k + 0.5) / len(rain)) for k in range(len(rain))]
    column = [seen[int(box["y"]) : int(box["y"] + box["height"]), x] for x in middle]
    blue = np.array([(np.abs(c - [47, 116, 208]).max(axis=1) < 8).sum() for c in column])
    wet = rain > 0.2
    assert wet.any()
    assert (blue[wet] > 0).all()
    np.testing.assert_allclose(blue / blue.max(), rain / rain.max(), atol=0.06)
    page.mouse.click(box["x"] + box["width"] - 2, box["y"] + 10)
    page.wait_for_selector("html[data-ready=true][data-shown='t2m 30']")


def test_what_draws_it_is_read_when_a_place_is_asked_for(served: str, show: Opener) -> None:
    page = show(served)
    read = "performance.getEntriesByType('resource').some(one => /charts-.*\\.js/.test(one.name))"
    assert not page.evaluate(read), "a first map does not wait for it"
    page.mouse.click(640, 380)
    label(page)
    assert page.evaluate(read)
