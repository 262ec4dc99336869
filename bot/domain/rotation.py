"""Who is on call: a static weekly rotation with a hand-over hour in a zone, and overrides. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.configuration import Rotation
from bot.domain.messages import OnCallNow

_DAYS = 7


def on_call(rotation: Rotation | None, at: datetime) -> OnCallNow | None:
    """Return who is on call at a moment, until when, and who is next; None when nobody is set."""
    if rotation is None or not rotation.people:
        return None
    for override in rotation.overrides:
        if override.start <= at < override.end:
            return OnCallNow(who=override.who, until=override.end, then=_regular(rotation, override.end)[0])
    who, until = _regular(rotation, at)
    following = [item.start for item in rotation.overrides if at < item.start < until]
    if following:
        first = min(following)
        taker = next(item.who for item in rotation.overrides if item.start == first)
        return OnCallNow(who=who, until=first, then=taker)
    return OnCallNow(who=who, until=until, then=_regular(rotation, until)[0])


def _regular(rotation: Rotation, at: datetime) -> tuple[str, datetime]:
    """Return whose week it is and when it ends; weeks are counted in local days, so that clocks may change."""
    zone = ZoneInfo(rotation.zone)
    local, first = at.astimezone(zone), rotation.starts.astimezone(zone).date()
    day = local.date() if local.time() >= rotation.handover else local.date() - timedelta(days=1)
    week = (day - first).days // _DAYS
    ends = datetime.combine(first + timedelta(days=(week + 1) * _DAYS), rotation.handover, zone)
    return rotation.people[week % len(rotation.people)], ends.astimezone(at.tzinfo)
