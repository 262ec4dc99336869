"""Reduced modes: what is reduced now is found in one place, told once, and said under every answer (§16, W4)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.domain.messages import Message, Mode, ModeNotice
from bot.domain.watch import Figures, slack_late, uncopied
from bot.errors import StoreError
from bot.operations import changes
from bot.operations.services import Services
from bot.store import checks, outbox, watch
from bot.store.db import Tx

_SAID_BY_THEMSELVES = ("freeze", "clock", "record")
"""Somebody froze and said so; the others are alerts with a card."""


def present(services: Services, tx: Tx, figures: Figures) -> tuple[Mode, ...]:
    """Return what is reduced now, the gravest first."""
    found = []
    off = changes.why_off(services, tx)
    if off is not None:
        found.append(Mode(kind=off.cause, facts={"since": off.since, "by": off.actor, "reason": off.reason}))
    uncopied_for = uncopied(figures, tx.now, services.config.timing)
    if uncopied_for:
        found.append(Mode(kind="no_copy", facts={"n": figures.copied_n, "late": uncopied_for}))
    late = slack_late(figures, tx.now, services.config.timing)
    if late:
        found.append(Mode(kind="slack_slow", facts={"late": late, "pager": bool(services.config.pager)}))
    return tuple(found)


def read(services: Services) -> Mode | None:
    """Return the gravest of what is reduced now, for a shell; nothing where the database cannot be asked."""
    try:
        with services.db.read(wait=timedelta(seconds=1)) as tx:
            found = present(services, tx, watch.figures(tx, services.config.timing.trouble_lately))
    except StoreError:
        return None
    return found[0] if found else None


def announce(services: Services, tx: Tx, check: str, now: Sequence[Mode]) -> None:
    """Tell the channel once that a mode began, and once that all is normal again; `check` keeps since when."""
    kinds = {mode.kind for mode in now} - set(_SAID_BY_THEMSELVES)
    before: Mapping[str, str] = checks.last(tx, check)[0].get("modes", {})
    since = {kind: before.get(kind, tx.now.isoformat()) for kind in kinds}
    checks.note(tx, check, {"modes": since})
    for kind in kinds - set(before):
        _tell(services, tx, kind, since[kind])
    for kind in set(before) - kinds:
        _tell(services, tx, kind, before[kind], ended=tx.now.isoformat())


def _key(kind: str, since: str) -> str:
    return f"mode:{kind}:{since}"


def _tell(services: Services, tx: Tx, kind: str, since: str, *, ended: str = "") -> None:
    key, facts = _key(kind, since), {"message": "mode", "kind": kind, "since": since, "ended": ended}
    outbox.enqueue(tx, "post", services.config.alert_channel, f"{key}{':ended' if ended else ''}", facts)


def mode_notice(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the notice an outbox row asks for; a mode that is over before it was told is not told at all."""
    kind, ended = str(facts["kind"]), str(facts["ended"])
    figures = watch.figures(tx, services.config.timing.trouble_lately)
    mode = next((mode for mode in present(services, tx, figures) if mode.kind == kind), None)
    was_told = outbox.delivered_at(tx, _key(kind, facts["since"])) is not None
    if (mode is None) is not bool(ended) or (ended and not was_told):
        return None
    return ModeNotice(
        env=services.config.env,
        as_of=tx.now,
        mode=mode or Mode(kind=kind),
        ended_at=datetime.fromisoformat(ended) if ended else None,
    )
