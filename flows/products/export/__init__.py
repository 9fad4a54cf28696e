"""Products in the formats of programs that do not read Zarr v3: NetCDF, GeoTIFF, GRIB2, MICAPS; CSV of one place."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from uuid import uuid4

from flows.products.boxes import parse_box
from flows.products.choose import choose, variables_of
from flows.products.export.gaps import notes
from flows.products.export.wanted import Wanted
from flows.products.places import Place, read_places
from tasks.errors import BadInput, FinescaleError, StoreNotWritable
from tasks.outputs import assert_not_given
from tasks.storage import is_remote, room_for

log = logging.getLogger(__name__)

UNITS = ("si", "common")
FORMATS = ("netcdf", "geotiff", "grib2", "micaps", "micaps-points", "csv-point")
OTHERS = {  # what people call them
    "nc": "netcdf", "nc4": "netcdf", "netcdf4": "netcdf", "tif": "geotiff", "tiff": "geotiff", "grib": "grib2",
    "grb": "grib2", "grb2": "grib2", "points": "micaps-points", "csv-points": "csv-point",
}  # fmt: skip


def export(
    region: str,
    format: str,
    *,
    source: str | None = None,
    cycle: str | None = None,
    store: str | None = None,
    variables: str | None = None,
    lead_hours: str | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    output: str | None = None,
    force: bool = False,
    units: str = "si",
    box: str | None = None,
    places: Path | None = None,
    every_hour: bool = False,
    hub_heights: Sequence[float] = (),
) -> list[Path]:
    """Write a published product, by default the latest good one, as other files; returns their paths.

    units: si, as the product has them, or common: °C, mm, hPa, wind as speed and direction, humidity. box: north, west,
    south, east of what is wanted. places: a CSV table of them, of micaps-points and csv-point. every_hour: of netcdf
    and csv-point, the hours between lead times too. hub_heights (m): of csv-point, wind there.
    A file appears whole or not at all. BadInput for what cannot be done; StoreNotWritable, WorkspaceFull.
    """
    _assert_consistent(format, units, (latitude, longitude), output, box, places)
    if every_hour and format not in ("netcdf", "csv-point"):
        raise BadInput(f"--hourly goes with netcdf and csv-point; {format} has lead times as they are")
    if hub_heights and format != "csv-point":
        raise BadInput("--hub-height goes with csv-point")
    chosen = choose(region, source, cycle, store)
    wanted = Wanted(
        chosen, variables_of(chosen.entry, variables), lead_hours, units == "common",
        parse_box(box) if box is not None else None, every_hour,
    )  # fmt: skip
    for line in notes(wanted):
        log.warning("%s", line)
    match format:
        case "netcdf":
            from flows.products.export.netcdf import write_netcdf

            writers: dict[Path, Callable[[Path], None]] = {
                _file(output, f"{chosen.name}.nc"): lambda path: write_netcdf(wanted, path)
            }
        case "grib2":
            from flows.products.export.grib import write_grib

            writers = {_file(output, f"{chosen.name}.grib2"): lambda path: write_grib(wanted, path)}
        case "geotiff":
            from flows.products.export.geotiff import geotiff_writers

            writers = geotiff_writers(wanted, _folder(output))
        case "micaps":
            from flows.products.export.micaps import micaps_writers

            writers = micaps_writers(wanted, _folder(output))
        case "micaps-points":
            from flows.products.export.micaps_points import micaps_point_writers

            assert places is not None
            writers = micaps_point_writers(wanted, read_places(places), _folder(output))
        case _:
            from flows.products.export.csv import write_csv

            if places is not None:
                asked, at = read_places(places), f"{chosen.name}-{places.stem}.csv"
            else:
                assert latitude is not None
                assert longitude is not None
                asked, at = [Place(latitude, longitude)], f"{chosen.name}-{latitude:g}-{longitude:g}.csv"
            writers = {_file(output, at): lambda path: write_csv(wanted, asked, hub_heights, path)}
    return _written(writers, force)


def _assert_consistent(
    format: str, units: str, at: tuple[float | None, float | None], output: str | None, box: str | None,
    places: Path | None,
) -> None:  # fmt: skip
    """BadInput for options that contradict each other, or of which one would not be heard."""
    if format not in FORMATS:
        raise BadInput(f"--format {format!r} is not one of {', '.join(FORMATS)}{_meant(format)}")
    if format == "csv-point" and (None in at) == (places is None):
        raise BadInput("csv-point is of one place, --lat and --lon, or of many, --places FILE")
    if format != "csv-point" and at != (None, None):
        raise BadInput(f"--lat and --lon go with csv-point; {format} has the whole region, or a --box of it")
    if output is not None and is_remote(output):
        raise BadInput(f"--output {output}: files are written to a local folder only")
    if units not in UNITS:
        raise BadInput(f"--units {units!r} is not one of {', '.join(UNITS)}")
    if units != "si" and format not in ("netcdf", "geotiff"):
        raise BadInput(f"--units goes with netcdf and geotiff; {format} has units of its own")
    if box is not None and format in ("csv-point", "micaps-points"):
        raise BadInput(f"--box goes with all formats but {format}, which is of places")
    if format == "micaps-points" and places is None:
        raise BadInput("micaps-points needs --places FILE, a CSV table of stations")
    if places is not None and format not in ("micaps-points", "csv-point"):
        raise BadInput(f"--places goes with csv-point and micaps-points; {format} has the whole region")
    if output is not None:
        assert_not_given(output, places)


def _meant(format: str) -> str:
    """Which format somebody may mean, as the end of an error; "" where none is like it."""
    plain = format.strip().lower().lstrip(".")
    if plain == "csv":
        return "; did you mean csv-point? It is a table of one place, --lat and --lon, or of many, --places FILE"
    if plain == "zarr":
        return "; a product is Zarr as it is, where `finescale status` says"
    near = OTHERS.get(plain) or next(iter(get_close_matches(plain, FORMATS, 1)), None)
    return f"; did you mean {near}?" if near else ""


def _file(output: str | None, name: str) -> Path:
    """The file meant: `output`, or `name` in it if that is a folder, or ends as one does."""
    path = Path(output or ".").expanduser()
    return path / name if path.is_dir() or (output or "").endswith("/") else path


def _folder(output: str | None) -> Path:
    path = Path(output or ".").expanduser()
    if path.suffix in (".tif", ".tiff") or path.is_file():
        raise BadInput(f"--output {path}: these are several files; name the folder that they go to")
    return path


def _written(writers: dict[Path, Callable[[Path], None]], force: bool) -> list[Path]:
    for path in writers:
        if path.exists() and not force:
            raise BadInput(f"{path} is there already; --force replaces it, --output names another place")
    partials: dict[Path, Path] = {}
    with _unwritable_in_one_line(next(iter(writers)).parent):
        try:
            for path, write in writers.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                partials[path] = path.with_name(f".{uuid4().hex[:8]}.{path.name}")
                with _whole(path), room_for(str(path)):
                    write(partials[path])
            for path, partial in partials.items():
                partial.replace(path)
        finally:
            for partial in partials.values():
                partial.unlink(missing_ok=True)
    return list(writers)


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """GDAL and HDF5 say of a full disk what they say of any other fault, in errors of their own kinds."""
    try:
        yield
    except (FinescaleError, PermissionError, NotADirectoryError, IsADirectoryError):
        raise
    except (OSError, RuntimeError, SystemError) as error:
        free = shutil.disk_usage(path.parent).free / 1e6
        raise StoreNotWritable(
            f"{path}: not written ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no word'}); "
            f"{path.parent.resolve()} has {free:,.0f} MB free: if that is little, free some or choose another --output"
        ) from None


@contextmanager
def _unwritable_in_one_line(folder: Path) -> Iterator[None]:
    """A folder that cannot be written becomes one line."""
    try:
        yield
    except OSError as error:
        raise StoreNotWritable(
            f"{folder}: cannot be written ({error.strerror or error}); choose another --output"
        ) from None
