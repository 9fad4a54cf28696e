"""Finding regions: by name in the folders of regions, or by the path of a region's own folder."""

from __future__ import annotations

import os
from pathlib import Path

from tasks.errors import InvalidRegion, UnknownRegion, short
from tasks.region.document import Region, parse
from tasks.region.text import read_yaml

SHIPPED = Path(__file__).parents[2] / "deployments" / "regions"
LONGEST, LONGEST_PART = 4096, 255  # characters of a path, bytes of a name in it
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


def _assert_alone(region: Region, file: Path) -> None:
    """Two regions of one name would publish over each other: whichever ran last is `latest.json`.

    A folder that is called alike elsewhere is another state of the same region, of which one is found.
    """
    for folder in search_path():
        for other in sorted(folder.glob("*/region.yaml")):
            if other.parent.name != file.resolve().parent.name and name_in(other) == region.name:
                raise InvalidRegion(
                    f"{file}: name = {region.name!r} is that of {other} too, and their products would replace each "
                    "other; give one of them another name"
                )


def name_in(file: Path) -> str | None:
    """The name that a region.yaml says; None if it cannot be read, which is for whoever loads it to find."""
    try:
        data = read_yaml(file)
    except InvalidRegion:
        return None
    return data.get("name") if isinstance(data, dict) else None


def load(name: str) -> Region:
    """A region by name, or by the path of its folder; InvalidRegion where two folders' regions have one name."""
    if len(name) > LONGEST or any(len(p.encode()) > LONGEST_PART for p in name.split(os.sep)) or "\0" in name:
        raise UnknownRegion(f"unknown region {short(name)!r}: no folder is called that")
    candidates = [folder / name for folder in search_path()]
    if os.sep in name:
        candidates = [Path(name)]
    for folder in candidates:
        file = folder / "region.yaml"
        if file.is_file():
            region = parse(read_yaml(file), folder.resolve(), str(file))
            _assert_alone(region, file)
            return region
    if Path(name).is_dir() and os.sep in name:
        raise UnknownRegion(
            f"unknown region {name!r}: there is no region.yaml in that folder; docs/add-a-region.md has one"
        )
    here = f"; for the folder here write ./{name}" if (Path(name) / "region.yaml").is_file() else ""
    raise UnknownRegion(
        f"unknown region {name!r}; known are: {', '.join(names()) or 'none'}{here}. "
        f"A region is a folder with a region.yaml, in {' or '.join(str(p) for p in search_path())}"
    )
