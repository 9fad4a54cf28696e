"""latest.json is a contract: docs/latest.schema.json says what readers may rely on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from tasks.store.ledger import LATEST_KEYS, SKILL_KEYS, point_to
from tests.conftest import ROOT
from tests.tasks.present.report import made

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/latest.schema.json").read_text())
CONTRACT = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_schema_is_one_and_names_every_key() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]) == set(SCHEMA["required"]) == LATEST_KEYS | {"why", "scores", "calibrated"}
    scores = SCHEMA["properties"]["scores"]["items"]
    assert set(scores["properties"]) == set(scores["required"]) == SKILL_KEYS


def test_what_a_run_publishes_fits(latest: dict[str, Any]) -> None:
    CONTRACT.validate(latest)
    assert set(latest) == set(SCHEMA["properties"])


def test_what_has_been_scored_fits(tmp_path: Path) -> None:
    leads = [3, 6, 9, 12]
    entry = made.entry(made.pairs(leads), leads).model_copy(update={"verified_at": datetime.now(UTC)})
    point_to(str(tmp_path), entry)
    named = json.loads((tmp_path / entry.region / entry.source / "latest.json").read_text())
    CONTRACT.validate(named)
    assert named["scores"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("quality", "quarantined"), ("product", "/a.zarr"), ("lead_hours", []), ("cycle", "2021-12-10"), ("scores", None)],
)
def test_what_readers_may_not_find_is_refused(latest: dict[str, Any], key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        CONTRACT.validate(latest | {key: value})
