"""A step that needs a second person, carried through: asked by Ada, approved by Dana, its target typed by Ada."""

from collections.abc import Mapping

from bot.domain.actor import Actor
from bot.domain.messages import CannotPlan, Message, PlanCard, PlanFace, TypedForm
from bot.operations import approvals, forms, plans, proofs, runs
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.render.terminal import TerminalRenderer
from bot.sandbox.slack.limits import check_message
from tests.support.product import ADA, DANA, INCIDENTS, NAMES

HERE = Place(channel=INCIDENTS)
REASON = "the deployment waits and nobody is at that keyboard"


def make(services: Services, step: str, params: Mapping[str, str], actor: Actor = ADA) -> Message:
    """Return what is answered when a plan is asked for."""
    return plans.make(services, step, params, actor, HERE)


def plan(services: Services, step: str, params: Mapping[str, str]) -> PlanCard:
    """Return a plan that Ada made."""
    made = make(services, step, params)
    assert isinstance(made, PlanCard), made
    return made


def refused(services: Services, step: str, params: Mapping[str, str]) -> CannotPlan:
    """Return why there is no plan."""
    made = make(services, step, params)
    assert isinstance(made, CannotPlan), made
    return made


def approve(services: Services, card: PlanCard) -> PlanCard:
    """Let Ada ask and Dana agree; return the card with its secret."""
    approvals.ask(services, card.key, ADA, REASON)
    approved = approvals.approve(services, card.key, DANA)
    assert isinstance(approved, PlanCard), approved
    return approved


def still(services: Services, card: PlanCard, words: str = "Still so") -> bool:
    """Return whether the form in which the target is typed says that all is as it was planned."""
    said = asked(services, card)
    assert ("nothing would be done" in said) + ("*Now*: " in said) + (words in said) == 1
    return words in said


def asked(services: Services, card: PlanCard) -> str:
    """Return the form in which the target is typed, as Slack shows it."""
    form = forms.typed_form(services, card.key, ADA, card.secret)
    assert isinstance(form, TypedForm)
    return repr(SlackRenderer().view(form))


def run(services: Services, card: PlanCard) -> PlanCard:
    """Carry an issued or approved plan out, its target typed, and return its card afterwards."""
    confirmed = plans.confirm(services, card.key, ADA, secret=card.secret, typed=card.target)
    assert isinstance(confirmed, PlanCard), confirmed
    runs.perform_due(services)
    done = plans.card(services, card.key)
    assert isinstance(done, PlanCard)
    return done


def looked(services: Services, plan_id: str) -> PlanFace:
    """Look at every proof that is open, and return a card's face after it."""
    proofs.watch(services)
    card = plans.card(services, plan_id)
    assert isinstance(card, PlanCard)
    shown(card)
    return card.face


def carry_out(services: Services, step: str, params: Mapping[str, str]) -> PlanCard:
    """Plan, ask, approve and run."""
    return run(services, approve(services, plan(services, step, params)))


def shown(message: Message) -> str:
    """Return a message as Slack and as a terminal show it, after Slack's own rules have passed it."""
    card = SlackRenderer(names=NAMES).card(message)
    assert check_message([dict(block) for block in card.blocks]) == []
    return f"{card!r}\n{TerminalRenderer(names=NAMES).text(message)}"
