"""An ensemble end to end: members from a service on loopback, one product of what they say."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tasks.combine.statistics import quantiles
from tests.conftest import RegionMaker
from tests.flows.conftest import CommandLine
from tests.flows.ensembles import ASKED, MEMBERS, Made, Run, product_of
from tests.grib import message, rippled
from tests.servers.http import cut
from tests.servers.opendata import MEMBER, OpenData


def test_members_become_means_quantiles_spread_and_chances(made_once: Made) -> None:
    made, mirror = made_once.store, made_once.mirror
    product, said = xr.open_zarr(product_of(made)), xr.open_zarr(product_of(made), group="ensemble")
    assert product["step"].values.astype("timedelta64[h]").astype(int).tolist() == [0, 6, 12]
    assert set(product.data_vars) - {"crs", "quantization_info", "step_bounds"} == {"t2m", "u10", "v10", "tp"}
    assert said.attrs["members"] == MEMBERS
    found = said["t2m_quantiles"].values
    assert (np.diff(found, axis=0) >= 0).all()
    # the stand-in's members are all alike but for a factor, and so is what becomes of them nearly
    factors = 1 + MEMBER * (np.arange(1, MEMBERS + 1) - 5.5)
    wanted = quantiles(factors[:, None].astype(np.float32))[:, 0] / factors.mean()
    ratio = found / product["t2m"].values
    # and what downscaling does not know is as likely to either side, and makes ranges wider
    np.testing.assert_allclose(ratio.mean(axis=(1, 2, 3))[3], wanted[3], atol=4e-4)
    assert ratio.mean(axis=(1, 2, 3))[0] < wanted[0]
    assert ratio.mean(axis=(1, 2, 3))[-1] > wanted[-1]
    assert 1.0 < said["t2m_spread"].values.mean() / (281 * factors.std(ddof=1)) < 1.2
    cold = said["t2m_below_8"].values
    assert len(np.unique(cold)) > 25, "four members, each drawn twelve times"
    below = (found[0] < 281.15).mean(), (found[-1] < 281.15).mean()
    assert below[1] <= (cold / 100).mean() <= below[0]
    wet = said["tp_12h_above_0p1"].values
    assert np.isnan(wet[:2]).all(), "twelve hours have not gone by"
    sums = product["tp"].values[1:].sum(axis=0) * 1000
    assert wet[2][sums > 0.2].mean() > 90
    assert wet[2][sums < 0.02].mean() < 2
    asked = [r for r in mirror.requests if r[1].endswith(".grib2")]
    assert asked
    for _, path, ranges in asked:
        lines = map(json.loads, mirror.files[path.replace(".grib2", ".index")].splitlines())
        fifth = min(line["_offset"] for line in lines if line["number"] == "5")
        last = max(int(part.split("-")[1]) for part in ranges.removeprefix("bytes=").split(","))
        assert last < fifth, "of six members the first four are fetched"
    assert not said["tp_quantiles"].values[:, 0].any(), "at the start nothing can have fallen"
    entry = json.loads(next(made.glob("hubei/ens/*/*/*T*.json")).read_text())
    assert [f["member"] for f in entry["inputs"]] == [1, 2, 3, 4]
    assert "members" in entry["slabs"][0]["note"]


def test_members_start_from_the_terrain_of_their_model(
    run: Run, mirror: OpenData, begun: datetime, tmp_path: Path
) -> None:
    """It lies among the fields of the high-resolution forecast, once for all."""
    mirror.add_demo(begun, [0], terrain=True)
    result = run(ensemble=ASKED | {"members": 2})
    assert result.exit_code == 0, result.stderr
    given = xr.open_zarr(product_of(tmp_path / "s"), group="input")
    own = rippled(*np.meshgrid(given.latitude, given.longitude, indexing="ij"))
    np.testing.assert_allclose(given.surface_altitude, own, atol=0.1)
    assert given.surface_altitude.attrs["source"] == "terrain of the model that made the input"
    entry = json.loads(next(tmp_path.glob("s/hubei/ens/*/*/*T*.json")).read_text())
    assert [f["member"] for f in entry["inputs"]] == [1, 2]


def test_members_are_kept_where_a_region_wants_them(run: Run, mirror: OpenData, tmp_path: Path) -> None:
    result = run(ensemble=ASKED | {"keep": True})
    assert result.exit_code == 0, result.stderr
    assert "member 3, lead times 0 to 2" in result.stderr
    product, said = (xr.open_zarr(product_of(tmp_path / "s"), group=g) for g in (None, "ensemble"))
    assert said["realization"].values.tolist() == [1, 2, 3, 4]
    for name in ("t2m", "u10", "v10", "tp"):
        members = said[f"{name}_members"]
        assert members.dims == ("realization", "step", "latitude", "longitude")
        assert members.attrs["units"] == product[name].attrs["units"]
        np.testing.assert_allclose(members.mean("realization"), product[name], rtol=2e-3, atol=1e-5)
    factors = said["t2m_members"].mean(("step", "latitude", "longitude")).values
    np.testing.assert_allclose(factors / factors.mean(), 1 + MEMBER * (np.arange(4) - 1.5), atol=3e-4)


def test_a_place_has_ranges_and_chances_by_members(made: Path, finescale: CommandLine) -> None:
    at = ("--lat", "30.6", "--lon", "114.3", "--store", made)
    found = json.loads(finescale("point", "hubei", *at, "--json", "--chance", "t2m<8", "--chance", "tp/12h>0.1").stdout)
    assert found["cycle"].startswith("ens/")
    assert found["members"] == MEMBERS
    said = xr.open_zarr(product_of(made), group="ensemble").sel(latitude=30.6, longitude=114.3, method="nearest")
    np.testing.assert_allclose(found["ranges"]["t2m"], said["t2m_quantiles"].values.T - 273.15, atol=2e-3)
    median = said["wind_speed_quantiles"].sel(quantile=0.5).values
    np.testing.assert_allclose([s["wind_speed"] for s in found["series"]], median, atol=2e-3)
    np.testing.assert_allclose([s["t2m<8"] for s in found["series"]], said["t2m_below_8"].values, atol=2e-3)
    high = json.loads(finescale("point", "hubei", *at, "--json", "--elevation", "1000").stdout)
    assert high["ranges"]["t2m"][0][3] - found["ranges"]["t2m"][0][3] == pytest.approx(
        high["series"][0]["t2m"] - found["series"][0]["t2m"], abs=2e-3
    )
    above = finescale("point", "hubei", *at, "--json", "--elevation", "3000", "--chance", "t2m<8")
    assert all(s["t2m<8"] >= 95 for s in json.loads(above.stdout)["series"]), "not what was counted at the terrain"
    between = finescale("point", "hubei", *at, "--hourly", "--chance", "tp/12h>0.1")
    assert "leave --hourly out" in between.stderr
    table = finescale("point", "hubei", *at).stdout
    assert "as 4 members say" in table
    other = finescale("point", "hubei", *at, "--chance", "tp/24h>50")
    assert other.exit_code == 2
    assert "region.yaml of hubei has to name it" in other.stderr
    every = json.loads(finescale("point", "hubei", *at, "--json", "--hourly").stdout)
    assert len(every["ranges"]["t2m"]) == 13
    assert "tp" not in every["ranges"], "nobody knows how sure an hour's share of a sum is"


def test_stations_say_how_sure_the_members_are(made: Path, run: Run, mirror: OpenData, tmp_path: Path) -> None:
    product, said = (xr.open_zarr(product_of(tmp_path / "s"), group=g) for g in (None, "ensemble"))
    rows = ["station,network,latitude,longitude,elevation,time,variable,period,value,quality"]
    rng = np.random.default_rng(0)
    for i in range(60):
        row, col = int(rng.integers(3, 38)), int(rng.integers(3, 78))
        for step, time in enumerate(product["valid_time"].values):
            at = {"latitude": row, "longitude": col}
            value = product["t2m"][step].isel(at) + rng.normal() * said["t2m_spread"][step].isel(at)
            place = f"{product['latitude'].values[row]:.3f},{product['longitude'].values[col]:.3f}"
            height = float(product["surface_altitude"].isel(at))
            rows.append(f"s{i},synop,{place},{height:.1f},{str(time)[:19]}Z,t2m,0,{float(value):.2f},")
            if step == 2:
                rain = 0.002 if i % 2 else 0.0
                rows.append(f"s{i},synop,{place},{height:.1f},{str(time)[:19]}Z,tp,12,{rain},")
    (tmp_path / "stations.csv").write_text("\n".join(rows) + "\n")
    result = run("--force", "--observations", str(tmp_path / "stations.csv"))
    assert result.exit_code == 0, result.stderr
    entry = json.loads(next((tmp_path / "s").glob("hubei/ens/*/*/*T*.json")).read_text())
    (score,) = [s for s in entry["scorecard"]["verification"]["members"] if s["group"] == "within 100 m"]
    assert score["variable"] == "t2m"
    assert 0.85 < score["spread_skill"] < 1.15, "truth was drawn as the members say"
    assert 0.6 < score["crps"] / score["mae"] < 0.8
    assert 0.65 < score["within_80"] < 0.95
    assert not [why for why in entry["scorecard"]["why"] if "ranges" in why]
    assert sum(score["between"]) == pytest.approx(1, abs=1e-3)
    assert abs(sum(score["between"][:4]) - 0.5) < 0.15
    cold, wet = entry["scorecard"]["verification"]["chances"]
    assert (cold["threshold"], cold["count"]) == ("t2m<8", score["count"])
    assert abs(cold["chance"] - cold["happened"]) < 10, "truth was drawn as the members say"
    assert cold["brier"] < cold["reference"]
    tenths = [10 * i <= p["chance"] <= 10 * i + 10 for p in cold["reliability"] for i in [int(p["chance"] // 10)]]
    assert all(tenths)
    assert sum(p["count"] for p in cold["reliability"]) == cold["count"]
    assert cold["reliability"][0]["happened"] < 30 < 70 < cold["reliability"][-1]["happened"], "drawn as members say"
    assert (wet["threshold"], wet["count"], wet["happened"]) == ("tp/12h>0.1", 60, 50)
    report = (tmp_path / "s" / entry["report"]).read_text()
    assert "How sure the ensemble is" in report
    assert "Shares of observations below, between and above the quantiles. t2m: " in report
    assert '<td class="n">50.0</td>' in report
    assert "How often it happened where the chance was so high. t2m&lt;8: " in report


def test_two_runs_make_the_same_values_to_the_bit(made: Path, run: Run, mirror: OpenData, prefect_server: None) -> None:
    groups = (None, "ensemble", "input")  # not bytes: inner chunks lie in a shard in the order in which threads end
    first = [xr.open_zarr(product_of(made), group=g).load() for g in groups]
    again = run("--force")  # one of them as a flow of a server, whose steps are tasks
    assert again.exit_code == 0, again.stderr
    (again,) = made.glob("hubei/ens/*/*/*-r2.zarr")
    for before, group in zip(first, groups, strict=True):
        after = xr.open_zarr(again, group=group)
        for name in before.variables:
            assert before[name].values.tobytes() == after[name].values.tobytes(), name


@pytest.mark.slow
def test_a_block_is_the_same_as_the_whole(mirror: OpenData, run: Run, tmp_path: Path) -> None:
    found = []
    for block in (256, 1024):  # at 0.0125 degree the box is two blocks, or one
        store = tmp_path / f"block{block}"
        fewer = {"ensemble": {"members": 2, "thresholds": ["t2m<8"]}, "lead_times": {"start": 6, "stop": 6, "step": 6}}
        result = run("--store", store, "--spacing", "0.0125", inference={"block": block}, **fewer)
        assert result.exit_code == 0, result.stderr
        found.append((xr.open_zarr(product_of(store)), xr.open_zarr(product_of(store), group="ensemble")))
    (mean, said), (other_mean, other_said) = found
    for name in said.data_vars:
        # what convolutions make of a block has other last bits now and then, and a rounding takes them up
        a, b = said[name].values, other_said[name].values
        assert ((a == b) | np.isnan(a)).mean() > 0.998, name
    assert (mean["t2m"].values == other_mean["t2m"].values).mean() > 0.998


def test_what_was_made_is_read_back_and_a_flipped_quantile_is_found(made: Path, finescale: CommandLine) -> None:
    assert finescale("maintain", "hubei", "--store", made).exit_code == 0
    shard = next(p for p in (product_of(made) / "ensemble/t2m_quantiles").rglob("*") if p.is_file() and "c/" in str(p))
    data = bytearray(shard.read_bytes())
    data[len(data) // 3] ^= 1
    shard.write_bytes(bytes(data))
    result = finescale("maintain", "hubei", "--store", made)
    assert "ensemble/t2m_quantiles" in result.stdout + result.stderr


def test_of_a_product_that_is_refused_no_member_stays(
    run: Run, mirror: OpenData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINESCALE_WORKSPACE", str(tmp_path / "scratch"))
    result = run(gate={"reading": 1e-9})
    assert result.exit_code == 4, result.stderr
    assert list((tmp_path / "scratch").rglob("slabs")), "the run's folder is looked at"
    assert not list((tmp_path / "scratch").rglob("*-ens-*.zarr"))


def test_a_member_that_is_cut_or_lacking_loses_nothing_and_says_which(
    run: Run, mirror: OpenData, tmp_path: Path
) -> None:
    mirror.on(r"-6h-enfo-ef\.grib2", cut(1000))
    result = run()
    assert result.exit_code == 1
    assert "2t-m01" in result.stderr
    assert not list((tmp_path / "s").glob("hubei/ens/*/*/*.zarr"))
    mirror.rules.clear()
    lacking = run(ensemble={"members": 7})
    assert lacking.exit_code == 3
    assert "every parameter of every member" in lacking.stderr
    assert run().exit_code == 0


def member(number: int, name: str = "2t", **keys: int) -> bytes:
    """One of the demo's messages as that of a member, which has its number in hundredths more; 0: the control."""
    keys |= {"productDefinitionTemplateNumber": 1, "typeOfEnsembleForecast": 3 if number else 1}
    return message(name, 1 + 0.001 * number, **keys, perturbationNumber=number)


def test_a_file_of_several_members_is_an_ensemble(
    make_region: RegionMaker, finescale: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "members.grib2"
    file.write_bytes(b"".join(member(n, name) for n in (0, 2, 5, 7) for name in ("2t", "10u", "10v")))
    asked = {"keep": True, "thresholds": ["t2m<8", "tp/24h>50"]}
    region = make_region(required=["t2m"], ensemble=asked)
    result = finescale("run", region, "--input", file, "--store", tmp_path / "s")
    assert result.exit_code == 0, result.stderr
    (uri,) = (tmp_path / "s").glob("hubei/file/*/*/*.zarr")
    product, said = (xr.open_zarr(uri, group=g) for g in (None, "ensemble"))
    assert said["realization"].values.tolist() == [2, 5, 7], "the control is another forecast"
    factors = said["t2m_members"].mean(("step", "latitude", "longitude")).values
    np.testing.assert_allclose(factors / factors.mean(), np.array([1.002, 1.005, 1.007]) / (1 + 0.014 / 3), atol=1e-4)
    np.testing.assert_allclose(said["t2m_members"].mean("realization"), product["t2m"], atol=0.05)
    assert "tp_24h_above_50" not in said, "the file has no rain"
    again = finescale("run", region, "--input", file, "--store", tmp_path / "s")
    assert "published already" in again.stdout
    file.write_bytes(member(1) + member(2) + member(2, "10u"))
    unlike = finescale("run", region, "--input", file, "--store", tmp_path / "s")
    assert unlike.exit_code == 2
    assert "members 1 and 2 differ in variables" in unlike.stderr
