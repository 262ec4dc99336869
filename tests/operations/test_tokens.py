"""What a plan's secret is bound to, and how a plan crosses between Slack and a shell (§8; design, section 7, *Shell*)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from bot.domain import ids
from bot.domain.actor import Actor
from bot.domain.messages import Message, Notice, PlanCard, PlanFace
from bot.errors import NotAllowed
from bot.operations import approvals, audit, inbox, plans, refusals, runs
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.ports import Envelope
from tests.support.danger import HERE, REASON
from tests.support.jobs import Target
from tests.support.product import ADA, BEN, CONFIG, DANA, GIL, SHELL, product

deployed = pytest.mark.parametrize("target_schema", ["deployed"])


@pytest.fixture
def careful(services: Services) -> Services:
    """Give services that want a second person above two jobs."""
    return replace(services, config=replace(CONFIG, queue=replace(CONFIG.queue, approve_above=2)))


def planned(services: Services, target: Target, jobs: int = 2, actor: Actor = ADA) -> PlanCard:
    """Let jobs be stuck, and somebody plan to reset them."""
    target.worker()
    target.stuck(jobs)
    made = plans.make(services, "reset-stuck", {}, actor, HERE if actor is not SHELL else Place())
    assert isinstance(made, PlanCard), made
    return made


def kind(message: Message | None) -> str:
    """Return a notice's kind."""
    assert isinstance(message, Notice), message
    return message.kind


def everything_of_ours(target: Target) -> str:
    """Return every row of our own tables, as one text."""
    tables = target.connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'ops'::regnamespace AND relkind = 'r' AND relname LIKE 'chatops%'"
    ).fetchall()
    rows = [
        target.connection.execute(f"SELECT to_jsonb(t)::text FROM ops.{name} AS t").fetchall() for (name,) in tables
    ]
    return repr(rows)


@deployed
def test_a_secret_stands_nowhere(services: Services, target: Target) -> None:
    """Neither a plan nor a press that waits to be handled holds it: what is kept is its hash, and a hash from outside is nothing."""
    card = planned(services, target)
    secret = card.secret.rpartition(".")[2]
    pressed = Envelope(key="k1", kind="action", team_id="T", user_id="U", value=card.secret)
    form = replace(pressed, key="k2", value="", private_metadata=f"{card.secret}?target=2")
    assert inbox.receive(services, pressed) and inbox.receive(services, form)
    assert secret not in everything_of_ours(target)

    kept = ids.sealed(card.secret)
    assert kept.startswith(f"h1.{card.key}.") and ids.decode(kept) == ids.decode(card.secret)
    assert (ids.sealed(kept), ids.sealed("A31"), ids.sealed(f"{kept}?target=2")) == ("", "A31", "")
    assert isinstance(plans.confirm(services, card.key, ADA, secret=kept), PlanCard)


@deployed
def test_a_press_in_another_channel_is_not_the_cards(services: Services, target: Target) -> None:
    """The right person with the right secret, from where the card does not stand: refused, and the plan stays usable."""
    card = planned(services, target)
    elsewhere = replace(ADA, channel="C0GENERAL")
    assert kind(plans.confirm(services, card.key, elsewhere, secret=card.secret)) == "old-card"
    here = replace(ADA, channel=HERE.channel)
    assert isinstance(plans.confirm(services, card.key, here, secret=card.secret), PlanCard)


@deployed
def test_two_plans_for_the_same_at_once(services: Services, target: Target) -> None:
    """Asked for twice in the same moment, one is issued and the other replaced; both cards say so."""
    target.worker()
    target.stuck(2)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _n: plans.make(services, "reset-stuck", {}, ADA, HERE), range(4)))
    cards = [plans.card(services, item.key) for item in made if isinstance(item, PlanCard)]
    states = sorted(item.face for item in cards if isinstance(item, PlanCard))
    assert states == [PlanFace.ISSUED] + [PlanFace.SUPERSEDED] * 3
    [issued] = [item for item in cards if isinstance(item, PlanCard) and item.face is PlanFace.ISSUED]
    replaced = [item for item in cards if isinstance(item, PlanCard) and item.superseded_by == issued.key]
    assert [issued.facts["replaces"]] == [item.key for item in replaced]


def test_a_slack_plan_applied_from_a_shell(services: Services, target: Target) -> None:
    """What crosses is the plan; the authority is the database's credential, and the record says under which log-in."""
    card = planned(services, target)
    assert isinstance(plans.confirm(services, card.key, SHELL, secret=None), PlanCard)
    runs.perform(services, card.key)
    assert target.statuses() == {"pending": 2}
    rows = target.connection.execute(
        "SELECT event, record ->> 'verified', record ->> 'session_user' FROM ops.chatops_audit "
        "WHERE actor = 'cli:ada@laptop' ORDER BY n"
    ).fetchall()
    with services.db.read() as tx:
        row = tx.connection.execute("SELECT session_user::text AS name").fetchone()
        assert row is not None
    assert rows == [(event, "false", row["name"]) for event in ("confirmation.consumed", "step.succeeded")]


@deployed
def test_a_shells_plan_taken_up_in_slack(services: Services, target: Target) -> None:
    """It has no card; an operator brings it to Slack, and any operator may confirm it there, as their own act."""
    target.worker()
    target.stuck(2)
    made = plans.make(replace(services, plan_key=b""), "reset-stuck", {}, SHELL, Place())
    assert isinstance(made, PlanCard)
    with pytest.raises(NotAllowed):
        plans.take_up(services, made.key, GIL, HERE)
    assert plans.take_up(services, made.key, BEN, HERE) is None
    card = plans.take_up(services, made.key, BEN, HERE)
    assert isinstance(card, PlanCard) and (card.requester, bool(card.secret)) == (SHELL.key, True)
    assert isinstance(plans.confirm(services, card.key, ADA, secret=card.secret), PlanCard)
    runs.perform_due(services)
    assert target.statuses() == {"pending": 2}
    consumed = [entry for entry in audit.list_newest(services, 20).entries if entry.event == "confirmation.consumed"]
    assert [entry.actor for entry in consumed] == [ADA.key]


@deployed
def test_two_people_though_one_sits_at_a_shell(careful: Services, target: Target) -> None:
    """Whoever approved a shell's plan does not run it in Slack; another operator does; mapped accounts are one person."""
    card = planned(careful, target, 3, SHELL)
    same = replace(CONFIG.people, same=(("U0DANA", "cli:ada@laptop"),))
    mapped = replace(careful, config=replace(careful.config, people=same))
    assert kind(approvals.approve(mapped, card.key, DANA)) == "own-approval"
    approved = approvals.approve(careful, card.key, BEN)
    assert isinstance(approved, PlanCard)
    confirm = plans.confirm
    assert kind(confirm(careful, card.key, BEN, secret=approved.secret, typed="3")) == "own-approval"
    assert isinstance(confirm(careful, card.key, ADA, secret=approved.secret, typed="3"), PlanCard)
    runs.perform_due(careful)
    assert target.statuses() == {"pending": 3}


@deployed
def test_a_shell_leaves_an_approved_run_to_a_bot(careful: Services, target: Target) -> None:
    """Only where Slack's directory can be asked is it known that the approver still is one: a shell waits for a bot."""
    card = planned(careful, target, 3, SHELL)
    approvals.approve(careful, card.key, DANA)
    shell = replace(careful, directory=None)
    assert isinstance(plans.confirm(shell, card.key, SHELL, secret=None, typed="3"), PlanCard)
    runs.perform(shell, card.key)
    assert target.statuses() == {"processing": 3}
    assert runs.perform_due(careful) == 1
    assert target.statuses() == {"pending": 3}


@deployed
def test_the_typed_count_grows_with_the_plan(careful: Services, target: Target) -> None:
    """Two jobs are one press; three want a second person and their number typed."""
    small = planned(careful, target, 2)
    assert (small.face, bool(small.secret)) == (PlanFace.ISSUED, True)
    target.stuck(1)
    large = plans.make(careful, "reset-stuck", {}, ADA, HERE)
    assert isinstance(large, PlanCard)
    assert (large.face, large.secret, large.target) == (PlanFace.NEEDS_SECOND, "", "3")
    approvals.ask(careful, large.key, ADA, REASON)
    approved = approvals.approve(careful, large.key, DANA)
    assert isinstance(approved, PlanCard)
    assert kind(plans.confirm(careful, large.key, ADA, secret=approved.secret)) == "wrong-typed"


@deployed
def test_a_refusal_is_recorded_once_a_minute(services: Services, bot_dsn: str) -> None:
    """Twenty at once on two replicas: one row for the actor and the reason; another reason is another row."""
    guest = NotAllowed("this needs a member of this workspace, a guest may not", reason="a guest")
    with product(bot_dsn) as other, ThreadPoolExecutor(10) as pool:
        sides = [services, other] * 10
        list(pool.map(lambda side: refusals.record(side, BEN, guest), sides))
    refusals.record(services, BEN, NotAllowed("x", reason="a bot"))
    refusals.record(services, ADA, guest)
    refused = [entry for entry in audit.list_newest(services, 50).entries if entry.event == "request.refused"]
    assert [entry.actor for entry in refused] == [BEN.key, BEN.key, ADA.key]
    assert audit.verify(services).broken_at is None
