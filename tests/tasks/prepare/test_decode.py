"""Files of every kind: rewritten GRIB, NetCDF and Zarr decode to the same fields, broken ones are refused."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import eccodes
import numpy as np
import psutil
import pytest
import xarray as xr

from models.statistics import VARIABLES as TRAINED
from tasks.errors import BadInput, CorruptField, MixedCycles, UnreadableFile, readable
from tasks.prepare.decode import decode
from tasks.prepare.fields import DecodedField
from tasks.prepare.open_xarray import open_dataset
from tasks.variables import VARIABLES
from tests.conftest import DEMO_GRIB
from tests.grib import messages

NAMES = list(TRAINED)
INIT, VALID = datetime(2021, 12, 10, 12, tzinfo=UTC), datetime(2021, 12, 10, 20, tzinfo=UTC)
PACKING = {"t2m": 5e-3, "d2m": 5e-3, "u10": 5e-3, "v10": 5e-3, "sp": 1.0, "msl": 1.0, "tp": 1e-6}  # 16 bits of range
MESSAGES = messages(DEMO_GRIB)


def same(values: np.ndarray) -> np.ndarray:
    return values


@dataclass(frozen=True)
class Change:
    """Keys to set in a message, in this order, and what happens to its values (rows, cols)."""

    keys: dict[str, str | int | float]
    values: Callable[[np.ndarray], np.ndarray] = same


def changed(message: bytes, *changes: Change) -> bytes:
    """A message after some changes."""
    handle = eccodes.codes_new_from_message(message)
    values = eccodes.codes_get_array(handle, "values").reshape(81, 101)
    for change in changes:
        values = np.ascontiguousarray(change.values(values))
        for key, value in change.keys.items():
            eccodes.codes_set(handle, key, value)
        eccodes.codes_set_values(handle, values.ravel())  # a new packing forgets them
    out: bytes = eccodes.codes_get_message(handle)
    eccodes.codes_release(handle)
    return out


def rewritten(*changes: Change) -> list[bytes]:
    """The demo's messages after the same changes to each."""
    return [changed(message, *changes) for message in MESSAGES]


def read(path: Path, wanted: set[str] | None = None) -> dict[str, DecodedField]:
    """Decoded fields by variable; one each."""
    fields = list(decode(path, wanted or set(NAMES)))
    by_name = {f.header.variable.name: f for f in fields}
    assert len(by_name) == len(fields)
    return by_name


@pytest.fixture(scope="module")
def demo() -> dict[str, DecodedField]:
    return read(DEMO_GRIB)


def write(folder: Path, parts: list[bytes]) -> Path:
    path = folder / "rewritten.grib2"
    path.write_bytes(b"".join(parts))
    return path


def assert_equal(found: dict[str, DecodedField], expected: dict[str, DecodedField]) -> None:
    assert set(found) == set(expected)
    for name, field in expected.items():
        other = found[name]
        assert other.grid == field.grid
        assert (other.header.init, other.header.valid) == (field.header.init, field.header.valid)
        if other.header.start is not None or not field.header.variable.amount:  # NetCDF does not say it of amounts
            assert other.header.start == field.header.start
        assert (other.header.origin, other.header.expver, other.header.analysis) == (
            field.header.origin,
            field.header.expver,
            field.header.analysis,
        )
        assert other.values.dtype == np.float32
        np.testing.assert_allclose(other.values, field.values, rtol=0, atol=PACKING[name], err_msg=name)


def test_demo_holds_all_variables_of_one_forecast(demo: dict[str, DecodedField]) -> None:
    assert set(demo) == set(NAMES)
    for field in demo.values():
        assert (field.header.init, field.header.valid) == (INIT, VALID)
        assert (field.header.origin, field.header.expver, field.header.analysis) == ("ifs", "0001", False)
        assert field.header.start == (INIT if field.header.variable.amount else VALID)
        assert str(field.grid) == "81x101 points of 0.25x0.25 degree, 20..40N 100..125E"
    assert 250 < demo["t2m"].values.min() < demo["t2m"].values.max() < 300
    assert demo["t2m"].values[0].mean() < demo["t2m"].values[-1].mean()  # it is colder in the north


FLIPPED_ROWS = Change(
    {"jScansPositively": 1, "latitudeOfFirstGridPointInDegrees": 20.0, "latitudeOfLastGridPointInDegrees": 40.0},
    lambda v: v[::-1],
)
FLIPPED_COLUMNS = Change(
    {"iScansNegatively": 1, "longitudeOfFirstGridPointInDegrees": 125.0, "longitudeOfLastGridPointInDegrees": 100.0},
    lambda v: v[:, ::-1],
)
COLUMN_MAJOR = Change({"jPointsAreConsecutive": 1}, lambda v: v.T)
SIMPLE = Change({"packingType": "grid_simple"})
EDITION_1 = Change({"edition": 1})


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param([FLIPPED_ROWS], id="south first"),
        pytest.param([FLIPPED_COLUMNS], id="east first"),
        pytest.param([FLIPPED_ROWS, FLIPPED_COLUMNS], id="south-east first"),
        pytest.param([COLUMN_MAJOR], id="column by column"),
        pytest.param([SIMPLE], id="simple packing"),
        pytest.param([Change({"packingType": "grid_ieee", "precision": 1})], id="IEEE floats"),
        pytest.param([Change({"packingType": "grid_complex_spatial_differencing"})], id="complex packing"),
        pytest.param([Change({"bitsPerValue": 24})], id="24 bits"),
        pytest.param([SIMPLE, EDITION_1], id="GRIB 1"),
        pytest.param([SIMPLE, EDITION_1, FLIPPED_ROWS], id="GRIB 1, south first"),
    ],
)
def test_grib_written_another_way_decodes_to_the_same_fields(
    changes: list[Change], tmp_path: Path, demo: dict[str, DecodedField]
) -> None:
    assert_equal(read(write(tmp_path, rewritten(*changes))), demo)


def test_messages_of_both_editions_in_any_order_decode_to_the_same_fields(
    tmp_path: Path, demo: dict[str, DecodedField]
) -> None:
    mixed = rewritten(SIMPLE, EDITION_1)[:3] + MESSAGES[3:]
    np.random.default_rng(8).shuffle(mixed)
    assert_equal(read(write(tmp_path, mixed)), demo)


def test_other_parameters_levels_and_members_are_skipped(tmp_path: Path, demo: dict[str, DecodedField]) -> None:
    kinds: list[dict[str, str | int | float]] = [
        {"paramId": 164},  # total cloud cover
        {"paramId": 130, "typeOfLevel": "isobaricInhPa", "level": 850},
        {"productDefinitionTemplateNumber": 1, "type": "pf", "number": 7, "numberOfForecastsInEnsemble": 50},
    ]
    extra = [changed(MESSAGES[0], Change(keys)) for keys in kinds]
    assert_equal(read(write(tmp_path, [extra[0], *MESSAGES[:4], extra[1], *MESSAGES[4:], extra[2]])), demo)


def test_only_wanted_variables_are_decoded(demo: dict[str, DecodedField]) -> None:
    assert_equal(read(DEMO_GRIB, {"t2m", "tp"}), {n: demo[n] for n in ("t2m", "tp")})


@pytest.mark.parametrize(
    ("first", "last", "west"),
    [
        pytest.param(350.0, 15.0, -10.0, id="across Greenwich in 0..360"),
        pytest.param(-10.0, 15.0, -10.0, id="negative"),
        pytest.param(235.0, 260.0, -125.0, id="west in 0..360"),
        pytest.param(-125.0, -100.0, -125.0, id="west, negative"),
        pytest.param(170.0, 195.0, 170.0, id="across the date line past 180"),
        pytest.param(170.0, -165.0, 170.0, id="across the date line, negative"),
    ],
)
@pytest.mark.parametrize("edition", [1, 2])
def test_longitudes_come_out_rising_from_minus_180(
    first: float, last: float, west: float, edition: int, tmp_path: Path, demo: dict[str, DecodedField]
) -> None:
    moved = Change({"longitudeOfFirstGridPointInDegrees": first, "longitudeOfLastGridPointInDegrees": last})
    changes = [SIMPLE, EDITION_1, moved] if edition == 1 else [moved]
    found = read(write(tmp_path, rewritten(*changes)))
    for name, field in found.items():
        assert (field.grid.west, field.grid.east, field.grid.cols) == (west, west + 25.0, 101)
        np.testing.assert_allclose(field.values, demo[name].values, atol=PACKING[name])


def test_globe_that_starts_at_180_is_turned_with_its_values(tmp_path: Path) -> None:
    """As ECMWF open data writes it: 180..539.75."""
    longitude = 180.0 + 2.5 * np.arange(144)

    keys: dict[str, str | int | float] = {
        "Ni": 144, "Nj": 73, "iDirectionIncrementInDegrees": 2.5, "jDirectionIncrementInDegrees": 2.5,
        "latitudeOfFirstGridPointInDegrees": 90.0, "latitudeOfLastGridPointInDegrees": -90.0,
        "longitudeOfFirstGridPointInDegrees": 180.0, "longitudeOfLastGridPointInDegrees": 177.5,
    }  # fmt: skip
    globe = Change(keys, lambda _: 280.0 + 10 * np.sin(np.deg2rad(longitude))[None, :] * np.ones((73, 1)))
    path = write(tmp_path, [changed(MESSAGES[0], globe)])
    field = read(path)["t2m"]
    assert (field.grid.west, field.grid.cols, field.grid.wraps) == (-180.0, 144, True)
    expected = 280.0 + 10 * np.sin(np.deg2rad(field.grid.longitude))
    np.testing.assert_allclose(field.values[30], expected, atol=1e-2)


def test_precipitation_in_kg_per_square_metre_becomes_metres(tmp_path: Path, demo: dict[str, DecodedField]) -> None:
    path = write(tmp_path, [changed(MESSAGES[-1], Change({"paramId": 228228}, lambda v: v * 1000.0))])
    assert_equal(read(path), {"tp": demo["tp"]})


@pytest.mark.parametrize("edition", [1, 2])
def test_missing_values_of_the_bitmap_become_nan(edition: int, tmp_path: Path, demo: dict[str, DecodedField]) -> None:
    def punch(values: np.ndarray) -> np.ndarray:
        values = values.copy()
        values[2:5, 10:20] = 9999.0
        return values

    changes = [SIMPLE, EDITION_1] if edition == 1 else []
    path = write(tmp_path, rewritten(*changes, Change({"bitmapPresent": 1, "missingValue": 9999.0}, punch)))
    hole = np.zeros((81, 101), dtype=bool)
    hole[2:5, 10:20] = True
    for name, field in read(path).items():
        np.testing.assert_array_equal(np.isnan(field.values), hole)
        np.testing.assert_allclose(field.values[~hole], demo[name].values[~hole], atol=PACKING[name])


def test_reanalysis_in_grib_1_with_padded_messages_is_read(tmp_path: Path) -> None:
    """ECMWF's archive pads GRIB 1 messages with zeros to a multiple of 120 bytes."""
    parts = []
    for hour in range(3):
        keys = Change({"marsClass": "ea", "marsType": "an", "dataTime": 100 * hour, "startStep": 0, "endStep": 0})
        message = changed(MESSAGES[0], SIMPLE, EDITION_1, keys)
        padding = -len(message) % 120
        assert padding > 0
        parts.append(message + bytes(padding))
    fields = list(decode(write(tmp_path, parts), {"t2m"}))
    assert [f.header.valid.hour for f in fields] == [0, 1, 2]
    assert {(f.header.origin, f.header.analysis) for f in fields} == {("era5", True)}


def test_download_of_a_month_of_era5_is_read_whole(shared_data: Path) -> None:
    fields = list(decode(shared_data / "fixtures" / "era5_uk_2t_hourly_201903.grib", {"t2m"}))
    assert len(fields) == 744
    assert (fields[0].header.valid, fields[-1].header.valid) == (
        datetime(2019, 3, 1, tzinfo=UTC),
        datetime(2019, 3, 31, 23, tzinfo=UTC),
    )


STARTS = np.cumsum([0, *(len(m) for m in MESSAGES)])


@pytest.mark.parametrize("number", [1, 4, 7])
@pytest.mark.parametrize(
    ("kept", "what"), [(5, "in its first section"), (100, "in its header"), (-4, "before 7777"), (-1, "one byte short")]
)
def test_truncated_grib_names_the_message(number: int, kept: int, what: str, demo_grib: Path) -> None:
    end = STARTS[number - 1] + kept if kept > 0 else STARTS[number] + kept
    demo_grib.write_bytes(demo_grib.read_bytes()[:end])
    with pytest.raises(UnreadableFile, match=rf"demo\.grib2: .*\b{number if kept > 5 or kept < 0 else ''}") as refused:
        list(decode(demo_grib, set(NAMES)))
    assert "fetch the file again" in str(refused.value)


def test_a_truncated_message_that_nobody_wants_is_refused_as_well(demo_grib: Path) -> None:
    demo_grib.write_bytes(demo_grib.read_bytes()[:-100])
    with pytest.raises(UnreadableFile, match="message 7"):
        list(decode(demo_grib, {"t2m"}))


@pytest.mark.parametrize("junk", [b"<html>502 Bad Gateway</html>", b"\x00\x00junk", b"7777", b"GRI"])
@pytest.mark.parametrize("where", [1, 3, 7])
def test_junk_between_or_after_messages_is_refused_with_its_place(junk: bytes, where: int, tmp_path: Path) -> None:
    parts = MESSAGES
    path = write(tmp_path, [*parts[:where], junk, *parts[where:]])
    with pytest.raises(UnreadableFile, match=rf"rewritten\.grib2: .*\b({STARTS[where]}|{STARTS[where] + 2})\b"):
        list(decode(path, set(NAMES)))


def test_zeros_of_a_download_that_stopped_are_not_taken_for_padding(demo_grib: Path) -> None:
    data = demo_grib.read_bytes()
    demo_grib.write_bytes(data[: STARTS[5]] + bytes(len(data) - STARTS[5]))
    with pytest.raises(UnreadableFile, match="are not GRIB"):
        list(decode(demo_grib, set(NAMES)))


@pytest.mark.parametrize("offset", [0, 3, 7, 8, 12, 13, 14, 15, 16, 17, 18, 19, 20])
@pytest.mark.parametrize("number", [1, 5])
def test_flipped_bits_in_a_messages_frame_are_refused(offset: int, number: int, demo_grib: Path) -> None:
    """Offsets of GRIB 2: 0 "GRIB", 7 edition, 8 length of the message, 16 length and number of section 1."""
    data = bytearray(demo_grib.read_bytes())
    data[STARTS[number - 1] + offset] ^= 0x55
    demo_grib.write_bytes(data)
    with pytest.raises((UnreadableFile, CorruptField), match=r"demo\.grib2"):
        list(decode(demo_grib, set(NAMES)))


@pytest.mark.parametrize("seed", range(25))
def test_a_damaged_header_never_ends_in_anything_but_a_refusal_or_fields(seed: int, demo_grib: Path) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(demo_grib.read_bytes())
    data[STARTS[rng.integers(7)] + rng.integers(180)] ^= int(rng.integers(1, 256))
    demo_grib.write_bytes(data)
    try:
        fields = list(decode(demo_grib, set(NAMES)))
    except BadInput as refusal:
        assert "demo.grib2" in str(refusal) or "GRIB grid" in str(refusal)
    else:
        assert 6 <= len(fields) <= 7


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            Change({"gridType": "rotated_ll"}), "grid rotated_ll; only latitudes and longitudes are read", id="rotated"
        ),
        pytest.param(Change({"alternativeRowScanning": 1}), "alternating directions", id="boustrophedon"),
        pytest.param(Change({"jScansPositively": 1}), "contradict the scanning mode", id="contradiction"),
    ],
)
def test_grib_grids_that_are_not_read_are_named(change: Change, told: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=told):
        read(write(tmp_path, rewritten(change)))


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"nowhere\.nc: no such file"):
        list(decode(tmp_path / "nowhere.nc", set(NAMES)))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.grib2", b"", "empty file"),
        ("page.grib2", b"<html>404 Not Found</html>", r"page.grib2: is a web page \(404 Not Found\), not data; fetch"),
        ("short.grib2", b"GRIB", "message 1"),
        ("half.nc", b"\x89HDF\r\n\x1a\n" + bytes(20), "does not open as NetCDF"),
        ("half3.nc", b"CDF\x01", "does not open as NetCDF"),
    ],
)
def test_file_that_is_not_what_its_name_says_is_refused(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match=told) as refused:
        list(decode(tmp_path / name, set(NAMES)))
    assert name in str(refused.value)


def test_folder_that_is_no_zarr_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="does not open as Zarr"):
        list(decode(tmp_path, set(NAMES)))


@pytest.fixture
def dataset(demo: dict[str, DecodedField]) -> xr.Dataset:
    """Three of the demo's fields as cfgrib would give them for one lead time."""
    grid = demo["t2m"].grid
    coords = {"latitude": grid.latitude, "longitude": grid.longitude}
    arrays = {
        n: (("latitude", "longitude"), demo[n].values, {"units": VARIABLES[n].units}) for n in ("t2m", "sp", "tp")
    }
    ds = xr.Dataset(arrays, coords)
    init, valid = (np.datetime64(t.replace(tzinfo=None), "ns") for t in (INIT, VALID))
    return ds.assign_coords(time=init, step=valid - init, valid_time=valid)


def scaled(ds: xr.Dataset, name: str, function: Callable[[xr.DataArray], xr.DataArray], units: str) -> xr.Dataset:
    """One variable in another unit."""
    return ds.assign({name: function(ds[name].astype("float64")).assign_attrs(units=units)})


def rolled(ds: xr.Dataset) -> xr.Dataset:
    """As a region around Greenwich, written 0..360."""
    return ds.assign_coords(longitude=(ds.longitude - 110.0) % 360.0)


VARIANTS = {
    "as it is": lambda ds: ds,
    "south first": lambda ds: ds.isel(latitude=slice(None, None, -1)),
    "east first": lambda ds: ds.isel(longitude=slice(None, None, -1)),
    "longitude first": lambda ds: ds.transpose("longitude", "latitude"),
    "float32 coordinates": lambda ds: ds.assign_coords(
        latitude=ds.latitude.astype("float32"), longitude=ds.longitude.astype("float32")
    ),
    "a turn further": lambda ds: ds.assign_coords(longitude=ds.longitude + 360.0),
    "a turn back": lambda ds: ds.assign_coords(longitude=ds.longitude - 360.0),
    "other names": lambda ds: ds.rename(t2m="2t", latitude="lat", longitude="lon"),
    "CMIP names": lambda ds: ds.rename(t2m="tas", latitude="lat", longitude="lon"),
    "degrees Celsius": lambda ds: scaled(ds, "t2m", lambda t: t - 273.15, "degC"),
    "hectopascal": lambda ds: scaled(ds, "sp", lambda p: p / 100.0, "hPa"),
    "millimetres": lambda ds: scaled(ds, "tp", lambda p: p * 1000.0, "mm"),
    "kilograms per square metre": lambda ds: scaled(ds, "tp", lambda p: p * 1000.0, "kg m-2"),
    "no units": lambda ds: ds.assign(t2m=ds.t2m.drop_attrs()),
    "dimensions of one": lambda ds: ds.expand_dims(["number", "step"]),
    "without valid_time": lambda ds: ds.drop_vars("valid_time"),
    "without valid_time, dimension of one": lambda ds: ds.drop_vars("valid_time").expand_dims("time"),
    "other fields too": lambda ds: ds.assign(swh=ds.t2m * 0, station=("station", [1, 2])),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_netcdf_written_another_way_decodes_to_the_same_fields(
    variant: str, dataset: xr.Dataset, tmp_path: Path, demo: dict[str, DecodedField]
) -> None:
    VARIANTS[variant](dataset).to_netcdf(tmp_path / "field.nc")
    found = read(tmp_path / "field.nc")
    assert set(found) == {"t2m", "sp", "tp"}
    for name, field in found.items():
        assert field.grid == demo[name].grid
        assert (field.header.init, field.header.valid) == (INIT, VALID)
        assert field.header.start == (None if name == "tp" else VALID), "of amounts NetCDF does not say it"
        assert not field.header.analysis
        np.testing.assert_allclose(field.values, demo[name].values, rtol=1e-6)
        assert field.values.dtype == np.float32


@pytest.mark.parametrize("engine", ["zarr2", "zarr3", "NETCDF3_CLASSIC", "NETCDF4"])
def test_every_container_decodes_to_the_same_fields(
    engine: str, dataset: xr.Dataset, tmp_path: Path, demo: dict[str, DecodedField]
) -> None:
    path = tmp_path / "container"
    if engine.startswith("zarr"):
        dataset.to_zarr(path, zarr_format=int(engine[-1]))  # type: ignore[call-overload]
    else:
        dataset.to_netcdf(path, format=engine)  # type: ignore[call-overload]
    found = read(path)
    for name in ("t2m", "sp", "tp"):
        np.testing.assert_array_equal(found[name].values, demo[name].values)


def test_netcdf_around_greenwich_in_0_to_360_is_put_together(dataset: xr.Dataset, tmp_path: Path) -> None:
    rolled(dataset).sortby("longitude").to_netcdf(tmp_path / "field.nc")
    field = read(tmp_path / "field.nc")["t2m"]
    assert (field.grid.west, field.grid.east) == (-10.0, 15.0)
    np.testing.assert_array_equal(field.values, dataset.t2m.values)


def test_packed_netcdf_with_missing_values_is_unpacked(dataset: xr.Dataset, tmp_path: Path) -> None:
    ds = dataset[["t2m"]].copy(deep=True)
    ds.t2m[3, 4] = np.nan
    packing = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 273.15, "_FillValue": -32767}
    ds.to_netcdf(tmp_path / "packed.nc", encoding={"t2m": packing})
    values = read(tmp_path / "packed.nc")["t2m"].values
    assert np.isnan(values[3, 4])
    assert np.isnan(values).sum() == 1
    assert np.nanmax(np.abs(values - dataset.t2m.values)) < 0.006


def test_time_series_of_a_reanalysis_gives_a_field_an_hour(dataset: xr.Dataset, tmp_path: Path) -> None:
    hours = np.array(["2020-07-01T00", "2020-07-01T01"], dtype="datetime64[ns]")
    series = dataset.drop_vars(["time", "step", "valid_time"]).expand_dims(valid_time=hours)
    series.assign_attrs(history="from reanalysis-era5-single-levels").to_netcdf(tmp_path / "era5.nc")
    fields = list(decode(tmp_path / "era5.nc", {"t2m", "tp"}))
    assert [f.header.valid.hour for f in fields] == [0, 1, 0, 1]
    assert all(f.header.analysis and f.header.origin == "era5" for f in fields)
    assert {f.header.start for f in fields if f.header.variable.amount} == {None}, "it does not say of which time"


def test_lead_times_of_one_cycle_share_their_start(dataset: xr.Dataset, tmp_path: Path) -> None:
    flat = dataset.drop_vars(["step", "valid_time"])
    steps = np.array([6, 12], dtype="timedelta64[h]").astype("timedelta64[ns]")
    flat.expand_dims(step=steps).to_netcdf(tmp_path / "forecast.nc")
    fields = list(decode(tmp_path / "forecast.nc", {"tp"}))
    assert [f.header.lead.total_seconds() / 3600 for f in fields] == [6, 12]
    assert {(f.header.init, f.header.start, f.header.analysis) for f in fields} == {(INIT, None, False)}


def test_lead_times_written_as_whole_hours_are_hours(dataset: xr.Dataset, tmp_path: Path) -> None:
    """Files that older versions of xarray wrote do not mark a step as a timedelta."""
    flat = dataset.drop_vars(["step", "valid_time"]).expand_dims(step=[6, 12])
    with_units = flat.assign_coords(step=flat.step.assign_attrs(units="hours"))
    with_units.to_netcdf(tmp_path / "hours.nc")
    with_units.to_zarr(tmp_path / "hours.zarr")
    for name in ("hours.nc", "hours.zarr"):
        assert [f.header.lead.total_seconds() / 3600 for f in decode(tmp_path / name, {"tp"})] == [6, 12]
    flat.to_netcdf(tmp_path / "bare.nc")
    with pytest.raises(UnreadableFile, match=r"bare\.nc: step 6 has no unit of time"):
        list(decode(tmp_path / "bare.nc", {"tp"}))


def test_two_cycles_with_lead_times_in_one_file_are_refused(dataset: xr.Dataset, tmp_path: Path) -> None:
    flat = dataset.drop_vars(["time", "valid_time"]).expand_dims("step")
    times = np.array(["2020-07-01T00", "2020-07-01T12"], dtype="datetime64[ns]")
    flat.expand_dims(time=times).to_netcdf(tmp_path / "two.nc")
    with pytest.raises(MixedCycles, match=r"two\.nc: 2 cycles in one file"):
        list(decode(tmp_path / "two.nc", {"t2m"}))


@pytest.mark.parametrize(("name", "units"), [("t2m", "Pa"), ("t2m", "warm"), ("sp", "m"), ("tp", "kg m-3")])
def test_units_that_do_not_convert_are_refused_with_the_expected_ones(
    name: str, units: str, dataset: xr.Dataset, tmp_path: Path
) -> None:
    dataset[name].attrs["units"] = units
    dataset.to_netcdf(tmp_path / "odd.nc")
    with pytest.raises(UnreadableFile) as refused:
        list(decode(tmp_path / "odd.nc", set(NAMES)))
    for part in ("odd.nc", name, repr(units), VARIABLES[name].units):
        assert part in str(refused.value)


def test_two_members_are_refused(dataset: xr.Dataset, tmp_path: Path) -> None:
    dataset.expand_dims(number=[0, 1]).to_netcdf(tmp_path / "ensemble.nc")
    with pytest.raises(UnreadableFile, match=r"ensemble\.nc: t2m has a dimension number; select one"):
        list(decode(tmp_path / "ensemble.nc", set(NAMES)))


def test_curvilinear_and_missing_coordinates_are_refused(dataset: xr.Dataset, tmp_path: Path) -> None:
    bare = dataset.drop_vars(["latitude", "longitude"])
    bare.to_netcdf(tmp_path / "bare.nc")
    with pytest.raises(UnreadableFile, match=r"bare\.nc: no one-dimensional latitude"):
        list(decode(tmp_path / "bare.nc", set(NAMES)))
    lat, lon = np.meshgrid(dataset.latitude, dataset.longitude, indexing="ij")
    curved = bare.rename(latitude="y", longitude="x").assign_coords(lat=(("y", "x"), lat), lon=(("y", "x"), lon))
    curved.to_netcdf(tmp_path / "curved.nc")
    with pytest.raises(UnreadableFile, match=r"curved\.nc: latitude lat has dimensions .* no grid of latitudes"):
        list(decode(tmp_path / "curved.nc", set(NAMES)))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.99])
@pytest.mark.parametrize("format", ["NETCDF3_CLASSIC", "NETCDF4"])
def test_truncated_netcdf_is_refused(share: float, format: str, dataset: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "cut.nc"
    dataset.to_netcdf(path, format=format)  # type: ignore[call-overload]
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(UnreadableFile, match=r"cut\.nc"):
        list(decode(path, set(NAMES)))


def test_damaged_block_of_a_netcdf_is_refused(dataset: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "damaged.nc"
    dataset[["t2m"]].to_netcdf(path, encoding={"t2m": {"zlib": True, "fletcher32": True}})
    data = bytearray(path.read_bytes())
    middle = data.find(b"\x78\x5e") if b"\x78\x5e" in data else len(data) // 2
    data[middle + 200] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UnreadableFile, match=r"damaged\.nc t2m .*does not decode .*fetch it again"):
        list(decode(path, set(NAMES)))


def test_damaged_block_of_a_zarr_store_is_refused(dataset: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "damaged.zarr"
    dataset[["t2m"]].to_zarr(path, zarr_format=3)
    chunk = next(p for p in (path / "t2m").rglob("*") if p.is_file() and p.name != "zarr.json")
    chunk.write_bytes(chunk.read_bytes()[:100])
    with pytest.raises(UnreadableFile, match=r"damaged\.zarr t2m .*does not decode .*fetch it again"):
        list(decode(path, set(NAMES)))


@pytest.mark.parametrize("name", ["step", "latitude"])
def test_damaged_coordinate_of_a_zarr_store_is_refused_in_a_line(
    name: str, dataset: xr.Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.zarr"
    dataset[["t2m"]].to_zarr(path, zarr_format=3)
    chunk = next(p for p in (path / name).rglob("*") if p.is_file() and p.name != "zarr.json")
    chunk.write_bytes(chunk.read_bytes()[:-3])
    with pytest.raises(UnreadableFile, match=r"damaged\.zarr: .*fetch it again|does not open as Zarr") as refused:
        list(decode(path, set(NAMES)))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("name", "value"), [("step", -2e46), ("valid_time", 1e9), ("time", -1e7)])
def test_times_that_no_calendar_has_are_refused_in_a_line(
    name: str, value: float, dataset: xr.Dataset, tmp_path: Path
) -> None:
    units = "hours" if name == "step" else "hours since 1970-01-01"
    ds = dataset[["t2m"]].drop_vars([n for n in ("step", "valid_time", "time") if n in dataset.coords])
    ds = ds.assign_coords({name: ((), value, {"units": units})})
    ds.to_netcdf(tmp_path / "far.nc")
    with pytest.raises((UnreadableFile, CorruptField), match=r"far\.nc") as refused:
        list(decode(tmp_path / "far.nc", set(NAMES)))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("date", [10211210, 99991210])
def test_a_message_of_another_age_is_refused(date: int, tmp_path: Path) -> None:
    path = write(tmp_path, rewritten(Change({"dataDate": date})))
    with pytest.raises(CorruptField, match=r"message \d.*(of no field's time|valid from)"):
        list(decode(path, set(NAMES)))


def test_what_is_said_of_a_file_is_one_line_whatever_a_library_says() -> None:
    with pytest.raises(UnreadableFile) as refused, readable("a.nc: does not decode"):
        raise OverflowError("first\nsecond")
    assert str(refused.value) == "a.nc: does not decode (OverflowError: first); fetch it again"
    with pytest.raises(MixedCycles, match=r"^two$"), readable("a.nc: does not decode"):
        raise MixedCycles("two")


@pytest.mark.parametrize("group", [None, "a/b"])
def test_a_netcdf_file_that_was_read_is_closed_whatever_the_garbage_collector_does(
    group: str | None, tmp_path: Path
) -> None:
    """One that stays open cannot be appended to, and its handle is one of a thousand."""
    time = xr.Variable("time", [1], {"units": "months since 2000-01-01"})  # which is made anew, and the dataset with it
    fields = {"t2m": (("time", "latitude", "longitude"), np.full((1, 2, 2), 280.0), {"units": "K"})}
    ds = xr.Dataset(fields, {"time": time, "latitude": [31.0, 30.0], "longitude": [110.0, 111.0]})
    ds.to_netcdf(file := tmp_path / "file.nc", group=group)
    gc.collect()
    gc.disable()
    try:
        with open_dataset(file) as opened:
            assert opened["t2m"].values.shape == (1, 2, 2)
            assert opened["time"].values.astype("datetime64[D]") == np.datetime64("2000-02-01")
        assert str(file) not in [f.path for f in psutil.Process().open_files()]
    finally:
        gc.enable()
