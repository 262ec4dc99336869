"""Which builder makes the message that an outbox row asks for."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain.messages import Message
from bot.operations.alert_cards import alert_card, alert_reply
from bot.operations.audit import acceptance_notice, anchor_note
from bot.operations.freezing import freeze_notice
from bot.operations.gate_runs import gate_card
from bot.operations.modes import mode_notice
from bot.operations.pages import page
from bot.operations.pausing import pause_card, pause_reply
from bot.operations.plan_cards import plan_card, plan_reply
from bot.operations.preflight import preflight_card
from bot.operations.returning import away_card
from bot.operations.services import Services
from bot.operations.status import status_card
from bot.store.db import Tx

Builder = Callable[[Services, Tx, Mapping[str, Any]], Message | None]

BUILDERS: Mapping[str, Builder] = {
    "alert": alert_card,
    "alert_reply": alert_reply,
    "away": away_card,
    "freeze": freeze_notice,
    "anchor": anchor_note,
    "accepted": acceptance_notice,
    "gate": gate_card,
    "mode": mode_notice,
    "page": page,
    "preflight": preflight_card,
    "pause": pause_card,
    "pause_reply": pause_reply,
    "plan": plan_card,
    "plan_reply": plan_reply,
    "status": status_card,
}


class UnknownHere(Exception):
    """A row asks for a message that this program cannot make: a newer one that runs beside it wrote the row (L5)."""


def build(services: Services, tx: Tx, render_from: Mapping[str, Any]) -> Message | None:
    """Return the message as it stands now; None = it is moot.

    Raises:
        UnknownHere: neither its builder nor what it is about is known here.
    """
    try:
        return BUILDERS[render_from["message"]](services, tx, render_from)
    except LookupError as error:
        raise UnknownHere from error
