"""Plans and their targets: what was previewed, for whom, until when, and what became of each target."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "plans.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One stored plan."""

    id: str
    step: str
    step_rev: str
    params: Mapping[str, str]
    requester: str
    requester_name: str
    surface: str
    channel: str
    thread_ts: str
    alert_id: int | None
    state: str
    secret_hash: bytes | None
    nonce: str
    preview: Mapping[str, Any]
    digest: str
    target_count: int
    database: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    superseded_by: str | None
    approval: str
    approval_why: str
    ask_reason: str
    decided_by: str | None
    decided_at: datetime | None
    version: int
    wrong_entries: int
    """How often something else than its target was typed."""

    @property
    def facts(self) -> dict[str, object]:
        """Return what the record says of a plan, whatever happens to it (§11)."""
        return {
            "plan": self.id,
            "step": self.step,
            "step_rev": self.step_rev,
            "preview_digest": self.digest,
            "target_count": self.target_count,
            "channel": self.channel or None,
            "alert": self.alert_id,
            "approver": self.decided_by if self.approval == "approved" else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One target of a plan, with the facts that must still hold when it is carried out."""

    ordinal: int
    target_id: str
    disposition: str
    reason: str
    guard: Mapping[str, Any]
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A plan that was ended by somebody or something else, and where its card stands."""

    id: str
    channel: str
    alert_id: int | None
    requester: str


def insert(tx: Tx, **values: object) -> None:
    """Store a new plan; the keys are the statement's parameters."""
    tx.run(SQL["insert_plan"], **values, now=tx.now)


def insert_targets(tx: Tx, plan_id: str, targets: Sequence[Target]) -> None:
    """Store a plan's targets in their order."""
    tx.run(
        SQL["insert_targets"],
        plan=plan_id,
        target_ids=[item.target_id for item in targets],
        dispositions=[item.disposition for item in targets],
        reasons=[item.reason for item in targets],
        guards=[json.dumps(item.guard) for item in targets],
    )


def supersede(tx: Tx, *, step: str, params_digest: str, requester: str, by: str) -> list[Ended]:
    """End the requester's earlier plan for the same thing, and return it."""
    return tx.rows(
        Ended, SQL["supersede"], step=step, params_digest=params_digest, requester=requester, by=by, now=tx.now
    )


def find(tx: Tx, plan_id: str, *, lock: bool = False) -> Plan | None:
    """Return a plan, locked until the transaction ends if asked."""
    return tx.row(Plan, SQL["lock_plan" if lock else "find_plan"], id=plan_id)


def consume(tx: Tx, plan: Plan, *, actor: str, secret_hash: bytes | None, step_rev: str, database: str) -> bool:
    """Use the plan up in one statement; False = it was refused and nothing changed (§8, C2).

    No secret = from a shell, where the database credential is the authority (design, section 7).
    """
    done = tx.record(
        SQL["consume"],
        id=plan.id,
        actor=actor,
        secret_hash=secret_hash,
        from_shell=secret_hash is None,
        step_rev=step_rev,
        database=database,
        now=tx.now,
    )
    return done is not None


def use_up_waiting(tx: Tx, plan_id: str, *, actor: str) -> bool:
    """Use up a plan that waits for a second person; False = it does not wait any more."""
    return tx.record(SQL["use_up_waiting"], id=plan_id, actor=actor, now=tx.now) is not None


def end(tx: Tx, plan_id: str, *, state: str, actor: str, denied: bool = False) -> bool:
    """End an issued plan without effect; False = it had ended already, or a denial came after the decision."""
    return tx.record(SQL["end_plan"], id=plan_id, state=state, actor=actor, denied=denied, now=tx.now) is not None


def ask(tx: Tx, plan_id: str, *, reason: str, expires_at: datetime) -> bool:
    """Ask for a second person; False = the plan is not waiting to be asked for."""
    return tx.record(SQL["ask"], id=plan_id, reason=reason, expires_at=expires_at, now=tx.now) is not None


def approve(tx: Tx, plan_id: str, *, actor: str, expires_at: datetime, secret_hash: bytes, nonce: str) -> bool:
    """Approve an asked plan; the first decision wins; False = it was decided or ended already."""
    values = {"id": plan_id, "actor": actor, "expires_at": expires_at, "secret_hash": secret_hash, "nonce": nonce}
    return tx.record(SQL["approve"], **values, now=tx.now) is not None


def set_channel(tx: Tx, plan_id: str, channel: str) -> None:
    """Keep where the card of a plan stands that was made in a shell."""
    tx.run(SQL["set_channel"], id=plan_id, channel=channel)


def set_card(tx: Tx, plan_id: str, channel: str, *, nonce: str, secret_hash: bytes | None) -> None:
    """Keep where the card of a plan stands that was made in a shell, and the hash of the secret on it."""
    tx.run(SQL["set_card"], id=plan_id, channel=channel, nonce=nonce, secret_hash=secret_hash)


def expire_due(tx: Tx) -> list[Ended]:
    """End every plan whose time is over, and return them."""
    return tx.rows(Ended, SQL["expire_due"], now=tx.now)


def unedited(tx: Tx, within: timedelta) -> list[Ended]:
    """Return the plans that wait and whose card was neither posted nor edited within this time."""
    return tx.rows(Ended, SQL["list_unedited"], seconds=within.total_seconds(), now=tx.now)


def targets(tx: Tx, plan_id: str, *, after: int = 0, most: int = 5000) -> list[Target]:
    """Return a plan's targets in their order."""
    return tx.rows(Target, SQL["list_targets"], plan=plan_id, after=after, most=most)


def waiting_for(tx: Tx, actor: str, *, approves: bool, most: int) -> list[str]:
    """Return the plans that wait for somebody, the first to end first."""
    rows = tx.records(SQL["list_waiting"], actor=actor, approves=approves, most=most, now=tx.now)
    return [str(row["id"]) for row in rows]


def ran_by(tx: Tx, actor: str, *, most: int) -> list[str]:
    """Return the plans that somebody carried out, the newest first."""
    return [str(row["id"]) for row in tx.records(SQL["list_ran"], actor=actor, most=most)]


def open_for_alert(tx: Tx, alert_id: int) -> tuple[str, str] | None:
    """Return the newest plan of an alert that is issued or still running, and its step."""
    row = tx.record(SQL["open_for_alert"], alert_id=alert_id)
    return (row["id"], row["step"]) if row else None
