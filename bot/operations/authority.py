"""Who may do what and where, decided from the verified actor and fresh directory data; anything unknown is a refusal (§7).

A shell's authority is the database credential: it may change, never approve (design, section 7, *Shell*).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain import ids
from bot.domain.actor import Actor, Role, Surface
from bot.errors import DeliveryError, NotAllowed
from bot.operations.services import Services

_NEEDS = {Role.VIEWER: "a member of this workspace", Role.OPERATOR: "an operator", Role.APPROVER: "an approver"}
_MAY = {Role.VIEWER: "you may read and acknowledge", Role.OPERATOR: "you may plan and confirm changes"}
NOT_VERIFIED = "cannot be verified"


_LOOKS = ("read", "open", "refresh", "share", "ack", "gate")
_OF_APPROVERS = ("approve", "deny", "review")
_OF_ALL = (ids.STOP_ALONE,)


@dataclass(frozen=True, slots=True)
class Standing:
    """The highest role somebody holds, and what they are where it is none (`a guest`)."""

    role: Role
    why_not: str = ""


def standing(services: Services, actor: Actor, *, fresh: bool) -> Standing:
    """Return what an actor may do at most.

    Raises:
        DeliveryError: the directory cannot be asked.
    """
    if actor.surface is not Surface.SLACK:
        return Standing(Role.OPERATOR)
    if services.directory is None:
        return Standing(Role.NOBODY, "nobody who can be verified here")
    identity = services.directory.identify(actor.user_id, fresh=fresh)
    if identity.why_not:
        return Standing(Role.NOBODY, identity.why_not)
    if identity.team_id != actor.team_id:
        return Standing(Role.NOBODY, "somebody from another workspace")
    people = services.config.people
    if _is_among(services, actor.user_id, people.approvers, fresh=fresh):
        return Standing(Role.APPROVER)
    if _is_among(services, actor.user_id, people.operators, fresh=fresh):
        return Standing(Role.OPERATOR)
    return Standing(Role.VIEWER)


def _is_among(services: Services, user: str, named: Iterable[str], *, fresh: bool) -> bool:
    assert services.directory is not None
    names = tuple(named)
    if user in names:
        return True
    groups = [name for name in names if name.startswith("S")]
    return any(user in services.directory.members(group, fresh=fresh) for group in groups)


def needed_role(action: str) -> Role:
    """Return who may press a button, by its action id; one that is not known is for operators."""
    verb = action.partition(":")[0].partition(".")[0]
    if verb in _LOOKS or action in _OF_ALL:
        return Role.VIEWER
    return Role.APPROVER if verb in _OF_APPROVERS else Role.OPERATOR


def require(services: Services, actor: Actor, role: Role, doing: str) -> None:
    """Return when an actor may do something where they ask for it.

    Raises:
        NotAllowed: they may not, or cannot be verified; the hint says what they may do.
    """
    fresh = role > Role.VIEWER
    try:
        why_not_here = _why_not_here(services, actor, fresh=fresh)
        holds = standing(services, actor, fresh=fresh)
    except DeliveryError as error:
        message = "I cannot check who you are right now (Slack directory, 3 tries)"
        raise NotAllowed(message, hint="dragonfly, from a shell, works without it", reason=NOT_VERIFIED) from error
    if why_not_here:
        message = f"not in this channel: {why_not_here}"
        raise NotAllowed(message, hint="/dragonfly oncall says who may", reason=why_not_here)
    if holds.role < role:
        may = _MAY.get(holds.role) or f"{holds.why_not} may not"
        message = f"{doing} needs {_NEEDS[role]}, {may}"
        reason = holds.why_not or f"not {_NEEDS[role]}"
        ask = services.config.people.approvers if role is Role.APPROVER else ()
        raise NotAllowed(message, hint="/dragonfly oncall says who may", reason=reason, ask=ask)


def require_slack(actor: Actor, what: str, hint: str) -> None:
    """Return when somebody asks in Slack, where it is known who they are.

    Raises:
        NotAllowed: they sit at a shell.
    """
    if actor.surface is not Surface.SLACK:
        message = f"{what} in Slack, never from a shell"
        raise NotAllowed(message, hint=hint, reason="from a shell")


def _why_not_here(services: Services, actor: Actor, *, fresh: bool) -> str:
    if not actor.channel or services.directory is None:
        return ""
    return services.directory.why_not_here(actor.channel, fresh=fresh)


def why_lost(services: Services, actor: Actor, role: Role) -> str:
    """Return why somebody who confirmed or approved could not do so now (`not an approver`), or an empty string."""
    try:
        require(services, actor, role, "this")
    except NotAllowed as error:
        return error.reason
    return ""
