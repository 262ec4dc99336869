"""The record's canonical text, its chain, and the name of each break (specification §11)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bot.domain.audit import (
    GENESIS,
    AuditRow,
    Head,
    Verdict,
    canonical,
    chain_hash,
    digest_of,
    rfc3339,
    stored_text,
    verify,
)

FIRST = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
SECOND = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
ONE = {"env": "dev", "event": "chain.genesis"}
TWO = {"actor": {"team": "T1", "user": "U1"}, "env": "dev", "event": "step.confirmed", "n": 3, "note": "é☃"}
HASH_ONE = "93319c6fc044f229044c453e6235338e0a08d1be68e95d7ef034642f444a8277"
HASH_TWO = "dba1806afe4f3e3264f7ce64ed823a4f4113ab64d02bfaee5e0e103b57d87bc2"
Chain = list[AuditRow]


def row(n: int, at: datetime, record: Mapping[str, object], prev: bytes) -> AuditRow:
    """Return a record as the database would append it."""
    return AuditRow(n=n, at=at, record=record, prev=prev, hash=chain_hash(prev, n, rfc3339(at), canonical(record)))


def rows(more: int = 0) -> Chain:
    """Return the specification's two records, and as many more as asked."""
    chain = [row(1, FIRST, ONE, GENESIS)]
    chain.append(row(2, SECOND, TWO, chain[0].hash))
    for n in range(3, 3 + more):
        chain.append(row(n, SECOND + timedelta(seconds=n), {"event": "x", "n": n}, chain[-1].hash))
    return chain


def head(chain: Sequence[AuditRow]) -> Head:
    """Return where a chain ends."""
    return Head(n=chain[-1].n, hash=chain[-1].hash)


def test_the_specifications_vectors() -> None:
    """Both test vectors of §11 come out."""
    assert [item.hash.hex() for item in rows()] == [HASH_ONE, HASH_TWO]


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"b": 1, "a": 2, "B": 3, "é": 4, "\U0001f409": 5, "\ufb01": 6}, '{"B":3,"a":2,"b":1,"é":4,"ﬁ":6,"🐉":5}'),
        ({"note": "e\u0301"}, '{"note":"é"}'),
        ({"e\u0301": 1}, '{"é":1}'),
        ({"a": None, "b": {"c": None, "d": 1}}, '{"b":{"d":1}}'),
        ({"a": [1, True, False, "x"], "b": (2,)}, '{"a":[1,true,false,"x"],"b":[2]}'),
        ({"a": -(2**70), "b": 0}, '{"a":-1180591620717411303424,"b":0}'),
        ({"at": FIRST}, '{"at":"2026-01-02T03:04:05.000006Z"}'),
        ({"at": SECOND.astimezone(timezone(timedelta(hours=2)))}, '{"at":"2026-01-02T03:04:06.000000Z"}'),
        ({"a": 'back\\slash "quote"\n\t\x01\x7f/'}, '{"a":"back\\\\slash \\"quote\\"\\n\\t\\u0001\x7f/"}'),
        ({"a": "nothing\x00here"}, '{"a":"nothinghere"}'),
    ],
    ids=["code-points", "nfc", "nfc-keys", "absent", "lists", "integers", "microseconds", "utc", "escapes", "nul"],
)
def test_a_record_has_one_text(record: dict[str, object], text: str) -> None:
    """Keys by code point, no spaces, NFC, absent instead of null, whole numbers, times in UTC with six digits."""
    assert canonical(record) == text


@pytest.mark.parametrize("value", [1.5, 1.0, float("nan"), b"x", {1, 2}, object()])
def test_what_has_no_one_text_is_refused(value: object) -> None:
    """Floats have more than one text, and other things none."""
    with pytest.raises(TypeError, match="integers"):
        canonical({"event": "x", "n": value})


def test_a_whole_chain_is_whole() -> None:
    """Nothing is found where nothing was changed, and the verdict says how far, and with which hash."""
    chain = rows(3)
    assert verify(chain, head(chain)) == Verdict(whole_to=5, hash=chain[-1].hash)
    assert verify([], Head(n=0, hash=GENESIS)).is_whole


def changed(**new: object) -> Callable[[Chain], Chain]:
    """Return an attack that changes a field of record 3's content."""
    return lambda chain: [*chain[:2], replace(chain[2], record={**chain[2].record, **new}), *chain[3:]]


def rehashed(chain: Chain) -> Chain:
    """Change record 3 and seal it again, as somebody would who knows the rule."""
    return [*chain[:2], row(3, chain[2].at, {"event": "y", "n": 3}, chain[1].hash), *chain[3:]]


@pytest.mark.parametrize(
    ("attack", "name"),
    [
        pytest.param(changed(n=4), "content 3", id="field"),
        pytest.param(changed(extra=None), "content 3", id="null"),
        pytest.param(changed(extra=1.5), "content 3", id="float"),
        pytest.param(changed(n="3"), "content 3", id="type"),
        pytest.param(lambda c: [*c[:2], replace(c[2], at=SECOND), *c[3:]], "content 3", id="time"),
        pytest.param(lambda c: [*c[:2], replace(c[2], hash=bytes(32)), *c[3:]], "content 3", id="hash"),
        pytest.param(lambda c: [*c[:2], replace(c[2], prev=bytes(32)), *c[3:]], "link 3", id="prev"),
        pytest.param(rehashed, "link 4", id="sealed-again"),
        pytest.param(lambda c: [*c[:2], *c[3:]], "gap 3", id="middle"),
        pytest.param(lambda c: c[1:], "gap 1", id="first"),
        pytest.param(lambda c: [*c[:3], c[2], *c[3:]], "gap 4", id="twice"),
        pytest.param(lambda c: c[:4], "head", id="tail"),
        pytest.param(lambda _: [], "head", id="everything"),
    ],
)
def test_each_break_has_its_name(attack: Callable[[Chain], Chain], name: str) -> None:
    """Whatever was changed, the first record that does not add up is named, and how."""
    chain = rows(3)
    found = verify(attack(chain), head(chain))
    assert (found.name, found.is_whole) == (name, False)


def test_a_rewritten_head_is_found() -> None:
    """A head that does not match the last record is a break, wherever it points."""
    chain = rows()
    for n, digest in ((2, bytes(32)), (1, chain[0].hash), (9, chain[1].hash), (-1, b"")):
        assert verify(chain, Head(n=n, hash=digest)).name == "head"


def test_a_copy_outside_tells_what_the_chain_cannot() -> None:
    """With its tail cut and its head rewritten, or with all of it sealed anew, a chain is whole; a copy disagrees."""
    chain = rows(3)
    cut, forged = chain[:3], rows()
    for n in (3, 4, 5):
        forged.append(row(n, SECOND, {"event": "forged"}, forged[-1].hash))
    assert verify(cut, head(cut)).is_whole
    assert verify(cut, head(cut), known={5: {chain[4].hash.hex()}}).name == "anchor 5"
    assert verify(forged, head(forged)).is_whole
    assert verify(forged, head(forged), known={2: {chain[1].hash.hex()}, 4: {chain[3].hash.hex()}}).name == "anchor 4"
    assert verify(chain, head(chain), known={2: {chain[1].hash.hex()}, 5: {chain[4].hash.hex()}}).is_whole
    assert verify(chain, head(chain), known={4: {chain[3].hash.hex(), bytes(32).hex()}}).name == "anchor 4"


def test_a_walk_may_begin_later() -> None:
    """From a number that is known, only what follows is looked at; what is known there must be there."""
    chain = rows(3)
    assert verify(chain[2:], head(chain), first=3, known={3: {chain[2].hash.hex()}}).is_whole
    assert verify(chain[2:], head(chain), first=3, known={3: {bytes(32).hex()}}).name == "anchor 3"
    assert verify(chain[3:], head(chain), first=3).name == "gap 3"


def test_records_that_were_accepted_are_pinned() -> None:
    """The digest of what stands changes with everything about it, broken or not."""
    chain = rehashed(rows(1))
    others = [chain[:2], changed(extra=None)(chain), [*chain[:2], replace(chain[2], hash=bytes(32))]]
    assert len({digest_of(chain), *(digest_of(other) for other in others)}) == 4
    assert stored_text(chain[2]) == '{"event":"y","n":3}'
