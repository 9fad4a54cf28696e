#!/bin/sh
# obstore's exponential backoff does not grow with the base that it is meant for.
#
# Asked for ten retries, 0.1 s before the first, base 2 (each wait up to twice the last), at most 15 s, 180 s in all,
# one expects waits of 0.1, 0.2, 0.4 ... 15 s: a minute or more of patience. Seen with obstore 0.12.1: a server that
# refuses connections is given up after 2 to 3 s. The next wait is drawn between the first one and twice the last, so
# that it shrinks about as often as it grows; with base 4 the same ten retries take half a minute.
# Exits non-zero if base 2 has become patient.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1
"$folder/venv/bin/python" - <<'PYTHON'
import socket
import sys
import time
from datetime import timedelta
from importlib.metadata import version
from statistics import median

import obstore
from obstore.store import S3Store

with socket.socket() as unused:  # a port of loopback that nothing listens on
    unused.bind(("127.0.0.1", 0))
    port = unused.getsockname()[1]


def seconds_until_given_up(base: int) -> float:
    backoff = {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=15), "base": base}
    store = S3Store(
        "bucket", endpoint=f"http://127.0.0.1:{port}", access_key_id="a", secret_access_key="b", region="us-east-1",
        client_options={"allow_http": True},
        retry_config={"max_retries": 10, "retry_timeout": timedelta(seconds=180), "backoff": backoff},
    )
    start = time.monotonic()
    try:
        obstore.get(store, "key")
    except Exception as error:
        assert "after 10 retries" in str(error), error
    return time.monotonic() - start


waited = sorted(seconds_until_given_up(2) for _ in range(5))
print(f"obstore {version('obstore')}: ten retries, base 2, 15 s at most, 180 s in all; a port that refuses")
print("expected: 0.1 + 0.2 + 0.4 + ... + 15 s, about 55 s; with full jitter half of it")
print("given up after", ", ".join(f"{s:.1f}" for s in waited), f"s; median {median(waited):.1f} s")
sys.exit(0 if median(waited) < 8 else 1)
PYTHON
