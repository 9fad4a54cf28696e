"""Every module can be imported, those too that only people run by hand."""

from __future__ import annotations

import importlib

import pytest

from tests.conftest import ROOT

PACKAGES = ("benchmarks", "deployments", "flows", "models", "tasks")
OURS = {*PACKAGES, "tests"}
MODULES = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for file in (ROOT / package).rglob("*.py")
    if "node_modules" not in file.parts
)


@pytest.mark.parametrize("name", MODULES)
def test_module_is_imported(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing in OURS:
            raise
        pytest.skip(f"needs {missing}, which only benchmarks and the set-up of a region need")
