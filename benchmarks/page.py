"""docs/benchmarks.md from the results files (python -m benchmarks.page)."""

from __future__ import annotations

from pathlib import Path

from benchmarks import acquire, inference, pool

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEAD = "# Speed\n\nWritten by `make bench`; do not edit.\n\n"


def main() -> None:
    """Command line."""
    PAGE.write_text(HEAD + inference.section().rstrip() + "\n\n" + acquire.section() + "\n" + pool.section())


if __name__ == "__main__":
    main()
