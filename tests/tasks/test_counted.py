"""One thing is no things."""

from tasks.counted import counted


def test_one_thing_is_no_things() -> None:
    assert [counted(n, "left-over") for n in (0, 1, 2)] == ["0 left-overs", "1 left-over", "2 left-overs"]
