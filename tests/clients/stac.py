"""pystac's validator without a network: the core's schemas are in pystac, the extensions' in schemas/."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rasterio
from pystac.validation import RegisteredValidator, set_validator
from pystac.validation.stac_validator import JsonSchemaSTACValidator

SCHEMAS = Path(__file__).parent / "schemas"  # of github.com/stac-extensions, Apache-2.0, as released
# what the datacube's schema refers to, for dimensions with a CRS in PROJ's JSON; GDAL's wheels bring it along
PROJJSON = Path(rasterio.__file__).parent / "proj_data/projjson.schema.json"


@pytest.fixture
def offline_validator() -> object:
    """Let pystac find every schema here."""
    validator = JsonSchemaSTACValidator()
    for file in SCHEMAS.glob("*.json"):
        schema = json.loads(file.read_text())
        validator.schema_cache[schema["$id"].rstrip("#")] = schema
    validator.schema_cache["https://proj.org/schemas/v0.4/projjson.schema.json"] = json.loads(PROJJSON.read_text())
    before = RegisteredValidator.get_validator()
    set_validator(validator)
    yield validator
    set_validator(before)
