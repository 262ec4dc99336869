"""Somebody with a superuser's password changes the record by hand."""

import hashlib
import json

from psycopg.rows import class_row

from bot.domain.audit import AuditRow, canonical, digest_of
from tests.support.jobs import Target

BOTH = ("ops.chatops_audit", "ops.chatops_audit_head")


def tamper(target: Target, *statements: str) -> None:
    """Take the triggers away, change something, and put them back."""
    for table in BOTH:
        target.connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
    for statement in statements:
        target.connection.execute(statement.encode())
    for table in BOTH:
        target.connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())


CHANGE = """UPDATE ops.chatops_audit SET record = record || '{"acting": 1}' WHERE n = 4"""
CUT_MIDDLE = "DELETE FROM ops.chatops_audit WHERE n = 4"
CUT_TAIL = "DELETE FROM ops.chatops_audit WHERE n > 4"
HEAD_TO_TAIL = (
    "UPDATE ops.chatops_audit_head AS h SET n = a.n, hash = a.hash "
    "FROM (SELECT n, hash FROM ops.chatops_audit ORDER BY n DESC LIMIT 1) AS a"
)


def accept_by_hand(target: Target, *before: str) -> None:
    """Append an acceptance as somebody does who holds the database and has read our code, and nothing but those.

    Args:
        before: events to append first, such as the break that nobody found.
    """
    for event in (*before, "chain.restored"):
        with target.connection.cursor(row_factory=class_row(AuditRow)) as cursor:
            rows = cursor.execute("SELECT n, at, record, prev, hash FROM ops.chatops_audit ORDER BY n").fetchall()
        said = {"actor": "dragonfly", "digest": digest_of(rows), "env": "dev", "event": event, "reason": "routine"}
        me = target.connection.info.user
        target.connection.execute("SELECT ops.chatops_audit_append(%s)", (canonical({**said, "session_user": me}),))


def seal_anew(target: Target, n: int, *, same: bool = False) -> None:
    """Change a record, or leave it the `same`, and compute its hash as the chain would: only what comes after it can tell."""
    found = target.connection.execute(
        "SELECT prev, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), record "
        "FROM ops.chatops_audit WHERE n = %s",
        (n,),
    ).fetchone()
    assert found is not None
    prev, at, record = found
    text = json.dumps(
        record if same else {**record, "forged": True}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    sealed = hashlib.sha256(prev + f"chatops-audit-v1\n{n}\n{at}\n{text}".encode()).hexdigest()
    tamper(
        target,
        f"UPDATE ops.chatops_audit SET record = '{text}', hash = decode('{sealed}', 'hex') WHERE n = {n}",
    )
