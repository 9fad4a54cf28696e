"""What the page shows of a product that stations have corrected: in a browser, against what xarray reads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from playwright.sync_api import Page, expect

from flows.downscale import downscale
from tasks.calibrate.rolling import rolling
from tasks.page import bundle
from tests.conftest import write_region
from tests.invented_month import month, put
from tests.servers.static import static
from tests.several_leads import write_grib
from tests.tasks.page.conftest import Opener, Published, clicked, picture

pytestmark = pytest.mark.usefixtures("prefect_server")

PLACE = {"latitude": 31.02, "longitude": 110.87}
AT = "lat=31.02&lon=110.87"
CORRECTED, UNPROVEN = 12, 30  # hours: of the second day there are pairs of too few days


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory, places: pd.DataFrame, prefect_server: None) -> Published:
    """Temperature corrected on the first day, dew point only where it would be above it, rain never."""
    if bundle() is None:
        pytest.skip("the page is not built: make page")
    folder = tmp_path_factory.mktemp("calibrated")
    pairs = month(places, ("t2m",), (6.0, 12.0, 18.0, 24.0, 30.0))
    pairs = pairs[(pairs["lead_hours"] <= 24) | (pairs["time"] > pairs["time"].max() - pd.Timedelta(days=8))]
    put(folder / "store", rolling(pairs.reset_index(drop=True)), source="file")
    region = str(write_region(folder / "regions/hubei", variables=["t2m", "d2m", "tp"], required=None))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINESCALE_WORKSPACE", str(folder / "workspace"))
        grib = write_grib(folder / "several.grib2")
        assert downscale(region, inputs=[str(grib)], store=str(folder / "store")).entry.scorecard.calibrated == ["t2m"]
    return Published(folder / "store")


def shows(page: Page, what: str) -> None:
    page.wait_for_selector(f"html[data-ready=true][data-shown='{what}']")
    page.wait_for_selector("#panel[data-state=ready]")


def at(ds: xr.Dataset, hour: int) -> xr.Dataset:
    return ds.sel(PLACE, method="nearest").sel(step=np.timedelta64(hour, "h")).load()


def test_legend_and_point_say_what_stations_have_added(calibrated: Published, show: Opener) -> None:
    ours, added = at(calibrated.product, CORRECTED), at(calibrated.group("calibration"), CORRECTED)
    field = calibrated.group("calibration")["t2m"].sel(step=np.timedelta64(CORRECTED, "h"))
    line, beside = "#legend .correction", "#panel dd[data-quantity=t2m] .correction"
    with static(calibrated.store) as url:
        page = show(f"{url}index.html?region=hubei&source=file&lead={CORRECTED}&{AT}")
        shows(page, f"t2m {CORRECTED}")
        mean = float(np.abs(field).mean())
        assert mean > 0.3
        expect(page.locator(line)).to_have_text(f"Corrected by stations, mean {mean:.2f} °C")
        by = float(page.locator(beside).get_attribute("data-increment") or "nan")
        raw = float(page.locator(beside).get_attribute("data-raw") or "nan")
        assert by == pytest.approx(float(added["t2m"]), abs=1e-5)
        assert raw == pytest.approx(float(ours["t2m"]) - float(added["t2m"]) - 273.15, abs=1e-5)
        sign = "−" if by < 0 else "+"
        expect(page.locator(beside)).to_contain_text(f"{sign}{abs(by):.2f} by stations, ")
        assert page.locator("#panel dd[data-quantity=tp] .correction").count() == 0
        page.locator("#language").click()
        expect(page.locator(line)).to_have_text(f"已按站点订正，平均 {mean:.2f} °C")
        page.locator("#language").click()
        page.locator("#lead").fill("9")
        shows(page, f"t2m {UNPROVEN}")
        expect(page.locator(line)).to_have_text("Not corrected at this lead time")
        expect(page.locator(beside)).to_have_count(0)
        page.locator("#quantities [data-quantity=tp]").click()
        shows(page, f"tp {UNPROVEN}")
        expect(page.locator(line)).to_have_text("Not corrected by stations")
        expect(page.locator("#corrections")).to_be_disabled()


def test_switch_draws_increments_in_the_legends_colours(calibrated: Published, show: Opener) -> None:
    """Pixels against the scale, at places that a click on them names."""
    field = calibrated.group("calibration")["t2m"].sel(step=np.timedelta64(CORRECTED, "h")).load()
    with static(calibrated.store) as url:
        page = show(f"{url}index.html?region=hubei&source=file&lead={CORRECTED}&{AT}&split=0.5")
        shows(page, f"t2m {CORRECTED}")
        page.locator("#corrections").click()
        page.wait_for_selector("html[data-ready=true]")
        assert "corrections=1" in page.url
        assert "split" not in page.url
        expect(page.locator("#divider")).to_be_hidden()
        expect(page.locator("#legend .head").first).to_contain_text("Correction: Temperature")
        low, high = (float(page.locator("#legend").get_attribute(f"data-{end}") or "nan") for end in ("low", "high"))
        assert low == -high < 0
        seen, bar = picture(page), page.locator("#legend .bar").first.bounding_box()
        assert bar is not None
        right = 0
        for x, y in [(120, 300), (260, 330), (400, 260), (520, 420), (620, 300), (700, 480), (330, 460), (560, 220)]:
            latitude, longitude = clicked(page, x, y)
            expected = float(field.sel(latitude=latitude, longitude=longitude, method="nearest"))
            share = min(max((expected - low) / (high - low), 0.005), 0.995)
            wanted = seen[int(bar["y"] + bar["height"] / 2), int(bar["x"] + share * bar["width"])]
            right += int(np.abs(seen[y, x] - wanted).max() <= 8)
        assert right >= 7, "one may lie under a line"
        page.locator("#compare").click()
        expect(page.locator("#divider")).to_be_visible()
        expect(page.locator("#corrections")).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_on_a_phone_nothing_is_wider_than_it(calibrated: Published, show: Opener, locale: str) -> None:
    with static(calibrated.store) as url:
        page = show(
            f"{url}index.html?region=hubei&source=file&{AT}&corrections=1", width=390, height=844, locale=locale
        )
        page.wait_for_selector("#panel[data-state=ready]")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        box = page.locator("#panel dd .correction").first.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_a_place_s_table_and_chart_say_how_sure_it_is(calibrated: Published, show: Opener) -> None:
    ours = calibrated.product.sel(PLACE, method="nearest").load()
    by = calibrated.group("calibration")["t2m_range"].load()
    with static(calibrated.store) as url:
        page = show(f"{url}index.html?region=hubei&source=file&lead={CORRECTED}&{AT}")
        shows(page, f"t2m {CORRECTED}")
        cells = page.locator("#panel td[data-low]")
        assert cells.count() == ours.sizes["step"]
        for i in range(cells.count()):
            for end, level in (("low", 0.1), ("high", 0.9)):
                found = float(cells.nth(i).get_attribute(f"data-{end}") or "nan")
                wanted = float(ours.t2m[i]) - 273.15 + float(by.sel(quantile=level)[i])
                assert found == pytest.approx(wanted, abs=1e-3)
        expect(page.locator("#panel .line.range")).to_have_text("8 times in 10")
        page.locator("#quantities [data-quantity=tp]").click()
        shows(page, f"tp {CORRECTED}")
        expect(page.locator("#panel .line.range")).to_have_count(0)
