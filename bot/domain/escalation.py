"""Who is called, and when: the chain of a scenario, taken from configuration as it is when an alert fires. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.configuration import ON_CALL, PAGER, Configuration, Level
from bot.domain.messages import Call
from bot.domain.rotation import on_call

SELF_CHECK = "self-check"
"""The scenario of everything that is wrong with the bot itself: the pager is called with its first level (§4, R1)."""
ROUNDS = 3
"""How often a chain is gone through; then it is exhausted (§4, R4)."""


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


def chain(config: Configuration, scenario: str, at: datetime, severity: str = "critical") -> tuple[Due, ...]:
    """Return the whole chain with people in the place of `oncall`; nobody on call = the next level's people at once.

    The pager is called for what is critical, where there is one, and with the first level of what is wrong with the bot.
    """
    levels = config.contacts.get(scenario) or config.contacts.get("default") or _default(config)
    if scenario == SELF_CHECK:
        levels = (replace(levels[0], call=tuple(dict.fromkeys((*levels[0].call, PAGER)))), *levels[1:])
    now = on_call(config.rotation, at)
    places = {ON_CALL: now.who if now else "", PAGER: PAGER if config.pager and severity == "critical" else ""}
    dues = tuple(
        Due(
            level=number,
            after=level.after,
            label=level.label,
            who=tuple(who for who in (places.get(name, name) for name in level.call) if who),
        )
        for number, level in enumerate(levels, start=1)
    )
    called = next((due.who for due in dues if due.who), ())
    return (dues[0] if dues[0].who else replace(dues[0], who=called), *dues[1:])


def _default(config: Configuration) -> tuple[Level, ...]:
    timing = config.timing
    levels = [Level(after=timedelta(0), label="on call", call=(ON_CALL,))]
    if config.people.approvers:
        levels.append(Level(after=timing.escalate_second, label="team lead", call=config.people.approvers[:1]))
    everyone = (config.fallback_channel or config.alert_channel, PAGER)
    levels.append(Level(after=timing.escalate_third, label="everyone", call=everyone))
    return tuple(levels)


def calls(dues: tuple[Due, ...], start: datetime) -> tuple[Call, ...]:
    """Return the chain as calls with their times."""
    return tuple(Call(who=due.who, label=due.label, at=start + due.after) for due in dues)
