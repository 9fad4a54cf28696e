"""The examples of docs/clients.md, run as they stand there but for the store's address."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from benchmarks.runs.clients import NODE
from tests.conftest import ROOT

PAGE = (ROOT / "docs/clients.md").read_text()


def examples(language: str, url: str) -> list[str]:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return [b.replace("https://example.org/products", url).replace("hubei/ifs", "hubei/file") for b in blocks]


@pytest.fixture
def degrees(product: str) -> list[str]:
    """Temperature in Wuhan at each lead time, as both examples print it."""
    at = xr.open_zarr(product).t2m.sel(latitude=30.6, longitude=114.3, method="nearest")
    return [f"{v:.1f}" for v in at.values.astype(float) - 273.15]


def test_python(url: str, latest: dict[str, Any], degrees: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    example, _ = examples("python", url)
    exec(compile(example, "docs/clients.md", "exec"), {})
    said = capsys.readouterr().out
    assert said.startswith(f"{latest['cycle']} unverified no observations yet")
    assert [f"{float(v):.1f}" for v in said.split("[")[1].split("]")[0].split()] == degrees


def test_pystac_walks_the_catalogue_over_http(
    url: str, latest: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    _, example = examples("python", url)
    exec(compile(example, "docs/clients.md", "exec"), {})
    expected = f"hubei-file-2021-12-10T12 unverified {url}/{latest['product']}\n"
    assert capsys.readouterr().out == expected


@pytest.mark.usefixtures("node")
def test_javascript(url: str, latest: dict[str, Any], degrees: list[str], tmp_path: Path) -> None:
    (example,) = examples("js", url)
    (tmp_path / "example.mjs").write_text(example)
    (tmp_path / "node_modules").symlink_to(NODE / "node_modules")
    done = subprocess.run(
        ["node", str(tmp_path / "example.mjs")], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{latest['cycle']} [ {', '.join(repr(d) for d in degrees)} ]"
