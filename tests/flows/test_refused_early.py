"""What cannot be right is refused in one line, within seconds, before any work: nothing is left behind of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.package import seal
from tasks.errors import BadInput
from tests.conftest import DEMO_GRIB, ROOT, RegionMaker, write_region
from tests.flows.conftest import CommandLine

PACKAGE = ROOT / "models" / "pretrained" / "inr-hres"
SECRET = "s3cr3t-of-a-test"
LONG = "x" * 5000


@pytest.fixture
def refused(finescale: CommandLine, tmp_path: Path, workspace: Path) -> Callable[..., str]:
    """Runs a command that has to be refused, and hands back its line."""

    def run(*arguments: object, store: object = None) -> str:
        where = tmp_path / "store" if store is None else store
        result = finescale(*arguments, "--store", where)
        assert result.exit_code == BadInput.exit_code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        lines = result.stderr.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("finescale: ")
        assert len(lines[0]) < 1200
        assert result.stdout == ""
        assert SECRET not in result.output
        left = [p for p in (tmp_path / "store", workspace) if p.exists() and any(p.rglob("*"))]
        assert left == [], left
        return lines[0]

    return run


# --- regions: what is changed in Hubei's -> what is said of it -------------------------------------------------------

REGIONS: dict[str, tuple[dict[str, Any], str]] = {
    "variable twice": ({"variables": ["t2m", "t2m"]}, "variables = ['t2m', 't2m']: t2m is there twice"),
    "required twice": ({"required": ["t2m", "t2m"]}, "t2m is there twice"),
    "mirror twice": ({"acquire": {"mirrors": ["aws", "aws"]}}, "aws is there twice"),
    "lead times backwards": ({"lead_times": {"start": 48, "stop": 24}}, "start 48 h is after stop 24 h"),
    "lead time of a year": ({"lead_times": {"stop": 9000}}, "lead_times.stop = 9000"),
    "step of no hours": ({"lead_times": {"step": 0}}, "lead_times.step = 0"),
    "spacing of fifty metres": ({"spacing": 5e-4}, "most_points: 139"),
    "spacing of nothing": ({"spacing": 1e-300}, "spacing = 1e-300"),
    "spacing not a number": ({"spacing": float("nan")}, "spacing = nan"),
    "box not a number": ({"box": {"north": float("nan"), "south": 29, "west": 108, "east": 116}}, "box.north = nan"),
    "waits for ever": ({"acquire": {"timeout_seconds": float("inf")}}, "acquire.timeout_seconds = inf"),
    "name of thousands of letters": ({"name": "y" * 5000, "folder": "long"}, "..."),
    "title of thousands of letters": ({"title": LONG}, "title = 'xxx"),
    "title of several lines": ({"title": "Hubei\n\x1b[2J"}, "cannot be seen"),
    "attribution of thousands of letters": ({"attribution": LONG}, "attribution"),
    "terrain of thousands of letters": ({"terrain": LONG}, "terrain"),
    "model of thousands of letters": ({"model": LONG}, "model"),
    "variable of thousands of letters": ({"variables": [LONG]}, "is not one of t2m"),
    "unknown key of thousands of letters": ({LONG: 1}, "unknown key"),
    "password in a mirror": ({"acquire": {"mirrors": [f"https://me:{SECRET}@example.org"]}}, "take it out"),
    "password in a service": ({"observations": {"services": {"metar": f"http://u:{SECRET}@h/"}}}, "take it out"),
    "name of the page's folder": ({"name": "viewer"}, "stores and workspaces call something else"),
    "name of the fetched": ({"name": "raw"}, "stores and workspaces call something else"),
    "name that is no folder": ({"name": "_staging", "folder": "s"}, "name = '_staging'"),
}


@pytest.mark.parametrize(("changes", "says"), REGIONS.values(), ids=list(REGIONS))
def test_a_region_that_cannot_be_right(changes: dict[str, Any], says: str, refused: Any, tmp_path: Path) -> None:
    folder = write_region(tmp_path / "regions" / changes.pop("folder", "hubei"), **changes)
    assert says in refused("run", folder, "--source", "demo")


YAML = {
    "deep": ("[" * 5000, "more than 10 levels deep"),
    "deep keys": ("".join("  " * i + "a:\n" for i in range(60)), "more than 10 levels deep"),
    "repeats itself": ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]", "repeats another part"),
    "long": ("title: " + "x" * 100_000, "at most 65,536"),
    "key twice": ("name: hubei\nspacing: 0.05\nspacing: 0.5", "key 'spacing' is there twice"),
    "python object": ("name: !!python/object/apply:os.system [true]", "not valid YAML"),
    "key of a list": ("? [a]\n: b", "not valid YAML"),
    "date of no calendar": ("title: 2021-99-99", "not valid YAML"),
}


@pytest.mark.parametrize(("text", "says"), YAML.values(), ids=list(YAML))
def test_yaml_that_cannot_be_right(text: str, says: str, refused: Any, make_region: RegionMaker) -> None:
    folder = make_region()
    (folder / "region.yaml").write_text(text)
    assert says in refused("run", folder, "--source", "demo")


RING = [[108, 29], [116, 29], [116, 33], [108, 29]]


def _feature(kind: Any, coordinates: Any) -> bytes:
    geometry = {"type": kind, "coordinates": coordinates}
    return json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": geometry}]}).encode()


BOUNDARIES: dict[str, bytes] = {
    "empty": b"",
    "a page": b"<html>404</html>",
    "deep": b"[" * 100_000,
    "of points": _feature("Point", [108, 29]),
    "without features": b'{"type": "FeatureCollection"}',
    "no features": b'{"type": "FeatureCollection", "features": []}',
    "in metres": _feature("Polygon", [[[x * 1e5, y * 1e5] for x, y in RING]]),
    "of words": _feature("Polygon", [[["a", "b"]]]),
    "with one number": _feature("Polygon", [[[108], [116]]]),
    "of uneven points": _feature("Polygon", [[[108, 29], [116]]]),
    "infinite": _feature("Polygon", [[[108, 29], [1e400, 29], [116, 33]]]),
    "a list": b"[1, 2]",
    "geometry null": b'{"features": [{"geometry": null}]}',
    "not UTF-8": "轮廓".encode("gbk"),
}


@pytest.mark.parametrize("content", BOUNDARIES.values(), ids=list(BOUNDARIES))
def test_an_outline_that_cannot_be_drawn(content: bytes, refused: Any, make_region: RegionMaker) -> None:
    folder = make_region()
    (folder / "boundary.geojson").write_bytes(content)
    assert "boundary.geojson: " in refused("run", folder, "--source", "demo")


def test_two_regions_of_one_name(refused: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deployments.generate import found_regions

    folder = tmp_path / "regions"
    write_region(folder / "east", name="east")
    write_region(folder / "west", name="east")
    monkeypatch.setenv("FINESCALE_REGIONS", str(folder))
    for name in ("east", "west", folder / "east"):
        assert "would replace each other" in refused("run", name, "--source", "demo")
    with pytest.raises(BadInput, match="would replace each other"):
        found_regions()


# --- model packages --------------------------------------------------------------------------------------------------


def _json(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        data = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(change(data)))

    return spoil


def _with(name: str, **values: Any) -> Callable[[Path], None]:
    return _json(name, lambda data: data | values)


def _without(name: str, key: str) -> Callable[[Path], None]:
    return _json(name, lambda data: {k: v for k, v in data.items() if k != key})


def _weights(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        weights = load_file(folder / "weights.safetensors")
        change(weights)
        save_file(weights, folder / "weights.safetensors")

    return spoil


def _bytes(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(data) and None


def _stats(**values: Any) -> Callable[[Path], None]:
    return _json("stats.json", lambda data: data | {"t2m": data["t2m"] | values})


def _first(weights: dict[str, torch.Tensor]) -> str:
    return sorted(weights)[0]


PACKAGES: dict[str, Callable[[Path], None]] = {
    "halo below zero": _with("model.json", halo=-5),
    "halo a word": _with("model.json", halo="five"),
    "halo true": _with("model.json", halo=True),
    "halo without end": _json("model.json", lambda d: d | {"halo": float("inf")}),
    "no halo": _without("model.json", "halo"),
    "no format": _without("model.json", "format"),
    "format a list": _with("model.json", format=[4]),
    "scale range of one": _with("model.json", scale_range=[1.0]),
    "scale range backwards": _with("model.json", scale_range=[8, 1]),
    "operators a list": _with("model.json", operators=["samples"]),
    "operators unknown": _with("model.json", operators={"medians": {}}),
    "no footprint": _with("model.json", operators={"samples": {}}),
    "network null": _with("model.json", network=None),
    "network of a billion channels": _json("model.json", lambda d: d | {"network": d["network"] | {"channels": 10**9}}),
    "network of none": _json("model.json", lambda d: d | {"network": d["network"] | {"channels": 0}}),
    "network of half a block": _json("model.json", lambda d: d | {"network": d["network"] | {"blocks": 1.5}}),
    "network with another part": _json("model.json", lambda d: d | {"network": d["network"] | {"depth": 3}}),
    "model.json a list": _json("model.json", lambda _: [1]),
    "model.json cut": _bytes("model.json", b'{"format": 4, '),
    "model.json deep": _bytes("model.json", b"[" * 100_000),
    "model.json not UTF-8": _bytes("model.json", b"\xff\xfe"),
    "stats.json empty": _json("stats.json", lambda _: {}),
    "stats.json a list": _json("stats.json", lambda _: []),
    "stats of a variable null": _with("stats.json", t2m=None),
    "std of zero": _stats(std=0),
    "std a word": _stats(std="big"),
    "std not a number": _stats(std=float("nan")),
    "residual too short": _stats(residual={"samples": [1.0]}),
    "residual a list": _stats(residual=[1, 2]),
    "statistics with another number": _stats(variance=3.0),
    "one variable fewer": _without("stats.json", "tp"),
    "weights cut": lambda folder: (
        (folder / "weights.safetensors").write_bytes((folder / "weights.safetensors").read_bytes()[:500]) and None
    ),
    "weights no weights": _bytes("weights.safetensors", b"\xff" * 100),
    "weights of nothing": _bytes("weights.safetensors", b""),
    "a weight missing": _weights(lambda w: w.pop(_first(w))),
    "a weight more": _weights(lambda w: w.update({"another": torch.zeros(2)})),
    "a weight of another shape": _weights(lambda w: w.update({_first(w): torch.zeros(7, 7)})),
}


@pytest.mark.parametrize("spoil", PACKAGES.values(), ids=list(PACKAGES))
def test_a_package_that_cannot_be_used(spoil: Callable[[Path], None], refused: Any, tmp_path: Path) -> None:
    folder = tmp_path / "packages" / "spoiled"
    shutil.copytree(PACKAGE, folder)
    spoil(folder)
    seal(folder)
    line = refused("run", "hubei", "--source", "demo", "--model", folder)
    assert "model package spoiled: " in line


# --- names and URIs --------------------------------------------------------------------------------------------------

STORES = {
    "ftp": ("ftp://example.org/products", "nothing here reads ftp://"),
    "zip": ("zip://products::/tmp/a.zip", "nothing here reads zip://"),
    "another": ("gopher://example.org", "nothing here reads gopher://"),
    "password": (f"s3://me:{SECRET}@bucket/products", "take it out"),
    "password in http": (f"http://me:{SECRET}@localhost/products", "take it out"),
    "user": (f"ftp://{SECRET}@example.org", "take it out"),
    "long": ("/tmp/" + "y/" * 5000, "no path or URI"),
    "lines": ("/tmp/a\nb", "no path or URI"),
}


@pytest.mark.parametrize(("store", "says"), STORES.values(), ids=list(STORES))
def test_a_store_that_is_none(store: str, says: str, refused: Any) -> None:
    assert says in refused("run", "hubei", "--source", "demo", store=store)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", LONG, "--source", "demo"),
        ("run", "/".join([LONG] * 2), "--source", "demo"),
        ("run", "hubei", "--source", "demo", "--model", LONG),
        ("run", "hubei", "--source", "demo", "--cycle", LONG),
        ("run", "hubei", "--source", LONG),
        ("run", "hubei", "--input", LONG),
        ("run", "hubei", "--source", "demo", "--observations", f"ftp://me:{SECRET}@example.org/a.csv"),
        ("run", "hubei", "--source", "demo", "--observations", "zip://a.csv::/tmp/a.zip"),
        ("run", "hubei", "--source", "demo", "--spacing", "1e-9"),
    ],
    ids=["region", "folder", "model", "cycle", "source", "input", "password", "zip", "spacing"],
)
def test_an_argument_that_is_none(arguments: tuple[str, ...], refused: Any) -> None:
    refused(*arguments)


def test_more_than_memory_is_meant_to_hold(finescale: CommandLine, tmp_path: Path) -> None:
    out = tmp_path / "fine.nc"
    result = finescale("field", DEMO_GRIB, out, "--scale", "60", "--method", "bilinear", "--most-gb", "0.1")
    assert result.exit_code == BadInput.exit_code, result.output
    assert "4,860 x 6,060 points, 7 fields: 1 GB in memory, and at most 0.1 are taken" in result.stderr
    assert not out.exists()


# --- files of stations -----------------------------------------------------------------------------------------------

HEAD = b"station,latitude,longitude,time,variable,value\n"
STATIONS: dict[str, tuple[bytes, str]] = {
    "latitude 999": (HEAD + b"a,999,112,2021-12-10T20:00Z,t2m,280\n", "has no row with"),
    "latitude beyond the pole": (HEAD + b"a,91,112,2021-12-10T20:00Z,t2m,280\n", "is no place"),
    "longitude 1e300": (HEAD + b"a,30,1e300,2021-12-10T20:00Z,t2m,280\n", "is no place"),
    "time of no calendar": (HEAD + b"a,30,112,99999-12-10,t2m,280\n", "column time"),
    "half a million columns": (b"a," * 500_000 + b"\n1\n", "columns, of which 2,000 are read"),
    "a name of a megabyte": (b'"' + b"x" * 900_000 + b'",b\n1,2\n', ""),
    "only separators": (b"," * 1000 + b"\n" + b"," * 1000 + b"\n", "columns"),
    "zeros": (b"\0" * 10_000, ""),
    "a Parquet file of nothing": (b"PAR1" + b"\xff" * 200 + b"PAR1", "Parquet"),
    "BUFR of nothing": (b"BUFR" + b"\xff" * 200, ""),
    "MICAPS of nothing": (b"diamond 1 x\n" + b"9" * 5000, ""),
    "a deep list": (b'[{"icaoId": ' + b"[" * 100_000, ""),
}


@pytest.mark.parametrize(("content", "says"), STATIONS.values(), ids=list(STATIONS))
def test_a_file_of_stations_that_is_none(content: bytes, says: str, finescale: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "stations.csv"
    file.write_bytes(content)
    result = finescale("verify", "--grid", DEMO_GRIB, "--stations", file)
    assert result.exit_code == BadInput.exit_code, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("finescale: ")]
    assert len(lines) == 1, result.output
    assert "stations.csv" in lines[0]
    assert says in lines[0]
    assert len(lines[0]) < 1500
    assert "Traceback" not in result.output
