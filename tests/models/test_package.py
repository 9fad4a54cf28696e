"""Packages: what is released is what runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models import package
from models.operator import CELL_MEANS, IFS, Operator, Sampling
from models.package import ModelPackage, PackageError
from tests.models.test_inr import make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "small"
    package.write(
        path, make(trained=True), halo=9, scale_range=(1.0, 8.0), footprints=(9.0, 45.0), card="# Small\n", steps=3
    )
    return path


def test_package_gives_the_same_weights_back(folder: Path) -> None:
    opened = ModelPackage.open(folder)
    want, got = make(trained=True).state_dict(), opened.load().state_dict()
    assert all(torch.equal(want[k], got[k]) for k in want)
    assert (opened.variables, opened.halo, opened.scale_range) == (["t2m", "tp"], 9, (1.0, 8.0))
    assert opened.metadata["steps"] == 3


@pytest.mark.parametrize("name", package.FILES)
def test_a_changed_byte_is_refused_and_named(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(PackageError, match=name):
        ModelPackage.open(folder)


@pytest.mark.parametrize("name", [*package.FILES, package.SUMS])
def test_a_missing_file_is_refused_and_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(PackageError, match=name):
        ModelPackage.open(folder)


def test_another_format_is_refused(folder: Path) -> None:
    text = (folder / "model.json").read_text().replace('"format": 4', '"format": 3')
    (folder / "model.json").write_text(text)
    package.seal(folder)
    with pytest.raises(PackageError, match=r"format 3.*samples or cell means"):
        ModelPackage.open(folder)


def test_a_package_knows_samples_of_its_footprints_and_means(folder: Path) -> None:
    opened = ModelPackage.open(folder)
    assert opened.knows(CELL_MEANS)
    assert opened.knows(Operator(Sampling.MEANS, 300.0)), "of means the footprint says nothing"
    assert [opened.knows(Operator(Sampling.SAMPLES, f)) for f in (8.0, 9.0, 45.0, 60.0)] == [False, True, True, False]


def test_a_package_of_samples_alone_knows_no_means(folder: Path) -> None:
    opened = ModelPackage.open(folder)
    only = replace(opened, metadata=opened.metadata | {"operators": {"samples": {"footprint": [9.0, 45.0]}}})
    assert only.knows(IFS)
    assert not only.knows(CELL_MEANS)
