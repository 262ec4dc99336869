"""Who is called, and when: the chain of a scenario, taken from configuration as it is when an alert fires. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.domain.configuration import Configuration, Level
from bot.domain.messages import Call
from bot.domain.rotation import on_call

ON_CALL = "oncall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One level of a chain: when it is due and who is called."""

    level: int
    after: timedelta
    label: str
    who: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the level as it is kept with the alert."""
        seconds = self.after.total_seconds()
        return {"level": self.level, "after": seconds, "label": self.label, "who": list(self.who)}


def chain(config: Configuration, scenario: str, at: datetime) -> tuple[Due, ...]:
    """Return the whole chain with people in the place of `oncall`; nobody on call = the next level's people at once."""
    levels = config.contacts.get(scenario) or config.contacts.get("default") or _default(config)
    return tuple(
        Due(level=number, after=level.after, label=level.label, who=_people(config, level, at))
        for number, level in enumerate(levels, start=1)
    )


def _people(config: Configuration, level: Level, at: datetime) -> tuple[str, ...]:
    now = on_call(config.rotation, at)
    return tuple(who for who in ((now.who if now else "") if name == ON_CALL else name for name in level.call) if who)


def _default(config: Configuration) -> tuple[Level, ...]:
    timing = config.timing
    levels = [Level(after=timedelta(0), label="on call", call=(ON_CALL,))]
    if config.people.approvers:
        levels.append(Level(after=timing.escalate_second, label="team lead", call=config.people.approvers[:1]))
    everyone = config.fallback_channel or config.alert_channel
    if everyone:
        levels.append(Level(after=timing.escalate_third, label="everyone", call=(everyone,)))
    return tuple(levels)


def calls(dues: tuple[Due, ...], start: datetime) -> tuple[Call, ...]:
    """Return the chain as calls with their times."""
    return tuple(Call(who=due.who, label=due.label, at=start + due.after) for due in dues)
