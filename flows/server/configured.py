"""Whether a Prefect server is configured. Prefect's own settings know; where it is given none, nothing is imported."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# where Prefect reads its settings from, beside the profiles in its home
VARIABLES = ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH")
FILES = {"prefect.toml": "", "pyproject.toml": "[tool.prefect", ".env": "PREFECT_"}  # and what would be in them


def api_url() -> str | None:
    """Address of the API of the server that is configured; None if none is."""
    if "prefect.settings" not in sys.modules and not _is_anything_set():
        return None
    from prefect.settings import get_current_settings

    return get_current_settings().api.url


def _is_anything_set() -> bool:
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    if any(name in os.environ for name in VARIABLES) or (home / "profiles.toml").exists():
        return True
    return any(Path(name).is_file() and word in Path(name).read_text(errors="replace") for name, word in FILES.items())
