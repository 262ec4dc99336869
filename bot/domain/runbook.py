"""A runbook as it is declared: ordered steps, each with its kind, risk, needs, strategies and proof."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.domain.actor import Risk
from bot.domain.audit import canonical
from bot.domain.needs import Missing, missing
from bot.domain.params import Param
from bot.sqlfile import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """One way to do a step, used when the live catalog has what it needs."""

    id: str
    says: str
    """What the plan's card says about it."""
    needs: tuple[str, ...] = ()
    """Features of the catalog and of the configuration; `updatable:COLUMN` asks for a privilege."""

    def unmet(self, offered: Collection[str], role: str) -> tuple[Missing, ...]:
        """Return what this strategy needs and is not offered."""
        return missing(self.needs, offered, role=role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a runbook."""

    id: str
    title: str
    kind: str
    risk: Risk
    why: str
    proof: str = ""
    """What "it worked" means, for people."""
    way_back: str = ""
    shell: str = ""
    """The shell line that does it, or that a person runs by hand."""
    operation: str = ""
    """Which read a step of kind `read` is."""
    approval: str = ""
    """`second person`, where one is always needed."""
    resource: str = ""
    """At most one unfinished run per resource."""
    params: tuple[Param, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What only this kind of step is told: a variable's name, a row cap, the worker types a pause holds."""
    strategies: tuple[Strategy, ...] = ()
    statements: Mapping[str, Statement] = field(default_factory=dict)
    """The runbook's named SQL, by name."""

    @property
    def typed(self) -> tuple[Param, ...]:
        """Return the parameters that a person types; the bot fills in the others (which step an undo takes back)."""
        return tuple(item for item in self.params if item.name not in self.settings.get("filled", ()))

    def choose(self, offered: Collection[str]) -> Strategy | None:
        """Return the first strategy whose needs are met, the safest first."""
        return next((item for item in self.strategies if not item.unmet(offered, "")), None)

    def rev(self, settings: Mapping[str, object]) -> str:
        """Return the digest of declaration, SQL and settings: a plan is void when it changes."""
        sql = {name: list(statement.lines) for name, statement in self.statements.items()}
        declared = {
            "id": self.id,
            "kind": self.kind,
            "risk": self.risk.value,
            "approval": self.approval,
            "strategies": [[item.id, list(item.needs)] for item in self.strategies],
            "settings": dict(self.settings),
        }
        text = canonical({"declared": declared, "sql": sql, "settings": settings})
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """An ordered procedure for one scenario."""

    scenario: str
    """`worker-death` on surfaces."""
    title: str
    trigger: str
    steps: tuple[Step, ...]
    contacts: tuple[str, ...] = ()
    """First responder and escalation, by role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Every runbook that is declared."""

    runbooks: tuple[Runbook, ...]

    def scenario(self, name: str) -> Runbook | None:
        """Return the runbook of a scenario; underscores and the first word alone are understood."""
        wanted = name.strip().lower().replace("_", "-")
        exact = [item for item in self.runbooks if item.scenario == wanted]
        near = [item for item in self.runbooks if wanted and item.scenario.startswith(wanted)]
        return next(iter(exact or near), None)

    def step(self, step_id: str) -> Step | None:
        """Return the declared step with an id."""
        found = (step for runbook in self.runbooks for step in runbook.steps if step.id == step_id)
        return next(found, None)
