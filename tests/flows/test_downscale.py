"""The daily job end to end on the demo cycle: product, ledger, latest.json; again, by force, on S3."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from flows.downscale import Outcome, downscale
from flows.products.status import region_status
from models.statistics import VARIABLES
from tasks.arrays import open_zarr, zarr_store
from tasks.errors import BadInput, StoreNotReadable
from tasks.locations import RESERVED
from tasks.storage import join, read_json
from tasks.store.integrity import verify_product
from tasks.store.ledger import LedgerEntry
from tasks.variables import known
from tests.conftest import ROOT, RegionMaker, prefect_environment
from tests.published import DEMO_PRODUCT as CYCLE
from tests.servers.prefect import wait_for

pytestmark = pytest.mark.usefixtures("prefect_server")


def files(store: Path) -> dict[str, bytes]:
    return {str(f.relative_to(store)): f.read_bytes() for f in sorted(store.rglob("*")) if f.is_file()}


@pytest.fixture
def store(demo_store: Path) -> Path:
    """A store with the demo product."""
    return demo_store


def test_product_opens_with_plain_xarray_and_is_what_the_design_says(store: Path) -> None:
    ds = xr.open_zarr(store / f"{CYCLE}.zarr")
    assert dict(ds.sizes) == {"step": 1, "latitude": 89, "longitude": 159, "bounds": 2}
    np.testing.assert_allclose(ds.latitude, np.round(33.4 - 0.05 * np.arange(89), 9))
    np.testing.assert_allclose(ds.longitude, np.round(108.3 + 0.05 * np.arange(159), 9))
    assert ds.latitude.dtype == ds.longitude.dtype == np.float64
    assert (str(ds.time.values)[:13], str(ds.valid_time.values[0])[:13]) == ("2021-12-10T12", "2021-12-10T20")
    assert ds.step.values[0] == np.timedelta64(8, "h")
    for variable in known(list(VARIABLES)):
        name = variable.name
        field = ds[name]
        assert (field.dtype, field.dims) == (np.float32, ("step", "latitude", "longitude"))
        assert (field.attrs["units"], field.attrs["standard_name"]) == (variable.units, variable.standard_name)
        assert np.isfinite(field.values).all()
        assert field.values.std() > 0
        assert field.encoding["shards"] is not None
    assert ds.attrs["Conventions"] == "CF-1.11"
    assert "(c) ECMWF" in ds.attrs["attribution"]
    assert len(ds.attrs["finescale_model_sha256"]) == 64
    assert (ds["d2m"] <= ds["t2m"]).all()
    assert (ds["tp"] >= 0).all()
    assert ds["step_bounds"].values.tolist() == [[0, 8 * 3600 * 10**9]]


def test_what_a_store_has_beside_regions_no_region_can_be_called(store: Path) -> None:
    beside = {p.name for p in store.iterdir()} - {"hubei"}
    assert beside
    assert [n for n in beside if n not in RESERVED and n[0] != "_" and "." not in n] == []


def test_ledger_scorecard_and_latest_agree_with_the_product(store: Path) -> None:
    entry = json.loads((store / f"{CYCLE}.json").read_text())
    assert verify_product(str(store), LedgerEntry.model_validate(entry)) == []
    ds = xr.open_zarr(store / f"{CYCLE}.zarr")
    assert (entry["state"], entry["product"], entry["quality"]) == ("published", f"{CYCLE}.zarr", "unverified")
    assert json.loads(ds.attrs["ledger"])["fingerprint"] == entry["fingerprint"]
    assert json.loads(ds.attrs["scorecard"]) == entry["scorecard"]
    assert all(c["passed"] for c in entry["scorecard"]["checks"])
    assert len(entry["inputs"][0]["sha256"]) == 64
    latest = json.loads((store / "hubei/demo/latest.json").read_text())
    assert entry["timezone"] == latest["timezone"] == "Asia/Shanghai"
    assert (latest["cycle"], latest["product"]) == ("demo/2021-12-10T12", entry["product"])
    assert "valid 2021-12-11 04:00 UTC+08:00 (2021-12-10 20:00 UTC)" in (store / entry["report"]).read_text()
    assert (store / entry["quicklook"]).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_product_beats_interpolation_against_the_truth(store: Path) -> None:
    scores = json.loads((store / f"{CYCLE}.json").read_text())["scorecard"]["truth"]
    by_name = {s["variable"]: s for s in scores}
    for name in VARIABLES:
        assert by_name[name]["product"] < by_name[name]["bicubic"]
        assert by_name[name]["product"] < by_name[name]["bilinear"]
    for name in ("t2m", "d2m", "sp"):  # also than what is brought to the terrain's height
        assert by_name[name]["product"] < by_name[name]["at_height"]


def test_the_lean_package_beats_interpolation_too(store: Path, tmp_path: Path, workspace: Path) -> None:
    outcome = downscale("hubei", source="demo", store=str(tmp_path), model="inr-hres-lean")
    assert outcome.entry.model == "inr-hres-lean"
    large = json.loads((store / f"{CYCLE}.json").read_text())["scorecard"]["truth"]
    for lean, other in zip(outcome.entry.scorecard.truth, large, strict=True):
        assert lean.product < min(lean.bilinear, lean.bicubic), lean.variable
        assert lean.product < 1.1 * other["product"], lean.variable


def test_running_again_changes_nothing(store: Path, workspace: Path) -> None:
    before = files(store)
    outcome: Outcome = downscale("hubei", source="demo", store=str(store))
    assert not outcome.made
    assert files(store) == before


def test_status_tells_what_is_published(store: Path) -> None:
    status = region_status("hubei", str(store))
    assert [c.cycle for c in status.cycles] == ["demo/2021-12-10T12"]
    assert status.latest["demo"]["cycle"] == "demo/2021-12-10T12"  # type: ignore[index]
    assert region_status("hubei", str(store / "nothing")).cycles == []


def test_force_makes_a_new_revision_and_keeps_the_old_readable(tmp_path: Path, workspace: Path) -> None:
    first = downscale("hubei", source="demo", store=str(tmp_path / "store"))
    before = files(Path(first.product))
    second = downscale("hubei", source="demo", store=str(tmp_path / "store"), force=True)
    assert (second.made, second.entry.product) == (True, f"{CYCLE}-r2.zarr")
    assert read_json(join(second.store, "hubei/demo/latest.json"))["product"] == second.entry.product  # type: ignore[index]
    assert files(Path(first.product)) == before
    a, b = xr.open_zarr(first.product), xr.open_zarr(second.product)
    assert all(np.array_equal(a[n], b[n]) for n in VARIABLES)
    left = [p.relative_to(workspace).parts[0] for p in workspace.rglob("*") if p.is_file()]
    assert set(left) == {"raw"}, "scratch files are gone after success, what was fetched stays for a while"


def test_publishing_that_fails_at_its_end_is_finished_by_its_retry(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tasks.publish as step

    failures = [OSError("the store is away")]
    point_to = step.point_to_good

    def away_once(store: str, entry: LedgerEntry) -> None:
        if failures:
            raise failures.pop()
        point_to(store, entry)

    monkeypatch.setattr(step, "point_to_good", away_once)
    outcome = downscale("hubei", source="demo", store=str(tmp_path))
    assert (outcome.made, outcome.entry.revision, failures) == (True, 1, [])
    assert read_json(str(tmp_path / "hubei/demo/latest.json"))["revision"] == 1  # type: ignore[index]
    assert not [f for f in (tmp_path / "_staging").rglob("*") if f.is_file()]


def test_status_of_a_store_that_is_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreNotReadable, match=r"^store s3://weather/products: cannot be read \(.*is its server up"):
        region_status("hubei", "s3://weather/products")


def test_another_spacing_is_another_grid(tmp_path: Path, workspace: Path) -> None:
    outcome = downscale("hubei", source="demo", store=str(tmp_path), spacing=0.1)
    ds = xr.open_zarr(outcome.product)
    assert (ds.sizes["latitude"], ds.sizes["longitude"]) == (45, 80)
    assert outcome.entry.spacing == 0.1


def test_era5_file_gives_48_hours_of_what_it_holds(
    tmp_path: Path, workspace: Path, make_region: RegionMaker, shared_data: Path
) -> None:
    region = make_region(
        name="east-china", title="East China", box={"north": 34, "south": 28, "west": 115, "east": 122},
        required=["t2m"], boundary=None,
    )  # fmt: skip
    grib = shared_data / "fixtures/era5_east_china_2t_2d_sp_tp_hourly_20260530.grib"
    outcome = downscale(str(region), inputs=[str(grib)], store=str(tmp_path / "store"))
    assert outcome.entry.lead_hours == list(range(48))
    assert (outcome.entry.variables, outcome.entry.absent) == (["t2m", "d2m", "sp", "tp"], ["u10", "v10", "msl"])
    assert (outcome.entry.cycle, outcome.entry.origin, outcome.entry.expver) == ("file/2026-05-30T00", "era5", "0005")
    ds = xr.open_zarr(outcome.product)
    assert "Copernicus" in ds.attrs["attribution"]
    assert (np.diff(ds.step_bounds.values, axis=1) == 3600 * 10**9).all()


def test_another_bounding_box_without_terrain_works_too(
    tmp_path: Path, workspace: Path, make_region: RegionMaker, shared_data: Path
) -> None:
    region = make_region(
        name="england", title="England", box={"north": 54, "south": 51, "west": -4, "east": 0},
        variables=["t2m"], terrain=None, boundary=None, required=None,
    )  # fmt: skip
    grib = (shared_data / "fixtures/era5_uk_2t_hourly_201903.grib").read_bytes()
    hours = tmp_path / "hours.grib"
    hours.write_bytes(grib[: 6 * len(grib) // 744])
    outcome = downscale(str(region), inputs=[str(hours)], store=str(tmp_path / "store"))
    assert (len(outcome.entry.lead_hours), outcome.entry.expver) == (6, "0001")
    assert xr.open_zarr(outcome.product).sizes["longitude"] == 81


def test_cycle_and_files_exclude_each_other(tmp_path: Path, demo_grib: Path) -> None:
    with pytest.raises(BadInput, match="exclude each other"):
        downscale("hubei", cycle="2021-12-10T12", inputs=[str(demo_grib)], store=str(tmp_path))


def test_run_killed_before_publishing_leaves_the_store_as_it_was_and_can_be_run_again(
    tmp_path: Path, workspace: Path
) -> None:
    """SIGKILL as soon as a slab has left its report: between downscaling and publishing."""
    store, log = tmp_path / "store", tmp_path / "run.log"
    command = [sys.executable, "-m", "flows.commands.app", "run", "hubei", "--source", "demo", "--store", str(store)]
    with log.open("wb") as out:
        run = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | prefect_environment(), stdout=out, stderr=out, start_new_session=True
        )

    def computed() -> bool:
        assert run.poll() is None, log.read_text()
        return any(workspace.glob("hubei/*/slabs/0-0.json"))

    wait_for("a computed slab", computed, 180, 0.01)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert not (store / "hubei").exists()
    assert downscale("hubei", source="demo", store=str(store)).made
    assert xr.open_zarr(store / f"{CYCLE}.zarr").sizes["latitude"] == 89


def test_product_on_s3_is_the_same_by_the_same_code(
    store: Path, s3_store: str, tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    scratch = f"{s3_store}-workspace"
    monkeypatch.setenv("FINESCALE_WORKSPACE", scratch)
    monkeypatch.setenv("FINESCALE_RAW", str(tmp_path / "raw"))
    outcome = downscale("hubei", source="demo", store=s3_store)
    assert outcome.product == f"{s3_store}/{CYCLE}.zarr"
    remote = xr.open_zarr(zarr_store(outcome.product), chunks=None).load()
    local = open_zarr(str(store / f"{CYCLE}.zarr"))
    assert all(np.array_equal(remote[n], local[n]) for n in VARIABLES)
    assert read_json(f"{s3_store}/hubei/demo/latest.json")["product"] == f"{CYCLE}.zarr"  # type: ignore[index]
    assert not downscale("hubei", source="demo", store=s3_store).made
    left = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    for emptied in (f"{s3_store}/_staging", scratch):
        # find gives a folder's own name while the store still shows it empty
        assert {emptied.removeprefix("s3://")}.issuperset(left.find(emptied)), "what a run needs is gone after success"
