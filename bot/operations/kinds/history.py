"""Repair and rollback: the record of a migration, and a reviewed script that takes one back (design, section 7).

`repair applied` runs no SQL of the migration and says so; `repair reverted` removes the record alone. A rollback script is
run as one `DO` … `EXECUTE`, so that the server itself refuses transaction control inside it; a failure leaves nothing.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.history import migration_features
from bot.domain.messages import Message
from bot.domain.runbook import Step
from bot.errors import InvalidCommand
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, impossible
from bot.operations.services import Services
from bot.sqlfile import load
from bot.store import plans
from bot.store.db import Tx
from bot.targets import migrations

SQL = load("bot.targets", "history.sql")
_VERSION = re.compile(r"\d{4}|\d{8}|\d{14}")
_MOST_BYTES = 200_000


def _repair_preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]
) -> Preview | Message:
    unavailable = impossible(services, tx, step, catalog)
    if unavailable:
        return unavailable
    version, status = params["version"], params["status"].lower()
    row = tx.record(SQL["peek"], version=version)
    before = row["row"] if row else None
    local = migrations.local(services.config.migrations)
    named = local.get(version) if local is not None else None
    if status == "applied" and local is None:
        return cannot(services, tx, step, ["no list of local migrations"], ["set migrations.source"])
    if status == "applied" and named is None:
        raise InvalidCommand(_unknown_version(version, local or {}), hint="/dragonfly migrations")
    if (status == "applied") == (before is not None):
        state = "recorded already" if before else "not recorded"
        return cannot(
            services, tx, step, [f"{version} is {state}; there is nothing to change"], ["dragonfly migrations"]
        )
    facts = {
        "version": version,
        "status": status,
        "name": named or (before or {}).get("name") or "",
        "before": "a row" if before else "no row",
        "statements": len((before or {}).get("statements") or []),
        "row": before,
        "statement": SQL["record" if status == "applied" else "remove"].text(
            migration_features(catalog.history_columns)
        ),
    }
    return Preview(
        params=dict(params),
        facts=facts,
        sealed={"version": version, "status": status, "before": _digest(before)},
        typed=version,
        resource=f"migration:{version}",
    )


def _unknown_version(version: str, local: Mapping[str, str]) -> str:
    near = ", ".join(sorted(local)[-3:]) or "none"
    return f"no local migration {version}; the newest here: {near}"


def _digest(row: object) -> str:
    return hashlib.sha256(repr(row).encode()).hexdigest()[:16]


def _repair_act(_services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    facts = work.plan.preview
    row = tx.record(SQL["row"], version=facts["version"])
    if (row["row"] if row else None) != facts["row"]:
        return Done(result={}, rows=0, refused="the record was changed since the plan")
    applied = facts["status"] == "applied"
    values = {"version": facts["version"], **({"name": facts["name"]} if applied else {})}
    done = tx.record(SQL["record" if applied else "remove"], migration_features(work.catalog.history_columns), **values)
    return Done(result={"recorded" if applied else "removed": int(done is not None)}, rows=int(done is not None))


def _repair_prove(services: Services, work: Work) -> Proof:
    facts = work.plan.preview
    with (services.dba or services.db).read() as tx:
        there = tx.record(SQL["peek"], version=facts["version"]) is not None
    return Proof(left=int(there != (facts["status"] == "applied")), total=1, facts={"there": there})


def _proof_for(services: Services, _result: Mapping[str, int], _facts: Mapping[str, Any]) -> timedelta:
    return services.config.timing.proof_limit


def _undo_preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]
) -> Preview | Message:
    """Put the history back as it was, while nothing else has touched the row."""
    unavailable = impossible(services, tx, step, catalog)
    plan = plans.find(tx, params["run"])
    if unavailable or plan is None:
        return unavailable or cannot(services, tx, step, ["the run is not known"], [])
    was = plan.preview
    there = tx.record(SQL["peek"], version=was["version"]) is not None
    if there != (was["status"] == "applied"):
        return cannot(services, tx, step, ["the record was changed since; there is nothing to put back"], [])
    facts = {
        "run": params["run"],
        "of": params["step"],
        "can": 1,
        "cannot": 0,
        "thing": f"the record of {was['version']}",
        "version": was["version"],
        "restore": was["row"],
    }
    return Preview(
        params=dict(params),
        facts=facts,
        sealed={"run": params["run"], "version": was["version"]},
        typed=str(was["version"]),
        approval_why="the record of a migration is changed",
        resource=f"migration:{was['version']}",
    )


def _undo_act(_services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    facts = work.plan.preview
    if facts["restore"] is None:
        done = tx.record(SQL["remove"], version=facts["version"])
    else:
        done = tx.record(SQL["restore"], row=json.dumps(facts["restore"]))
    return Done(result={"put_back": int(done is not None)}, rows=int(done is not None))


def _script(services: Services, version: str) -> str | None:
    """Return the reviewed script of a version, or None; a version is digits only, so no path can be typed."""
    folder = services.config.migrations.rollbacks
    if not folder or not _VERSION.fullmatch(version):
        return None
    path = Path(folder) / f"{version}.sql"
    if not path.is_file() or path.is_symlink() or path.stat().st_size > _MOST_BYTES:
        return None
    return path.read_text(encoding="utf-8")


def _rollback_preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]
) -> Preview | Message:
    unavailable = impossible(services, tx, step, catalog)
    if unavailable:
        return unavailable
    version = params["version"]
    script = _script(services, version)
    if script is None:
        return cannot(services, tx, step, [f"no reviewed script rollbacks/{version}.sql"], ["set migrations.rollbacks"])
    row = tx.record(SQL["peek"], version=version)
    if row is None:
        return cannot(services, tx, step, [f"{version} is not recorded as applied"], ["dragonfly migrations"])
    sealed = hashlib.sha256(script.encode()).hexdigest()
    return Preview(
        params=dict(params),
        facts={
            "version": version,
            "lines": len([line for line in script.splitlines() if line.strip() and not line.strip().startswith("--")]),
            "script": sealed[:12],
            "digest": sealed,
            "row": row["row"],
            "statement": script,
        },
        sealed={"version": version, "script": sealed},
        typed=version,
        resource=f"migration:{version}",
    )


def _rollback_act(services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    """Run the script that was approved, and remove the record, in one transaction."""
    facts = work.plan.preview
    script = _script(services, facts["version"])
    if script is None or hashlib.sha256(script.encode()).hexdigest() != facts["digest"]:
        return Done(result={}, rows=0, refused="the script was changed since it was approved")
    tx.script(script)
    done = tx.record(SQL["remove"], version=facts["version"])
    if done is None:
        return Done(result={}, rows=0, refused="the record is gone already")
    return Done(result={"removed": 1}, rows=1)


def _rollback_prove(services: Services, work: Work) -> Proof:
    with (services.dba or services.db).read() as tx:
        there = tx.record(SQL["peek"], version=work.plan.preview["version"]) is not None
    return Proof(left=int(there), total=1, facts={"there": there})


_REPAIR_UNDO = Kind(preview=_undo_preview, act=_undo_act, dba=True)
REPAIR = Kind(
    preview=_repair_preview,
    act=_repair_act,
    proof_for=_proof_for,
    prove=_repair_prove,
    undo=_REPAIR_UNDO,
    dba=True,
)
ROLLBACK = Kind(preview=_rollback_preview, act=_rollback_act, proof_for=_proof_for, prove=_rollback_prove, dba=True)
