"""Opening a bucket with obstore: which one, with whose keys, through which authority, and how patiently.

obstore reads AWS_*, GOOGLE_* and AZURE_* itself. Here is what it does not know: profiles of ~/.aws, as AWS's own tools
read them, AWS_CA_BUNDLE and AWS_MAX_ATTEMPTS.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obstore.store import AzureStore, GCSStore, HTTPStore, S3Store

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

Store = S3Store | GCSStore | AzureStore | HTTPStore

BUCKETS = ("s3", "gs", "az")
SETTINGS = ("AWS_", "GOOGLE_", "AZURE_")
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE")
PLACES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")
TRIES = 7
# The whole of one request: a shard of 30 MB over 2 Mbit/s. obstore's own 30 s would cut that off, again and again.
SLOWEST = timedelta(seconds=120)
FRESH = timedelta(minutes=10)  # then botocore is asked again; it renews what expires


def in_bucket(uri: str) -> bool:
    """Whether it is in an object store: where others can list and write, too."""
    return uri.partition("://")[0] in BUCKETS


def below(uri: str) -> Store:
    """A store of everything below a URI, for zarr."""
    return _opened(*_parts(uri), _settings(uri))


def opened(uri: str) -> tuple[Store, str]:
    """The whole bucket, and the key in it."""
    scheme, bucket, key = _parts(uri)
    return _opened(scheme, bucket, "", _settings(uri)), key


def _parts(uri: str) -> tuple[str, str, str]:
    """(s3, bucket, key): keys are taken as they are, whatever # or % they hold."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    return scheme, bucket, key.strip("/")


@lru_cache(maxsize=1)
def _first_process() -> int:
    """Which uses obstore here; its threads are gone in a fork, which would wait for ever, and its parent then too."""
    return os.getpid()


def _settings(uri: str) -> tuple[tuple[str, str], ...]:
    if _first_process() != os.getpid():
        raise OSError(f"{uri}: cannot be reached from a fork of a process that has used a store; start it by spawn")
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith(SETTINGS)))


@lru_cache(maxsize=64)
def _opened(scheme: str, bucket: str, prefix: str, settings: tuple[tuple[str, str], ...]) -> Store:
    """What holds the connections: one for each place, as long as the environment says the same."""
    environment = dict(settings)
    options: dict[str, Any] = {
        "prefix": prefix or None,
        "client_options": _client(environment),
        "retry_config": _patience(environment),
    }
    match scheme:
        case "s3":
            return S3Store(bucket, **options, **_aws(environment))
        case "gs":
            return GCSStore(bucket, **options)
        case "az":
            return AzureStore(bucket, **options)
        case "http" | "https":
            del options["prefix"]
            return HTTPStore("/".join(filter(None, [f"{scheme}://{bucket}", prefix])), **options)
    raise ValueError(f"no store is known of {scheme}://; give a folder, s3://, gs:// or az://")


def _client(environment: dict[str, str]) -> ClientConfig:
    """An endpoint of http:// is one that somebody wrote; AWS_CA_BUNDLE is what AWS's own tools read."""
    options: ClientConfig = {"allow_http": True, "timeout": SLOWEST}
    if bundle := environment.get("AWS_CA_BUNDLE"):
        options["root_certificate"] = Path(bundle).read_bytes()
    return options


def _patience(environment: dict[str, str]) -> RetryConfig:
    """A quarter of a minute for a server that is away; obstore's own waits do not grow and end after two seconds."""
    tries = max(1, int(environment.get("AWS_MAX_ATTEMPTS", TRIES)))
    return {
        "max_retries": tries - 1,
        "retry_timeout": timedelta(seconds=60),
        "backoff": {"init_backoff": timedelta(seconds=0.25), "max_backoff": timedelta(seconds=10), "base": 4},
    }


def _aws(environment: Mapping[str, str]) -> dict[str, Any]:
    """Options of obstore's S3Store beyond the variables that it reads itself; PermissionError without credentials."""
    keys, place = (any(environment.get(name) for name in names) for names in (KEYS, PLACES))
    if keys and place:
        return {}
    try:
        from botocore.exceptions import BotoCoreError
        from botocore.session import get_session
    except ImportError:  # without the extra s3; obstore still knows what EC2, ECS and EKS give
        return {}
    session = get_session()
    found: dict[str, Any] = {}
    try:
        if not place:
            found["region"] = session.get_config_variable("region")
            found["endpoint"] = session.get_scoped_config().get("endpoint_url")
        if not keys:
            found["credential_provider"] = _provider(session)
    except BotoCoreError as error:
        raise PermissionError(str(error)) from None
    return {name: value for name, value in found.items() if value}


def _provider(session: Any) -> Callable[[], dict[str, Any]]:
    credentials = session.get_credentials()
    if credentials is None:
        raise PermissionError(
            "no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; "
            "for a bucket that is open to all, AWS_SKIP_SIGNATURE=true"
        )

    def current() -> dict[str, Any]:
        frozen = credentials.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + FRESH,
        }

    return current
