"""What is staged is published only if all of it, not its fields alone, reads back as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import flows.downscale
from flows.downscale import downscale
from tasks.errors import ReadBackFailed


def gone(file: Path) -> None:
    """Read as the fill value: NaN, or 0."""
    file.unlink()


def flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def run(store: Path, monkeypatch: pytest.MonkeyPatch, before: Any, after: Any) -> str:
    """A run that fails, with something done to the staged product before and after it is computed; what it says."""
    whole = flows.downscale.run_slabs

    def between(slabs: Any, *rest: Any) -> Any:
        before(Path(slabs[0].product))
        reports = whole(slabs, *rest)
        after(Path(slabs[0].product))
        return reports

    monkeypatch.setattr(flows.downscale, "run_slabs", between)
    with pytest.raises(ReadBackFailed) as failure:
        downscale("hubei", source="demo", store=str(store), calibration=False)
    assert "\n" not in str(failure.value)
    assert [str(f) for f in store.rglob("*.zarr")] == []
    assert list(store.rglob("latest.json")) == []
    return str(failure.value)


@pytest.mark.usefixtures("prefect_server", "workspace")
@pytest.mark.parametrize("spoil", [gone, flipped])
@pytest.mark.parametrize(
    "file",
    [
        "msl/c/0/0/0",
        "latitude/c/0",
        "valid_time/c/0",
        "surface_altitude/c/0/0",
        "input/tp/c/0/0/0",
        "input/longitude/c/0",
        "input/land_area_fraction/c/0/0",
    ],
)
def test_a_chunk_that_is_gone_or_wrong_before_the_gate_is_never_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, spoil: Any
) -> None:
    found = run(tmp_path / "store", monkeypatch, lambda uri: None, lambda uri: spoil(uri / file))
    assert any(t in found for t in (file.split("/c/")[0], "cannot be opened", "input does not read back"))


@pytest.mark.usefixtures("prefect_server", "workspace")
@pytest.mark.parametrize("file", ["input/t2m/c/0/0/0", "input/surface_altitude/c/0/0", "input/latitude/c/0"])
def test_nothing_is_computed_from_an_input_with_a_wrong_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    found = run(tmp_path / "store", monkeypatch, lambda uri: flipped(uri / file), lambda uri: pytest.fail("computed"))
    assert "input does not read back" in found
