"""Read the record, and prove that it adds up."""

import json
from collections.abc import Iterator

from bot.domain.audit import AuditRow, canonical, rfc3339
from bot.domain.messages import AuditEntry, AuditList, AuditVerdict
from bot.operations.services import Services
from bot.store import audit

_ALL = 1_000_000
_SHOWN = 64


def list_newest(services: Services, most: int) -> AuditList:
    """Return the newest records."""
    with services.db.read() as tx:
        rows = audit.newest(tx, most)
        return AuditList(env=services.config.env, as_of=tx.now, entries=_entries(rows), whole=len(rows))


def show(services: Services, key: str) -> AuditList:
    """Return every record that names one plan, run, alert or number."""
    wanted = key[1:] if key[:1] in "Aa" and key[1:].isdigit() else key.upper()
    with services.db.read() as tx:
        rows = audit.about(tx, wanted)
        return AuditList(env=services.config.env, as_of=tx.now, entries=_entries(rows), whole=len(rows))


def _entries(rows: list[AuditRow]) -> tuple[AuditEntry, ...]:
    return tuple(_entry(row) for row in rows)


def _entry(row: AuditRow) -> AuditEntry:
    said = {key: value for key, value in row.record.items() if key not in ("event", "actor")}
    summary = " ".join(f"{key}={_short(value)}" for key, value in sorted(said.items()))
    return AuditEntry(
        n=row.n, at=row.at, event=str(row.record["event"]), actor=str(row.record["actor"]), summary=summary
    )


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= _SHOWN else f"{text[:12]}…"


def verify(services: Services) -> AuditVerdict:
    """Walk the whole chain and name the first break."""
    with services.db.read(snapshot=True) as tx:
        found = audit.check(tx)
        return AuditVerdict(
            env=services.config.env,
            as_of=tx.now,
            whole_to=found.whole_to,
            broken_at=found.broken_at,
            fault=found.fault,
        )


def export(services: Services) -> Iterator[str]:
    """Yield the record as JSON Lines: what was hashed, and the hash, so that anybody can check it without us."""
    with services.db.read(snapshot=True) as tx:
        for row in audit.newest(tx, _ALL):
            line = {"n": row.n, "at": rfc3339(row.at), "record": canonical(row.record), "hash": row.hash.hex()}
            yield json.dumps(line, ensure_ascii=False)
