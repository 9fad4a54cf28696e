"""Where the CDS's key comes from: where cdsapi looks for it, else a Prefect Secret block. The key is never shown."""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass, field
from pathlib import Path

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


@dataclass(frozen=True)
class RcFile:
    """The file that CDSAPI_RC names, or ~/.cdsapirc: as people's editors leave it, which cdsapi does not read."""

    place: str
    values: dict[str, str] = field(repr=False)  # of `url`, `key` and `verify`
    trouble: str  # why it gives no url and key; empty if it does

    @classmethod
    def read(cls) -> RcFile:
        """Lines `key: value` in UTF-8 or UTF-16, with byte order mark, quotes, blanks, comments, large letters."""
        place = os.environ.get("CDSAPI_RC") or "~/.cdsapirc"
        try:
            text = _text(Path(place).expanduser().read_bytes())
        except FileNotFoundError:
            return cls(place, {}, "is not there")
        except OSError as error:
            return cls(place, {}, f"cannot be read ({error.strerror})")
        except UnicodeDecodeError:
            return cls(place, {}, "is not text; save it as UTF-8")
        values = {}
        for line in text.splitlines():
            name, colon, value = line.partition(":")
            if colon and (name := _bare(name).lower()) in ("url", "key", "verify"):
                values[name] = _bare(value)
        lacking = [f"'{name}: ...'" for name in ("url", "key") if not values.get(name)]
        return cls(place, values, f"has no line {' and no line '.join(lacking)}" if lacking else "")


def _text(data: bytes) -> str:
    """What an editor meant: UTF-16 by its byte order mark, as Windows writes it, else UTF-8 with or without one."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig")


def _bare(text: str) -> str:
    """Without blanks and the quotes around it."""
    text = text.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _configured(rc: RcFile) -> Credentials | None:
    """From CDSAPI_URL and CDSAPI_KEY, and what they do not say from the file."""
    url, key = os.environ.get("CDSAPI_URL") or rc.values.get("url"), os.environ.get("CDSAPI_KEY")
    place = "CDSAPI_KEY" if key else rc.place
    key = key or rc.values.get("key")
    if not url or not key:
        return None
    return Credentials(url.strip(), key, rc.values.get("verify", "1").lower() not in ("0", "false", "no"), place)


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
    rc = RcFile.read()
    found = _configured(rc) or _secret()
    if found is None:
        raise RequestRefused(
            f"{cycle}: no CDS key in CDSAPI_URL and CDSAPI_KEY, {rc.place} ({rc.trouble}) or Prefect's Secret block "
            f"{SECRET_BLOCK}; get one at {PROFILE} and put the lines 'url: {DEFAULT_URL}' and 'key: ...' into "
            f"{rc.place}"
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
