"""Notifications as WIS2 nodes and caches make them, of made up data."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

NOW = datetime(2025, 1, 1, 6, 20, tzinfo=UTC)  # twenty minutes after the reports of made_up.report


def notice(
    data: bytes = b"",
    data_id: str = "cn-cma/data/core/weather/surface-based-observations/synop/57461_20250101T0600",
    minutes: float = 0.0,
    rel: str = "canonical",
    href: str | None = None,
    place: tuple[float, float] | None = (111.3, 30.7),
    digest: str | None = None,
    **properties: Any,
) -> bytes:
    """One, published so many minutes before NOW or after, with its data inside unless there is an address."""
    about: dict[str, Any] = {
        "data_id": data_id,
        "datetime": "2025-01-01T06:00:00Z",
        "pubtime": (NOW + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z"),
        "global-cache": "data-metoffice-noaa-global-cache",
    }
    if rel != "deletion":
        value = digest or base64.b64encode(hashlib.sha512(data).digest()).decode()
        about["integrity"] = {"method": "sha512", "value": value}
        if href is None:
            about["content"] = {"encoding": "base64", "value": base64.b64encode(data).decode(), "size": len(data)}
    document = {
        "id": str(uuid4()),
        "conformsTo": ["http://wis.wmo.int/spec/wnm/1/conf/core"],
        "type": "Feature",
        "geometry": None if place is None else {"type": "Point", "coordinates": list(place)},
        "properties": about | properties,
        "links": [{"rel": rel, "href": href or f"https://wis2.example.org/{data_id}", "type": "application/bufr"}],
    }
    return json.dumps(document).encode()
