"""What cannot be made again is kept in one file, and comes back from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.servers.stack import Stack
from tests.truth_stations import DEMO

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ENTRY = f"products/small/demo/2021/12/{DEMO}.json"
LATEST = "products/small/demo/latest.json"


def runs(stack: Stack) -> set[str]:
    """Those of downscale: a look of catch-up comes by itself every five minutes."""
    wanted = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}, "flows": {"name": {"any_": ["downscale"]}}}
    return {run["id"] for run in stack.post("/flow_runs/filter", **wanted)}


def content(stack: Stack, key: str) -> dict:
    return json.loads(stack.s3().get_object(Bucket="finescale", Key=key)["Body"].read())


def keys(stack: Stack, prefix: str) -> list[str]:
    found = stack.s3().list_objects_v2(Bucket="finescale", Prefix=prefix)
    return [each["Key"] for each in found.get("Contents", [])]


def test_ledger_and_runs_come_back_and_what_is_newer_stays(stack: Stack, tmp_path: Path) -> None:
    demo = ("deployment", "run", "downscale/small", "--param", "source=demo")
    stack.prefect(*demo, "--watch")
    kept, entry = runs(stack), content(stack, ENTRY)
    file = tmp_path / "kept.tar.gz"
    done = stack("backup", str(file))
    assert done.returncode == 0, done.stderr
    assert oct(file.stat().st_mode)[-3:] == "600"

    stack.s3().delete_object(Bucket="finescale", Key=ENTRY)
    newer = content(stack, LATEST) | {"cycle": "demo/2099-01-01T00"}
    stack.s3().put_object(Bucket="finescale", Key=LATEST, Body=json.dumps(newer).encode())
    stack.prefect("deployment", "run", "downscale/small", "--param", "source=demo", "--watch")
    assert kept < runs(stack)
    stack.s3().delete_object(Bucket="finescale", Key=ENTRY)

    done = stack("restore", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert content(stack, ENTRY) == entry
    assert runs(stack) == kept
    assert stack.is_whole()


def test_a_product_taken_back_since_is_not_led_to_again(stack: Stack, tmp_path: Path) -> None:
    demo = ("deployment", "run", "downscale/small", "--param", "source=demo", "--watch")
    stack.prefect(*demo)
    file = tmp_path / "kept.tar.gz"
    done = stack("backup", str(file))
    assert done.returncode == 0, done.stderr
    done = stack.finescale("withdraw", "small", DEMO, "--source", "demo", "--why", "bad")
    assert (done.returncode, keys(stack, LATEST)) == (0, []), done.stderr

    done = stack("restore", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (content(stack, ENTRY)["state"], keys(stack, LATEST)) == ("withdrawn", [])
    stack.prefect(*demo)  # what was taken back counts as not made
    assert content(stack, LATEST)["product"] == content(stack, ENTRY)["product"]


def test_half_a_backup_is_refused_and_nothing_changes(stack: Stack, tmp_path: Path) -> None:
    whole, half = tmp_path / "whole.tar.gz", tmp_path / "half.tar.gz"
    assert stack("backup", str(whole)).returncode == 0
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    kept = runs(stack)
    done = stack("restore", str(half))
    assert (done.returncode, "is no whole backup" in done.stderr) == (1, True)
    assert runs(stack) == kept
    assert stack.is_well()


def test_a_backup_that_cannot_be_written_is_one_line(stack: Stack, tmp_path: Path) -> None:
    done = stack("backup", str(tmp_path / "nowhere" / "kept.tar.gz"))
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
