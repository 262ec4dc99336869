"""A runbook as it is declared: ordered steps, each with its kind, risk, needs, strategies and proof."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.actor import Risk
from bot.domain.audit import canonical
from bot.sqlfile import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """One way to do a step, used when the live catalog has what it needs."""

    id: str
    says: str
    """What the plan's card says about it."""
    needs: tuple[str, ...] = ()
    """Features of the catalog; `updatable:COLUMN` asks for a privilege."""


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
    resource: str = ""
    """At most one unfinished run per resource."""
    strategies: tuple[Strategy, ...] = ()
    statements: Mapping[str, Statement] = field(default_factory=dict)
    """The runbook's named SQL, by name."""

    def rev(self, settings: Mapping[str, object]) -> str:
        """Return the digest of declaration, SQL and settings: a plan is void when it changes."""
        sql = {name: list(statement.lines) for name, statement in self.statements.items()}
        declared = {
            "id": self.id,
            "kind": self.kind,
            "risk": self.risk.value,
            "strategies": [[item.id, list(item.needs)] for item in self.strategies],
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
