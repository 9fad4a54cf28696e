"""What the page shows of an ensemble: chances, ends of the ranges, fans: in a browser, against what xarray reads."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from playwright.sync_api import Page, expect

from flows.downscale import downscale
from tasks.page import bundle
from tests.conftest import write_region
from tests.grib import message
from tests.servers.static import static
from tests.tasks.page.conftest import Opener, Published, clicked, picture
from tests.tasks.page.test_calibrated import shows

pytestmark = pytest.mark.usefixtures("prefect_server")

PLACE = {"latitude": 31.02, "longitude": 110.87}
AT = "region=hubei&source=file&lat=31.02&lon=110.87"
SEEN = [(x, y) for x in range(140, 740, 120) for y in range(220, 500, 70)]
MEMBER = {"productDefinitionTemplateNumber": 1, "typeOfEnsembleForecast": 3}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Published:
    """Four members of the demo's temperature, a degree apart, at one lead time."""
    if bundle() is None:
        pytest.skip("the page is not built: make page")
    folder = tmp_path_factory.mktemp("ensemble")
    grib = folder / "members.grib2"
    grib.write_bytes(b"".join(message("2t", 1 + 0.0035 * n, **MEMBER, perturbationNumber=n + 1) for n in range(4)))
    keys = {"required": ["t2m"], "ensemble": {"thresholds": ["t2m<8"]}}
    region = str(write_region(folder / "regions/hubei", **keys))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINESCALE_WORKSPACE", str(folder / "workspace"))
        assert downscale(region, inputs=[str(grib)], store=str(folder / "store")).made
    return Published(folder / "store")


def right_colours(page: Page, field: xr.DataArray) -> float:
    """At which share of the places SEEN with a value the map has the legend's colour of it."""
    low, high = (float(page.locator("#legend").get_attribute(f"data-{end}") or "nan") for end in ("low", "high"))
    seen, bar = picture(page), page.locator("#legend .bar").first.bounding_box()
    assert bar is not None
    right: list[bool] = []
    for x, y in SEEN:
        latitude, longitude = clicked(page, x, y)
        value = float(field.sel(latitude=latitude, longitude=longitude, method="nearest"))
        if not np.isfinite(value):
            continue
        share = min(max((value - low) / (high - low), 0.005), 0.995)
        wanted = seen[int(bar["y"] + bar["height"] / 2), int(bar["x"] + share * bar["width"])]
        right.append(np.abs(seen[y, x] - wanted).max() <= 8)
    assert len(right) > 8
    return float(np.mean(right))


def test_a_chance_has_a_map_in_per_cent(made: Published, show: Opener) -> None:
    chance = made.group("ensemble")["t2m_below_8"][0].load()
    assert float(chance.min()) < 20 < 80 < float(chance.max())
    with static(made.store) as url:
        page = show(f"{url}index.html?{AT}")
        expect(page.locator("#legend .head").first).to_contain_text("Air temperature at 2 m, ensemble mean")
        page.locator("#quantities button", has_text="Temperature < 8 °C").click()
        page.wait_for_selector("html[data-ready=true][data-shown^='chance:']")
        expect(page.locator("#legend .head").first).to_contain_text("Chance: Temperature < 8 °C")
        assert "var=chance" in page.url
        for name in ("Temperature, low", "Temperature, high"):
            expect(page.locator("#quantities button", has_text=name), "the way back").to_be_visible()
        assert right_colours(page, chance.where(chance > 5)) > 0.7, "the others lie under lines and names"
        page.locator("#language").click()
        expect(page.locator("#legend .head").first).to_contain_text("概率：气温 < 8 °C")


def test_either_end_of_the_ranges_has_a_map(made: Published, show: Opener) -> None:
    said = made.group("ensemble")["t2m_quantiles"]
    for end, level, title in ((0, 0.1, "below this 1 in 10 times"), (1, 0.9, "above this 1 in 10 times")):
        with static(made.store) as url:
            page = show(f"{url}index.html?{AT}")
            page.locator("#quantities button", has_text=("Temperature, low", "Temperature, high")[end]).click()
            page.wait_for_selector("html[data-ready=true][data-shown^='end:']")
            expect(page.locator("#legend .head").first).to_contain_text(title)
            assert right_colours(page, said.sel(quantile=level)[0].load() - 273.15) > 0.7, "as above"


def test_the_table_of_a_place_has_its_range(made: Published, show: Opener) -> None:
    said = made.group("ensemble")["t2m_quantiles"].sel(PLACE, method="nearest").sel(quantile=[0.1, 0.9])[:, 0].values
    with static(made.store) as url:
        page = show(f"{url}index.html?{AT}")
        shows(page, f"t2m {int(made.product['step'].values[0] / np.timedelta64(1, 'h'))}")
        cell = page.locator("#panel td[data-low]").first
        found = [float(cell.get_attribute(f"data-{end}") or "nan") for end in ("low", "high")]
        np.testing.assert_allclose(found, said - 273.15, atol=2e-3)
