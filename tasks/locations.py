"""Where things are kept: products, scratch files, what was fetched. Set by the environment, docs/add-a-region.md."""

from __future__ import annotations

import os
from uuid import uuid4

from tasks.errors import FolderUnusable
from tasks.storage import is_remote, join, remove, write_bytes

STORE_VARIABLE, DEFAULT_STORE = "FINESCALE_STORE", "products"
WORKSPACE_VARIABLE, DEFAULT_WORKSPACE = "FINESCALE_WORKSPACE", "workspace"
RAW_VARIABLE = "FINESCALE_RAW"

# Folders that stores and workspaces have beside those of regions, and what else addresses there would be taken for;
# other names there have dots or underscores, which a region's cannot have
VIEWER, RAW = "viewer", "raw"
RESERVED = frozenset({VIEWER, RAW, "page", "index", "catalog"})


def default_store() -> str:
    """Where products go when nobody says."""
    return os.environ.get(STORE_VARIABLE, DEFAULT_STORE)


def default_workspace() -> str:
    """Where runs keep their scratch files."""
    return os.environ.get(WORKSPACE_VARIABLE, DEFAULT_WORKSPACE)


def raw_folder() -> str:
    """Where what is fetched is kept; a local folder, also where the workspace is none."""
    base = default_workspace()
    local = DEFAULT_WORKSPACE if is_remote(base) else base
    return join(os.environ.get(RAW_VARIABLE) or join(local, RAW))


def observations_folder() -> str:
    """Where fetched observations are kept, with what is needed to ask whether they have changed."""
    return join(raw_folder(), "observations")


def assert_workspace_writable() -> None:
    """FolderUnusable, before any work, if scratch files or what is fetched cannot be put there."""
    for what, variable, folder in (
        ("workspace", WORKSPACE_VARIABLE, default_workspace()),
        ("fetched files", RAW_VARIABLE, raw_folder()),
    ):
        probe = join(folder, f".probe-{uuid4().hex[:8]}")
        try:
            write_bytes(probe, b"finescale\n")
            remove(probe)
        except Exception as error:
            raise FolderUnusable(
                f"{what} {folder}: cannot be written ({type(error).__name__}: {error}); "
                f"set {variable} to another folder, or mend its permissions"
            ) from None
