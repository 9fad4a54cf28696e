"""What an S3 server can do of what a store needs: `python -m benchmarks.runs.stores --bucket NAME`.

The server is the one that AWS_* name; the bucket is made if it is not there, and what is written there stays. Each line
says whether the server does it, or what it did instead. Of conditional writes eight threads try at once. At the end the
demo product is published, opened by plain xarray and scanned as `finescale maintain` does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr

from deployments.bootstrap import create_bucket
from tasks import objects
from tasks.storage import (
    assert_writable,
    create_bytes,
    exists,
    files_in,
    join,
    names_in,
    put_in_place,
    read_bytes,
    read_json,
    read_tagged,
    remove,
    replace_bytes,
    write_bytes,
)  # fmt: skip
from tasks.store.integrity import verify_product
from tasks.store.ledger import entries
from tasks.store.paths import in_store

THREADS = 8


def creates_once(base: str) -> str:
    """If-None-Match: of many that create a file one does."""
    uri = join(base, "once")
    with ThreadPoolExecutor(THREADS) as pool:
        made = list(pool.map(lambda i: create_bytes(uri, str(i).encode()), range(3 * THREADS)))
    return "" if sum(made) == 1 else f"{sum(made)} of {len(made)} created it"


def replaces_by_tag(base: str) -> str:
    """If-Match: no increment of many is lost."""
    uri = join(base, "count")
    write_bytes(uri, b"0")

    def add(_: int) -> None:
        while True:
            found = read_tagged(uri)
            assert found is not None
            if replace_bytes(uri, str(int(found[0]) + 1).encode(), found[1]):
                return

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(add, range(100)))
    count = int(read_bytes(uri))
    return "" if count == 100 else f"{100 - count} of 100 increments were lost"


def keeps_removed(base: str) -> str:
    """If-Match of a file that is gone writes nothing."""
    uri = join(base, "gone")
    write_bytes(uri, b"0")
    found = read_tagged(uri)
    assert found is not None
    remove(uri)
    return "it was written again" if replace_bytes(uri, b"1", found[1]) else ""


def gives_ranges(base: str) -> str:
    """Parts of a file, and from its end."""
    data = np.random.default_rng(0).bytes(300_000)
    write_bytes(join(base, "long"), data)
    parts = {(1000, 2000): data[1000:2000], (0, 1): data[:1], (299_990, None): data[-10:]}
    wrong = [span for span, part in parts.items() if read_bytes(join(base, "long"), *span) != part]
    return f"other bytes of {wrong}" if wrong else ""


def keeps_types(base: str) -> str:
    """Content-Type, which browsers go by."""
    from botocore.session import get_session

    write_bytes(join(base, "page.html"), b"<p>")
    bucket, _, key = join(base, "page.html").removeprefix("s3://").partition("/")
    kind = get_session().create_client("s3").head_object(Bucket=bucket, Key=key)["ContentType"]
    return "" if kind.startswith("text/html") else kind


def keeps_names(base: str) -> str:
    """Spaces, signs, another script."""
    names = sorted(["a b", "a+b", "a%20b", "\u6e56\u5317", "a=b&c"])
    for name in names:
        write_bytes(join(base, "names", name), name.encode())
    found = names_in(join(base, "names"))
    return "" if found == names else f"{found}"


def tells_neighbours_apart(base: str) -> str:
    """A folder's removal keeps the one whose name begins alike."""
    for name in ("x.zarr/a", "x.zarr/b/c", "x.zarr.png", "x.zarr2/a"):
        write_bytes(join(base, "alike", name), b"1")
    remove(join(base, "alike", "x.zarr"))
    found = files_in(join(base, "alike"))
    return "" if found == ["x.zarr.png", "x.zarr2/a"] else f"{found}"


def copies(base: str) -> str:
    """A folder comes into its place, by copies that the server makes."""
    for name in ("zarr.json", "t2m/c/0/0", "t2m/zarr.json"):
        write_bytes(join(base, "staged", name), name.encode())
    put_in_place(join(base, "staged"), join(base, "placed"))
    found = files_in(join(base, "placed"))
    return "" if found == ["t2m/c/0/0", "t2m/zarr.json", "zarr.json"] else f"{found}"


def refuses_wrong_keys(base: str) -> str:
    """Signatures are checked."""
    write_bytes(join(base, "secret"), b"1")
    right = os.environ["AWS_SECRET_ACCESS_KEY"]
    try:
        os.environ["AWS_SECRET_ACCESS_KEY"] = "another" * 6
        objects.read(join(base, "secret"))
    except (OSError, ValueError):
        return ""
    finally:
        os.environ["AWS_SECRET_ACCESS_KEY"] = right
    return "whoever asks is answered"


def is_taken_for_a_store(base: str) -> str:
    """What each run asks before any work."""
    try:
        assert_writable(base)
    except OSError as error:
        return str(error)
    return ""


def publishes(base: str) -> str:
    """The demo product, by the command; every array against its digest, and plain xarray."""
    store = join(base, "store")
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "flows.commands.app", "run", "hubei", "--source", "demo", "--store", store]
        environ = os.environ | {"FINESCALE_WORKSPACE": str(Path(folder) / "workspace")}
        done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no word"])[-1]
    latest: Any = read_json(join(store, "hubei/demo/latest.json"))
    (entry,) = entries(store, "hubei")
    damaged = verify_product(store, entry)
    with xr.open_zarr(in_store(store, latest["product"]), chunks=None) as ds:
        whole = bool(np.isfinite(ds.load()["t2m"]).all())
    return "" if whole and not damaged and exists(join(store, "catalog.json")) else f"{damaged}"


CHECKS: list[Callable[[str], str]] = [
    creates_once, replaces_by_tag, keeps_removed, gives_ranges, keeps_types, keeps_names, tells_neighbours_apart,
    copies, refuses_wrong_keys, is_taken_for_a_store, publishes,
]  # fmt: skip


def main() -> None:
    """Print a line a check; exit code 1 if one is not done."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("--bucket", default="finescale")
    args = parser.parse_args()
    create_bucket(f"s3://{args.bucket}")
    base, lacking = f"s3://{args.bucket}/try-{uuid4().hex[:6]}", 0
    for check in CHECKS:
        try:
            found = check(base)
        except Exception as error:  # whatever it does instead is the finding
            found = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        lacking += bool(found)
        print(f"{check.__name__.replace('_', ' '):24} {found or 'yes'}", flush=True)
    raise SystemExit(1 if lacking else 0)


if __name__ == "__main__":
    main()
