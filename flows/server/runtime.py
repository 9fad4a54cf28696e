"""Sets a process up for Prefect: called by whoever starts one, before Prefect is imported, which reads all of it then.

Workers and servers get theirs from `deployments/settings.py`. What torch's threads read stays in `models/__init__.py`:
it has to be there in every process that loads torch, whoever started it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping

ENVIRONMENT = {
    # nothing is sent anywhere
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # Prefect's own log stays quiet beside ours
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "true",
}
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
LOOPBACK = ("127.0.0.1", "localhost", "::1")  # Prefect's own server, the stack's: no proxy reaches this machine's


def without_proxy(environment: Mapping[str, str], *hosts: str) -> dict[str, str]:
    """NO_PROXY with what it names already, these hosts and loopback; nothing where it names every host.

    In both spellings: urllib reads the small one first, obstore the large one.
    """
    given = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    named = [name.strip() for name in given.split(",") if name.strip()]
    if "*" in named:
        return {}
    direct = ",".join(dict.fromkeys([*named, *(host for host in hosts if host), *LOOPBACK]))
    return {"no_proxy": direct, "NO_PROXY": direct}


def has_proxy(environment: Mapping[str, str]) -> bool:
    """Whether a proxy is set. Where none is, NO_PROXY alone would hide a proxy that only the system's settings name."""
    return any(value for name, value in environment.items() if name.lower() in PROXIES)


def set_up() -> None:
    """Environment and warnings of a process that shows its user one line an error; what the user has set stays."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if has_proxy(os.environ):
        os.environ.update(without_proxy(os.environ))
    # `flows.server.orchestrator` says so in one line of ours
    warnings.filterwarnings("ignore", message="Failed to create the Prefect home")
