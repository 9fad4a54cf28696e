"""SeaweedFS as the stack's S3 server: how it is started, and what keeps its inner ports to itself.

Its parts (master, volumes, filer, S3) ask each other over ports of loopback, which by default answer whoever asks,
pages in this machine's browser too. Here master and filer serve no data over HTTP, volumes want signed requests, gRPC
wants a certificate (`weed scaffold -config=security` lists what there is).
"""

from __future__ import annotations

import json
import os

from deployments.credentials import Secrets, certificate, write_private
from deployments.processes import program, socket_path
from deployments.settings import Settings

JWT = ("SIGNING", "SIGNING_READ", "FILER_SIGNING", "FILER_SIGNING_READ")
GRPC = ("MASTER", "VOLUME", "FILER", "S3", "CLIENT")
# What it keeps is bounded (the filer's eight indexes and its logs of changes, 260 MB after 3,000 objects, 400 MB at
# most), but Go lets the heap grow to twice that before it collects. A soft limit: it never refuses memory.
MEMORY = "512MiB"


def command(settings: Settings) -> list[str]:
    """All parts in one process."""
    folder, port = settings.folder, settings.s3_port
    options = {
        "dir": folder / "s3", "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "master.telemetry": "false",
        "master.port": port + 1, "volume.port": port + 2, "filer.port": port + 3,
        "disableHttp": "true", "filer.disableHttp": "true", "filer.localSocket": socket_path(folder, "filer"),
        "master.electionTimeout": "1s",  # of one master; 10 s by default, at every start
        "volume.max": 0,  # as many as the disk holds
        "master.volumeSizeLimitMB": 256,  # seven are opened at once: small, for small disks
        "s3.ip.bind": settings.host, "s3.port": port, "s3.config": folder / "s3.json",
        "s3.port.iceberg": 0, "s3.port.lance": 0, "s3.localSocket": socket_path(folder, "s3"),
        "s3.iam": "false", "s3.allowedOrigins": settings.endpoint,  # pages read through `finescale serve`
    }  # fmt: skip
    return [program("weed"), "server", "-filer", "-s3", *(f"-{name}={value}" for name, value in options.items())]


def environment(settings: Settings, known: Secrets) -> dict[str, str]:
    """Secrets that its parts know each other by, where other accounts cannot read them; and a limit of memory."""
    public, private = certificate(settings.folder, "s3")
    found = {f"WEED_JWT_{name}_KEY": f"{known.inner}-{name.lower()}" for name in JWT}
    found |= {"WEED_GRPC_CA": str(public), "GOMEMLIMIT": os.environ.get("GOMEMLIMIT", MEMORY)}
    for name in GRPC:
        found |= {f"WEED_GRPC_{name}_CERT": str(public), f"WEED_GRPC_{name}_KEY": str(private)}
    return found


def write_files(settings: Settings, known: Secrets) -> None:
    """Data folder, and who may do what: one identity, and nobody without a key."""
    (settings.folder / "s3").mkdir(parents=True, exist_ok=True)
    credentials = [{"accessKey": known.s3_key, "secretKey": known.s3_secret}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identities = [{"name": "finescale", "credentials": credentials, "actions": actions}]
    write_private(settings.folder / "s3.json", json.dumps({"identities": identities}))
