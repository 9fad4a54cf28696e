"""All that the demo product says of itself but its values, held against the copy in golden/."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.version import VERSION
from tests.golden import documents
from tests.published import DEMO_PRODUCT

# what another day, machine, model or code changes; the first that matches, of a whole text or of a part of it
TEXTS = {
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z": "<time>",
    r"\b[0-9a-f]{64}\b": "<sha-256>",
    r"\b[0-9a-f]{16}\b": "<fingerprint>",
    rf"\b{re.escape(VERSION)}\b": "<version>",
}
NUMBERS = {"value", "product", "bilinear", "bicubic", "at_height", "frequency", "size", "timings"}
EMBEDDED = ("scorecard", "ledger")  # attributes that are JSON themselves


def settled(value: Any, name: str = "") -> Any:
    """A document with placeholders for what may differ."""
    match value:
        case dict():
            return {k: settled(v, name if name == "timings" else k) for k, v in value.items()}
        case list():
            return [settled(item, name) for item in value]
        case str() if name in EMBEDDED:
            return settled(json.loads(value))
        case str():
            for pattern, placeholder in TEXTS.items():
                value = re.sub(pattern, placeholder, value)
            return value
        case int() | float() if name in NUMBERS and not isinstance(value, bool):
            return f"<{'number' if name != 'timings' else 'seconds'}>"
    return value


def test_metadata_of_the_demo_product(demo_store: Path, golden: Callable[[str, Any], None]) -> None:
    found = documents(demo_store / f"{DEMO_PRODUCT}.zarr", "zarr.json")
    consolidated = found["."].pop("consolidated_metadata")["metadata"]
    alone = {name: document for name, document in found.items() if name != "."}
    assert {name: _bare(document) for name, document in consolidated.items()} == {
        name: _bare(document) for name, document in alone.items()
    }
    golden("demo_product.json", settled(found))


def _bare(document: dict[str, Any]) -> dict[str, Any]:
    """Without what a group says of those below it."""
    return {key: value for key, value in document.items() if key != "consolidated_metadata"}
