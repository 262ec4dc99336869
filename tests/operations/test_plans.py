"""Plans: pressed twice, by many at once, too late, replaced, and approved by a second person."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain import ids
from bot.domain.ids import SecretValue
from bot.domain.messages import AskForm, Message, Notice, PlanCard, PlanFace, TypedForm
from bot.errors import NotAllowed
from bot.operations import approvals, audit, forms, plan_cards, plans, runs
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from tests.support.danger import approve, shown
from tests.support.jobs import Target
from tests.support.product import ADA, BEN, CONFIG, DANA, GIL, INCIDENTS, SHELL, product

HERE = Place(channel=INCIDENTS)


@pytest.fixture
def target_schema() -> str:
    """A plan ends, is confirmed and is refused in the same way on both schemas."""
    return "playbook"


def make(services: Services) -> PlanCard:
    """Return a plan made by Ada."""
    made = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert isinstance(made, PlanCard), made
    return made


def kind(message: Message) -> str:
    """Return a notice's kind."""
    assert isinstance(message, Notice), message
    return message.kind


def test_fifty_presses_on_two_replicas_are_one_run(services: Services, target: Target, bot_dsn: str) -> None:
    """Fifty concurrent confirms of one plan: one run, forty-nine polite refusals (scenario 17)."""
    target.worker()
    target.stuck(3)
    card = make(services)
    with product(bot_dsn) as other, ThreadPoolExecutor(10) as pool:
        sides = [services, other] * 25
        answers = list(pool.map(lambda side: plans.confirm(side, card.key, ADA, secret=card.secret), sides))
        runs.perform_due(services)
        runs.perform_due(other)

    assert sum(isinstance(answer, PlanCard) for answer in answers) == 1
    assert {answer.kind for answer in answers if isinstance(answer, Notice)} == {"twice"}
    assert target.statuses() == {"pending": 3}
    events = [entry.event for entry in audit.list_newest(services, 200).entries]
    assert events.count("confirmation.consumed") == 1
    assert events.count("step.succeeded") == 1
    assert audit.verify(services).broken_at is None


def test_a_second_persons_press_says_how_far_the_run_is(bot_dsn: str, target: Target) -> None:
    """Confirmed and not run yet, running, done, taken back: never "done" before it is, and never 0 of 3."""
    target.worker()
    target.stuck(3)
    clock = [datetime.now(UTC)]
    with product(bot_dsn, now=lambda: clock[0]) as services:
        card = make(services)
        plans.confirm(services, card.key, ADA, secret=card.secret)

        def said() -> str:
            notice = plans.confirm(services, card.key, BEN, secret=card.secret)
            assert kind(notice) == "already-done" and services.renderer is not None
            return services.renderer.card(notice).text

        assert re.search(r"^Nothing was done: <@U0ADA> confirmed `\w+` at .*, and it is running now\.$", said())
        target.connection.execute("UPDATE ops.chatops_run SET not_before = not_before + interval '20 s'")
        assert re.search(r"^Nothing was done: .*, and it runs at <!date", said())
        clock[0] += timedelta(seconds=20)
        runs.perform_due(services)
        assert re.search(r"^Already done by <@U0ADA> at .*: 3 of 3 reset\.", said())
        target.connection.execute("UPDATE ops.chatops_run SET state = 'failed', proof = 'none'")
        assert said().endswith("Its card says what came of it.")


def test_the_card_of_a_plan_that_waits_is_edited_each_minute(bot_dsn: str, target: Target) -> None:
    """As often as numbers may be, by whichever replica; in its last minute it says so, and an ended one is left."""
    target.worker()
    target.stuck(1)
    clock = [datetime.now(UTC)]
    with product(bot_dsn, now=lambda: clock[0]) as services:
        card = make(services)
        edited = []
        for _ in range(5):
            edited.append((plan_cards.edit_due(services), plan_cards.edit_due(services)))
            target.connection.execute(
                "UPDATE ops.chatops_outbox SET state = 'delivered', ended_at = created_at, sent_channel = destination, sent_ts = '1.1'"
            )
            assert ("ends in 1 min, " in shown(plans.card(services, card.key))) == (len(edited) == 5)
            clock[0] += timedelta(seconds=61)
        assert edited == [(0, 0), *[(1, 0)] * 4]
        plans.expire(services)
        clock[0] += timedelta(seconds=61)
        assert plan_cards.edit_due(services) == 0


def test_a_plan_ends(bot_dsn: str, target: Target) -> None:
    """Five minutes later the button answers that the plan ended, and its card says so."""
    target.worker()
    target.stuck(1)
    clock = [datetime.now(UTC)]
    with product(bot_dsn, now=lambda: clock[0]) as services:
        card = make(services)
        clock[0] += timedelta(minutes=5, seconds=1)
        assert kind(plans.confirm(services, card.key, ADA, secret=card.secret)) == "expired"
        assert plans.expire(services) == 1
        ended = plans.card(services, card.key)
        assert isinstance(ended, PlanCard)
        assert ended.face is PlanFace.EXPIRED


def test_a_run_that_was_not_begun_in_time_is_not_run(bot_dsn: str, target: Target) -> None:
    """A confirmed run found more than a minute later is aborted with nothing done (K4)."""
    target.worker()
    target.stuck(1)
    clock = [datetime.now(UTC)]
    with product(bot_dsn, now=lambda: clock[0]) as services:
        card = make(services)
        plans.confirm(services, card.key, ADA, secret=card.secret)
        clock[0] += timedelta(seconds=61)
        runs.perform_due(services)
        ended = plans.card(services, card.key)
        assert isinstance(ended, PlanCard)
        assert ended.face is PlanFace.NOT_RUN
    assert target.statuses() == {"processing": 1}


def test_a_new_plan_replaces_the_old(services: Services, target: Target) -> None:
    """One issued plan for a requester and its parameters; the old button names the new plan."""
    target.worker()
    target.stuck(1)
    old, new = make(services), make(services)
    answer = plans.confirm(services, old.key, ADA, secret=old.secret)
    assert isinstance(answer, Notice)
    assert (answer.kind, answer.facts["superseded_by"]) == ("replaced", new.key)


def test_a_cancelled_plan_does_nothing(services: Services, target: Target) -> None:
    """Cancel ends the plan; a later press says who ended it."""
    target.worker()
    target.stuck(1)
    card = make(services)
    plans.cancel(services, card.key, ADA)
    assert kind(plans.confirm(services, card.key, ADA, secret=card.secret)) == "ended"


def test_a_forged_secret_does_nothing(services: Services, target: Target) -> None:
    """A value that was never on the card is refused; the plan stays usable."""
    target.worker()
    target.stuck(1)
    card = make(services)
    forged = SecretValue(card.key, "A" * 43).encode()
    assert kind(plans.confirm(services, card.key, ADA, secret=forged)) == "old-card"
    assert isinstance(plans.confirm(services, card.key, ADA, secret=card.secret), PlanCard)


def test_people_without_the_role_are_refused(services: Services, target: Target) -> None:
    """A guest may not plan; nobody is named an operator, nobody changes anything."""
    with pytest.raises(NotAllowed, match="a guest may not"):
        plans.make(services, "reset-stuck", {}, GIL, HERE)


def test_a_role_lost_midway_stops_the_run(bot_dsn: str, target: Target) -> None:
    """Between confirm and execution Ada stops being an operator: aborted, nothing done (scenario 20)."""
    target.worker()
    target.stuck(1)
    with product(bot_dsn) as services:
        card = make(services)
        plans.confirm(services, card.key, ADA, secret=card.secret)
    without = replace(CONFIG, people=replace(CONFIG.people, operators=("U0BEN",)))
    with product(bot_dsn, without) as services:
        runs.perform_due(services)
        ended = plans.card(services, card.key)
        assert isinstance(ended, PlanCard)
        assert ended.face is PlanFace.REFUSED
    assert target.statuses() == {"processing": 1}


def test_an_approvers_role_lost_midway_stops_the_run(careful: Services, target: Target) -> None:
    """Between approval and execution Dana stops being an approver: aborted, nothing done."""
    target.worker()
    target.stuck(3)
    card = make(careful)
    approvals.ask(careful, card.key, ADA, "the night is long and the queue is full")
    approved = approvals.approve(careful, card.key, DANA)
    assert isinstance(approved, PlanCard)
    assert isinstance(plans.confirm(careful, card.key, ADA, secret=approved.secret, typed=card.target), PlanCard)
    without = replace(careful.config, people=replace(careful.config.people, approvers=("U0BEN",)))
    runs.perform_due(replace(careful, config=without))
    ended = plans.card(careful, card.key)
    assert isinstance(ended, PlanCard)
    assert (ended.face, "may not any more: not an approver" in ended.reason) == (PlanFace.REFUSED, True)
    assert target.statuses() == {"processing": 3}


def fails(target: Target, sqlstate: str, times: int) -> None:
    """Let the next changes of the queue fail so; how many there were is counted even where they are taken back."""
    target.connection.execute(
        f"""
        CREATE SEQUENCE public.tried;
        CREATE FUNCTION public.fails() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            IF nextval('public.tried') <= {times} THEN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER fails BEFORE UPDATE ON ops.job_queue FOR EACH STATEMENT EXECUTE FUNCTION public.fails();
        """.encode()
    )


@pytest.mark.parametrize("sqlstate", ["55P03", "40001", "40P01"])
def test_what_may_be_gone_in_a_moment_is_tried_again(services: Services, target: Target, sqlstate: str) -> None:
    """A lock, a conflict and a deadlock: the third try is the one that counts."""
    target.worker()
    target.stuck(1)
    fails(target, sqlstate, 2)
    plans.confirm(services, (card := make(services)).key, ADA, secret=card.secret)
    runs.perform_due(services)
    assert target.statuses() == {"pending": 1}


@pytest.mark.parametrize(
    ("sqlstate", "tries", "said"),
    [
        ("57014", 1, "a statement took longer than 15 s; all of it was taken back"),
        ("55P03", 3, "what it would change is locked by somebody else (3 tries)"),
        ("40P01", 3, "it and somebody else wait for each other (3 tries)"),
    ],
)
def test_what_fails_says_why(services: Services, target: Target, sqlstate: str, tries: int, said: str) -> None:
    """A statement that takes too long is no lock: it fails at once, in its own words."""
    target.worker()
    target.stuck(1)
    fails(target, sqlstate, 99)
    plans.confirm(services, (card := make(services)).key, ADA, secret=card.secret)
    runs.perform_due(services)
    ended = plans.card(services, card.key)
    assert isinstance(ended, PlanCard)
    assert (ended.face, ended.reason) == (PlanFace.FAILED, said)
    assert target.connection.execute("SELECT last_value FROM public.tried").fetchone() == (tries,)
    assert target.statuses() == {"processing": 1}


@pytest.fixture
def careful(target_dsn: str, services: Services) -> Services:
    """Give services that want a second person above two jobs."""
    return replace(services, config=replace(CONFIG, queue=replace(CONFIG.queue, approve_above=2)))


def test_a_large_plan_takes_two_people_and_a_typed_count(careful: Services, target: Target) -> None:
    """Asked, approved by somebody else, run by the requester who types the count."""
    target.worker()
    target.stuck(3)
    card = make(careful)
    assert card.face is PlanFace.NEEDS_SECOND
    assert not card.secret
    assert isinstance(forms.ask_form(careful, card.key, ADA), AskForm)
    for early in (approvals.approve(careful, card.key, DANA), approvals.deny(careful, card.key, DANA)):
        assert kind(early) == "not-asked"
        assert "nobody is asked" in shown(early)
    approvals.ask(careful, card.key, ADA, "the night is long and the queue is full")
    again = approvals.ask(careful, card.key, ADA, "the form was open twice")
    assert kind(again) == kind(forms.ask_form(careful, card.key, ADA)) == "asked-already"
    assert "has been asked" in shown(again)
    assert kind(plans.confirm(careful, card.key, SHELL, secret=None)) == "needs-second"
    approved = approvals.approve(careful, card.key, DANA)
    assert isinstance(approved, PlanCard)
    assert approved.face is PlanFace.APPROVED
    form = forms.typed_form(careful, card.key, ADA, approved.secret)
    assert isinstance(form, TypedForm)
    assert kind(plans.confirm(careful, card.key, ADA, secret=form.card.secret, typed="4")) == "wrong-typed"
    assert isinstance(plans.confirm(careful, card.key, ADA, secret=form.card.secret, typed=form.card.target), PlanCard)
    runs.perform_due(careful)
    assert target.statuses() == {"pending": 3}


def test_what_is_said_of_a_plan_stands_where_its_card_does(careful: Services, target: Target) -> None:
    """A plan made from a card in a thread is posted there, and so is the call for a second person: under no reply."""
    target.worker()
    target.stuck(3)
    made = plans.make(careful, "reset-stuck", {}, ADA, replace(HERE, thread_ts="1795000000.000100"))
    assert isinstance(made, PlanCard)
    approvals.ask(careful, made.key, ADA, "the night is long and the queue is full")
    said = (
        "SELECT kind, thread_ts, thread_key FROM ops.chatops_outbox WHERE kind IN ('post', 'reply') ORDER BY created_at"
    )
    rows = target.connection.execute(said).fetchall()
    assert rows == [("post", "1795000000.000100", ""), ("reply", "1795000000.000100", "")]


def test_an_approved_plan_that_went_stale_is_refused_in_its_own_words(careful: Services, target: Target) -> None:
    """*Run* pressed on a card that is a moment old: the form still knows its plan, and the run says what has moved on."""
    target.worker()
    jobs = target.stuck(4)
    approved = approve(careful, make(careful))
    target.complete(jobs[:3])
    form = forms.typed_form(careful, approved.key, ADA, approved.secret)
    assert isinstance(form, TypedForm) and form.card.stale
    secret, kept = ids.decode_request(str(SlackRenderer().view(form)["private_metadata"]))
    assert isinstance(plans.confirm(careful, approved.key, ADA, secret=secret, typed=kept["target"]), PlanCard)
    runs.perform_due(careful)
    ended = plans.card(careful, approved.key)
    assert isinstance(ended, PlanCard)
    assert (ended.face, ended.reason) == (PlanFace.REFUSED, "too much has moved on (3 of 4)")


def test_nobody_approves_their_own_plan(careful: Services, target: Target) -> None:
    """Ben is an operator and an approver: for his own plan another person decides."""
    target.worker()
    target.stuck(3)
    card = plans.make(careful, "reset-stuck", {}, BEN, HERE)
    assert isinstance(card, PlanCard)
    approvals.ask(careful, card.key, BEN, "nobody else is awake at this hour")
    assert kind(approvals.approve(careful, card.key, BEN)) == "own-approval"
    with pytest.raises(NotAllowed, match="never from a shell"):
        approvals.approve(careful, card.key, SHELL)


def test_a_large_plan_from_a_shell_is_approved_in_slack(careful: Services, target: Target) -> None:
    """Its card goes to the incident channel, a second person approves there, and the shell types the count."""
    target.worker()
    target.stuck(3)
    card = plans.make(careful, "reset-stuck", {}, SHELL, Place())
    assert isinstance(card, PlanCard)
    assert card.face is PlanFace.ASKED
    assert kind(plans.confirm(careful, card.key, SHELL, secret=None, typed="3")) == "needs-second"
    approvals.approve(careful, card.key, DANA)
    assert isinstance(plans.confirm(careful, card.key, SHELL, secret=None, typed="3"), PlanCard)
    runs.perform(careful, card.key)
    assert target.statuses() == {"pending": 3}


def test_a_denial_is_final(careful: Services, target: Target) -> None:
    """After a no, approving is too late."""
    target.worker()
    target.stuck(3)
    card = make(careful)
    approvals.ask(careful, card.key, ADA, "the night is long and the queue is full")
    denied = approvals.deny(careful, card.key, DANA)
    assert isinstance(denied, PlanCard)
    assert denied.face is PlanFace.DENIED
    assert kind(approvals.approve(careful, card.key, BEN)) == "ended"


def test_a_plan_from_slack_is_applied_from_a_shell(services: Services, target: Target) -> None:
    """With Slack away, the same plan is carried out by whoever holds the database credential, under their name."""
    target.worker()
    target.stuck(2)
    card = make(services)
    assert isinstance(plans.confirm(services, card.key, SHELL, secret=None), PlanCard)
    runs.perform(services, card.key)
    assert target.statuses() == {"pending": 2}
    assert "cli:ada@laptop" in [entry.actor for entry in audit.list_newest(services, 3).entries]


def test_a_thousand_jobs_go_in_batches(services: Services, target: Target) -> None:
    """Above the batch size each batch is a transaction of its own, with its own record."""
    many = replace(services, config=replace(CONFIG, queue=replace(CONFIG.queue, batch=100, approve_above=5000)))
    target.worker()
    target.stuck(250)
    card = make(many)
    plans.confirm(many, card.key, ADA, secret=card.secret)
    runs.perform_due(many)
    assert target.statuses() == {"pending": 250}
    events = [entry.event for entry in audit.list_newest(many, 20).entries]
    assert (events.count("step.batch"), events.count("step.succeeded")) == (2, 1)
