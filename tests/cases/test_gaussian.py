"""A model's own grid: refused with a command that brings it to latitudes, which is followed."""

from pathlib import Path

import eccodes
import numpy as np
import pytest

from tasks.errors import BadInput, UnreadableFile
from tasks.prepare.decode import decode
from tasks.prepare.gaussian import to_latitudes
from tests.conftest import DEMO_GRIB


@pytest.fixture
def gaussian(tmp_path: Path) -> Path:
    """2 m temperature on N32, which falls with latitude's sine square."""
    handle = eccodes.codes_grib_new_from_samples("reduced_gg_pl_32_grib2")
    for key, value in {"shortName": "2t", "dataDate": 20260530, "dataTime": 0, "step": 6}.items():
        eccodes.codes_set(handle, key, value)
    latitudes = eccodes.codes_get_array(handle, "latitudes")
    eccodes.codes_set_values(handle, 300 - 40 * np.sin(np.deg2rad(latitudes)) ** 2)
    (tmp_path / "n32.grib2").write_bytes(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    return tmp_path / "n32.grib2"


def test_refused_with_a_command_that_works(gaussian: Path, tmp_path: Path, finescale) -> None:
    with pytest.raises(UnreadableFile, match=r"grid reduced_gg; .* finescale regrid FILE NEW\.grib --spacing 0\.1"):
        list(decode(gaussian, {"t2m"}))
    result = finescale("regrid", gaussian, tmp_path / "new.grib", "--spacing", "1")
    assert "1 fields, every 1 degree" in result.output
    (field,) = decode(tmp_path / "new.grib", {"t2m"})
    expected = 300 - 40 * np.sin(np.deg2rad(field.grid.latitude)) ** 2
    inner = slice(5, -5)  # beyond the last latitude of the grid MIR has nothing to interpolate between
    np.testing.assert_allclose(field.values.mean(axis=1)[inner], expected[inner], atol=0.05)
    assert finescale("regrid", gaussian, tmp_path / "new.grib").exit_code != 0, "it is there already"


def test_what_cannot_be_done_is_one_line(gaussian: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="whole number makes 90"):
        to_latitudes(gaussian, tmp_path / "new.grib", 0.7)
    with pytest.raises(UnreadableFile, match="no GRIB file"):
        to_latitudes(tmp_path / "none.grib", tmp_path / "new.grib", 1.0)
    handle = eccodes.codes_new_from_message(DEMO_GRIB.read_bytes()[: 2**22])
    eccodes.codes_set(handle, "gridType", "rotated_ll")
    (tmp_path / "rotated.grib").write_bytes(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    with pytest.raises(UnreadableFile, match="grid rotated_ll"):
        to_latitudes(tmp_path / "rotated.grib", tmp_path / "new.grib", 1.0)
    assert not list(tmp_path.glob("*partial*"))
