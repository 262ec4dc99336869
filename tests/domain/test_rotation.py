"""Who is on call: weeks, hand-over hour, zones with summer time, overrides."""

from dataclasses import replace
from datetime import UTC, datetime, time

from bot.domain.configuration import Override, Rotation
from bot.domain.rotation import on_call

WEEKS = Rotation(
    people=("U0ADA", "U0BEN", "U0CLEO"),
    starts=datetime(2026, 1, 5, 8, tzinfo=UTC),
    zone="America/New_York",
    handover=time(8),
)


def test_the_week_turns_at_the_hour_in_its_zone() -> None:
    """At 07:59 New York time the old week lasts, at 08:00 the new one has begun."""
    before = on_call(WEEKS, datetime(2026, 1, 12, 12, 59, tzinfo=UTC))
    after = on_call(WEEKS, datetime(2026, 1, 12, 13, 0, tzinfo=UTC))
    assert before is not None
    assert after is not None
    assert (before.who, before.then, after.who) == ("U0ADA", "U0BEN", "U0BEN")


def test_summer_time_moves_the_hour_and_nothing_else() -> None:
    """After the clocks change the hand-over is still at eight local time, an hour earlier in UTC."""
    found = on_call(WEEKS, datetime(2026, 3, 16, 12, 0, tzinfo=UTC))
    assert found is not None
    assert found.until == datetime(2026, 3, 23, 12, 0, tzinfo=UTC)


def test_an_override_takes_a_shift_and_gives_it_back() -> None:
    """Somebody's override holds for its time only; before it, its taker is named as the next."""
    day = Override(who="U0DANA", start=datetime(2026, 1, 7, tzinfo=UTC), end=datetime(2026, 1, 8, tzinfo=UTC))
    rotation = replace(WEEKS, overrides=(day,))
    seen = [on_call(rotation, datetime(2026, 1, number, 12, tzinfo=UTC)) for number in (6, 7, 8)]
    assert [item.who for item in seen if item] == ["U0ADA", "U0DANA", "U0ADA"]
    assert seen[0] is not None
    assert seen[0].then == "U0DANA"


def test_nobody_is_on_call_without_people() -> None:
    """An empty rotation is said as such."""
    assert on_call(None, datetime(2026, 1, 7, tzinfo=UTC)) is None
