"""What gets no answer yet is asked again, in growing pauses, to an end in time; an error of ours never is."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import pytest

from tasks.web import patience as pace
from tasks.web.patience import Deadline, NotYet, Patience, PatienceEnded, spread

QUICK = Patience(first=0.001, longest=0.008)


def after(times: int, error: Callable[[], Exception] = lambda: NotYet("not yet")) -> Callable[[], int]:
    """A question that is answered, with the number of times that it was asked, after so many errors."""
    asked = itertools.count(1)

    def question() -> int:
        number = next(asked)
        if number <= times:
            raise error()
        return number

    return question


def never() -> int:
    raise NotYet("away")


def pauses(patience: Patience, question: Callable[[], int], deadline: float = 60.0) -> list[float]:
    """The pauses that were made until there was an answer."""
    found: list[float] = []
    patience.ask(question, Deadline(deadline), tell=lambda _, pause: found.append(pause))
    return found


def test_an_answer_is_given_at_once() -> None:
    assert pauses(QUICK, after(0)) == []


def test_no_answer_is_asked_for_again_in_pauses_that_grow_to_the_longest() -> None:
    assert pauses(QUICK, after(6)) == [0.001, 0.002, 0.004, 0.008, 0.008, 0.008]
    assert pauses(Patience(first=0.004, longest=0.001), after(2)) == [0.001, 0.001]


def test_pauses_stay_the_longest_however_often_is_asked() -> None:
    """1024 doublings are more than a float holds."""
    assert pauses(Patience(first=1e-6, longest=1e-6), after(1100)) == [1e-6] * 1100


def test_what_the_one_asked_wants_counts_where_it_is_longer() -> None:
    wanted: Iterator[float | None] = iter([0.02, 0.0, None, 0.003])
    assert pauses(QUICK, after(4, lambda: NotYet("busy", next(wanted)))) == [0.02, 0.002, 0.004, 0.008]


def test_chance_makes_pauses_longer_and_never_shorter() -> None:
    found = pauses(Patience(first=0.001, longest=0.001, jitter=0.5), after(50))
    assert all(0.001 <= p <= 0.0015 for p in found)
    assert len(set(found)) > 40
    assert all(10 <= spread(10.0) <= 12 for _ in range(100))


def test_in_a_long_pause_why_is_heard_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "LINE_EVERY", 0.1)
    heard: list[tuple[str, float]] = []
    with pytest.raises(PatienceEnded):
        Patience(first=0.35, longest=0.35).ask(
            never, Deadline(60), tries=2, tell=lambda not_yet, rest: heard.append((not_yet.why, rest))
        )
    assert [why for why, _ in heard] == ["away"] * 4
    assert [rest for _, rest in heard] == pytest.approx([0.35, 0.25, 0.15, 0.05], abs=0.04)


def test_it_ends_with_the_deadline_and_says_why_how_often_and_how_long() -> None:
    began = time.monotonic()
    with pytest.raises(PatienceEnded) as ended:
        Patience(first=0.01, longest=0.01).ask(never, Deadline(0.1))
    took = time.monotonic() - began
    assert ended.value.last.why == "away"
    assert 2 <= ended.value.tries <= 10
    assert ended.value.seconds <= took < 0.5


def test_a_pause_that_would_reach_the_deadline_is_not_begun() -> None:
    began = time.monotonic()
    with pytest.raises(PatienceEnded):
        QUICK.ask(after(1, lambda: NotYet("busy", 3600.0)), Deadline(5))
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("patience", [QUICK, Patience()])
def test_without_any_time_it_is_asked_once(patience: Patience) -> None:
    with pytest.raises(PatienceEnded) as ended:
        patience.ask(never, Deadline(0))
    assert ended.value.tries == 1


def test_it_ends_with_the_last_try() -> None:
    with pytest.raises(PatienceEnded) as ended:
        QUICK.ask(never, Deadline(60), tries=3)
    assert ended.value.tries == 3
    assert QUICK.ask(after(2), Deadline(60), tries=3) == 3


@pytest.mark.parametrize("error", [TypeError, KeyError, OSError, AssertionError, KeyboardInterrupt])
def test_anything_else_goes_up_at_once_as_it_is(error: type[BaseException]) -> None:
    asked = []

    def question() -> None:
        asked.append(1)
        raise error("a slip")

    with pytest.raises(error, match="a slip"):
        QUICK.ask(question, Deadline(60))
    assert len(asked) == 1


def test_the_end_within_an_end_is_the_sooner_one() -> None:
    outer = Deadline(10)
    assert outer.within(1).left <= 1
    assert 9 < outer.within(100).left <= 10
    assert Deadline(-1).left == 0
