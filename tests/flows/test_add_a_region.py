"""docs/add-a-region.md as a new user follows it: its YAML, a terrain file, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tasks import region as regions
from tests.conftest import ROOT
from tests.flows.conftest import CommandLine

DOC = (ROOT / "docs/add-a-region.md").read_text()


@pytest.fixture
def sichuan(tmp_path: Path) -> Path:
    folder = tmp_path / "sichuan"
    folder.mkdir()
    (yaml,) = re.findall(r"```yaml\n(.*?)```", DOC, re.DOTALL)
    (folder / "region.yaml").write_text("\n".join(line.removeprefix("   ") for line in yaml.splitlines()))
    axes = {"latitude": np.arange(36, 23.9, -0.1), "longitude": np.arange(95.5, 110.6, 0.1)}
    heights = np.full((axes["latitude"].size, axes["longitude"].size), 500.0)
    xr.Dataset({"elevation": (("latitude", "longitude"), heights, {"units": "m"})}, axes).to_netcdf(
        folder / "terrain.nc"
    )
    return folder


def test_the_yaml_of_the_docs_is_a_region(sichuan: Path, finescale: CommandLine) -> None:
    region = regions.load(str(sichuan))
    assert (region.title, region.target.rows, region.target.cols) == ("Sichuan, China", 169, 227)
    checked = finescale("regions", "check", sichuan)
    assert checked.exit_code == 0, checked.output
    assert "500..500 m" in checked.output
