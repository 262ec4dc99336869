"""The record's canonical text, its chain, and the name of each break (specification §11)."""

from datetime import UTC, datetime

import pytest

from bot.domain.audit import GENESIS, AuditRow, canonical, chain_hash, rfc3339, verify

FIRST = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
SECOND = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
ONE = {"env": "dev", "event": "chain.genesis"}
TWO = {"actor": {"team": "T1", "user": "U1"}, "env": "dev", "event": "step.confirmed", "n": 3, "note": "é☃"}
HASH_ONE = "93319c6fc044f229044c453e6235338e0a08d1be68e95d7ef034642f444a8277"
HASH_TWO = "dba1806afe4f3e3264f7ce64ed823a4f4113ab64d02bfaee5e0e103b57d87bc2"


def rows() -> list[AuditRow]:
    """Return the specification's two records."""
    first = chain_hash(GENESIS, 1, rfc3339(FIRST), canonical(ONE))
    second = chain_hash(first, 2, rfc3339(SECOND), canonical(TWO))
    return [AuditRow(n=1, at=FIRST, record=ONE, hash=first), AuditRow(n=2, at=SECOND, record=TWO, hash=second)]


def test_the_specifications_vectors() -> None:
    """Both test vectors of §11 come out."""
    assert [row.hash.hex() for row in rows()] == [HASH_ONE, HASH_TWO]


def test_a_whole_chain_is_whole() -> None:
    """Nothing is found where nothing was changed."""
    chain = rows()
    assert verify(chain, head_n=2, head_hash=chain[1].hash).is_whole


@pytest.mark.parametrize(
    ("change", "fault", "at"),
    [
        (lambda chain: [chain[0], AuditRow(n=2, at=SECOND, record={**TWO, "n": 4}, hash=chain[1].hash)], "content", 2),
        (lambda chain: chain[1:], "gap", 1),
        (lambda chain: chain[:1], "gap", 2),
        (lambda chain: [AuditRow(n=1, at=SECOND, record=ONE, hash=chain[0].hash), chain[1]], "content", 1),
    ],
)
def test_each_break_has_its_name(change: object, fault: str, at: int) -> None:
    """A changed field, a missing record and a cut tail are named with the record they are found at."""
    chain = rows()
    assert callable(change)
    found = verify(change(chain), head_n=2, head_hash=chain[1].hash)
    assert (found.fault, found.broken_at) == (fault, at)


def test_a_rewritten_head_is_found() -> None:
    """A head that does not match the last record is a break."""
    assert verify(rows(), head_n=2, head_hash=bytes(32)).fault == "head"


def test_floats_are_refused() -> None:
    """Only integers have one text."""
    with pytest.raises(TypeError, match="integers"):
        canonical({"event": "x", "n": 1.5})
