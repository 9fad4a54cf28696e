"""Policies of docs/operate.md in the stack's own S3 server: workers publish, readers read what is published alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import s3fs
import xarray as xr
from botocore.exceptions import ClientError
from botocore.session import get_session
from obstore.store import S3Store
from zarr.storage import ObjectStore

from deployments.supervision import Supervisor
from tests.conftest import ROOT
from tests.servers.stack import Stack, eventually, taken

pytestmark = [pytest.mark.integration, pytest.mark.slow]

BUCKET = "finescale"
PRODUCT = "products/small/demo/2021/12/2021-12-10T12.zarr"
NOT_LISTED = ["", "products", "products/", "products/_", "products/_staging/", "products/_quarantine/", "workspace/"]
HIDDEN = ["workspace/small/half.nc", "products/_staging/half.zarr/zarr.json", "products/_quarantine/bad.png"]


def policies() -> dict[str, Any]:
    """The page's, by whom they are for, as one policy of a bucket in SeaweedFS."""
    page = (ROOT / "docs/operate.md").read_text()
    found = re.findall(r'^      (\{"Version": "2012-10-17".*?\]\})$', page, re.MULTILINE | re.DOTALL)
    statements = []
    for name, text in zip(("workers", "readers"), found, strict=True):
        principal = {"AWS": f"arn:aws:iam::000000000000:user/{name}"}
        statements += [{"Principal": principal} | s for s in json.loads(text)["Statement"]]
    return {"Version": "2012-10-17", "Statement": statements}


def keys(name: str) -> dict[str, str]:
    return {"key": f"{name}-key", "secret": f"{name}-secret"}


def client(stack: Stack, name: str) -> Any:
    return get_session().create_client(
        "s3", endpoint_url=stack.env_file()["AWS_ENDPOINT_URL"], region_name="us-east-1",
        aws_access_key_id=keys(name)["key"], aws_secret_access_key=keys(name)["secret"],
    )  # fmt: skip


def restarted(stack: Stack) -> None:
    """Its S3 server, with what s3.json has now."""
    supervisor = Supervisor(stack.folder)
    supervisor.stop_part("s3")
    supervisor.start_part("s3")
    eventually(lambda: taken(int(stack.environ["FINESCALE_S3_PORT"])))
    eventually(lambda: answers(stack))


def answers(stack: Stack) -> bool:
    try:
        return bool(stack.s3().head_bucket(Bucket=BUCKET))
    except Exception:  # until its parts know each other
        return False


@pytest.fixture
def shared(stack: Stack) -> Iterator[Stack]:
    """The stack's store with identities that nothing but the policies lets do anything."""
    file = stack.folder / "s3.json"
    before = file.read_text()
    content = json.loads(before)
    for name in ("workers", "readers"):
        credentials = [{"accessKey": keys(name)["key"], "secretKey": keys(name)["secret"]}]
        content["identities"].append({"name": name, "credentials": credentials, "actions": []})
    file.write_text(json.dumps(content))
    restarted(stack)
    try:
        assert all(refused(client(stack, name), "products/x") for name in ("workers", "readers"))
        stack.s3().put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policies()))
        for key in HIDDEN:
            stack.s3().put_object(Bucket=BUCKET, Key=key, Body=b"half")
        eventually(lambda: not refused(client(stack, "workers"), HIDDEN[0]))
        yield stack
    finally:
        stack.s3().delete_bucket_policy(Bucket=BUCKET)
        for key in HIDDEN:
            stack.s3().delete_object(Bucket=BUCKET, Key=key)
        file.write_text(before)
        restarted(stack)


def refused(who: Any, key: str) -> bool:
    try:
        who.get_object(Bucket=BUCKET, Key=key)
    except ClientError as error:
        return bool(error.response["Error"]["Code"] == "AccessDenied")
    return False


def listed(who: Any, prefix: str) -> list[str] | None:
    """Keys below a prefix; None if that is refused."""
    try:
        return [found["Key"] for found in who.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"
        return None


@pytest.mark.fault("a reader of the bucket looks for what is not published", "neither listed nor read; products are")
def test_workers_publish_and_readers_read_what_is_published_alone(shared: Stack) -> None:
    environ = shared.environ | shared.env_file()
    environ |= {"AWS_ACCESS_KEY_ID": keys("workers")["key"], "AWS_SECRET_ACCESS_KEY": keys("workers")["secret"]}
    environ |= {"FINESCALE_WORKSPACE": f"s3://{BUCKET}/workspace"}
    run = [sys.executable, "-m", "flows.commands.app", "run", "small", "--source", "demo", "--force"]
    done = subprocess.run(run, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.raises(ClientError, match="AccessDenied"):
        client(shared, "workers").put_object(Bucket=BUCKET, Key="elsewhere", Body=b"")

    reader = client(shared, "readers")
    assert_reads_the_product(shared, reader)
    for key in HIDDEN:
        assert refused(reader, key), key
    for prefix in (
        "",
        "products",
        "products/",
        "products/_",
        "products/_staging/",
        "products/_quarantine/",
        "workspace/",
    ):
        assert listed(reader, prefix) is None, prefix
    assert f"{PRODUCT}/zarr.json" in (listed(reader, "products/small/") or [])
    for refuse in (reader.put_object, reader.delete_object):
        with pytest.raises(ClientError, match="AccessDenied"):
            refuse(Bucket=BUCKET, Key=f"{PRODUCT}/zarr.json")


def assert_reads_the_product(stack: Stack, reader: Any) -> None:
    """By xarray over s3fs and over obstore, every value."""
    latest = json.loads(reader.get_object(Bucket=BUCKET, Key="products/small/demo/latest.json")["Body"].read())
    product = f"products/{latest['product']}"
    endpoint = stack.env_file()["AWS_ENDPOINT_URL"]
    options = keys("readers") | {"endpoint_url": endpoint, "client_kwargs": {"region_name": "us-east-1"}}
    s3fs.S3FileSystem.clear_instance_cache()
    by_obstore = ObjectStore(
        S3Store(
            BUCKET, prefix=product, endpoint=endpoint, region="us-east-1", client_options={"allow_http": True},
            access_key_id=keys("readers")["key"], secret_access_key=keys("readers")["secret"],
        ),
        read_only=True,
    )  # fmt: skip
    with (
        xr.open_zarr(f"s3://{BUCKET}/{product}", storage_options=options, chunks=None) as one,
        xr.open_zarr(by_obstore, chunks=None) as other,
    ):
        assert bool(np.isfinite(one.load().t2m).all())
        xr.testing.assert_identical(one, other.load())
