"""docs/benchmarks.md from the results files (python -m benchmarks.page)."""

from __future__ import annotations

from pathlib import Path

from benchmarks import acquire, inference, pool, verify

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEAD = "# Speed\n\nWritten by `make bench`; do not edit.\n\n"


def main() -> None:
    """Command line."""
    sections = [inference.section().rstrip() + "\n", acquire.section(), pool.section(), verify.section()]
    PAGE.write_text(HEAD + "\n".join(sections))


if __name__ == "__main__":
    main()
