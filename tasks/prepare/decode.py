"""Any input file -> headers of fields; tells GRIB, NetCDF and Zarr by content, not by name."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from tasks.errors import CorruptField, FinescaleError, UnreadableFile, readable
from tasks.grib.walk import is_grib, walk
from tasks.grids.grid import Grid
from tasks.parallel import in_order
from tasks.prepare.archive import unpacked
from tasks.prepare.axes import layout
from tasks.prepare.decode_grib import first_grid, scan_grib
from tasks.prepare.decode_xarray import scan_xarray
from tasks.prepare.fields import DecodedField, FieldHeader, Scan
from tasks.prepare.kinds import is_netcdf, is_zip
from tasks.prepare.open_xarray import open_dataset

log = logging.getLogger(__name__)

YEARS = 1800, 2200  # numpy's nanoseconds know 1678 to 2261


def grid_of(path: Path) -> Grid:
    """The canonical grid of a file's fields; of an archive, of the first file in it."""
    if is_zip(path):
        with unpacked(path) as files:
            return grid_of(next((f for f in files if f.is_dir() or is_grib(f) or is_netcdf(f)), files[0]))
    with readable(f"{path.name}: its grid does not decode"):
        if path.is_file() and is_grib(path):
            return first_grid(path)
        with open_dataset(path) as ds:
            return layout(ds, path.name)[2].grid


@contextmanager
def scanned(paths: list[Path], wanted: set[str], member: int = 0) -> Iterator[Scan]:
    """What some files or Zarr stores hold, of one member where they have several; values can be decoded meanwhile.

    All files are looked through before anything is decoded: a broken one is found first. The files of a ZIP archive
    are read as if each had been handed in.
    """
    with ExitStack() as opened:
        scan, files = Scan(), list(_files(paths, opened))
        of_gribs = in_order(partial(_of_grib, path, wanted) for path in files)
        for path, found in zip(files, of_gribs, strict=True):
            if found is None:
                with readable(f"{path.name}: a header does not decode"):
                    found = scan_xarray(opened.enter_context(open_dataset(path)), wanted, path.name)
            scan.headers.extend(found.headers)
            scan.others.extend(o for o in found.others if o not in scan.others)
            scan.terrain.extend(found.terrain)
        for header in scan.headers:
            _assert_in_our_time(header)
        yield _of_member(scan, member) if member else _of_one_member(scan)


def _of_grib(path: Path, wanted: set[str]) -> Scan | None:
    """None for a file of another kind."""
    with readable(f"{path.name}: a header does not decode"):
        return scan_grib(path, wanted) if path.is_file() and is_grib(path) else None


def members_in(paths: list[Path]) -> list[int]:
    """Numbers of an ensemble's perturbed members in GRIB files, if there are two at least; else none.

    Raises nothing: what is wrong with a file is said by whoever reads it.
    """
    found: set[int] = set()
    with suppress(FinescaleError, OSError):
        for path in paths:
            if path.is_file() and is_grib(path):
                found |= {int(p.message.get("perturbationNumber", 0)) for p in walk(path, CorruptField)}
    found.discard(0)
    return sorted(found) if len(found) > 1 else []


def _of_member(scan: Scan, member: int) -> Scan:
    """One member's fields, and those that no member has: terrain and the like. The control is another forecast."""
    varying = {h.variable for h in scan.headers if h.member}
    kept = [h for h in scan.headers if h.member == member or (not h.member and h.variable not in varying)]
    return replace(scan, headers=kept)


def _of_one_member(scan: Scan) -> Scan:
    """The control where there is one, else the only member; UnreadableFile if there are several."""
    members = sorted({h.member for h in scan.headers})
    if (len(members) < 2 and 0 in members) or not members:
        return scan
    if 0 in members:
        left = ", ".join(str(m) for m in members[1:])
        others = [*scan.others, f"members {left} of an ensemble"]
        return replace(scan, headers=[h for h in scan.headers if h.member == 0], others=others)
    if len(members) > 1:
        label = scan.headers[0].label
        raise UnreadableFile(f"{label}: members {', '.join(map(str, members))} of an ensemble; hand in one of them")
    log.info("these are fields of member %d of an ensemble", members[0])
    return scan


def _files(paths: list[Path], opened: ExitStack) -> Iterator[Path]:
    """The files themselves; archives are unpacked for as long as `opened` is."""
    for path in paths:
        if not is_zip(path):
            yield path
            continue
        files = opened.enter_context(unpacked(path))
        fields = [f for f in files if f.is_dir() or is_grib(f) or is_netcdf(f)]
        if fields and len(fields) < len(files):
            log.info("%s: read: %s; the rest of it holds no fields", path.name, ", ".join(f.name for f in fields))
        yield from fields or files


def _assert_in_our_time(header: FieldHeader) -> None:
    """CorruptField for a year that no field is of: far ones do not fit into nanoseconds and come out as others."""
    if not YEARS[0] <= header.init.year <= header.valid.year <= YEARS[1]:
        raise CorruptField(
            f"{header.label}: initial time {header.init:%Y-%m-%dT%H}, valid {header.valid:%Y-%m-%dT%H}: of no field's "
            "time; fetch the file again"
        )


def decode(path: Path, wanted: set[str]) -> Iterator[DecodedField]:
    """Every wanted field of a file or Zarr store, whole, several decoded at a time."""
    with scanned([path], wanted) as scan:
        yield from in_order(header.decode for header in scan.headers)
