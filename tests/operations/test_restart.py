"""A restart: one call for exactly what was previewed, refused where it would make things worse, proved by a new worker."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

import bot.targets.railway
from bot.domain.messages import CannotPlan, Message, Notice, PlanCard, PlanFace, SettleForm
from bot.errors import InvalidCommand, NotAllowed
from bot.operations import audit, forms, plans, proofs, runs, verifying
from bot.operations.issuing import Place
from bot.operations.kinds.restart import SIGN_IN_FAILS
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.render.terminal import TerminalRenderer
from bot.sandbox.railway.faults import FaultKind
from tests.operations.test_offline import is_proved
from tests.support.crashing import Killed, killed_at
from tests.support.jobs import Target
from tests.support.product import ADA, BEN, GIL, INCIDENTS, product
from tests.support.railway import API, INGEST, Cloud, carried_out, cloud, on, planned, shown
from tests.support.waiting import eventually

HERE = Place(channel=INCIDENTS)
OLD = "ingest_processor-old00001"


@pytest.fixture
def target_schema(request: pytest.FixtureRequest) -> str:
    """Railway is the same on both schemas; a test asks for the other where it matters."""
    return str(getattr(request, "param", "deployed"))


@pytest.fixture
def railway(target: Target) -> Iterator[Cloud]:
    """Give a simulated Railway."""
    with cloud(target) as found:
        yield found


@pytest.fixture
def here(services: Services, railway: Cloud) -> Services:
    """Give the product with that Railway."""
    return on(services, railway)


def refused(services: Services, service: str = "ingest") -> CannotPlan:
    """Return why a restart cannot be planned."""
    found = plans.make(services, "restart", {"service": service}, ADA, HERE)
    assert isinstance(found, CannotPlan), found
    return found


def card_text(message: Message) -> str:
    """Return what Slack shows."""
    return repr(SlackRenderer().card(message))


@pytest.mark.parametrize("target_schema", ["playbook", "deployed"], indirect=True)
def test_row_19_a_restart_is_proved_by_a_new_worker(here: Services, railway: Cloud, target: Target) -> None:
    """Preview, confirm, exactly one call for exactly that deployment; the proof is a worker id that was not there."""
    railway.processes.beats = False
    target.worker(OLD, silent_seconds=600)
    running = railway.running()
    card = planned(here, "restart", service="ingest")
    assert railway.sent("deploymentRestart") == []

    done = carried_out(here, card)
    assert (done.face, done.rows) == (PlanFace.WORKING, 1)
    assert railway.sent("deploymentRestart") == [{"id": running.id}]
    target.worker(OLD, silent_seconds=0)
    assert proofs.watch(here) == 0
    target.worker("ingest_processor-fresh002", silent_seconds=0)
    assert is_proved(here, card.key)

    proved = shown(here, card.key)
    assert (proved.face, proved.proof["new_worker"]) == (PlanFace.RECOVERED, "ingest_processor-fresh002")
    assert "the service in Railway" in card_text(proved)
    assert not proved.undo
    assert railway.sent("deploymentRestart") == [{"id": running.id}]
    assert audit.verify(here).broken_at is None


def test_row_18_a_service_is_known_by_its_names(here: Services, railway: Cloud) -> None:
    """By alias, by the playbook's name and by the deployed one: the same service."""
    for word in ("ingest", "ingest-worker", "dragonfly-worker-ingest", "INGEST"):
        card = planned(here, "restart", service=word)
        assert card.facts["service"] == INGEST
        assert card.facts["deployment"] == railway.running().id


def test_row_18_an_unknown_service_is_refused_with_the_known_ones(here: Services, railway: Cloud) -> None:
    """Nothing is asked of Railway; a name that only Railway does not know is told with those it has."""
    with pytest.raises(InvalidCommand, match="Services here: api, ingest, enforcement"):
        plans.make(here, "restart", {"service": "payments"}, ADA, HERE)
    assert railway.server.calls == []
    renamed = tuple(replace(item, name=f"x-{item.name}") for item in here.config.services)
    other = replace(here, config=replace(here.config, services=renamed))
    assert "it has dragonfly-api, enforcement-worker, ingest-worker" in refused(other).reasons[0]


def test_row_17_nothing_is_ever_uploaded(here: Services, railway: Cloud) -> None:
    """The one mutation is `deploymentRestart`; the product holds no command that uploads; the card says so."""
    card = planned(here, "restart", service="ingest")
    carried_out(here, card)
    assert railway.processes.asked == [] or eventually(lambda: railway.processes.asked == [("restart", INGEST)])
    changes = {name for call in railway.server.calls for name in call.names if "eploy" in name or "pload" in name}
    assert changes <= {"deploymentRestart", "deploymentLogs"}
    root = Path(__file__).parents[2]
    texts = [path.read_text(encoding="utf-8") for path in (root / "bot/operations").rglob("*.py")]
    assert [text for text in texts if "railway up" in text] == []
    assert "no upload" in card_text(card)


def test_the_preview_says_what_it_would_do(here: Services, railway: Cloud, target: Target) -> None:
    """Service, image, replicas, jobs held, the link and the limit of the proof; nothing is asked to change."""
    target.worker(OLD, silent_seconds=5)
    target.stuck(3, owner=OLD)
    card = planned(here, "restart", service="ingest")
    text = card_text(card)
    assert "Plan: restart ingest" in text and "`ingest-worker`" in text and "image of" in text
    assert "Holds 3 jobs now: they may be stuck after" in text
    assert "a new worker id within 5 m" in text
    assert "Cannot be undone" in text
    assert card.url.startswith("https://railway.com/project/")
    assert railway.server.service(INGEST).id in card.url


def test_the_api_has_no_worker_and_is_restarted_too(here: Services, railway: Cloud) -> None:
    """Its proof is Railway's: it runs, and anew; while it is restarting that is not so."""
    card = planned(here, "restart", service="api")
    assert carried_out(here, card).face is PlanFace.WORKING
    assert railway.sent("deploymentRestart") == [{"id": railway.running(API).id}]
    eventually(lambda: is_proved(here, card.key))
    assert railway.processes.asked == [("restart", API)]
    assert "It runs again" in card_text(shown(here, card.key))


def test_the_proof_of_the_api_asks_railway_sparingly(services: Services, target: Target) -> None:
    """A thousand requests an hour: ten looks within five seconds are one."""
    with cloud(target, restart_seconds=30.0) as railway:
        here = on(services, railway)
        carried_out(here, planned(here, "restart", service="api"))
        assert proofs.watch(here) == 0
        asked = len(railway.server.calls)
        for _ in range(10):
            proofs.watch(here)
        assert len(railway.server.calls) == asked


@dataclass
class Observed:
    """A platform; whoever asks it while a transaction of ours is open is found."""

    platform: Any
    target: Target
    asked: int = 0

    def __getattr__(self, name: str) -> Any:
        """Look at our sessions, then ask."""
        row = self.target.connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'chatops_bot' AND state LIKE 'idle in transaction%'"
        ).fetchone()
        assert row == (0,), f"{name} was asked inside a transaction"
        self.asked += 1
        return getattr(self.platform, name)


def test_nobody_is_asked_inside_a_snapshot(here: Services, railway: Cloud, target: Target) -> None:
    """Postgres ends a transaction that waits 10 s for somebody else: Railway is asked before it begins."""
    observed = Observed(railway.client, target)
    ours = replace(here, platform=cast(Any, observed))
    planned(ours, "restart", service="ingest")
    done = carried_out(here, planned(ours, "offline", mode="on"))
    before = observed.asked
    planned(ours, "undo", run=done.key)
    assert observed.asked > before > 0


def test_another_deployment_since_is_refused(here: Services, railway: Cloud) -> None:
    """What runs now is not what was shown: nothing is sent, and the card says why."""
    card = planned(here, "restart", service="ingest")
    railway.deploys()
    ended = carried_out(here, card)
    assert (ended.face, ended.reason) == (PlanFace.REFUSED, "another deployment runs now; make a new plan")
    assert "Nothing was done" in card_text(ended)
    assert railway.sent("deploymentRestart") == []


def test_a_worker_that_came_between_plan_and_call_is_no_proof(here: Services, railway: Cloud, target: Target) -> None:
    """An id that beat before the call was sent is an old one, whatever the plan had seen."""
    railway.processes.beats = False
    card = planned(here, "restart", service="ingest")
    target.worker("ingest_processor-between1", silent_seconds=0)
    carried_out(here, card)
    target.worker("ingest_processor-between1", silent_seconds=0)
    target.worker("enforcement_engine-other1", silent_seconds=0, worker_type="enforcement_engine")
    target.worker("ingest_processor-sick0001", silent_seconds=0, status="degraded")
    assert proofs.watch(here) == 0


def test_no_effect_names_the_next_contact(services: Services, railway: Cloud, target: Target) -> None:
    """At the limit without a new worker: no effect, and the second level of the scenario is called."""
    railway.processes.beats = False
    here = on(services, railway, proof_limit=timedelta(milliseconds=1))
    card = planned(here, "restart", service="ingest")
    carried_out(here, card)
    assert proofs.watch(here) == 1
    ended = shown(here, card.key)
    assert (ended.face, ended.proof["called"]) == (PlanFace.NO_EFFECT, ["U0BEN"])
    text = card_text(ended)
    assert "No effect: restart ingest" in text and "Called: <@U0BEN>" in text
    assert "more memory, not another restart" in text


def test_hidden_heartbeats_are_no_failed_proof(services: Services, railway: Cloud, target: Target) -> None:
    """When heartbeats cannot be seen at the limit it is not known, and nobody is called for it (D6)."""
    here = on(services, railway, proof_limit=timedelta(milliseconds=1))
    card = planned(here, "restart", service="ingest")
    carried_out(here, card)
    target.connection.execute("DROP POLICY IF EXISTS chatops_heartbeats ON ops.worker_heartbeats")
    target.connection.execute("DROP POLICY IF EXISTS chatops_queue ON ops.job_queue")
    with here.db.read() as tx:
        here.catalog.get(tx, fresh=True)
    proofs.watch(here)
    ended = shown(here, card.key)
    assert ended.face is PlanFace.PROOF_UNKNOWN
    assert "U0BEN" not in card_text(ended)


SIGN_IN = 'FATAL:  password authentication failed for user "dragonfly_worker"'


def test_a_restart_while_sign_in_fails_is_refused(here: Services, railway: Cloud) -> None:
    """It would prolong the lockout: no plan, with the reason and what to do first; the line itself is not shown."""
    railway.log("WORKER_BOOT", SIGN_IN)
    found = refused(here)
    assert found.reasons == (SIGN_IN_FAILS,)
    assert "dragonfly_worker" not in card_text(found)
    assert "a restart would make it worse" in card_text(found)


def test_sign_in_that_fails_after_the_plan_stops_the_call(here: Services, railway: Cloud) -> None:
    """The same guard again at the call."""
    card = planned(here, "restart", service="ingest")
    railway.log(SIGN_IN)
    ended = carried_out(here, card)
    assert (ended.face, ended.reason) == (PlanFace.REFUSED, SIGN_IN_FAILS)
    assert railway.sent("deploymentRestart") == []


def test_what_is_stopped_or_not_there_yet_is_not_restarted(here: Services, railway: Cloud, target: Target) -> None:
    """There is no process: refused at the preview, with Railway's address, not an unknown outcome later."""
    railway.server._acts.stop(railway.server.service(INGEST), railway.server.service(INGEST).deployments[-1])
    eventually(lambda: railway.running().stopped)
    found = refused(here)
    assert "it was stopped" in found.reasons[0]
    assert "https://railway.com/" in found.remedy[0]


def test_in_dev_without_railway_the_playbooks_command_is_shown(
    services: Services, railway: Cloud, target: Target
) -> None:
    """`SUPABASE_MODE=dev`: nothing runs on Railway; the command to run by hand is shown, never run."""
    here = on(services, railway)
    alone = replace(here, config=replace(here.config, railway=False), platform=None)
    found = refused(alone)
    assert found.reasons == ("in dev nothing runs on Railway",)
    assert found.remedy == ("by hand: python -m backend.workers.ingest_processor",)
    assert "python -m backend.workers.ingest_processor" in TerminalRenderer().text(found)
    target.connection.execute("UPDATE ops.chatops_schema_version SET mode = 'prod'")
    in_prod = replace(alone, config=replace(alone.config, env="prod"))
    assert "by hand" not in repr(refused(in_prod))


@pytest.mark.parametrize(
    ("kind", "facts", "said"),
    [
        (FaultKind.REFUSED, {"message": "Not Authorized"}, "the token is not taken"),
        (FaultKind.REFUSED, {"message": "Service deployment rate limit exceeded"}, "too many deployments"),
        (FaultKind.RATE_LIMITED, {"seconds": 7.0}, "for 7 s; nothing was done"),
    ],
)
def test_a_refusal_of_railways_is_final(
    here: Services, railway: Cloud, kind: FaultKind, facts: dict[str, object], said: str
) -> None:
    """200 with errors, or a rate limit: failed, nothing done, one request and no second without a person."""
    card = planned(here, "restart", service="ingest")
    railway.fault(kind, "deploymentRestart", **facts)
    ended = carried_out(here, card)
    assert ended.face is PlanFace.FAILED
    assert said in ended.reason
    railway.server.faults.clear()
    assert [runs.perform_due(here), runs.reconcile(here), proofs.watch(here)] == [0, 0, 0]
    assert len(railway.sent("deploymentRestart")) == 1
    assert railway.processes.asked == []
    answer = plans.confirm(here, card.key, ADA, secret=card.secret)
    assert isinstance(answer, Notice) and answer.kind == "twice"


def test_railway_away_at_the_call_did_nothing(here: Services, railway: Cloud) -> None:
    """It could not be asked what runs: failed, and nothing was sent."""
    card = planned(here, "restart", service="ingest")
    railway.fault(FaultKind.DOWN)
    ended = carried_out(here, card)
    assert ended.face is PlanFace.FAILED
    assert "cannot be reached" in ended.reason
    assert railway.processes.asked == []


@pytest.fixture
def unanswered(here: Services, railway: Cloud) -> PlanCard:
    """Give a restart that Railway accepted and did not answer."""
    card = planned(here, "restart", service="ingest")
    railway.fault(FaultKind.NO_ANSWER, "deploymentRestart", seconds=0.05)
    return carried_out(here, card)


def test_no_answer_is_unknown_and_read_back(here: Services, railway: Cloud, unanswered: PlanCard) -> None:
    """Accepted, and the line cut: not known; it is never sent again, read back by itself, and then proved."""
    assert unanswered.face is PlanFace.UNKNOWN
    text = card_text(unanswered)
    assert "Not known: restart ingest" in text and "I do not send it again" in text
    assert "settle.yes" in text and "settle.no" in text
    assert runs.perform_due(here) == 0
    eventually(lambda: runs.reconcile(here) == 1)
    assert len(railway.sent("deploymentRestart")) == 1
    eventually(lambda: is_proved(here, unanswered.key))
    assert shown(here, unanswered.key).face is PlanFace.RECOVERED
    entries = audit.list_newest(here, 20).entries
    assert {"step.unknown", "step.reconciled_done", "proof.proved"} <= {entry.event for entry in entries}


def test_old_ones_do_not_stand_before_a_new_one(here: Services, target: Target, unanswered: PlanCard) -> None:
    """Twenty that a person must settle are looked past: the newest is read back all the same."""
    target.connection.execute(
        """
        CREATE TEMP TABLE p AS SELECT p.* FROM ops.chatops_plan p WHERE id = %(id)s;
        CREATE TEMP TABLE r AS SELECT r.* FROM ops.chatops_run r WHERE id = %(id)s;
        """.replace("%(id)s", f"'{unanswered.key}'").encode()
    )
    for number in range(20):
        target.connection.execute("UPDATE p SET id = %s", (f"Z{number:03}",))
        target.connection.execute(
            "UPDATE r SET id = %s, confirmed_at = confirmed_at - interval '1 hour', started_at = started_at - interval '1 hour'",
            (f"Z{number:03}",),
        )
        target.connection.execute("INSERT INTO ops.chatops_plan SELECT * FROM p")
        target.connection.execute("INSERT INTO ops.chatops_run SELECT * FROM r")
    eventually(lambda: runs.reconcile(here) == 1)
    assert shown(here, unanswered.key).face is not PlanFace.UNKNOWN


def test_a_crash_is_not_taken_for_the_restart(services: Services, target: Target) -> None:
    """While the outcome is open the worker crashes, or somebody deploys: neither says that our restart happened."""
    with cloud(target, accept_seconds=30.0) as railway:
        here = on(services, railway)
        card = planned(here, "restart", service="ingest")
        railway.fault(FaultKind.NO_ANSWER, "deploymentRestart", seconds=0.05)
        carried_out(here, card)
        railway.server.crashed(INGEST, f"{INGEST}-0", oom=True)
        eventually(lambda: railway.running().status == "CRASHED")
        assert runs.reconcile(here) == 0
        railway.server.faults.clear()
        railway.deploys()
        assert runs.reconcile(here) == 0
        assert shown(here, card.key).face is PlanFace.UNKNOWN


@pytest.mark.parametrize(
    ("happened", "event", "face"),
    [
        (True, "step.reconciled_done", PlanFace.WORKING),
        (False, "step.reconciled_not_done", PlanFace.REFUSED),
    ],
)
def test_a_person_settles_with_what_they_saw(
    here: Services, railway: Cloud, unanswered: PlanCard, *, happened: bool, event: str, face: PlanFace
) -> None:
    """An operator says what they saw; it is recorded, once, and nothing is sent."""
    railway.processes.beats = False
    form = forms.settle_form(here, unanswered.key, yes=happened)
    assert isinstance(form, SettleForm)
    assert "What did you see?" in repr(SlackRenderer().view(form))
    with pytest.raises(NotAllowed):
        runs.settle(here, unanswered.key, GIL, happened=happened, reason="I looked at it")
    assert runs.settle(here, unanswered.key, BEN, happened=happened, reason="its instances are new since 03:14")
    assert not runs.settle(here, unanswered.key, ADA, happened=not happened, reason="I saw something else")
    assert shown(here, unanswered.key).face is face
    entry = next(item for item in audit.list_newest(here, 10).entries if item.event == event)
    assert entry.actor == BEN.key
    assert len(railway.sent("deploymentRestart")) == 1


@pytest.mark.parametrize(("point", "sent"), [("K8", 0), ("K10", 1)])
def test_a_bot_killed_around_the_call_leaves_it_unknown(
    bot_dsn: str, railway: Cloud, target: Target, point: str, sent: int
) -> None:
    """Between intent and answer, or between answer and outcome: nobody knows, and nobody sends it again (K8 to K10)."""
    railway.processes.beats = False
    late = [timedelta(0)]
    with product(bot_dsn, now=lambda: datetime.now(UTC) + late[0]) as made:
        here = on(made, railway)
        card = planned(here, "restart", service="ingest")
        plans.confirm(here, card.key, ADA, secret=card.secret)
        with pytest.raises(Killed):
            runs.perform(replace(here, crash_hook=killed_at(point)), card.key)
        runs.perform(here, card.key)
        assert shown(here, card.key).face is PlanFace.WORKING, "another may still wait for the answer"
        late[0] = timedelta(seconds=91)
        assert runs.perform_due(here) == 1
        ended = shown(here, card.key)
        assert (ended.face, ended.reason) == (PlanFace.UNKNOWN, "the bot stopped while it waited for an answer")
        late[0] = timedelta(minutes=11)
        asked = len(railway.server.calls)
        assert [runs.perform_due(here), runs.reconcile(here)] == [0, 0]
        assert len(railway.server.calls) == asked, "after ten minutes a person says it, and Railway is left alone"
    assert len(railway.sent("deploymentRestart")) == sent


def test_two_restarts_at_once_are_one(here: Services, railway: Cloud) -> None:
    """While one is under way, a second plan for the same service is refused with who holds it."""
    one, two = planned(here, "restart", service="ingest"), plans.make(here, "restart", {"service": "ingest"}, BEN, HERE)
    assert isinstance(two, PlanCard)
    plans.confirm(here, one.key, ADA, secret=one.secret)
    answer = plans.confirm(here, two.key, BEN, secret=two.secret)
    assert isinstance(answer, Notice) and answer.kind == "someone-else"
    runs.perform_due(here)
    assert len(railway.sent("deploymentRestart")) == 1


def test_our_patience_ends_before_railways(here: Services, railway: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer for as long as we wait: unknown, with how long; the error names no secret."""
    monkeypatch.setattr(bot.targets.railway, "CHANGE_SECONDS", 0.3)
    card = planned(here, "restart", service="ingest")
    railway.fault(FaultKind.NO_ANSWER, "deploymentRestart")
    ended = carried_out(here, card)
    assert ended.face is PlanFace.UNKNOWN
    assert ended.reason.startswith("Railway did not answer for")
    assert railway.server.settings.project_token not in card_text(ended)


@pytest.mark.parametrize(("target_schema", "first"), [("playbook", 3), ("deployed", 0)], indirect=["target_schema"])
def test_without_worker_ids_a_reset_comes_before_the_restart(here: Services, target: Target, first: int) -> None:
    """Once a worker beats nobody can tell whose the stuck jobs were: the plan says so before, and `verify` never calls it well."""
    target.worker(OLD, silent_seconds=600)
    target.worker("enforcement_engine-1", silent_seconds=-60, worker_type="enforcement_engine")
    target.stuck(3)
    card = planned(here, "restart", service="ingest")
    assert card.facts["reset_first"] == first
    assert ("Reset 3 stuck jobs first" in card_text(card)) == bool(first)

    target.worker("ingest_processor-new", silent_seconds=-60)
    nothing = plans.make(here, "reset-stuck", {}, ADA, HERE)
    jobs = next(line for line in verifying.read(here, "worker-death").lines if line.thing == "jobs")  # type: ignore[attr-defined]
    if first:
        assert "stop every worker of their type" in card_text(nothing)
        assert (jobs.verdict, jobs.facts) == (verifying.UNKNOWN, {"held": None})
    else:
        assert isinstance(nothing, PlanCard)
        assert (jobs.verdict, jobs.facts) == (verifying.NOT_YET, {"held": 3})
