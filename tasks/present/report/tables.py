"""Tables of the report, from the scorecard alone: strings as they are shown, in units people use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from tasks.handover.candidates import ALL, HEADLINE, Candidate, baselines, before, candidates, headline
from tasks.handover.scorecard import CaseStudy, EventScore, Skill, StationScore, Verification
from tasks.present import display
from tasks.present.report import words


@dataclass(frozen=True)
class Row:
    """One candidate's scores."""

    candidate: str  # its name, as in the scorecard
    title: str
    rmse: str
    low: str
    high: str
    bias: str
    count: int
    stations: int
    ours: bool
    best: bool


@dataclass(frozen=True)
class Comparison:
    """What one variable's product is held against, and how it fares."""

    title: str
    units: str
    rows: list[Row]
    skill: Skill | None
    word: str  # better, worse, no clear difference; empty without skill
    against: str  # the best baseline's title

    @property
    def ours(self) -> Row:
        """The product's own row."""
        return self.rows[0]


@dataclass(frozen=True)
class Events:
    """Contingency tables of one event."""

    title: str
    rows: list[tuple[Candidate, EventScore]]


@dataclass(frozen=True)
class CaseRow:
    """One variable at a station far from the terrain."""

    title: str
    units: str
    count: int
    bias: str
    rmse: str


@dataclass(frozen=True)
class Case:
    """A station far from the terrain."""

    station: CaseStudy
    rows: list[CaseRow]


def ours(variable: str, there: Iterable[str]) -> Candidate:
    """The product's candidate that is shown: the headline; as it is read where no heights are known."""
    wanted = headline(variable)
    return wanted if wanted.name in set(there) else Candidate("product", "bilinear")


def main_group(verification: Verification) -> str:
    """The group the verdict goes by: stations near the terrain's height; all where no heights are known."""
    return HEADLINE if any(s.group == HEADLINE for s in verification.scores) else ALL


def comparisons(verification: Verification, group: str, every: bool = False) -> list[Comparison]:
    """One a variable of the group: the product and its baselines; `every`: all ways to read both."""
    scores = sorted((s for s in verification.scores if s.group == group), key=_order)
    skills = {(s.variable, s.period): s for s in verification.skill if s.group == group}
    out = []
    for (variable, period), found in groupby(scores, key=lambda s: (s.variable, s.period)):
        by_name = {s.candidate: s for s in found}
        first = ours(variable, by_name)
        others = candidates(variable) if every else [before(variable), *baselines(variable)]
        wanted = [first, *(c for c in others if c != first)]
        rows = [by_name[c.name] for c in wanted if c.name in by_name]
        if not rows or rows[0].candidate != first.name:
            continue
        skill = skills.get((variable, period))
        how = display.of(variable, rows[0].units)
        out.append(
            Comparison(
                title=display.title(variable, period), units=how.unit, rows=_rows(rows), skill=skill,
                word=words.compared(skill) if skill else "",
                against=Candidate.parse(skill.best).title if skill else "",
            )
        )  # fmt: skip
    return out


def _order(score: StationScore) -> tuple[int, str, float]:
    return display.order(score.variable, score.period)


def _rows(scores: Sequence[StationScore]) -> list[Row]:
    lowest = min(s.rmse for s in scores)
    rows = []
    for i, s in enumerate(scores):
        how = display.of(s.variable, s.units)
        rows.append(
            Row(
                candidate=s.candidate, title=Candidate.parse(s.candidate).title, rmse=words.score(how, s.rmse),
                low=words.score(how, s.low), high=words.score(how, s.high),
                # a vector's difference has a length only: its mean is no bias
                bias=words.NONE if s.variable == "wind_vector" else words.score(how, s.bias, signed=True),
                count=s.count, stations=s.stations, ours=i == 0, best=s.rmse == lowest,
            )
        )  # fmt: skip
    return rows


def events(verification: Verification) -> list[Events]:
    """One an event, the candidates in it in the scorecard's order."""
    found = sorted(verification.events, key=lambda e: (*display.order(e.variable, e.period), e.threshold))
    out = []
    for (variable, period, threshold), rows in groupby(found, key=lambda e: (e.variable, e.period, e.threshold)):
        how = display.of(variable)
        amount = f"{round(threshold * how.scale, 6):g} {how.unit} or more"
        titled = [(Candidate.parse(e.candidate), e) for e in rows]
        out.append(Events(f"{display.title(variable, period)}: {amount}", titled))
    return out


def cases(verification: Verification) -> list[Case]:
    """One a station, the farthest from the terrain first."""
    by_station = sorted(
        verification.cases, key=lambda c: (-abs(c.above), c.station, *display.order(c.variable, c.period))
    )
    out = []
    for _, group in groupby(by_station, key=lambda c: c.station):
        found = list(group)
        rows = []
        for c in found:
            how = display.of(c.variable)
            bias = words.NONE if c.variable == "wind_vector" else words.score(how, c.bias, signed=True)
            rows.append(CaseRow(display.title(c.variable, c.period), how.unit, c.count, bias, words.score(how, c.rmse)))
        out.append(Case(found[0], rows))
    return out
