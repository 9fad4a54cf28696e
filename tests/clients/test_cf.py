"""The exported NetCDF in the IOOS compliance checker, CF-1.11, with the tables of names that it brings along."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from flows.products.export import export


def test_netcdf_passes_the_cf_checker_without_an_error_or_a_warning(published: Path, tmp_path: Path) -> None:
    (file,) = export("hubei", "netcdf", source="file", store=str(published), output=str(tmp_path))
    checker = str(Path(sys.executable).with_name("compliance-checker"))
    command = [checker, "--test", "cf:1.11", "--format", "json", "--output", str(tmp_path / "said.json"), str(file)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False
    )  # its exit code is 1 for advice
    assert (tmp_path / "said.json").is_file(), done.stderr
    said = json.loads((tmp_path / "said.json").read_text())["cf:1.11"]
    priorities = [said[f"{level}_priorities"] for level in ("high", "medium", "low")]
    assert [group["msgs"] for groups in priorities for group in groups if group["msgs"]] == []
    assert said["scored_points"] == said["possible_points"] > 500
