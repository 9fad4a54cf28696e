"""What is open to whom: the table that `make up` prints."""

from __future__ import annotations

from deployments.settings import GRPC_OFFSET, Settings
from flows.server.runtime import LOOPBACK


def lines(settings: Settings) -> list[str]:
    """One line a door: address, what is behind it, and what opens it."""
    who = "this machine" if settings.host in LOOPBACK else f"whoever reaches {settings.host}"
    names = ", ".join(name for name in settings.hosts if name not in LOOPBACK)
    rows = [
        (f"{settings.host}:{settings.ui_port}", f"Prefect's UI and API, to {who}", "password; asked as localhost"
         + (f", {names}" if names else "") + " only"),
    ]  # fmt: skip
    if settings.own_s3:
        port = settings.s3_port
        inner = f"127.0.0.1:{port + 1}-{port + 3}, {port + GRPC_OFFSET}-{port + GRPC_OFFSET + 3}"
        rows.append((f"{settings.host}:{port}", f"S3, to {who}", "requests signed with AWS_* of env"))
        rows.append((inner, "S3's own parts", "their keys and certificate"))
    if settings.database is None:
        rows.append((f"127.0.0.1:{settings.postgres_port}", "PostgreSQL, to this machine", "password in secrets.json"))
    rows.append(("127.0.0.1:any", "each worker, how its runs are told to stop", "a token of each run"))
    rows.append((f"{settings.folder}/*.sock", "supervisord", "this account"))
    wide = [max(len(row[n]) for row in rows) for n in (0, 1)]
    return [
        f"{'open' if n == 0 else '':<7} {address:<{wide[0]}}  {what:<{wide[1]}}  {opener}"
        for n, (address, what, opener) in enumerate(rows)
    ]
