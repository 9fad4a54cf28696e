"""Finding model packages."""

from __future__ import annotations

import os
from pathlib import Path

from models.operator import Operator
from models.package import SUMS, ModelPackage, PackageError
from tasks.errors import ModelMismatch, short

SHIPPED = Path(__file__).parents[1] / "models" / "pretrained"
LONGEST, LONGEST_PART = 4096, 255  # characters of a path, bytes of a name in it
SEARCH_PATH_VARIABLE = "FINESCALE_MODELS"  # folders with packages in them, before the shipped ones


def search_path() -> list[Path]:
    """Folders that hold packages; the first hit wins."""
    extra = [Path(p) for p in os.environ.get(SEARCH_PATH_VARIABLE, "").split(os.pathsep) if p]
    return [*extra, SHIPPED]


def names() -> list[str]:
    """Every package that can be named."""
    return sorted({f.parent.name for folder in search_path() for f in folder.glob(f"*/{SUMS}")})


def open_package(name: str, weights: bool = True) -> ModelPackage:
    """A package by name, or by the path of its folder; ModelMismatch if it must not be used.

    `weights`: as of `ModelPackage.open`.
    """
    if len(name) > LONGEST or any(len(p.encode()) > LONGEST_PART for p in name.split(os.sep)) or "\0" in name:
        raise ModelMismatch(f"unknown model {short(name)!r}: no package is called that")
    candidates = [Path(name)] if os.sep in name else [folder / name for folder in search_path()]
    for folder in candidates:
        if folder.is_dir():
            try:
                return ModelPackage.open(folder.resolve(), weights)
            except PackageError as error:
                raise ModelMismatch(str(error)) from None
    raise ModelMismatch(f"unknown model {short(name)!r}; known are: {', '.join(names()) or 'none'}")


def assert_knows(package: ModelPackage, operator: Operator) -> None:
    """ModelMismatch for an input of another kind than the network was trained on."""
    if not package.knows(operator):
        of = f"samples with a footprint of {operator.footprint:g} km" if operator.footprint else "means over cells"
        raise ModelMismatch(
            f"model {package.model_id} was not trained on {of}; take a package that was, or say what the input is "
            "(--input-is, or input_is in region.yaml)"
        )
