"""Finding regions: by name in the folders of regions, or by the path of a region's own folder."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from tasks.errors import InvalidRegion, UnknownRegion
from tasks.region.document import Region, parse

SHIPPED = Path(__file__).parents[2] / "deployments" / "regions"
SEARCH_PATH_VARIABLE = "FINESCALE_REGIONS"  # folders with region folders in them, before the shipped ones


def search_path() -> list[Path]:
    """Folders that hold region folders; the first hit wins."""
    extra = [Path(p) for p in os.environ.get(SEARCH_PATH_VARIABLE, "").split(os.pathsep) if p]
    return [*extra, SHIPPED]


def names() -> list[str]:
    """Every region that can be named."""
    return sorted({f.parent.name for folder in search_path() for f in folder.glob("*/region.yaml")})


def folder_of(name: str) -> Path | None:
    """The folder that a name stands for."""
    return next((f / name for f in search_path() if (f / name / "region.yaml").is_file()), None)


def load(name: str) -> Region:
    """A region by name, or by the path of its folder."""
    candidates = [folder / name for folder in search_path()]
    if os.sep in name:
        candidates = [Path(name)]
    for folder in candidates:
        file = folder / "region.yaml"
        if file.is_file():
            try:
                data = yaml.safe_load(file.read_text(encoding="utf-8"))
            except yaml.YAMLError as error:
                line = str(error).replace("\n", " ")
                raise InvalidRegion(f"{file}: not valid YAML: {line}") from None
            except UnicodeDecodeError as error:
                raise InvalidRegion(f"{file}: not UTF-8 text ({error.reason}); save it as UTF-8") from None
            return parse(data, folder.resolve(), str(file))
    if Path(name).is_dir() and os.sep in name:
        raise UnknownRegion(
            f"unknown region {name!r}: there is no region.yaml in that folder; docs/add-a-region.md has one"
        )
    here = f"; for the folder here write ./{name}" if (Path(name) / "region.yaml").is_file() else ""
    raise UnknownRegion(
        f"unknown region {name!r}; known are: {', '.join(names()) or 'none'}{here}. "
        f"A region is a folder with a region.yaml, in {' or '.join(str(p) for p in search_path())}"
    )
