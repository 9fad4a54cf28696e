"""Sets a process up for Prefect: called by whoever starts one, before Prefect is imported, which reads all of it then.

Workers and servers get theirs from `deployments/settings.py`. What torch's threads read stays in `models/__init__.py`:
it has to be there in every process that loads torch, whoever started it.
"""

from __future__ import annotations

import os
import warnings

ENVIRONMENT = {
    # nothing is sent anywhere
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # Prefect's own log stays quiet beside ours
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "true",
    # its server makes its database at the first start: longer than the default of 20 s where all cores are busy
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}


def set_up() -> None:
    """Environment and warnings of a process that shows its user one line an error; what the user has set stays."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # `flows.server.orchestrator` says so in one line of ours
    warnings.filterwarnings("ignore", message="Failed to create the Prefect home")
