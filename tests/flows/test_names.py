"""Prefect puts the folder of a flow before all others when it loads it by its file."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize("file", sorted(Path(ROOT / "flows").glob("*.py")), ids=lambda f: f.stem)
def test_no_module_of_flows_hides_a_library(file: Path) -> None:
    assert file.stem == "__init__" or importlib.util.find_spec(file.stem) is None


def test_every_flow_loads_by_its_file() -> None:
    names = ["downscale", "backfill", "verify", "maintain", "super_resolve"]
    load = f"from prefect.flows import load_flow_from_entrypoint as f; [f(f'flows/{{n}}.py:{{n}}') for n in {names}]"
    done = subprocess.run([sys.executable, "-c", load], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
