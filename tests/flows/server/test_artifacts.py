"""Artifacts of a run, read back from a real Prefect server; none of them can fail a run."""

from __future__ import annotations

import base64
import io
import json
import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from PIL import Image
from prefect import flow
from prefect.artifacts import Artifact

from flows.server.artifacts import (
    begin_progress,
    inline,
    input_table,
    key,
    picture,
    product_link,
    progress,
    scores,
    verification,
)
from tasks.handover.cycle import Cycle, RawFile
from tasks.handover.scorecard import Check, Scorecard, TruthScore
from tasks.store.ledger import LedgerEntry
from tests.conftest import ROOT
from tests.published import publish
from tests.tasks.present.report import made

CYCLE = Cycle(source="ifs", time=datetime(2026, 11, 21, tzinfo=UTC))
QUICKLOOK = ROOT / "docs/quicklook.png"


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> LedgerEntry:
    checks = [
        Check(name="seam", variable="t2m", value=1.2, limit=1.5, passed=True),
        Check(name="highest value", variable="tp", value=math.nan, limit=math.inf, passed=False),
    ]
    truth = [TruthScore(variable="t2m", units="K", count=9, product=0.61, bilinear=0.9, bicubic=0.8)]
    card = Scorecard(quality="unverified", checks=checks, truth=truth)
    made = publish(str(tmp_path_factory.mktemp("artifacts")), CYCLE)
    return made.model_copy(update={"scorecard": card})


def in_a_flow(show: Callable[[], Any]) -> Any:
    @flow(name="shows")
    def run() -> list[Any]:
        return [show()]

    return run()[0]


def read(name: str) -> Any:
    found = Artifact.get(name)
    assert found is not None
    assert found.flow_run_id is not None
    return found


@pytest.mark.usefixtures("prefect_server")
def test_input_table_lists_every_file() -> None:
    files = [
        RawFile(uri=f"/scratch/raw/{i}.grib2", sha256=f"{i}" * 64, size=1500 * i, mirror="aws", confirmed=i == 1)
        for i in (1, 2)
    ]
    assert isinstance(in_a_flow(lambda: input_table("hubei", CYCLE, files)), UUID)
    found = read("hubei-ifs-inputs")
    rows = json.loads(found.data)
    assert [r["file"] for r in rows] == ["1.grib2", "2.grib2"]
    assert [r["bytes confirmed"] for r in rows] == ["yes", "NO"]
    assert (found.type, rows[1]["kB"], rows[1]["sha-256"]) == ("table", 3.0, "2" * 16)
    assert found.description == "Input of hubei ifs/2026-11-21T00: 2 files, 0.0 MB"


@pytest.mark.usefixtures("prefect_server")
def test_scores_show_checks_and_truth_and_survive_nan(entry: LedgerEntry) -> None:
    in_a_flow(lambda: scores(entry))
    text = read("hubei-ifs-scores").data
    assert "| t2m | K | 0.61 | 0.9 | 0.8 | – |" in text
    assert "| t2m | seam | 1.2 | 1.5 | passed |" in text
    assert "| tp | highest value | – | – | **FAILED** |" in text


@pytest.mark.usefixtures("prefect_server")
def test_verification_is_a_table_of_the_product_and_what_one_would_use_otherwise() -> None:
    scored = made.entry(made.pairs([6.0, 12.0], wanted=["t2m", "wind_speed"]), [6.0, 12.0])
    in_a_flow(lambda: verification(scored))
    found = read("hubei-ifs-verification")
    rows, card = json.loads(found.data), scored.scorecard.verification
    assert card is not None
    best = next(s for s in card.scores if (s.candidate, s.group) == ("product_bilinear_standard", "within 100 m"))
    assert [r["read as"] for r in rows if r["variable"] == "10 metre wind speed"] == [
        "product, bilinear", "input, nearest point", "input, bilinear",
    ]  # fmt: skip
    assert (rows[0]["RMSE"], rows[0]["unit"], rows[0]["pairs"]) == (f"{best.rmse:.2f}", "°C", best.count)
    assert rows[0]["95 %"] == f"{best.low:.2f} to {best.high:.2f}"
    assert "better" in rows[0]["skill"]
    assert found.description.startswith("ifs/2026-11-20T00: verified; stations: within 100 m; ")
    assert in_a_flow(lambda: verification(made.entry(None, [6.0]))) is None


@pytest.mark.usefixtures("prefect_server")
def test_picture_is_in_the_artifact_itself(entry: LedgerEntry) -> None:
    in_a_flow(lambda: picture(entry, str(QUICKLOOK)))
    text = read("hubei-ifs-picture").data
    data = text.split("base64,")[1].split(")")[0]
    with Image.open(io.BytesIO(base64.b64decode(data))) as shown, Image.open(QUICKLOOK) as full:
        assert shown.width > 600
        assert abs(shown.width / shown.height - full.width / full.height) < 0.01
    assert len(text) < 100_200


@pytest.mark.parametrize("size", [(900, 700), (3000, 5), (40, 40)])
def test_picture_fits_whatever_it_shows(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise, "RGBA").save(buffer, "PNG")
    assert len(inline(buffer.getvalue())) <= 100_000


@pytest.mark.usefixtures("prefect_server")
def test_product_is_a_link_only_where_a_browser_can_follow_it(entry: LedgerEntry) -> None:
    in_a_flow(lambda: product_link(entry, "s3://weather/x.zarr"))
    assert 'xarray.open_zarr("s3://weather/x.zarr")' in read("hubei-ifs-product").data
    in_a_flow(lambda: product_link(entry, "https://weather.example/x.zarr"))
    assert read("hubei-ifs-product").data == "[hubei ifs/2026-11-21T00](https://weather.example/x.zarr)"


@pytest.mark.usefixtures("prefect_server")
def test_progress_moves() -> None:
    seen = []

    def work() -> None:
        bar = begin_progress("hubei", CYCLE, 49)
        for done in (8, 49):
            progress(bar, "hubei", CYCLE, done, 49)
            found = read("hubei-ifs-progress")
            seen.append((round(float(found.data), 1), found.description))

    in_a_flow(work)
    assert seen == [
        (16.3, "hubei ifs/2026-11-21T00: 8 of 49 lead times"),
        (100.0, "hubei ifs/2026-11-21T00: 49 of 49 lead times"),
    ]


@pytest.mark.usefixtures("prefect_server")
def test_what_the_server_refuses_or_what_is_no_picture_is_a_warning(
    entry: LedgerEntry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    no_picture = tmp_path / "no.png"
    no_picture.write_bytes(b"no picture")
    with caplog.at_level(logging.WARNING, logger="flows.server.artifacts"):
        assert in_a_flow(lambda: picture(entry, str(no_picture))) is None
        assert in_a_flow(lambda: progress(uuid4(), "hubei", CYCLE, 1, 2)) is None
        progress(None, "hubei", CYCLE, 1, 2)
    said = [r.message for r in caplog.records if r.name == "flows.server.artifacts"]
    assert [m.split(":")[0] for m in said] == ["artifact picture", "artifact _move"]


def test_outside_of_a_run_nothing_is_shown(entry: LedgerEntry, tmp_path: Path) -> None:
    assert input_table("hubei", CYCLE, []) is None
    assert scores(entry) is None
    assert begin_progress("hubei", CYCLE, 1) is None


def test_keys_are_what_prefect_takes() -> None:
    assert key("hubei", "ifs", "inputs") == "hubei-ifs-inputs"
    assert key("Über_all", "ifs", "input s") == "ber-all-ifs-input-s"
