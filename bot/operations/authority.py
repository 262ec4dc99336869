"""Who may do what, decided from the verified actor and fresh directory data; anything unknown is a refusal (§7).

A shell's authority is the database credential: it may change, never approve (design, section 7, *Shell*).
"""

from collections.abc import Iterable

from bot.domain.actor import Actor, Role, Surface
from bot.errors import DeliveryError, NotAllowed
from bot.operations.services import Services

_NEEDS = {Role.VIEWER: "a member of this workspace", Role.OPERATOR: "an operator", Role.APPROVER: "an approver"}


def role_of(services: Services, actor: Actor, *, fresh: bool) -> Role:
    """Return the highest role an actor holds now.

    Raises:
        DeliveryError: the directory cannot be asked.
    """
    if actor.surface is not Surface.SLACK:
        return Role.OPERATOR
    if services.directory is None:
        return Role.NOBODY
    identity = services.directory.identify(actor.user_id, fresh=fresh)
    if not identity.is_member or identity.team_id != actor.team_id:
        return Role.NOBODY
    people = services.config.people
    if _is_among(services, actor.user_id, people.approvers, fresh=fresh):
        return Role.APPROVER
    if _is_among(services, actor.user_id, people.operators, fresh=fresh):
        return Role.OPERATOR
    return Role.VIEWER


def _is_among(services: Services, user: str, named: Iterable[str], *, fresh: bool) -> bool:
    assert services.directory is not None
    names = tuple(named)
    if user in names:
        return True
    groups = [name for name in names if name.startswith("S")]
    return any(user in services.directory.members(group, fresh=fresh) for group in groups)


def require(services: Services, actor: Actor, role: Role, doing: str) -> None:
    """Return when an actor may do something.

    Raises:
        NotAllowed: they may not, or cannot be verified; the hint says what they may do.
    """
    try:
        holds = role_of(services, actor, fresh=role > Role.VIEWER)
    except DeliveryError as error:
        message = "I cannot check who you are right now (Slack's directory does not answer)"
        raise NotAllowed(message, hint="dragonfly, from a shell, works without it") from error
    if holds < role:
        may = "you may read and acknowledge" if holds >= Role.VIEWER else "guests, bots and other teams may not"
        raise NotAllowed(f"{doing} needs {_NEEDS[role]}, {may}", hint="/dragonfly oncall says who may")
