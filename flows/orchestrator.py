"""Is Prefect there? Asked before a flow starts: its own answer would be a page of traceback."""

from __future__ import annotations

import os
from pathlib import Path

import httpx

from tasks.errors import OrchestratorUnavailable


def assert_prefect_usable() -> None:
    """OrchestratorUnavailable if a server is configured and silent, or Prefect's home cannot be written."""
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url:
        try:
            httpx.get(f"{settings.api.url.rstrip('/')}/health", timeout=10).raise_for_status()
        except httpx.HTTPError as error:
            raise OrchestratorUnavailable(
                f"Prefect server {settings.api.url} does not answer ({error}); start it, "
                "or unset PREFECT_API_URL to run without one"
            ) from None
        return
    home = Path(settings.home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        writable = os.access(home, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise OrchestratorUnavailable(f"Prefect's folder {home} cannot be written; set PREFECT_HOME to one that can")
