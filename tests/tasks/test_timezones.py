"""Times of day where people are, with UTC beside them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tasks.timezones import DaySpan, both, day_of, label_of, shares, spans_of, zone_of

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


START = datetime(2026, 11, 20, tzinfo=UTC)  # 08 in Shanghai


def hours(n: float) -> datetime:
    return START + timedelta(hours=n)


@pytest.mark.parametrize(
    ("first", "last", "zone", "headings"),
    [
        (0, 144, "UTC", ["Fri 20 Nov", "Sat 21 Nov", "Sun 22 Nov", "Mon 23 Nov", "Tue 24 Nov", "Wed 25 Nov"]),
        (0, 48, "Asia/Shanghai", ["Fri 20 Nov, from 08:00", "Sat 21 Nov"]),  # and a third of Sunday
        (0, 60, "Asia/Shanghai", ["Fri 20 Nov, from 08:00", "Sat 21 Nov", "Sun 22 Nov, to 20:00"]),
        (0, 23, "UTC", ["Fri 20 Nov, to 23:00"]),
        (8, 8, "UTC", []),
        (3, 9, "UTC", []),
        (0, 14, "UTC", []),
    ],
)
def test_days_are_those_that_lead_times_cover_and_say_what_they_lack(
    first: float, last: float, zone: str, headings: list[str]
) -> None:
    assert [span.heading for span in spans_of(hours(first), hours(last), zone_of(zone))] == headings


def test_a_day_on_which_clocks_are_changed_is_whole() -> None:
    berlin = zone_of("Europe/Berlin")
    autumn = datetime(2026, 10, 24, 22, tzinfo=UTC)  # midnight; the day has 25 hours
    whole, short = (spans_of(autumn, autumn + timedelta(hours=h), berlin) for h in (25, 24))
    assert whole == [DaySpan(date(2026, 10, 25), "Sun 25 Oct", 25.0)]
    assert short == [DaySpan(date(2026, 10, 25), "Sun 25 Oct, to 23:00", 24.0)]
    assert shares(autumn, autumn + timedelta(hours=25), berlin) == {date(2026, 10, 25): 1.0}


def test_days_may_begin_at_another_hour_and_have_the_date_that_most_of_them_has() -> None:
    """20 to 20, as China's forecasters count temperature; 8 to 8, as its hydrologists count rain."""
    shanghai = zone_of("Asia/Shanghai")  # 20 there is 12 h, 8 is 0 h
    evening = spans_of(hours(0), hours(60), shanghai, 20)
    assert [(s.day.day, s.hours) for s in evening] == [(21, 24), (22, 24)], "of the 20th 12 hours are too few"
    assert [(s.day.day, s.hours) for s in spans_of(hours(0), hours(60), shanghai, 8)] == [(20, 24), (21, 24)]
    assert spans_of(hours(0), hours(30), shanghai, 20)[0].heading == "Sat 21 Nov, to 14:00"
    assert shares(hours(11), hours(14), shanghai, 20) == pytest.approx(
        {date(2026, 11, 20): 1 / 3, date(2026, 11, 21): 2 / 3}
    )
    at = (day_of(hours(12), shanghai, starts=20), day_of(hours(12), shanghai, before=True, starts=20))
    assert at == (date(2026, 11, 21), date(2026, 11, 20))


def test_what_falls_over_midnight_is_shared_by_time() -> None:
    shanghai = zone_of("Asia/Shanghai")  # its midnights are at 16 h
    assert shares(hours(15), hours(18), shanghai) == pytest.approx(
        {date(2026, 11, 20): 1 / 3, date(2026, 11, 21): 2 / 3}
    )
    assert shares(hours(13), hours(16), shanghai) == {date(2026, 11, 20): 1.0}, "what ends at midnight is the old day's"
    assert shares(hours(0), hours(48), UTC) == {date(2026, 11, 20): 0.5, date(2026, 11, 21): 0.5}
    assert shares(hours(24), hours(24), UTC) == {date(2026, 11, 20): 1.0}, "of no time"
    assert (day_of(hours(24), UTC), day_of(hours(24), UTC, before=True)) == (date(2026, 11, 21), date(2026, 11, 20))
