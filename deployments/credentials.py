"""Secrets of a stack, made once and for its owner's eyes only: passwords, keys, the certificate of its S3 server."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

LIFE = timedelta(days=36_500)  # the certificate is this machine's own and shown to nobody else


def _made() -> dict[str, str]:
    return {
        "s3_key": f"finescale-{secrets.token_hex(4)}",
        "s3_secret": secrets.token_urlsafe(30),
        "postgres": secrets.token_urlsafe(24),
        "api": f"operator:{secrets.token_urlsafe(24)}",
        "inner": secrets.token_urlsafe(30),
        "notify": "",
    }


@dataclass(frozen=True)
class Secrets:
    """Of the parts that the stack starts itself."""

    s3_key: str
    s3_secret: str
    postgres: str
    api: str  # user:password of Prefect's API and UI
    inner: str  # signs what the parts of the S3 server ask each other
    notify: str = ""  # who is told of alarms: the URL last given

    @classmethod
    def of(cls, folder: Path) -> Secrets:
        """Those of a stack folder; what is not there yet is made: all of it, or what an older version did not have."""
        file = folder / "secrets.json"
        kept: Mapping[str, str] = json.loads(file.read_text()) if file.is_file() else {}
        made = cls(**{name: kept.get(name) or value for name, value in _made().items()})
        if asdict(made) != kept:
            made.keep(folder)
        return made

    def keep(self, folder: Path) -> None:
        """Write them into the stack's folder."""
        write_private(folder / "secrets.json", json.dumps(asdict(self), indent=2) + "\n")


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, at no moment anybody else, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that is its own authority, and its key; made if they are not there: `name`.crt, `name`.key.

    Whoever holds the key may ask, nobody else.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    public, private = folder / f"{name}.crt", folder / f"{name}.key"
    if public.is_file() and private.is_file():
        return public, private
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "finescale")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=365))  # a clock that is set back must not close the store
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(private, secret.decode())
    write_private(public, made.public_bytes(pem).decode())
    return public, private
