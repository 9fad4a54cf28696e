"""Times of day where people are, with UTC beside them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tasks.timezones import both, label_of, zone_of

TIME = datetime(2026, 11, 22, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("UTC", "2026-11-22 18:00 UTC"),
        ("Asia/Shanghai", "2026-11-23 02:00 UTC+08:00 (2026-11-22 18:00 UTC)"),
        ("+08:00", "2026-11-23 02:00 UTC+08:00 (2026-11-22 18:00 UTC)"),
        ("Asia/Kathmandu", "2026-11-22 23:45 UTC+05:45 (18:00 UTC)"),
        ("-3", "2026-11-22 15:00 UTC-03:00 (18:00 UTC)"),
        ("utc+0530", "2026-11-22 23:30 UTC+05:30 (18:00 UTC)"),
        ("Europe/London", "2026-11-22 18:00 UTC"),
    ],
)
def test_a_moment_stands_in_its_zone_and_in_utc(name: str, text: str) -> None:
    assert both(TIME, zone_of(name)) == text
    assert both(TIME.replace(tzinfo=None), zone_of(name)) == text, "without a zone it is UTC, as CF has it"


def test_summer_time_is_known() -> None:
    london = zone_of("Europe/London")
    assert label_of(datetime(2026, 7, 1, tzinfo=london)) == "UTC+01:00"
    assert label_of(datetime(2026, 1, 1, tzinfo=london)) == "UTC"


@pytest.mark.parametrize(
    "name", ["CST", "Beijing", "Asia/Nowhere", "+15", "-13:00", "+08:99", "", "8", "../etc/x", "a/" * 40]
)
def test_what_is_no_zone_is_refused_with_what_is(name: str) -> None:
    with pytest.raises(ValueError, match="give a name like Asia/Shanghai"):
        zone_of(name)
