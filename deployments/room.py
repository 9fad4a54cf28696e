"""What is free of the disk that the stack's data and logs are on: of its S3 server's disk nobody else knows."""

from __future__ import annotations

import shutil
from pathlib import Path

from deployments.errors import StackFault

# SeaweedFS takes no more at 1 % free; PostgreSQL ends where nothing is
SHARE, LEAST = 0.02, 1e9  # of the disk, and bytes


def room_line(folder: Path) -> str:
    """How much is free, in words; StackFault where that is so little that parts are about to refuse work."""
    disk = shutil.disk_usage(folder)
    line = f"disk    {disk.free / 1e9:.1f} GB free, {100 * disk.free / disk.total:.0f} %, for data and logs in {folder}"
    if disk.free < max(SHARE * disk.total, LEAST):
        raise StackFault(f"{line}: make room, before the store and the database take no more")
    return line
