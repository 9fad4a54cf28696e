"""Fields on a model's own grid, reduced Gaussian or spectral -> latitudes and longitudes, by ECMWF's own MIR.

MIR's default is what ECMWF's regular grids are made with: linear interpolation at the points. So the result is samples,
as theirs is. It runs in a process of its own: it writes to the terminal, and keeps its weights in a folder.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from tasks.errors import BadInput, StoreNotWritable, UnreadableFile
from tasks.grib.walk import is_grib, walk

KINDS = ("reduced_gg", "regular_gg", "sh", "regular_ll")  # the last: to another spacing
TIMEOUT = 1800  # s; a cycle of 9 km has thousands of messages
JOB = """
import sys, mir
job = mir.Job(grid="{0}/{0}".format(sys.argv[3]))
job.execute(mir.GribFileInput(sys.argv[1]), mir.GribFileOutput(sys.argv[2]))
"""


def to_latitudes(path: Path, output: Path, spacing: float) -> int:
    """Write a GRIB file anew on a global grid of a spacing in degrees; returns how many fields, whole or not at all.

    BadInput where it cannot be done; UnreadableFile for a grid that is none of KINDS.
    """
    if not path.exists() or not is_grib(path):
        raise UnreadableFile(f"{path}: no GRIB file, which alone says of such grids")
    if importlib.util.find_spec("mir") is None:
        raise BadInput("this needs ECMWF's MIR: pip install 'finescale[grids]'")
    if not 0.01 <= spacing <= 5 or abs(90 / spacing - round(90 / spacing)) > 1e-6:
        raise BadInput(f"--spacing {spacing:g}: give degrees of which a whole number makes 90, like 0.1 or 0.25")
    for placed in walk(path, UnreadableFile):
        if (kind := str(placed.message["gridType"])) not in KINDS:
            raise UnreadableFile(
                f"{path.name} message {placed.number}: grid {kind}, whose winds may be along its own axes; "
                "bring it to latitudes with the tools of its centre"
            )
    partial = output.with_name(f".{output.name}.{uuid4().hex[:8]}.partial")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "finescale" / "mir"
    environment = os.environ | {"MIR_CACHE_PATH": str(cache)}
    try:
        cache.mkdir(parents=True, exist_ok=True)  # MIR makes the last folder only
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", JOB, str(path), str(partial), f"{spacing:g}"],
            env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False,
        )  # fmt: skip
        if done.returncode != 0 or not partial.exists():
            words = (done.stderr or done.stdout).strip().splitlines()
            raise BadInput(f"{path}: MIR cannot interpolate it ({words[-1] if words else 'no word'})")
        count = sum(1 for _ in walk(partial, UnreadableFile))
        partial.replace(output)
    except subprocess.TimeoutExpired:
        raise BadInput(f"{path}: MIR took more than {TIMEOUT} s; hand in fewer fields at a time") from None
    except OSError as error:
        raise StoreNotWritable(f"{output}: cannot be written ({error.strerror or error})") from None
    finally:
        partial.unlink(missing_ok=True)
    return count
