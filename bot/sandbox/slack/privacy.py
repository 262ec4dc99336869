"""The simulated Slack is stricter than Slack: it refuses whatever carries one of the target's made-up people (design, D8)."""

import logging

from bot.sandbox.slack.entities import Refusal
from bot.sandbox.target.seeds import piece_of

ARRIVED = "personal_data_arrived"
_LOG = logging.getLogger("dragonfly.sandbox")


def refuse_people(where: str, value: object) -> None:
    """Refuse a call or an answer that carries a seed; a test that let one through fails by the log line."""
    if piece_of(str(value)):
        _LOG.error("%s where=%s", ARRIVED, where)
        raise Refusal("personal_data")
