"""The second net hangs at three borders: what Slack shows, what is logged, what is recorded (§17, G3)."""

import io
import json
import logging

import pytest

from bot.domain import messages as m
from bot.domain.redaction import Redactor
from bot.errors import TargetRefused
from bot.executor import _say_once
from bot.logs import Redaction
from bot.operations import audit, freezing
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.store.audit import append_refusal
from tests.support.examples import NOW, examples
from tests.support.jobs import Target
from tests.support.product import ADA

SECRET = "sword-fish-77"
NET = Redactor([SECRET], public=["vendor support +1 555 0100"])
WRITTEN = f"{SECRET} for 523-11-4455, marlowe@example.org, postgresql://bot:hunter22@db/ops"


@pytest.fixture
def target_schema() -> str:
    """The borders are the same on both schemas."""
    return "deployed"


def leaves_nothing(text: str) -> bool:
    """Say whether none of what was written is left in a text."""
    return not any(item in text for item in (SECRET, "523-11", "marlowe@", "hunter22"))


def test_every_card_passes_as_it_is() -> None:
    """Of all that we show ourselves the net takes nothing: ids, digests, times, versions, telephones of contacts."""
    through, bare = SlackRenderer(redact=NET), SlackRenderer(redact=Redactor())
    bare._engine._redact = str
    for message in examples():
        assert through.card(message) == bare.card(message)
        assert through.view(message) == bare.view(message)


def test_what_slack_shows() -> None:
    """Whatever a person wrote into a reason, Slack gets it without."""
    card = m.Notice(env="dev", as_of=NOW, kind="bad-input", facts={"message": WRITTEN, "hint": ""})
    shown = repr(SlackRenderer(redact=NET).card(card))
    assert "[secret]" in shown and leaves_nothing(shown)


def test_what_is_logged() -> None:
    """A line holds neither a secret nor the words of somebody else's error; it is one line."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Redaction(NET))
    logger = logging.getLogger("dragonfly.test_of_the_net")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        raise ValueError(WRITTEN)
    except ValueError:
        logger.exception("failed for %s\nand so on", WRITTEN)
    finally:
        logger.removeHandler(handler)
    said = stream.getvalue()
    assert said.startswith("failed for [secret]") and said.count("\n") == 1
    assert "raised=ValueError" in said and "test_second_net.py" in said
    assert leaves_nothing(said)


def test_what_is_recorded(services: Services, target: Target) -> None:
    """The record keeps a reason without, adds up, and counts the same refusal once a minute all the same."""
    services.db._redact = NET
    freezing.freeze(services, ADA, WRITTEN)
    for _ in range(2):
        with services.db.write() as tx:
            append_refusal(tx, "request.refused", actor=ADA.key, reason=WRITTEN)
    kept = [json.dumps(row[0]) for row in target.connection.execute("SELECT record FROM ops.chatops_audit")]
    assert len([text for text in kept if "request.refused" in text]) == 1
    assert any("[secret]" in text for text in kept)
    assert leaves_nothing("\n".join(kept))
    assert audit.verify(services).broken_at is None


def test_an_error_of_ours_is_a_sentence_and_anothers_is_a_name() -> None:
    """What a loop says of a failure: our own words, or only what kind of error it was."""
    assert _say_once("x", TargetRefused("Railway said no"), "") == "TargetRefused: Railway said no"
    assert _say_once("x", KeyError(WRITTEN), "") == "KeyError: "
