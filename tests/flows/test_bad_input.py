"""Each mistake of a user is one line on standard error that says what and where, and the store stays as it was."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cfgrib
import eccodes
import numpy as np
import pytest
import xarray as xr
from prefect.settings import PREFECT_API_URL, temporary_settings
from typer.testing import Result

from tasks.errors import BadInput
from tests.conftest import DEMO_GRIB, ROOT, TRUTH, RegionMaker
from tests.flows.conftest import CommandLine, GribMaker

PACKAGE = ROOT / "models" / "pretrained" / "inr-hres"
INIT, LEAD = "2021-12-10T12", "+8 h"  # of the demo cycle
WUHAN = (40 - 30) * 4 * 101 + (114 - 100) * 4  # index of 30N 114E in the demo's fields

Spoiler = Callable[[Path, GribMaker], Path]  # a copy of the demo's GRIB in a folder of its own -> the file to hand in


def files_below(folder: Path) -> dict[str, str]:
    """Path and sha-256 of every file."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture(scope="module")
def published(demo_store: Path) -> tuple[Path, dict[str, str]]:
    """A store with the demo's good product, and its files' sums."""
    files = files_below(demo_store)
    assert {"hubei/demo/latest.json", f"hubei/demo/2021/12/{INIT}.json"} <= files.keys()
    return demo_store, files


def assert_one_line(result: Result, *, says: list[str], after: str = "") -> None:
    """Exit code of bad input and one line; steps that passed before it have said `after`, a pattern of log lines."""
    *steps, line = result.stderr.splitlines()
    assert result.exit_code == BadInput.exit_code, result.output
    assert [step for step in steps if not (after and re.fullmatch(rf"\S+ \S+ INFO {after}", step))] == []
    assert line.startswith("finescale: ")
    assert [text for text in says if text not in line] == [], line
    assert result.stdout == ""


# --- files -----------------------------------------------------------------------------------------------------------


def no_file(grib: Path, rewrite: GribMaker) -> Path:
    return grib.with_name("none.grib2")


def empty(grib: Path, rewrite: GribMaker) -> Path:
    grib.write_bytes(b"")
    return grib


def text(grib: Path, rewrite: GribMaker) -> Path:
    grib.write_text("<html>503 Service Unavailable</html>")
    return grib


def truncated(grib: Path, rewrite: GribMaker) -> Path:
    grib.write_bytes(grib.read_bytes()[:50_000])
    return grib


def byte_flipped(grib: Path, rewrite: GribMaker) -> Path:
    data = bytearray(grib.read_bytes())
    grib.with_name("demo.grib2.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}  demo.grib2\n")
    data[6_000] ^= 0x10  # amid the packed values of the first message, where GRIB itself cannot notice
    grib.write_bytes(data)
    return grib


def number_of_columns_flipped(grib: Path, rewrite: GribMaker) -> Path:
    data = bytearray(grib.read_bytes())
    data[54 + 30] ^= 0x80  # Ni, highest byte: section 3 of the first message begins at 54
    grib.write_bytes(data)
    return grib


def without_dew_point(grib: Path, rewrite: GribMaker) -> Path:
    return rewrite(grib, grib.with_name("six.grib2"), lambda name, _: name != "2d")


def with_bitmap(grib: Path, rewrite: GribMaker) -> Path:
    def change(name: str, handle: int) -> None:
        if name == "2t":
            values = eccodes.codes_get_values(handle)
            values[WUHAN] = eccodes.codes_get(handle, "missingValue")
            eccodes.codes_set(handle, "bitmapPresent", 1)
            eccodes.codes_set_values(handle, values)

    return rewrite(grib, grib.with_name("bitmap.grib2"), change)


def netcdf(grib: Path) -> xr.Dataset:
    """The demo cycle as cfgrib gives it."""
    with xr.set_options(use_new_combine_kwarg_defaults=True):
        parts = cfgrib.open_datasets(str(grib), backend_kwargs={"indexpath": ""})
        return xr.merge(parts, compat="override").load()


def netcdf_with_nan(grib: Path, rewrite: GribMaker) -> Path:
    ds = netcdf(grib)
    ds["t2m"].loc[{"latitude": 30.0, "longitude": 114.0}] = np.nan
    ds.to_netcdf(grib.with_name("nan.nc"))
    return grib.with_name("nan.nc")


def celsius(grib: Path, rewrite: GribMaker) -> Path:
    def change(name: str, handle: int) -> None:
        if name == "2t":
            eccodes.codes_set_values(handle, eccodes.codes_get_values(handle) - 273.15)

    return rewrite(grib, grib.with_name("celsius.grib2"), change)


def netcdf_in_celsius(grib: Path, rewrite: GribMaker) -> Path:
    ds = netcdf(grib)
    ds["t2m"] = (ds["t2m"] - 273.15).assign_attrs(ds["t2m"].attrs)
    ds.to_netcdf(grib.with_name("celsius.nc"))
    return grib.with_name("celsius.nc")


def two_cycles(grib: Path, rewrite: GribMaker) -> Path:
    earlier = rewrite(grib, grib.with_name("00.grib2"), lambda _, handle: eccodes.codes_set(handle, "dataTime", 0))
    grib.write_bytes(grib.read_bytes() + earlier.read_bytes())
    return grib


def netcdf_of_two_cycles(grib: Path, rewrite: GribMaker) -> Path:
    ds = netcdf(grib).drop_vars("valid_time").expand_dims("step")
    earlier = ds.assign_coords(time=ds.time - np.timedelta64(12, "h"))
    xr.concat([earlier, ds], "time").to_netcdf(grib.with_name("two.nc"))
    return grib.with_name("two.nc")


FILES: list[tuple[Spoiler, list[str]]] = [
    (no_file, ["none.grib2: no such file"]),
    (empty, ["demo.grib2: empty file"]),
    (text, ["demo.grib2: is a web page", "fetch the file again"]),
    (truncated, ["demo.grib2: message 4 at byte 39340 of 50000 is truncated"]),
    (byte_flipped, ["demo.grib2: is not the file that demo.grib2.sha256 was made for"]),
    (number_of_columns_flipped, ["demo.grib2 message 1 (t2m): 8181 points for a grid of 81x"]),
    (without_dew_point, ["d2m not in the input"]),
    (with_bitmap, ["bitmap.grib2 message 1 (t2m)", f"{INIT} {LEAD}", "(NaN)", "30N 114E"]),
    (netcdf_with_nan, ["nan.nc t2m", f"{INIT} {LEAD}", "(NaN)", "30N 114E"]),
    (celsius, ["celsius.grib2 message 1 (t2m)", f"{INIT} {LEAD}", "°C labelled as K"]),
    (netcdf_in_celsius, ["celsius.nc t2m", f"{INIT} {LEAD}", "°C labelled as K"]),
    (two_cycles, ["2 cycles in the input", "starts 2021-12-10T00", f"starts {INIT}"]),
    (netcdf_of_two_cycles, ["two.nc: 2 cycles in one file"]),
]
EACH_FILE = pytest.mark.parametrize(("spoil", "says"), FILES, ids=[f.__name__ for f, _ in FILES])


@EACH_FILE
def test_run_refuses_a_bad_file_and_leaves_the_store_as_it_was(
    spoil: Spoiler,
    says: list[str],
    demo_grib: Path,
    rewrite: GribMaker,
    finescale: CommandLine,
    published: tuple[Path, dict[str, str]],
) -> None:
    store, files = published
    result = finescale("run", "hubei", "--input", spoil(demo_grib, rewrite), "--store", store)
    assert_one_line(result, says=says, after=r"acquire: files handed in: 1, [\d.]+ kB")
    assert files_below(store) == files


@EACH_FILE
def test_field_refuses_a_bad_file_and_writes_nothing(
    spoil: Spoiler, says: list[str], demo_grib: Path, rewrite: GribMaker, finescale: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    file, output = spoil(demo_grib, rewrite), tmp_path / "out" / "fine.nc"
    result = finescale("field", file, output, "--spacing", "0.125", "--variables", "t2m,d2m")
    assert_one_line(result, says=says)
    assert files_below(tmp_path / "out") == {}


# name -> (byte of the first message, bits to turn, what is said); sections 1, 3, 4 and 5 begin at 16, 54, 126 and 160
HEADER_BYTES = {
    "edition": (7, 0x01, "message 1 at byte 0"),
    "length of message": (14, 0x01, "message 1 at byte 0"),
    "length of section": (54 + 3, 0x01, "message 1"),
    "number of columns": (54 + 30, 0x01, "81x16777317"),
    "first latitude": (54 + 47, 0x01, "do not fit latitudes"),
    "last longitude": (54 + 60, 0x01, "do not fit longitudes"),
    "scanning mode": (54 + 71, 0x40, "contradict the scanning mode"),
    "lead time": (126 + 21, 0x01, "is missing at lead time"),
    "number of values": (160 + 5, 0x80, "values for a grid of 81x101"),
    "reference value": (160 + 11, 0x80, "leave the physical range"),
    "end of message": (13_052, 0x01, "message 1 at byte 0"),
}


@pytest.mark.parametrize("part", HEADER_BYTES)
def test_a_flipped_byte_in_a_header_is_refused_without_a_checksum(
    part: str, demo_grib: Path, finescale: CommandLine, tmp_path: Path
) -> None:
    at, bits, says = HEADER_BYTES[part]
    data = bytearray(demo_grib.read_bytes())
    data[at] ^= bits
    demo_grib.write_bytes(data)
    output = tmp_path / "fine.nc"
    assert_one_line(finescale("field", demo_grib, output, "--scale", "2"), says=[says])
    assert not output.exists()


def test_a_region_outside_the_file_is_refused_with_both_areas(
    finescale: CommandLine, make_region: RegionMaker, published: tuple[Path, dict[str, str]]
) -> None:
    store, files = published
    folder = make_region(name="north", box={"north": 44.0, "south": 42.0, "west": 108.0, "east": 116.0})
    result = finescale("run", folder, "--input", DEMO_GRIB, "--store", store)
    says = ["region north", "42..44N 108..116E", "is not inside the input", "20..40N 100..125E"]
    assert_one_line(result, says=says, after=r"acquire: files handed in: 1, [\d.]+ kB")
    assert files_below(store) == files


def test_a_file_that_does_not_say_when_is_refused_by_run_and_undated_by_field(
    finescale: CommandLine, published: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    store, files = published
    result = finescale("run", "hubei", "--input", TRUTH, "--store", store)
    says = ["truth_0p1.nc", "does not say of what time", "`time`"]
    assert_one_line(result, says=says, after=r"acquire: files handed in: 1, [\d.]+ kB")
    assert files_below(store) == files
    small, fine = tmp_path / "small.nc", tmp_path / "fine.nc"
    with xr.open_dataset(TRUTH) as truth:
        truth[["t2m"]].isel(latitude=slice(0, 12), longitude=slice(0, 12)).to_netcdf(small)
    assert finescale("field", small, fine, "--scale", "2").exit_code == 0
    with xr.open_dataset(fine) as made:
        assert made["t2m"].dims == ("latitude", "longitude")
        assert not {"time", "step", "valid_time"} & set(made.variables)


# --- names and options -----------------------------------------------------------------------------------------------

OPTIONS: dict[str, list[str]] = {  # the command line after `finescale` -> what is said
    "run nowhere --source demo --store {store}": ["unknown region 'nowhere'", "known are: hubei"],
    "run {folder}/nowhere --source demo --store {store}": ["unknown region", "known are: hubei"],
    "run {unknown_variable} --source demo --store {store}": ["region.yaml", "variables", "'t9m'", "t2m, d2m"],
    "run hubei --source demo --model inr-nothing --store {store}": ["unknown model 'inr-nothing'", "inr-hres"],
    "run hubei --source demo --model {changed} --store {store}": ["weights.safetensors is not the file", "released"],
    "run hubei --source demo --model {unsealed} --store {store}": ["is missing", "restore it"],
    "run {speck} --source demo --store {store}": ["(0, 21) points of 0.05 degree", "at least 2 x 2"],
    "run hubei --source demo --spacing 0 --store {store}": [
        "--spacing",
        "spacing = 0.0",
        "greater than or equal to 0.0001",
    ],
    "run hubei --source demo --spacing 5 --store {store}": ["--spacing", "spacing = 5.0", "less than or equal to 1"],
    "run hubei --source demo --spacing nan --store {store}": ["--spacing", "spacing = nan"],
    "run hubei --source demo --cycle yesterday --store {store}": ["--cycle 'yesterday'", "2026-11-22T00"],
    "run hubei --source demo --cycle 2021-13-45T00 --store {store}": ["--cycle '2021-13-45T00'"],
    "run hubei --source demo --cycle ifs/2021-12-10T12 --store {store}": ["source ifs", "--source is demo"],
    "run hubei --source demo --cycle 2021-12-11T12 --store {store}": ["demo/2021-12-11T12", "demo/2021-12-10T12"],
    "run hubei --input {grib} --cycle 2021-12-10T12 --store {store}": ["--cycle and --input exclude each other"],
    "run hubei --source gfs --store {store}": ["unknown source 'gfs'", "ifs, ens, aifs, ifs9km, era5, demo, hres"],
    "run hubei --source demo --store {grib}/store": ["demo.grib2/store: cannot be written", "--store"],
    "field {grib} {out}/fine.nc --scale 2 --variables t9m": ["unknown variable 't9m'", "t2m, d2m"],
    "field {grib} {out}/fine.nc --scale 2 --variables t2m,tcwv": [
        "tcwv not in the input",
        "fetch them, or --variables t2m",
    ],
    "field {grib} {out}/fine.nc --scale 0": ["--scale '0'", "from 1 to 100"],
    "field {grib} {out}/fine.nc --scale -3": ["--scale '-3'", "from 1 to 100"],
    "field {grib} {out}/fine.nc --scale abc": ["--scale 'abc'", "from 1 to 100"],
    "field {grib} {out}/fine.nc --scale 2x3x4": ["--scale '2x3x4'", "2x3"],
    "field {grib} {out}/fine.nc --scale nan": ["--scale 'nan'", "from 1 to 100"],
    "field {grib} {out}/fine.nc --spacing 0": ["--spacing 0", "at most the input's 0.25"],
    "field {grib} {out}/fine.nc --spacing 5": ["--spacing 5", "at most the input's 0.25"],
    "field {grib} {out}/fine.nc": ["exactly one of --scale, --spacing and --like"],
    "field {grib} {out}/fine.nc --scale 2 --spacing 0.1": ["exactly one of --scale, --spacing and --like"],
    "field {grib} {out}/fine.nc --scale 2 --like {grib}": ["exactly one of --scale, --spacing and --like"],
    "field {grib} {out}/fine.nc --like {folder}/none.nc": ["none.nc: no such file"],
    "field {grib} {out}/fine.nc --like {elsewhere}": ["elsewhere.nc", "is not inside the input", "20..40N 100..125E"],
    "field {grib} {out}/fine.tif --scale 2": ["fine.tif: unknown kind of output", ".nc, .zarr"],
    "field {grib} {grib}/fine.nc --scale 2 --method bicubic": ["demo.grib2/fine.nc: cannot be written"],
    "field {grib} {grib}/fine.zarr --scale 2 --method bicubic": ["demo.grib2/fine.zarr: cannot be written"],
    "field {grib} {out}/fine.nc --scale 2 --method magic": ["unknown method 'magic'", "inr, bilinear, bicubic"],
    "field {grib} {out}/fine.nc --scale 2 --model inr-nothing": ["unknown model 'inr-nothing'", "inr-hres"],
    "field {grib} {out}/fine.nc --scale 2 --model {changed}": ["weights.safetensors is not the file", "released"],
    "field {grib} {out}/fine.nc --scale 2 --terrain {folder}/none.nc": ["none.nc: no such file"],
    "models info inr-nothing": ["unknown model 'inr-nothing'", "inr-hres"],
    "models check {changed}": ["weights.safetensors is not the file", "released"],
    "regions check nowhere": ["unknown region 'nowhere'", "known are: hubei"],
    "status nowhere --store {store}": ["unknown region 'nowhere'", "known are: hubei"],
}


@pytest.fixture
def places(
    tmp_path: Path, demo_grib: Path, make_region: RegionMaker, published: tuple[Path, dict[str, str]]
) -> dict[str, Path]:
    """What stands in braces in a command line."""
    changed = Path(shutil.copytree(PACKAGE, tmp_path / "inr-changed"))
    weights = bytearray((changed / "weights.safetensors").read_bytes())
    weights[len(weights) // 2] ^= 0x01
    (changed / "weights.safetensors").write_bytes(weights)
    unsealed = Path(shutil.copytree(PACKAGE, tmp_path / "inr-unsealed"))
    (unsealed / "SHA256SUMS").write_bytes(b"\xff" + (unsealed / "SHA256SUMS").read_bytes().replace(b"  ", b" x "))
    elsewhere = tmp_path / "elsewhere.nc"
    xr.Dataset(coords={"latitude": [51.0, 50.0], "longitude": [0.0, 1.0]}).to_netcdf(elsewhere)
    (tmp_path / "out").mkdir()
    return {
        "store": published[0],
        "folder": tmp_path,
        "out": tmp_path / "out",
        "grib": demo_grib,
        "changed": changed,
        "unsealed": unsealed,
        "elsewhere": elsewhere,
        "speck": make_region(name="speck", box={"north": 30.04, "south": 30.01, "west": 110.0, "east": 111.0}),
        "unknown_variable": make_region(name="unknown-variable", variables=["t2m", "t9m"]),
    }


@pytest.mark.parametrize("command", OPTIONS)
def test_a_wrong_name_or_option_is_refused_before_anything_is_made(
    command: str, places: dict[str, Path], finescale: CommandLine, published: tuple[Path, dict[str, str]]
) -> None:
    store, files = published
    result = finescale(*shlex.split(command.format(**places)))
    assert_one_line(result, says=OPTIONS[command])
    assert files_below(store) == files
    assert files_below(places["out"]) == {}


def in_a_process_of_its_own(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows.commands.app", *map(str, arguments)],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_a_process_of_its_own_ends_with_one_line_and_exit_code_2() -> None:
    done = in_a_process_of_its_own("run", "nowhere")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("finescale: unknown region 'nowhere'")
    assert done.stdout == ""


def test_the_grib_library_adds_no_lines_of_its_own(
    demo_grib: Path, tmp_path: Path, finescale: CommandLine, capfd: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(demo_grib.read_bytes())
    data[54] ^= 0x01  # highest byte of a section's length: ecCodes writes of it to standard error as well
    demo_grib.write_bytes(data)
    result = finescale("field", demo_grib, tmp_path / "fine.nc", "--scale", "2")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert capfd.readouterr().err == "", "what C writes goes past Python's own standard error"


def test_a_server_that_is_silent_is_one_line(finescale: CommandLine, tmp_path: Path) -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        result = finescale("run", "hubei", "--source", "demo", "--store", tmp_path / "store")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1), result.stderr
    assert "Prefect server http://127.0.0.1:9/api does not answer" in result.stderr
    assert not (tmp_path / "store").exists()


def test_without_a_server_nothing_of_prefect_s_has_to_be_there(tmp_path: Path) -> None:
    """No server is started, no database made; the run is a call."""
    environment = {"PREFECT_API_URL": "", "PREFECT_HOME": "/proc/nowhere"}
    done = in_a_process_of_its_own("run", "hubei", "--source", "demo", "--store", tmp_path / "store", **environment)
    assert done.returncode == 0, done.stderr
    assert "checks passed" in done.stdout
    assert (tmp_path / "store" / "hubei" / "demo" / "latest.json").is_file()
