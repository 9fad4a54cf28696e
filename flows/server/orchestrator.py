"""Is the server there that is configured? Asked before a flow starts: Prefect's answer would be a page of traceback."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from flows.server.runtime import has_proxy
from tasks.errors import OrchestratorUnavailable, WrongClock

REFUSAL = "wants a password: `source stack/env`, or set PREFECT_API_AUTH_STRING to the one it was started with"
LARGEST_DRIFT = 300.0  # seconds; object stores refuse requests at 900


def assert_prefect_usable() -> None:
    """OrchestratorUnavailable if a server is configured and silent, or wants another password."""
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url:
        try:
            httpx.get(f"{settings.api.url.rstrip('/')}/health", timeout=10).raise_for_status()
        except httpx.HTTPError as error:
            raise OrchestratorUnavailable(
                f"Prefect server {settings.api.url} does not answer ({error}); start it, "
                f"{_direct(settings.api.url)}or unset PREFECT_API_URL to run without one"
            ) from None
        if is_refused():
            raise OrchestratorUnavailable(f"Prefect server {settings.api.url} {REFUSAL}")


def is_refused() -> bool:
    """True if the server that is configured wants a password that this process does not have."""
    from prefect.settings import get_current_settings

    api = get_current_settings().api
    given = api.auth_string.get_secret_value() if api.auth_string else ""
    user, _, password = given.partition(":")
    try:
        answer = httpx.get(f"{str(api.url).rstrip('/')}/admin/version", auth=(user, password), timeout=10)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.UNAUTHORIZED and api.key is None  # a key is Prefect Cloud's


def _direct(url: str) -> str:
    """What to do where a proxy may be what does not answer."""
    return f"add {httpx.URL(url).host} to NO_PROXY if no proxy leads there, " if has_proxy(os.environ) else ""


def assert_clock() -> None:
    """WrongClock if this machine's clock is far from that of Prefect's server; nothing where there is no server."""
    from prefect.settings import get_current_settings

    url = get_current_settings().api.url
    if not url:
        return
    try:
        theirs = httpx.get(f"{url.rstrip('/')}/health", timeout=10).headers["Date"]
        drift = (datetime.now(UTC) - parsedate_to_datetime(theirs)).total_seconds()
    except (httpx.HTTPError, KeyError, ValueError):
        return  # no answer, or none with a time: the run will say so itself, or does not depend on it
    if abs(drift) > LARGEST_DRIFT:
        raise WrongClock(
            f"this machine's clock is {abs(drift) / 60:.0f} min {'ahead of' if drift > 0 else 'behind'} that of "
            f"Prefect's server {url}; set it (timedatectl set-ntp true), and run again"
        )
