"""From Slack's delivery to its handling: committed first, acknowledged second, worked on third."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from typing import Any

from bot.domain.ids import sealed
from bot.errors import StoreUnavailable
from bot.operations.again import once_more
from bot.operations.services import Services
from bot.ports import Envelope
from bot.store import inbox

_AT_ONCE = 1
"""One claim, one handling: a slow one can never outlast the claim of the next."""
_TRIES = 3
_FIELDS = tuple(item.name for item in fields(Envelope))

Handle = Callable[[Envelope], None]
GiveUp = Callable[[Envelope, str], None]


def receive(services: Services, envelope: Envelope) -> bool:
    """Commit a delivery; False = it came before and nothing is to be done.

    Raises:
        StoreUnavailable: it could not be written down; it must not be acknowledged as accepted.
    """
    services.crash_hook("K1")
    fresh = inbox.receive(services.db, **_kept(envelope))
    services.crash_hook("K2")
    if fresh:
        services.wake("inbox")
    return fresh


def receive_wrong(services: Services, envelope: Envelope, plan_id: str) -> int:
    """Commit a form in which a plan's target was mistyped, and return how many wrong entries the plan has had.

    Raises:
        StoreUnavailable: it could not be written down; it must not be acknowledged as accepted.
    """
    entries = inbox.receive_wrong(services.db, **_kept(envelope), plan=plan_id)
    services.wake("inbox")
    return entries


def _kept(envelope: Envelope) -> dict[str, Any]:
    """Return what is written down of a delivery: never a plan's secret."""
    kept = {name: getattr(envelope, name) for name in _FIELDS}
    kept |= {"value": sealed(envelope.value), "private_metadata": sealed(envelope.private_metadata)}
    return {"key": envelope.key, "signature": kept.pop("signature"), "kind": envelope.kind, "envelope": kept}


def work(services: Services, handle: Handle, give_up: GiveUp) -> int:
    """Handle every delivery that waits and return how many there were; one that fails is tried three times.

    One that meets the database away stays, and is handled again when its claim is over.
    """
    with services.db.write() as tx:
        waiting = inbox.claim(tx, _AT_ONCE)
    for item in waiting:
        envelope = _as_known(item.envelope)
        if item.attempts > _TRIES:  # three processes ended under it: the next one must not
            services.log.error("delivery_left id=%s attempts=%s", item.id, item.attempts)
            give_up(envelope, "")
            _finish(services, item.id, "failed")
            continue
        try:
            handle(envelope)
        except StoreUnavailable as error:
            services.log.warning("delivery_kept id=%s error=%s", item.id, error.code)
        except Exception:  # the last resort of this loop: one bad delivery must not stop the others
            report = f"E-{item.id:X}"
            services.log.exception("delivery_failed report=%s attempt=%s", report, item.attempts)
            if item.attempts < _TRIES:
                continue
            _finish(services, item.id, "failed")
            give_up(envelope, report)
        else:
            once_more(partial(_finish, services, item.id, "done"))
    return len(waiting)


def _as_known(kept: Mapping[str, Any]) -> Envelope:
    """Return a kept delivery; what a newer program that runs beside this one wrote of it besides is not for us (L5)."""
    return Envelope(**{name: value for name, value in kept.items() if name in _FIELDS})


def _finish(services: Services, delivery_id: int, state: str) -> None:
    with services.db.write() as tx:
        inbox.finish(tx, delivery_id, state=state)
