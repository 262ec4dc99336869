"""Offline mode: one variable, true or false, never deleted; honest about what it does; undone; secret where it is one."""

import json
import time
from collections.abc import Iterator

import pytest

from bot.domain.messages import CannotPlan, PlanCard, PlanFace
from bot.operations import audit, plans, proofs, runs, verifying
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.render.terminal import TerminalRenderer, to_json
from bot.sandbox.railway.faults import FaultKind
from tests.support.jobs import Target
from tests.support.product import ADA, INCIDENTS
from tests.support.railway import INGEST, SECRET, VARIABLE, Cloud, carried_out, cloud, on, planned, shown
from tests.support.seeds import ours
from tests.support.waiting import eventually

HERE = Place(channel=INCIDENTS)
VENDOR_ERROR = "HTTPError: Simplicity API returned 503"


@pytest.fixture
def target_schema(request: pytest.FixtureRequest) -> str:
    """Railway is the same on both schemas; a test asks for the other where it matters."""
    return str(getattr(request, "param", "deployed"))


@pytest.fixture
def before(request: pytest.FixtureRequest) -> str:
    """The variable's value before; empty: not set."""
    return str(getattr(request, "param", "false"))


@pytest.fixture
def railway(target: Target, before: str) -> Iterator[Cloud]:
    """Give a simulated Railway."""
    with cloud(target, {VARIABLE: before} if before else {}) as found:
        yield found


@pytest.fixture
def here(services: Services, railway: Cloud) -> Services:
    """Give the product with that Railway."""
    return on(services, railway)


def value(railway: Cloud) -> str | None:
    """Return the variable as Railway has it."""
    return railway.client.variable(railway.server.service(INGEST).id, VARIABLE)


def is_proved(services: Services, key: str) -> bool:
    """Look at the proof, whenever the last look was; say whether it was decided."""
    with services.db.write() as tx:
        tx.connection.execute(
            "UPDATE ops.chatops_run SET proof_facts = proof_facts - 'looked_at' WHERE id = %s", (key,)
        )
    return proofs.watch(services) == 1


def card_text(card: PlanCard | CannotPlan) -> str:
    """Return what Slack shows."""
    return repr(SlackRenderer().card(card))


def failing(target: Target, count: int = 1, error: str = VENDOR_ERROR) -> None:
    """Let jobs have failed of late, to be tried again; for a slow machine too, because they lie an hour ahead."""
    for job in target.stuck(count):
        target.connection.execute(
            "UPDATE ops.job_queue SET status = 'pending', locked_at = NULL, last_error = %s, "
            "updated_at = now() + interval '1 hour' WHERE id::text = %s",
            (error, job),
        )


def long_ago(target: Target) -> None:
    """Let what failed have failed long ago."""
    target.connection.execute("UPDATE ops.job_queue SET updated_at = now() - interval '1 hour'")


@pytest.mark.parametrize("target_schema", ["playbook", "deployed"], indirect=True)
def test_on_sets_true_and_is_proved_by_the_new_deployment(here: Services, railway: Cloud) -> None:
    """One write of "true" to one service; proved when the value stands and a new deployment runs and beats."""
    card = planned(here, "offline", mode="on")
    assert railway.sent("variableUpsert") == []
    done = carried_out(here, card)
    assert done.face is PlanFace.WORKING
    [sent] = railway.sent("variableUpsert")
    assert (sent["input"]["name"], sent["input"]["value"]) == (VARIABLE, "true")
    assert sent["input"]["serviceId"] == railway.server.service(INGEST).id
    assert set(sent["input"]) == {"projectId", "environmentId", "serviceId", "name", "value"}
    eventually(lambda: is_proved(here, card.key))
    assert shown(here, card.key).face is PlanFace.RECOVERED
    assert railway.processes.variables[VARIABLE] == "true"
    assert railway.processes.variables["DATABASE_PASSWORD"] == SECRET, "all others are as they were"
    assert len(railway.sent("variableUpsert")) == 1


@pytest.mark.parametrize("before", ["true"], indirect=True)
def test_off_sets_false_and_deletes_nothing(here: Services, railway: Cloud) -> None:
    """Off is "false": a deletion would not even deploy."""
    carried_out(here, planned(here, "offline", mode="off"))
    assert value(railway) == "false"
    assert {name for call in railway.server.calls for name in call.names if "elete" in name} == set()


@pytest.mark.parametrize("before", ["", "false"], indirect=True)
def test_row_27_the_plan_says_that_nobody_is_known_to_read_it(here: Services, railway: Cloud, before: str) -> None:
    """Old and new value, what Railway does, the doubt, and the lines that a worker needs; done never says "active"."""
    card = planned(here, "offline", mode="on")
    text = card_text(card)
    assert "Plan: offline mode on" in text
    assert f"`{VARIABLE}`: {before or 'not set'} → *true*" in text
    assert "Railway starts `ingest-worker` anew" in text
    assert "No code was seen to read this setting" in text
    assert "if OFFLINE: sleep, claim nothing, and keep the heartbeat going" in text
    assert 'OFFLINE = os.environ.get("SIMPLICITY_OFFLINE_MODE", "").lower() == "true"' in text.replace("\\'", "'")
    done = carried_out(here, card)
    assert "whether a worker obeys is not known" in card_text(done)
    assert "active" not in card_text(done)


def test_changed_since_the_plan_is_refused(here: Services, railway: Cloud) -> None:
    """Somebody set it meanwhile: nothing is written, and the card says why."""
    card = planned(here, "offline", mode="on")
    railway.client.set_variable(railway.server.service(INGEST).id, VARIABLE, "maybe")
    ended = carried_out(here, card)
    assert (ended.face, ended.reason) == (
        PlanFace.REFUSED,
        "the variable was changed since the plan; make a new one",
    )
    assert [sent["input"]["value"] for sent in railway.sent("variableUpsert")] == ["maybe"]


@pytest.mark.parametrize("before", ["sk-live-marlowe-77"], indirect=True)
def test_another_value_stays_secret(
    here: Services, railway: Cloud, target: Target, before: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be a secret: no card, reply, record, log or verification has it; it cannot be put back, and that is said."""
    caplog.set_level("DEBUG")
    card = planned(here, "offline", mode="on")
    assert "it is not kept" in card_text(card) and "Cannot be undone" in card_text(card)
    done = carried_out(here, card)
    verified = verifying._offline(here)
    undo = plans.make(here, "undo", {"run": card.key}, ADA, HERE)
    assert isinstance(undo, CannotPlan) and not done.undo
    assert "neither true nor false" in undo.reasons[0]
    everything = [card_text(card), to_json(card), TerminalRenderer().text(done), to_json(done), repr(verified)]
    everything += [ours(target.connection), caplog.text, repr(audit.list_newest(here, 50))]
    assert [text for text in everything if before in text or SECRET in text] == []


@pytest.mark.parametrize("before", ["sk-live-marlowe-77"], indirect=True)
def test_verifying_does_not_show_another_value(here: Services, before: str) -> None:
    """The scenario's verification says that it is another value, and no more."""
    line = verifying._offline(here)
    assert line.facts == {"variable": VARIABLE, "value": "another value"}


@pytest.mark.parametrize("before", ["sk-live-marlowe-77"], indirect=True)
def test_a_secret_that_became_true_meanwhile_is_a_change(here: Services, railway: Cloud) -> None:
    """What cannot be compared by its value is compared by its kind."""
    card = planned(here, "offline", mode="off")
    railway.client.set_variable(railway.server.service(INGEST).id, VARIABLE, "true")
    assert carried_out(here, card).face is PlanFace.REFUSED
    assert value(railway) == "true"


@pytest.mark.parametrize("before", ["true"], indirect=True)
@pytest.mark.parametrize("target_schema", ["playbook", "deployed"], indirect=True)
def test_off_is_proved_by_the_vendors_errors_staying_away(here: Services, railway: Cloud, target: Target) -> None:
    """New deployment and value alone are no proof while jobs still say what the vendor's errors say; bad input is not that."""
    target.connection.execute("ALTER TABLE ops.job_queue DISABLE TRIGGER USER")
    card = planned(here, "offline", mode="off")
    assert "the vendor's errors stay away" in card_text(card).replace("&#39;", "'")
    carried_out(here, card)
    failing(target, 2)
    eventually(lambda: railway.processes.variables[VARIABLE] == "false")
    eventually(lambda: railway.running().runs)
    assert not is_proved(here, card.key)
    failing(target, 2)
    assert not is_proved(here, card.key)
    assert shown(here, card.key).proof["failing"] >= 2
    long_ago(target)
    failing(target, 3, "ValueError: missing file_path")
    eventually(lambda: is_proved(here, card.key))
    assert shown(here, card.key).face is PlanFace.RECOVERED


@pytest.mark.parametrize("before", ["true"], indirect=True)
def test_off_is_not_proved_by_what_cannot_be_seen(here: Services, railway: Cloud, target: Target) -> None:
    """Without `last_error` nobody knows whether the errors stay away: not proved, and at the limit "not known"."""
    target.connection.execute("ALTER TABLE ops.job_queue DROP COLUMN last_error CASCADE")
    card = planned(here, "offline", mode="off")
    carried_out(here, card)
    eventually(lambda: railway.processes.variables[VARIABLE] == "false" and railway.running().runs)
    time.sleep(here.config.timing.probe_span.total_seconds())
    assert not is_proved(here, card.key)
    target.connection.execute("UPDATE ops.chatops_run SET proof_until = now() - interval '1 second'")
    assert is_proved(here, card.key), "decided"
    row = target.connection.execute("SELECT proof FROM ops.chatops_run WHERE id = %s", (card.key,)).fetchone()
    assert row == ("not_known",)
    line = verifying._vendors(here)[1]
    assert (line.thing, line.verdict) == ("errors", "could not tell")


def test_a_deployment_without_a_heartbeat_is_no_proof(here: Services, railway: Cloud) -> None:
    """Railway says SUCCESS and nobody beats: not proved; at the limit, no effect."""
    railway.processes.beats = False
    card = planned(here, "offline", mode="on")
    carried_out(here, card)
    eventually(lambda: railway.processes.asked == [("redeploy", INGEST)] and railway.running().runs)
    assert not is_proved(here, card.key)
    assert shown(here, card.key).proof.get("stands")


def test_an_older_deployment_that_still_runs_is_not_the_new_one(here: Services, railway: Cloud, target: Target) -> None:
    """While a deployment is coming the old one is active: it was there before, so it proves nothing."""
    service = railway.server.service(INGEST)
    railway.processes.fails = True
    railway.client.set_variable(service.id, "RELEASE", "7")
    eventually(lambda: (latest := railway.client.state(INGEST).latest) is not None and latest.status == "FAILED")
    card = planned(here, "offline", mode="on")
    carried_out(here, card)
    eventually(lambda: len(railway.processes.asked) == 2)
    target.worker("ingest_processor-stray001", silent_seconds=0)
    assert not is_proved(here, card.key)


def test_the_proof_asks_railway_sparingly(here: Services, railway: Cloud) -> None:
    """A thousand requests an hour: ten looks within five seconds are one."""
    railway.processes.beats = False
    card = planned(here, "offline", mode="on")
    carried_out(here, card)
    proofs.watch(here)
    asked = len(railway.server.calls)
    for _ in range(10):
        proofs.watch(here)
    assert len(railway.server.calls) == asked
    assert here.config.timing.proof_interval.total_seconds() == 5


@pytest.mark.parametrize(("before", "back"), [("false", "false"), ("true", "true"), ("", "false")], indirect=["before"])
def test_undo_restores_the_old_value(here: Services, railway: Cloud, before: str, back: str) -> None:
    """Itself previewed, confirmed and recorded; where nothing was set, "false" says the same; once only."""
    mode = "off" if before == "true" else "on"
    card = planned(here, "offline", mode=mode)
    done = carried_out(here, card)
    assert done.undo == 1
    undo = planned(here, "undo", run=card.key)
    text = card_text(undo)
    assert f"{VARIABLE} of ingest-worker set to {back}" in text
    undone = carried_out(here, undo)
    assert undone.face is PlanFace.WORKING
    assert value(railway) == back
    assert shown(here, card.key).face is PlanFace.UNDONE
    again = plans.make(here, "undo", {"run": card.key}, ADA, HERE)
    assert isinstance(again, CannotPlan) and "undone already" in again.reasons[0]
    assert card_text(undone) and TerminalRenderer().text(undone)


def test_a_way_back_is_offered_only_while_it_leads_back(here: Services, railway: Cloud) -> None:
    """Once the mode was set again, the earlier setting has no way back; with that undone it has."""
    on = carried_out(here, planned(here, "offline", mode="on"))
    assert shown(here, on.key).undo == 1
    off = carried_out(here, planned(here, "offline", mode="off"))
    assert shown(here, on.key).undo is None and shown(here, off.key).undo == 1
    carried_out(here, planned(here, "undo", run=off.key))
    assert shown(here, on.key).undo == 1 and value(railway) == "true"


def test_undo_leaves_what_somebody_else_changed(here: Services, railway: Cloud) -> None:
    """It is offered while nothing else has touched it."""
    card = planned(here, "offline", mode="on")
    carried_out(here, card)
    railway.client.set_variable(railway.server.service(INGEST).id, VARIABLE, "false")
    undo = plans.make(here, "undo", {"run": card.key}, ADA, HERE)
    assert isinstance(undo, CannotPlan) and "by somebody else" in undo.reasons[0]


def test_what_was_not_done_has_no_way_back(here: Services, railway: Cloud) -> None:
    """A write that Railway refused is nothing to put back."""
    card = planned(here, "offline", mode="on")
    railway.fault(FaultKind.REFUSED, "variableUpsert", message="Not Authorized")
    assert carried_out(here, card).face is PlanFace.FAILED
    undo = plans.make(here, "undo", {"run": card.key}, ADA, HERE)
    assert isinstance(undo, CannotPlan) and "changed nothing" in undo.reasons[0]


def test_an_unanswered_write_is_read_back(here: Services, railway: Cloud) -> None:
    """Accepted and not answered: unknown, sent once, and settled by the value that stands there."""
    card = planned(here, "offline", mode="on")
    railway.fault(FaultKind.NO_ANSWER, "variableUpsert", seconds=0.05)
    assert carried_out(here, card).face is PlanFace.UNKNOWN
    assert runs.perform_due(here) == 0
    assert runs.reconcile(here) == 1
    eventually(lambda: is_proved(here, card.key))
    assert len(railway.sent("variableUpsert")) == 1
    assert isinstance(planned(here, "undo", run=card.key), PlanCard), "what happened after all can be put back"


def test_a_write_that_never_arrived_waits_for_a_person(here: Services, railway: Cloud) -> None:
    """A page instead of an answer: it may have happened or not; the old value says nothing yet."""
    card = planned(here, "offline", mode="on")
    railway.fault(FaultKind.ERROR, "variableUpsert", status=502)
    assert carried_out(here, card).face is PlanFace.UNKNOWN
    railway.server.faults.clear()
    assert runs.reconcile(here) == 0
    assert runs.settle(here, card.key, ADA, happened=False, reason="the variable still says false")
    assert shown(here, card.key).face is PlanFace.REFUSED


def test_railway_away_is_no_plan(here: Services, railway: Cloud) -> None:
    """What it is now cannot be read: no plan, and where to look."""
    railway.fault(FaultKind.DOWN)
    found = plans.make(here, "offline", {"mode": "on"}, ADA, HERE)
    assert isinstance(found, CannotPlan)
    assert "cannot be reached" in found.reasons[0]
    assert json.loads(to_json(found))["reasons"]
