"""The version of the code that makes products."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("finescale")
except PackageNotFoundError:  # run from a checkout that was not installed
    VERSION = "0+unknown"
