"""`pytest --write-faults`: tables fault -> outcome -> test in docs/acquire.md and docs/operate.md, from what passed."""

from __future__ import annotations

from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
OPERATION = ("tests/operate/", "tests/deployments/")  # faults of the office's own parts; all others are of services
PAGES = {"acquire.md": False, "operate.md": True}  # whether the page is of OPERATION
BEGIN, END = "<!-- faults: written by `pytest --write-faults` -->", "<!-- end of faults -->"
ROWS = pytest.StashKey[dict[str, tuple[str, str]]]()


def name_of(nodeid: str) -> str:
    """File and test, without the folders that all share."""
    return nodeid.removeprefix("tests/")


def table(rows: dict[str, tuple[str, str]]) -> str:
    """Markdown, in order of the tests."""
    lines = [f"| {fault} | {outcome} | `{name_of(test)}` |" for test, (fault, outcome) in rows.items()]
    return "\n".join(["| fault | outcome | test |", "|---|---|---|", *lines])


def written() -> str:
    """The tables that the pages have."""
    texts = [(DOCS / name).read_text() for name in PAGES]
    return "\n".join(text.split(BEGIN)[1].split(END)[0].strip() for text in texts)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-faults", action="store_true", help="write the table of faults in docs/acquire.md")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        marker = item.get_closest_marker("fault")
        if marker is not None:
            config.stash[ROWS][item.nodeid] = (str(marker.args[0]), str(marker.args[1]))


class Writer:
    """Leaves out what did not pass."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.passed = config, set[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        rows = {test: row for test, row in self.config.stash[ROWS].items() if test in self.passed}
        for name, operation in PAGES.items():
            mine = {test: row for test, row in rows.items() if test.startswith(OPERATION) == operation}
            if mine:  # a run of one part's tests leaves the other's table as it is
                write(DOCS / name, mine)


def write(page: Path, rows: dict[str, tuple[str, str]]) -> None:
    """Put the table in its place."""
    before, rest = page.read_text().split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{table(rows)}\n\n{END}{rest.split(END)[1]}")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.getoption("--write-faults"):
        if session.config.getoption("numprocesses", None):
            raise pytest.UsageError("--write-faults: without -n, one process has to see every test")
        session.config.pluginmanager.register(Writer(session.config))
