"""The implicit neural representation (INR) downscaler, after Li et al., Computer Engineering 2026, 52(4), 376-385."""

from models.inr.network import INR
from models.sizes import INRConfig

__all__ = ["INR", "INRConfig"]
