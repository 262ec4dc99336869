"""Whose token came in which header, and what it may see.

A project token goes in `Project-Access-Token` and sees one environment; a workspace token goes in
`Authorization: Bearer` and sees the whole project. The right token in the wrong header, or both headers, is nobody.
"""

import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from bot.sandbox.railway.refusal import NO_INSTANCE, NOT_AUTHORIZED, Refusal
from bot.sandbox.railway.settings import RailwaySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """What one token may see."""

    settings: RailwaySettings
    environments: Mapping[str, str]
    """Name by id."""
    project_token: bool

    def need_project(self, project_id: str | None) -> None:
        """Refuse another project than this one; none given is this one."""
        if project_id is not None and checked_id(project_id) != self.settings.project_id:
            raise Refusal(NOT_AUTHORIZED)

    def need_environment(self, environment_id: str | None) -> str:
        """Return the environment's id; refuse one that is not to be seen."""
        if environment_id is None:
            return self.settings.environment_id
        if checked_id(environment_id) not in self.environments:
            raise Refusal(NOT_AUTHORIZED)
        return environment_id

    def need_running_environment(self, environment_id: str) -> None:
        """Refuse an environment in which nothing runs."""
        if self.need_environment(environment_id) != self.settings.environment_id:
            raise Refusal(NO_INSTANCE)


def viewer_of(headers: Mapping[str, str], settings: RailwaySettings) -> Viewer | None:
    """Return whose request it is; None: nobody's."""
    project = headers.get("project-access-token")
    bearer = headers.get("authorization")
    all_environments = {each: name for name, each in settings.environment_ids.items()}
    if project is not None and bearer is None and _same(project, settings.project_token):
        own = {settings.environment_id: settings.environment}
        return Viewer(settings=settings, environments=own, project_token=True)
    if bearer is not None and project is None and _same(bearer, f"Bearer {settings.workspace_token}"):
        return Viewer(settings=settings, environments=all_environments, project_token=False)
    return None


def checked_id(value: str) -> str:
    """Return an id; refuse what is none, without a word of what was wrong."""
    try:
        uuid.UUID(value)
    except ValueError:
        raise Refusal from None
    return value


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
