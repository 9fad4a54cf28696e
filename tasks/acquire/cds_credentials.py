"""Where the CDS's key comes from: cdsapi's own places, else a Prefect Secret block. The key is never shown."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import cdsapi.api
import httpx

from tasks.errors import RequestRefused

DEFAULT_URL = "https://cds.climate.copernicus.eu/api"
PROFILE = "https://cds.climate.copernicus.eu/profile"
SECRET_BLOCK = "cds-key"  # noqa: S105  (the block's name, not a secret)


@dataclass(frozen=True)
class Credentials:
    """What opens the CDS, and where it was found."""

    url: str
    key: str = field(repr=False)
    verify: bool  # the server's TLS certificate
    place: str


def _configured() -> Credentials | None:
    """From CDSAPI_URL and CDSAPI_KEY, or the file that CDSAPI_RC names, or ~/.cdsapirc."""
    try:
        url, key, verify = cdsapi.api.get_url_key_verify(None, None, None)
    except Exception:  # cdsapi raises plain Exception for "nothing there", OSError and ValueError for a bad file
        return None
    rc = os.environ.get("CDSAPI_RC", "~/.cdsapirc")
    return Credentials(url, key, bool(verify), "CDSAPI_KEY" if os.environ.get("CDSAPI_KEY") else rc)


def _secret() -> Credentials | None:
    """From the Secret block, where there is one and a Prefect server that knows it."""
    from prefect.blocks.system import Secret
    from prefect.exceptions import PrefectException

    try:
        value = str(Secret.load(SECRET_BLOCK).get())  # type: ignore[union-attr]
    except (ValueError, RuntimeError, OSError, httpx.HTTPError, PrefectException):
        return None  # no block, or no server: both mean that there is no key
    url = os.environ.get("CDSAPI_URL") or DEFAULT_URL
    return Credentials(url, value, True, f"Prefect's Secret block {SECRET_BLOCK}")


def find_credentials(cycle: object) -> Credentials:
    """URL and key; RequestRefused where there are none, or where the key cannot be one."""
    found = _configured() or _secret()
    if found is None:
        rc = Path(os.environ.get("CDSAPI_RC", "~/.cdsapirc"))
        raise RequestRefused(
            f"{cycle}: no CDS key in CDSAPI_URL and CDSAPI_KEY, {rc} or Prefect's Secret block {SECRET_BLOCK}; get one "
            f"at {PROFILE} and put the lines 'url: {DEFAULT_URL}' and 'key: ...' into ~/.cdsapirc"
        )
    key = found.key.strip()
    if ":" in key:  # with it cdsapi takes its code of before 2024, to which no server answers any more
        raise RequestRefused(f"{cycle}: the CDS key from {found.place} is of the old kind <UID>:<key>; {_renew(found)}")
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        # requests would put such a key into its error message
        raise RequestRefused(f"{cycle}: the CDS key from {found.place} is empty or holds blanks; {_renew(found)}")
    if not found.url.startswith(("http://", "https://")):
        raise RequestRefused(f"{cycle}: the CDS url beside the key is no http address; the service's is {DEFAULT_URL}")
    return Credentials(found.url.rstrip("/"), key, found.verify, found.place)


def _renew(found: Credentials) -> str:
    return f"copy the one shown at {PROFILE} to {found.place}"
