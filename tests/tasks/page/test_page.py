"""The page in a real browser, on a real product: what it shows is what xarray reads at the same place."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import s3fs
import xarray as xr
import zarr
from playwright.sync_api import Page, expect

from tasks.page import bundle
from tasks.storage import read_bytes, write_bytes
from tests.conftest import ROOT
from tests.servers.s3 import S3Server
from tests.servers.static import static
from tests.several_leads import HOURS
from tests.tasks.page import small_product
from tests.tasks.page.conftest import PRODUCT, Opener, Published, clicked, picture

LATITUDE, LONGITUDE = 31.02, 110.87  # in the mountains, on no grid point
WUHAN = "lat=30.6&lon=114.3"


def shows(page: Page, what: str) -> None:
    """Wait until the map and, if there is one, the panel show a variable and lead time."""
    page.wait_for_selector(f"html[data-ready=true][data-shown='{what}']")


def value(page: Page, quantity: str) -> float:
    page.wait_for_selector("#panel[data-state=ready]")
    return float(page.locator(f"#panel dd[data-quantity={quantity}]").get_attribute("data-value") or "nan")


def column(page: Page, name: str) -> list[float]:
    cells = page.locator(f"#panel td[data-{name}]").all()
    return [float(cell.get_attribute(f"data-{name}") or "nan") for cell in cells]


def test_values_and_series_are_those_that_xarray_reads(published: Published, served: str, show: Opener) -> None:
    page = show(f"{served}?lat={LATITUDE}&lon={LONGITUDE}&lead=12")
    at = {"latitude": LATITUDE, "longitude": LONGITUDE}
    ours, coarse = (ds.sel(at, method="nearest").load() for ds in (published.product, published.group("input")))
    now = ours.sel(step=np.timedelta64(12, "h"))
    assert page.locator("#panel td[data-product]").count() == len(HOURS)
    for name, scale, offset in [
        ("t2m", 1, -273.15),
        ("d2m", 1, -273.15),
        ("tp", 1000, 0),
        ("msl", 0.01, 0),
        ("sp", 0.01, 0),
    ]:
        assert value(page, name) == pytest.approx(float(now[name]) * scale + offset, abs=1e-5), name
    np.testing.assert_allclose(column(page, "product"), ours["t2m"].values - 273.15, atol=1e-5)
    np.testing.assert_allclose(column(page, "input"), coarse["t2m"].values - 273.15, atol=1e-5)
    page.locator("[data-quantity=wind]").first.click()
    shows(page, "wind 12")
    speed = np.hypot(ours["u10"], ours["v10"]).values
    comes_from = np.rad2deg(np.arctan2(-ours["u10"], -ours["v10"])).values % 360
    expect(page.locator("#panel th").filter(has_text="Direction")).to_be_visible()
    np.testing.assert_allclose(column(page, "product"), speed, atol=1e-5)
    np.testing.assert_allclose(column(page, "from"), comes_from, atol=1e-3)


def test_click_on_the_map_gives_the_value_under_the_pointer(published: Published, served: str, show: Opener) -> None:
    page = show(f"{served}?lead=3&stations=0")
    expect(page.locator("#panel")).to_be_hidden()
    page.mouse.click(640, 380)
    page.wait_for_selector("#panel[data-state=ready]")
    found = re.search(r"lat=([\d.]+)&lon=([\d.]+)", page.url)
    assert found is not None, "the point is in the address"
    nearest = published.product.sel(latitude=float(found[1]), longitude=float(found[2]), method="nearest")
    assert value(page, "t2m") == pytest.approx(float(nearest["t2m"][0]) - 273.15, abs=1e-5)
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    assert "lat=" not in page.url


def test_colours_on_the_map_are_those_of_the_values(published: Published, served: str, show: Opener) -> None:
    """Pixels against the legend's colours: projection, rows and columns, and scale are right."""
    page = show(f"{served}?lead=3&stations=0&var=sp&{WUHAN}")
    seen = picture(page)
    bar = page.locator("#legend .bar").bounding_box()
    low, high = (float(page.locator("#legend").get_attribute(f"data-{end}") or "nan") for end in ("low", "high"))
    assert bar is not None
    field = published.product["sp"][0].load()
    right = 0
    for x, y in [(120, 300), (260, 330), (400, 260), (520, 420), (620, 300), (700, 480), (330, 460), (560, 220)]:
        latitude, longitude = clicked(page, x, y)
        expected = float(field.sel(latitude=latitude, longitude=longitude, method="nearest")) / 100
        at = bar["x"] + (expected - low) / (high - low) * bar["width"]
        wanted = seen[int(bar["y"] + bar["height"] / 2), int(at)]
        right += int(np.abs(seen[y, x] - wanted).max() <= 8)
    assert right >= 7, "one may lie under a line"


def test_product_over_180_degrees_is_one_piece(tmp_path: Path, show: Opener) -> None:
    """Its pixels have the values' colours, its places their longitudes, on both sides."""
    folder = bundle()
    if folder is None:
        pytest.skip("the page is not built: make page")
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    shutil.copytree(small_product.KEPT / small_product.PRODUCT, tmp_path / "fiji/ifs/fiji.zarr")
    # Chromium writes to its console what is not found, and an array's shard that was never written is not
    zarr.open_group(tmp_path / "fiji/ifs/fiji.zarr", mode="r+")["tp"][small_product.WRITTEN :] = 0.0
    ring = [[176.6, -16.05], [183.4, -16.05], [183.4, -16.2], [176.6, -16.05]]
    outline = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    for path, content in {
        "catalog.json": {"links": [{"rel": "child", "href": "./fiji/catalog.json"}]},
        "fiji/catalog.json": {"links": [{"rel": "child", "href": "./ifs/collection.json"}]},
        "fiji/ifs/collection.json": {"links": []},
        "fiji/ifs/latest.json": {"cycle": "ifs/2026-11-22T00", "product": "fiji/ifs/fiji.zarr", "quality": "verified"},
        "fiji/boundary.geojson": {"type": "FeatureCollection", "features": [outline]},
        "fiji/places.geojson": {"type": "FeatureCollection", "features": []},
    }.items():
        (tmp_path / path).write_text(json.dumps(content))
    field = xr.open_zarr(tmp_path / "fiji/ifs/fiji.zarr")["t2m"].sel(step=np.timedelta64(12, "h")).load()
    with static(tmp_path) as url:
        page = show(f"{url}?lead=12&lat=-16.1&lon=-179.95")
        seen, found = picture(page), {}
        bar = page.locator("#legend .bar").bounding_box()
        low, high = (float(page.locator("#legend").get_attribute(f"data-{end}") or "nan") for end in ("low", "high"))
        assert bar is not None
        for x in (60, 240, 330, 520, 640, 820):
            latitude, east = clicked(page, x, 412)
            expected = float(field.sel(latitude=latitude, longitude=east, method="nearest")) - 273.15
            page.wait_for_selector("#panel[data-state=ready]")
            assert value(page, "t2m") == pytest.approx(expected, abs=1e-5)
            at = bar["x"] + (expected - low) / (high - low) * bar["width"]
            found[east] = np.abs(seen[412, x] - seen[int(bar["y"] + bar["height"] / 2), int(at)]).max() <= 8
        assert min(found) < 178 < 182 < max(found)
        assert sum(found.values()) >= 5, "one may lie under a line"


def test_a_place_is_found_by_its_name_in_both_languages(served: str, show: Opener) -> None:
    page = show(f"{served}?lead=3")
    search, head = page.locator("#search"), page.locator("#panel h2")
    for typed, name in (("yichang", "Yichang"), ("神农架", "Shennongjia")):
        search.fill(typed)
        search.press("Enter")
        expect(head).to_have_text(name)
        expect(search).to_have_value("")
    assert "lat=31.757" in page.url
    assert "110.67°E" in page.locator("#panel .head p").inner_text()
    search.fill("Nowhere")
    search.press("Enter")
    assert search.evaluate("e => e.validationMessage") == "This region has no place of that name"
    page.locator("#language").click()
    expect(head).to_have_text("神农架")
    assert page.locator("#known option").first.get_attribute("value") == "武汉 Wuhan"


def test_a_place_that_is_found_is_not_under_the_panel_of_a_phone(served: str, show: Opener) -> None:
    page = show(f"{served}?lead=3", width=390, height=844)
    page.locator("#search").fill("Yichang")
    page.locator("#search").press("Enter")
    page.wait_for_selector("#panel[data-state=ready]")
    page.wait_for_timeout(900)  # the map is moved for 600 ms
    pin, panel, tools = (page.locator(n).bounding_box() for n in (".pin", "#panel", "#tools"))
    assert pin is not None
    assert panel is not None
    assert tools is not None
    assert tools["y"] + tools["height"] < pin["y"] < pin["y"] + pin["height"] < panel["y"]


def test_lead_time_moves_by_keys_buttons_slider_and_by_itself(served: str, show: Opener) -> None:
    page = show(f"{served}?lead=3")
    shows(page, "t2m 3")
    page.keyboard.press("ArrowRight")
    shows(page, "t2m 6")
    assert "lead=6" in page.url
    page.locator("#later").click()
    shows(page, "t2m 9")
    page.locator("#lead").fill("9")
    shows(page, "t2m 30")
    expect(page.locator("#valid")).to_have_text("Sun 12 Dec 2021 02:00 UTC+8")
    page.keyboard.press("ArrowLeft")
    shows(page, "t2m 27")
    page.locator("#play").click()
    shows(page, "t2m 3")  # round again
    page.locator("#play").click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Play")


def test_verdict_age_and_report_stand_at_the_top(published: Published, served: str, show: Opener) -> None:
    latest = json.loads((published.store / "hubei/file/latest.json").read_text())
    page = show(served)
    assert page.locator("#verdict").get_attribute("data-quality") == latest["quality"]
    expect(page.locator("#cycle")).to_have_text("Fri 10 Dec 2021 20:00 UTC+8")
    assert re.fullmatch(r"This product is \d+ days old\.", page.locator("#stale").inner_text())
    page.locator("#verdict summary").click()
    expect(page.locator("#meaning")).to_be_visible()
    assert page.locator("#why li").all_inner_texts() == latest["why"]
    assert page.locator("#report").get_attribute("href") == served + latest["report"]
    assert page.locator("#region option").all_inner_texts() == ["Hubei Province"], "from the catalogue"
    assert page.locator("#source option").all_inner_texts() == ["Own files"]
    expect(page.locator("#cycles"), "of one cycle there is nothing to choose").to_be_hidden()


def test_divider_shows_the_input_left_and_is_moved_by_mouse_and_keys(served: str, show: Opener) -> None:
    page = show(f"{served}?stations=0&lead=3")
    left, right = np.s_[250:400, 250:600], np.s_[250:400, 700:1000]
    product = picture(page)
    page.locator("#compare").click()
    expect(page.locator("#divider")).to_be_visible()
    page.wait_for_selector("html[data-ready=true]")
    both = picture(page)
    assert (both[left] != product[left]).any(axis=2).mean() > 0.5
    np.testing.assert_array_equal(both[right], product[right])
    page.mouse.move(640, 400)
    page.mouse.down()
    page.mouse.move(64, 400, steps=3)
    page.mouse.up()
    page.wait_for_selector("html[data-ready=true]")
    np.testing.assert_array_equal(picture(page)[left], product[left])
    assert "split=0.05" in page.url
    page.keyboard.press("ArrowRight")
    assert page.locator("#divider").get_attribute("aria-valuenow") == "7"


def test_station_shows_its_errors_and_observations(published: Published, served: str, show: Opener) -> None:
    file = published.store / PRODUCT.replace(".zarr", ".stations.geojson")
    stations = json.loads(file.read_text())["features"]
    # one in the middle of the map, where nothing lies over it
    station = min(stations, key=lambda s: math.dist(s["geometry"]["coordinates"], (112.5, 31.5)))
    longitude, latitude = station["geometry"]["coordinates"]
    score = next(s for s in station["properties"]["scores"] if s["variable"] == "t2m")
    page = show(f"{served}?lat={latitude}&lon={longitude}&lead=3")
    expect(page.locator("#panel h2")).to_have_text(f"Station {station['id']}")
    np.testing.assert_allclose(column(page, "observed"), np.array(score["observed"]) - 273.15, atol=1e-9)
    row = page.locator("#panel .scores tr", has_text="Air temperature")
    assert f"{score['rmse']:.2f} °C" in row.inner_text()
    # from here on the map does not move: two places that are known say where the station is drawn
    page.locator("#stations").click()
    (south, west), (north, east) = clicked(page, 100, 550), clicked(page, 800, 250)
    mercator = lambda degrees: math.asinh(math.tan(math.radians(degrees)))  # noqa: E731
    x = 100 + 700 * (longitude - west) / (east - west)
    y = 550 - 300 * (mercator(latitude) - mercator(south)) / (mercator(north) - mercator(south))
    page.locator("#stations").click()
    for _ in range(30):  # MapLibre's worker draws it in its own time
        page.mouse.click(x + 3, y - 3)
        page.wait_for_timeout(100)
        if page.locator("#panel h2").inner_text() == f"Station {station['id']}":
            break
    expect(page.locator("#panel h2")).to_have_text(f"Station {station['id']}")


def test_language_follows_the_browser_is_switched_and_remembered(served: str, show: Opener) -> None:
    page = show(f"{served}?{WUHAN}", locale="zh-CN")
    expect(page.locator("[data-quantity=t2m]").first).to_have_text("气温")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("#region option")).to_have_text("湖北省")
    english = re.compile(r"[A-Za-z]{3,}")
    allowed = {"finescale", "UTC", "GMT", "ECMWF", "hPa", "English"}
    assert re.match(r"[含由]", page.locator("#credit span").text_content() or "")
    words = page.locator("body").inner_text().replace(page.locator("#credit").inner_text(), "")
    left = {w for w in english.findall(words) if w not in allowed}
    assert left == set(), "words that are not translated"
    page.locator("#language").click()
    expect(page.locator("[data-quantity=t2m]").first).to_have_text("Temperature")
    page.goto(served)
    expect(page.locator("[data-quantity=t2m]").first).to_have_text("Temperature")


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_phone_shows_all_and_nothing_is_wider_than_it(served: str, show: Opener, locale: str) -> None:
    page = show(f"{served}?{WUHAN}&split=0.5", width=390, height=844, locale=locale)
    page.wait_for_selector("#panel[data-state=ready]")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for name in (
        "#region",
        "#cycle",
        "#verdict summary",
        "#report",
        "#language",
        "#play",
        "#lead",
        "#panel",
        "#compare",
    ):
        box = page.locator(name).bounding_box()
        assert box is not None, name
        if name != "#compare":  # in a row that is scrolled
            assert box["x"] >= 0, name
            assert box["x"] + box["width"] <= 390, name
            assert box["y"] + box["height"] <= 844, name
    small = [
        b.get_attribute("id") for b in page.locator("footer button").all() if (b.bounding_box() or {})["height"] < 32
    ]
    assert small == [], "too small for a finger"


def test_on_a_tablet_nothing_lies_under_the_panel(served: str, show: Opener) -> None:
    page = show(f"{served}?{WUHAN}&var=msl&barbs=1", width=900, height=700)
    page.wait_for_selector("#panel[data-state=ready]")
    boxes = {n: page.locator(n).bounding_box() for n in ("#panel", "#legend", "#quantities", ".zoom", "header")}
    panel = boxes.pop("#panel")
    header = boxes.pop("header")
    assert panel is not None
    assert header is not None
    assert header["height"] < 70, "one row"
    for name, box in boxes.items():
        assert box is not None, name
        assert box["x"] + box["width"] <= panel["x"], name


def test_a_product_without_calibration_is_shown_as_before(published: Published, served: str, show: Opener) -> None:
    page = show(f"{served}?lead=12&lat=31.02&lon=110.87&corrections=1")
    page.wait_for_selector("html[data-ready=true][data-shown='t2m 12']")
    page.wait_for_selector("#panel[data-state=ready]")
    assert "calibration" not in {p.name for p in (published.store / PRODUCT).iterdir()}
    expect(page.locator("#corrections")).to_be_hidden()
    expect(page.locator(".correction")).to_have_count(0)
    expect(page.locator("#legend .head").first).to_contain_text("Air temperature at 2 m")


def test_published_store_is_a_page_behind_any_static_server(published: Published, show: Opener) -> None:
    with static(published.store.parent) as url:  # below a folder, as in a bucket
        page = show(f"{url}store/index.html?{WUHAN}&var=wind&lead=27")
        nearest = published.product.sel(latitude=30.6, longitude=114.3, method="nearest")
        assert value(page, "t2m") == pytest.approx(float(nearest["t2m"][8]) - 273.15, abs=1e-5)


def test_published_store_is_a_page_in_a_bucket_that_all_may_read(
    published: Published, s3: S3Server, show: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the policy of docs/page.md, and nothing but S3 between."""
    for key, value_ in s3.environment.items():
        monkeypatch.setenv(key, value_)
    s3fs.S3FileSystem.clear_instance_cache()
    fs = s3fs.S3FileSystem()
    fs.makedirs("open")
    for file in sorted(f for f in published.store.rglob("*") if f.is_file()):
        write_bytes(f"s3://open/store/{file.relative_to(published.store).as_posix()}", file.read_bytes())
    write_bytes("s3://open/store/_staging/half.json", b"{}")
    policy = re.search(r'^    (\{"Version".*?\]\})$', (ROOT / "docs/page.md").read_text(), re.M | re.S)
    assert policy is not None
    fs.call_s3("put_bucket_policy", Bucket="open", Policy=policy[1].replace("BUCKET", "open"))
    page = show(f"{s3.endpoint}/open/store/index.html?{WUHAN}&var=wind&lead=27")
    nearest = published.product.sel(latitude=30.6, longitude=114.3, method="nearest")
    assert value(page, "t2m") == pytest.approx(float(nearest["t2m"][8]) - 273.15, abs=1e-5)
    page = show(f"{s3.endpoint}/open/store/index.html?region=hubei&source=ifs", expect="message")
    expect(page.locator("#message")).to_contain_text("/hubei/ifs/latest.json is missing")
    for closed in ("store/_staging/half.json", "", "?list-type=2&prefix=store/hubei/"):
        assert page.request.get(f"{s3.endpoint}/open/{closed}").status == 403, closed
    assert read_bytes("s3://open/store/_staging/half.json") == b"{}", "whoever publishes reads what others may not"


def test_server_without_ranges_is_named(published: Published, show: Opener) -> None:
    with static(published.store, ranges=False) as url:
        page = show(url, expect="message")
        expect(page.locator("#message")).to_contain_text("ignores HTTP Range requests")


def test_what_is_missing_is_named_and_what_to_do(published: Published, tmp_path: Path, show: Opener) -> None:
    for name in ("index.html", "viewer"):
        whole = published.store / name
        (shutil.copytree if whole.is_dir() else shutil.copy)(whole, tmp_path / name)
    with static(tmp_path) as url:
        page = show(url, expect="message")
        expect(page.locator("#message")).to_contain_text("catalog.json is missing")
        page.goto(f"{url}?region=hubei&source=ifs")
        expect(page.locator("#message")).to_contain_text("/hubei/ifs/latest.json is missing")
        expect(page.locator("#message")).to_contain_text("finescale run hubei --source ifs")
        latest = tmp_path / "hubei/ifs/latest.json"
        latest.parent.mkdir(parents=True)
        latest.write_text(json.dumps({"cycle": "ifs/2026-11-22T00", "product": "hubei/ifs/gone.zarr"}))
        page.locator("#retry").click()
        expect(page.locator("#message")).to_contain_text("/hubei/ifs/gone.zarr/zarr.json is missing")
        latest.write_text("{")
        os.utime(latest, (time.time() + 60,) * 2)  # browsers ask whether it is newer, by whole seconds
        page.locator("#retry").click()
        expect(page.locator("#message")).to_contain_text("/hubei/ifs/latest.json is damaged")


NO_WEBGL = """const get = HTMLCanvasElement.prototype.getContext
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.includes("webgl") ? null : get.call(this, kind, ...rest)
}"""


def test_without_webgl_values_can_still_be_read(served: str, show: Opener) -> None:
    page = show(f"{served}?{WUHAN}&lead=3", expect="message", init=NO_WEBGL)
    expect(page.locator("#message")).to_contain_text("does not offer WebGL 2")
    assert np.isfinite(value(page, "t2m"))
