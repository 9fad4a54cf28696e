"""Asks the Prefect server that is configured how it is; nothing of Prefect is imported where none is."""

from __future__ import annotations

from datetime import datetime

import httpx

from flows.server.configured import api_url
from flows.server.health import PrefectHealth
from tasks.region.document import Region

PATIENCE = 5.0  # seconds for a first answer


def prefect_health(region: Region, now: datetime) -> PrefectHealth:
    """Ask the server that is configured, if one is."""
    api = api_url()
    if not api:
        return PrefectHealth(api=None, problem="no Prefect server is configured (PREFECT_API_URL); runs are in process")
    try:
        httpx.get(f"{api.rstrip('/')}/health", timeout=PATIENCE).raise_for_status()
        from flows.server.questions import answered  # with Prefect, for which who has no server does not wait

        return answered(api, region, now)
    except (httpx.HTTPError, OSError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        return PrefectHealth(api=api, problem=f"Prefect server {api} does not answer ({why})")
