"""ECMWF open data's layout, read from copies of the demo cycle that are spoiled in one way each."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import pytest

from models.statistics import VARIABLES as TRAINED
from tasks.acquire.layout import file_uri
from tasks.acquire.open_data import assert_is_message, by_key, fetch_lead_time, read_index
from tasks.errors import IncompleteDownload
from tasks.handover.cycle import Cycle
from tasks.prepare.decode import decode
from tasks.variables import VARIABLES, Variable, known
from tests.conftest import DEMO_GRIB

TIME = datetime(2021, 12, 10, 12, tzinfo=UTC)
CYCLE = Cycle(source="ifs", time=TIME)
ALL = known(list(TRAINED))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the demo cycle's tree."""
    return Path(shutil.copytree(DEMO_GRIB.parents[5], tmp_path / "mirror"))


def grib(root: Path) -> Path:
    return Path(file_uri(str(root), TIME, 8) + ".grib2")


def index(root: Path) -> Path:
    return Path(file_uri(str(root), TIME, 8) + ".index")


def edit_index(root: Path, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    lines = [json.loads(line) for line in index(root).read_text().splitlines()]
    index(root).write_text("".join(json.dumps(line) + "\n" for line in edit(lines)))


def fetch(root: Path, variables: list[Variable] = ALL, cycle: Cycle = CYCLE, step: int = 8) -> Path:
    raw = fetch_lead_time(str(root), cycle, step, variables, str(root.parent / "raw"))
    file = Path(raw.uri)
    assert raw.size == file.stat().st_size
    assert raw.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    return file


def test_names_follow_ecmwfs_layout() -> None:
    assert file_uri("s3://ecmwf-forecasts", datetime(2026, 4, 22, 6, tzinfo=UTC), 3) == (
        "s3://ecmwf-forecasts/20260422/06z/ifs/0p25/scda/20260422060000-3h-scda-fc"
    )


def test_index_lines_are_read_with_blank_lines_between() -> None:
    text = b'\n{"param": "2t", "levtype": "sfc", "step": "8", "_offset": 5, "_length": 7, "other": 1}\n\n'
    (entry,) = read_index(text)
    assert (entry.param, entry.levtype, entry.step, entry.offset, entry.length) == ("2t", "sfc", "8", 5, 7)


def test_a_parameter_of_several_names_is_found_by_the_first_that_it_has() -> None:
    lines = [
        {"param": p, "levtype": "sfc", "step": "6", "_offset": i, "_length": 7} for i, p in enumerate(["10fg3", "2t"])
    ]
    found = by_key(read_index("\n".join(map(json.dumps, lines)).encode()))
    assert (found["10fg"].param, found["10fg"].offset, found["2t"].offset) == ("10fg", 0, 1)
    lines.append({"param": "10fg", "levtype": "sfc", "step": "6", "_offset": 9, "_length": 7})
    assert by_key(read_index("\n".join(map(json.dumps, lines)).encode()))["10fg"].offset == 9


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"param": "2t", "lev', "line 2: Invalid JSON: EOF"),
        (b"<html>", "line 2: Invalid JSON: expected value"),
        (b"\xff\xfe", "line 2: Invalid JSON"),
        (b"[5]", "line 2: Input should be an object"),
        (b'{"param": "2t", "levtype": "sfc", "step": "8", "_offset": 5}', "line 2 _length: Field required"),
        (b'{"param": "2t", "levtype": "sfc", "step": "8", "_offset": -5, "_length": 7}', "line 2 _offset: .* 0"),
        (b'{"param": "2t", "levtype": "sfc", "step": "8", "_offset": 5, "_length": 0}', "line 2 _length: .* 0"),
        (b'{"param": null, "levtype": "sfc", "step": 8, "_offset": "5", "_length": "7"}', "line 2 param: .* string"),
    ],
)
def test_an_index_that_is_none_says_in_which_line_and_why(line: bytes, why: str) -> None:
    good = b'{"param": "2t", "levtype": "sfc", "step": 8, "_offset": "5", "_length": "7"}'
    assert read_index(good)[0].step == "8"
    with pytest.raises(ValueError, match=f"^{why}") as caught:
        read_index(good + b"\n" + line)
    assert "\n" not in str(caught.value)


def test_fetched_file_decodes_to_all_variables(root: Path) -> None:
    fields = {f.header.variable.name: f for f in decode(fetch(root), set(VARIABLES))}
    assert list(fields) == list(TRAINED)
    original = {f.header.variable.name: f for f in decode(DEMO_GRIB, set(VARIABLES))}
    for name, field in fields.items():
        np.testing.assert_array_equal(field.values, original[name].values)


def test_only_the_ranges_of_wanted_variables_are_fetched(root: Path) -> None:
    file = fetch(root, [VARIABLES["tp"], VARIABLES["t2m"]])
    assert [f.header.variable.name for f in decode(file, set(VARIABLES))] == ["tp", "t2m"]
    assert file.stat().st_size == 10493 + 13053
    assert file.name == "2021-12-10T12-8h.grib2"


def test_the_same_parameter_on_a_pressure_level_is_not_mixed_up(root: Path) -> None:
    edit_index(root, lambda lines: [*lines, lines[0] | {"levtype": "pl", "_offset": 999999}])
    assert fetch(root).stat().st_size == DEMO_GRIB.stat().st_size


def test_parameter_missing_from_the_index_is_named(root: Path) -> None:
    edit_index(root, lambda lines: [line for line in lines if line["param"] != "msl"])
    wanted = r"ifs/2021-12-10T12 \+8 h: msl is not in the index .*20211210120000-8h-oper-fc\.index;"
    with pytest.raises(IncompleteDownload, match=wanted):
        fetch(root)
    assert not (root.parent / "raw").exists()


def test_rain_may_be_missing_at_the_start_only(root: Path) -> None:
    """Services leave it out there; every other variable has to be in the index."""
    for ending in (".grib2", ".index"):
        shutil.copy(file_uri(str(root), TIME, 8) + ending, file_uri(str(root), TIME, 0) + ending)
    start = Path(file_uri(str(root), TIME, 0) + ".index")
    parts, offset, lines = [], 0, []
    with DEMO_GRIB.open("rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            short_name = eccodes.codes_get(handle, "shortName")
            if short_name != "tp":
                eccodes.codes_set(handle, "step", 0)
                parts.append(eccodes.codes_get_message(handle))
                entry = {"param": short_name, "levtype": "sfc", "step": "0"}
                lines.append(json.dumps(entry | {"_offset": offset, "_length": len(parts[-1])}))
                offset += len(parts[-1])
            eccodes.codes_release(handle)
    start.write_text("\n".join(lines))
    start.with_suffix(".grib2").write_bytes(b"".join(parts))
    assert [f.header.variable.name for f in decode(fetch(root, step=0), set(VARIABLES))] == list(TRAINED)[:-1]
    edit_index(root, lambda entries: [e for e in entries if e["param"] != "tp"])
    with pytest.raises(IncompleteDownload, match="tp is not in the index"):
        fetch(root)


def test_index_that_points_to_another_message_is_caught(root: Path) -> None:
    def swap(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[0] |= {"_offset": lines[1]["_offset"], "_length": lines[1]["_length"]}
        return lines

    edit_index(root, swap)
    with pytest.raises(
        IncompleteDownload, match=r"\+8 h 2t: the index is wrong, the message there is 2d of 2021-12-10T12"
    ):
        fetch(root)


@pytest.mark.parametrize(("shift", "longer"), [(1, 0), (-1, 0), (0, 1), (0, -1), (100, 0), (0, 100), (10**7, 0)])
def test_index_whose_ranges_are_off_is_caught(shift: int, longer: int, root: Path) -> None:
    def move(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[3] |= {"_offset": lines[3]["_offset"] + shift, "_length": lines[3]["_length"] + longer}
        return lines

    edit_index(root, move)
    with pytest.raises(IncompleteDownload, match=r"\+8 h 10v: .*not a whole GRIB message; fetch it again"):
        fetch(root)


@pytest.mark.parametrize("kept", [0, 100, 40000, 80000, -1])
def test_truncated_file_names_the_first_message_that_is_not_whole(kept: int, root: Path) -> None:
    grib(root).write_bytes(grib(root).read_bytes()[:kept])
    broken = {0: "2t", 100: "2t", 40000: "10v", 80000: "tp", -1: "tp"}[kept]
    with pytest.raises(IncompleteDownload, match=rf"\+8 h {broken}: "):
        fetch(root)
    assert not (root.parent / "raw").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b'{"param": "2t", "levtype": "sfc", "st', b"<html>busy</html>", b'{"param": "2t"}\n', b"\xff\xfe", b"[1]\n"],
)
def test_index_that_is_cut_or_no_index_is_refused(content: bytes, root: Path) -> None:
    index(root).write_bytes(content)
    with pytest.raises(IncompleteDownload, match=r"ifs/2021-12-10T12 \+8 h"):
        fetch(root)


def test_cycle_without_index_is_to_be_waited_for(root: Path) -> None:
    with pytest.raises(IncompleteDownload, match=r"\+11 h: no index at .*11h-oper-fc\.index; wait"):
        fetch(root, step=11)


def test_index_without_its_file_is_refused(root: Path) -> None:
    grib(root).unlink()
    with pytest.raises(IncompleteDownload, match=r"no file at .*8h-oper-fc\.grib2"):
        fetch(root)


def test_files_of_another_cycle_under_this_cycles_name_are_caught(root: Path) -> None:
    later = Cycle(source="ifs", time=datetime(2021, 12, 11, 0, tzinfo=UTC))
    target = Path(file_uri(str(root), later.time, 8) + ".grib2")
    target.parent.mkdir(parents=True)
    shutil.copy(grib(root), target)
    shutil.copy(index(root), target.with_suffix(".index"))
    with pytest.raises(IncompleteDownload, match=r"the message there is 2t of 2021-12-10T12 \+8 h"):
        fetch(root, cycle=later)


def test_files_of_another_lead_time_under_this_ones_name_are_caught(root: Path) -> None:
    for ending in (".grib2", ".index"):
        shutil.copy(file_uri(str(root), TIME, 8) + ending, file_uri(str(root), TIME, 9) + ending)
    with pytest.raises(IncompleteDownload, match=r"ifs/2021-12-10T12 \+9 h 2t: .*the message there is 2t .* \+8 h"):
        fetch(root, step=9)


@pytest.mark.parametrize("seed", range(25))
def test_flipped_header_byte_ends_in_a_message_or_is_refused(seed: int) -> None:
    """Whatever the byte was, nothing but `IncompleteDownload` comes out, and the identity was checked."""
    rng = np.random.default_rng(seed)
    data = bytearray(DEMO_GRIB.read_bytes()[:13053])
    data[rng.integers(190)] ^= int(rng.integers(1, 256))
    try:
        assert_is_message(bytes(data), VARIABLES["t2m"], CYCLE, 8, 13053, "here")
    except IncompleteDownload as refusal:
        assert str(refusal).startswith("here: ")
    else:
        handle = eccodes.codes_new_from_message(bytes(data))
        assert (eccodes.codes_get(handle, "dataDate"), eccodes.codes_get(handle, "endStep")) == (20211210, 8)
        eccodes.codes_release(handle)


def test_of_the_ensemble_there_is_no_finer_resolution_and_files_have_a_name_of_their_own() -> None:
    uri = file_uri("r", datetime(2026, 11, 20, tzinfo=UTC), 6, "0p1", "ens")
    assert uri.endswith("/20261120/00z/ifs/0p25/enfo/20261120000000-6h-enfo-ef")
