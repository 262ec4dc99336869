"""The record watches over itself: what is walked when, where its end is copied to, and how a person accepts a break."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.anchors import Anchor, read
from bot.domain.messages import AnchorNote, Message
from bot.errors import ChangesOff, ConflictError, InvalidCommand, NotAllowed
from bot.operations import alert_cards, alerts, audit, cards, changes, doctor
from bot.operations.record import Watch
from bot.operations.services import Services
from bot.operations.tables import OWNER_VARIABLE
from bot.render.terminal import TerminalRenderer
from bot.store import alerts as stored_alerts
from bot.store import audit as chain
from tests.project.test_imports import ROOT
from tests.support.jobs import Target
from tests.support.product import CONFIG, SHELL, product
from tests.support.tampering import CHANGE, CUT_MIDDLE, CUT_TAIL, HEAD_TO_TAIL, accept_by_hand, seal_anew, tamper

KEY = b"a key that stands in no database"
HOUR = timedelta(hours=1)


@pytest.fixture
def target_schema() -> str:
    """The record is the same on both schemas."""
    return "playbook"


@pytest.fixture
def clock() -> list[datetime]:
    """Give the time, as the only item of a list."""
    return [datetime.now(UTC)]


@pytest.fixture
def told(bot_dsn: str, clock: list[datetime]) -> Iterator[Services]:
    """Give the product, told the time, with a key to sign copies."""
    with product(bot_dsn, now=lambda: clock[0]) as made:
        yield replace(made, audit_key=KEY)


def append(services: Services, count: int = 1) -> None:
    """Append records that say nothing."""
    with services.db.write() as tx:
        for number in range(count):
            chain.append(tx, "test.event", actor="dragonfly", number=number)


def events(services: Services) -> list[str]:
    """Return the events of the record, oldest first."""
    return [entry.event for entry in audit.list_newest(services, 500).entries]


def are_off(services: Services) -> bool:
    """Say whether changes are off."""
    with services.db.read() as tx:
        return changes.why_off(services, tx) is not None


def end_of(services: Services) -> Anchor:
    """Return a copy of the record's end, made now."""
    with services.db.read() as tx:
        head = chain.head(tx)
        return Anchor(n=head.n, hash=head.hash, env="dev", at=tx.now).signed(KEY)


def test_an_hour_costs_little_and_a_day_sees_everything(told: Services, clock: list[datetime], target: Target) -> None:
    """Each hour what came since is walked, once a day and at the start all of it: an old change is found by then."""
    append(told, 5)
    watch = Watch(told)
    watch.look()
    tamper(target, CHANGE)
    clock[0] += HOUR
    watch.look()
    assert not are_off(told)
    clock[0] += 23 * HOUR
    watch.look()
    assert are_off(told)


def test_what_a_process_saw_is_a_copy_too(told: Services, clock: list[datetime], target: Target) -> None:
    """A tail that is cut, with the head put back, is noticed within the hour by a process that saw more."""
    append(told, 5)
    watch = Watch(told)
    watch.look()
    tamper(target, CUT_TAIL, HEAD_TO_TAIL)
    assert audit.verify(told).broken_at is None, "the chain alone cannot tell"
    clock[0] += HOUR
    watch.look()
    assert are_off(told)
    assert "(anchor)" in str(target.connection.execute("SELECT reason FROM ops.chatops_changes_off").fetchone())


def test_one_replica_does_not_take_back_what_another_found(
    told: Services, clock: list[datetime], target: Target
) -> None:
    """A process that has not looked at the old records yet does not turn changes on that another turned off."""
    append(told, 5)
    early, late = Watch(told), Watch(told)
    early.look()
    tamper(target, CHANGE)
    late.look()
    assert are_off(told)
    for _ in range(3):
        clock[0] += HOUR
        early.look()
    assert are_off(told)
    assert events(told).count("chain.broken") == 1


def test_what_one_process_saw_counts_for_all(told: Services, clock: list[datetime], target: Target) -> None:
    """A restart, or a replica that saw less, does not turn changes on again: `verify` finds the break without a copy too."""
    append(told, 5)
    watch = Watch(told)
    watch.look()
    tamper(target, CUT_TAIL, HEAD_TO_TAIL)
    clock[0] += HOUR
    watch.look()
    for other in (Watch(told), watch, Watch(told)):
        clock[0] += HOUR
        other.look()
    assert are_off(told)
    assert events(told).count("chain.broken") == 1
    assert audit.verify(told).fault == "anchor"


def lines(caplog: pytest.LogCaptureFixture) -> list[Anchor]:
    """Return the copies that went to the log."""
    return read("\n".join(record.getMessage() for record in caplog.records))


def test_copies_go_to_the_log_and_to_slack(
    told: Services, clock: list[datetime], target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    """After fifteen minutes to the log, after a day and at the end to Slack too; a record at rest is not copied again."""
    caplog.set_level(logging.INFO, "dragonfly")
    watch = Watch(told)
    watch.look()
    assert lines(caplog) == []
    clock[0] += timedelta(minutes=15)
    watch.look()
    clock[0] += timedelta(minutes=30)
    watch.look()
    assert len(lines(caplog)) == 1
    clock[0] += timedelta(hours=24)
    watch.look()
    append(told)
    watch.end()
    copies = lines(caplog)
    assert [item.is_forged(KEY) for item in copies] == [False, False, False]
    posted = target.connection.execute(
        "SELECT render_from FROM ops.chatops_outbox WHERE message_key LIKE 'anchor:%' ORDER BY created_at"
    ).fetchall()
    assert [read(row[0]["line"])[0] for row in posted] == copies[1:]
    with told.db.read() as tx:
        note = cards.build(told, tx, posted[0][0])
    assert isinstance(note, AnchorNote)
    assert told.renderer is not None
    assert copies[1].line in str(told.renderer.card(note).blocks)
    verdict = audit.verify(told, copies)
    assert (verdict.broken_at, verdict.anchored_to, verdict.copies) == (None, copies[-1].n, 3)
    assert verdict.copied_to == copies[-1].n


def test_a_hundred_records_are_copied_at_once(
    told: Services, caplog: pytest.LogCaptureFixture, clock: list[datetime]
) -> None:
    """Many records in a short time do not wait for their fifteen minutes."""
    caplog.set_level(logging.INFO, "dragonfly")
    watch = Watch(told)
    append(told, 101)
    watch.look()
    clock[0] += timedelta(seconds=15)
    watch.look()
    assert len(lines(caplog)) == 1


def test_copies_are_compared(told: Services, target: Target) -> None:
    """A copy that the record contradicts, a forged one and one of another environment are told apart."""
    append(told, 5)
    good = end_of(told)
    assert audit.verify(told, [good]).broken_at is None
    assert audit.verify(told, [replace(good, n=3)]).name == "signature 3"
    assert audit.verify(told, [replace(good, signature="", n=3)]).name == "anchor 3"
    unsigned = audit.verify(told, [replace(good, signature="")])
    assert (unsigned.copies, unsigned.anchored_to, unsigned.unsigned, unsigned.has_findings) == (0, None, 1, True)
    assert not audit.verify(told, [replace(good, signature=""), good]).has_findings
    assert audit.verify(told, [replace(good, n=99, signature="")]).name == "anchor 99"
    with pytest.raises(InvalidCommand, match="is of prod"):
        audit.verify(told, [replace(good, env="prod")])
    keyless = audit.verify(replace(told, audit_key=b""), [replace(good, signature=""), good])
    assert (keyless.unsigned, keyless.has_key, keyless.broken_at) == (1, False, None)
    tamper(target, CUT_MIDDLE)
    assert audit.verify(told, [replace(good, n=3)]).name == "gap 4", "the chain's own break comes first"


@pytest.fixture
def owner(target_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the owner's credential, as for one command."""
    monkeypatch.setenv(OWNER_VARIABLE, target_dsn)


def test_only_the_owner_accepts_a_break(told: Services, target: Target) -> None:
    """The bot's own role is refused, and told what to give."""
    append(told, 5)
    tamper(target, CHANGE)
    with pytest.raises(NotAllowed, match="only the owner") as refused:
        audit.accept(told, SHELL, "a drill")
    assert OWNER_VARIABLE in refused.value.hint


@pytest.mark.usefixtures("owner")
def test_an_acceptance_says_why(told: Services, target: Target) -> None:
    """Without a reason nothing is accepted."""
    append(told, 5)
    tamper(target, CHANGE)
    for reason in ("", "   ", "x"):
        with pytest.raises(InvalidCommand, match="5 characters or more"):
            audit.accept(told, SHELL, reason)


@pytest.mark.usefixtures("owner")
def test_an_acceptance_needs_the_key(told: Services, clock: list[datetime], target: Target) -> None:
    """Where copies are signed, a shell without the key is told so: what it accepted would not count."""
    watch = Watch(told)
    watch.look()
    clock[0] += HOUR
    watch.look()
    tamper(target, CHANGE)
    with pytest.raises(NotAllowed, match="only with the bot's key") as refused:
        audit.accept(replace(told, audit_key=b""), SHELL, "a drill")
    assert "DRAGONFLY_AUDIT_KEY" in refused.value.hint


@pytest.mark.usefixtures("owner")
def test_what_is_whole_is_not_accepted(told: Services) -> None:
    """Nothing is accepted before it is found."""
    with pytest.raises(ConflictError, match="nothing to accept"):
        audit.accept(told, SHELL, "a drill")


BREAKS: Sequence[tuple[str, ...]] = (
    (CUT_TAIL,),
    ("DELETE FROM ops.chatops_audit",),
    ("UPDATE ops.chatops_audit_head SET n = 2",),
    ("DELETE FROM ops.chatops_audit_head",),
    (CHANGE, CUT_TAIL, "UPDATE ops.chatops_audit SET prev = hash WHERE n = 2"),
)


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize("attack", BREAKS)
def test_a_person_accepts_a_break(told: Services, clock: list[datetime], target: Target, attack: Sequence[str]) -> None:
    """Whatever was broken, the owner accepts it with a reason: it stays in the record, and changes are on again."""
    append(told, 5)
    tamper(target, *attack)
    watch = Watch(told)
    watch.look()
    assert are_off(told)
    verdict = audit.accept(told, SHELL, "Ada repaired a table by hand")
    assert (verdict.broken_at, verdict.accepted_at) == (None, verdict.whole_to)
    with told.db.read() as tx:
        said = chain.newest_of(tx, chain.RESTORED)
    assert said is not None
    assert (said.record["actor"], said.record["reason"]) == (SHELL.key, "Ada repaired a table by hand")
    assert {"head", "digest", "found"} <= set(said.record)
    append(told)
    watch.look()
    recovering = alerts.card(told, 1)
    clock[0] += 25 * HOUR
    watch.look()
    assert not are_off(told)
    announced = one_announcement(told, target)
    assert "Ada repaired a table by hand" in announced and "it counts from no." in announced
    for message in (recovering, *recovered(told, target)):
        assert told.renderer is not None
        shown = told.renderer.card(message)
        assert "Ada repaired a table by hand" in str(shown.blocks)
        assert "Nobody has to" not in f"{shown.text} {shown.blocks}" and "adds up" not in str(shown.blocks)


def one_announcement(services: Services, target: Target) -> str:
    """Return the words of the only message that tells of an acceptance."""
    asked = target.connection.execute(
        "SELECT destination, render_from FROM ops.chatops_outbox WHERE message_key LIKE 'accepted:%'"
    ).fetchall()
    assert [where for where, _ in asked] == [services.config.alert_channel]
    with services.db.read() as tx:
        said = cards.build(services, tx, asked[0][1])
    assert said is not None and services.renderer is not None
    return str(services.renderer.card(said).blocks)


def recovered(services: Services, target: Target) -> list[Message]:
    """Return the card of the record's alert as who reads it late sees it, and in time, and the reply that it is over."""
    late = alerts.card(services, 1)
    target.connection.execute(
        "UPDATE ops.chatops_outbox SET state = 'delivered', sent_ts = '1.1', ended_at = created_at WHERE message_key = 'alert:1'"
    )
    with services.db.read() as tx:
        [event] = [item.id for item in stored_alerts.events(tx, 1) if item.event == "recovered"]
        reply = alert_cards.alert_reply(services, tx, {"id": 1, "event": event})
    assert reply is not None
    return [late, alerts.card(services, 1), reply]


@pytest.mark.parametrize("before", [(), ("chain.broken",)])
@pytest.mark.parametrize("attack", [(CHANGE,), (CUT_TAIL, HEAD_TO_TAIL)])
@pytest.mark.parametrize("key", [KEY, b""])
def test_nothing_is_accepted_quietly(
    told: Services, target: Target, attack: Sequence[str], before: Sequence[str], key: bytes
) -> None:
    """Whoever holds the database and appends an acceptance of his own is noticed at once, by what the bot saw; for good."""
    bot = replace(told, audit_key=key)
    append(bot, 5)
    watch, copy = Watch(bot), end_of(bot)
    watch.look()
    tamper(target, *attack)
    accept_by_hand(target, *before)
    if key or not before:
        at = audit.verify(bot).broken_at
        assert audit.verify(bot).name == f"{'signature' if key else 'acceptance'} {at}"
    else:
        found = audit.verify(bot, [copy])
        assert (found.broken_at, found.differ, found.has_findings) == (None, 1, True), "by a copy from before"
    for other in (watch, watch, Watch(bot)):
        other.look()
        assert are_off(bot)
    assert events(bot).count("chain.broken") == len(before) + 1
    assert "I do not rely on that" in one_announcement(bot, target)
    said = TerminalRenderer().text(audit.verify(bot))
    assert "BROKEN" in said and "in spite of no. " in said and "counts from" not in said


@pytest.mark.usefixtures("owner")
def test_an_acceptance_does_not_count_twice(told: Services, target: Target, clock: list[datetime]) -> None:
    """What came after a signed acceptance is not lost to it: not by cutting back to it, not by changing its time."""
    append(told, 5)
    tamper(target, CHANGE)
    first = audit.accept(told, SHELL, "a drill").accepted_at
    append(told, 2)
    tamper(target, f"UPDATE ops.chatops_audit SET record = record || '{{\"x\": 1}}' WHERE n = {first}")
    audit.accept(told, SHELL, "another drill")
    clock[0] = datetime.now(UTC)
    watch, copy = Watch(told), end_of(told)
    watch.look()
    assert not are_off(told)
    tamper(
        target,
        f"UPDATE ops.chatops_audit SET record = record - 'x' WHERE n = {first}",
        f"DELETE FROM ops.chatops_audit WHERE n > {first}",
        HEAD_TO_TAIL,
    )
    assert audit.verify(told).broken_at is None, "the chain alone cannot tell"
    watch.look()
    assert are_off(told)
    assert audit.verify(told, [copy]).name == f"anchor {copy.n}"


@pytest.mark.usefixtures("owner")
def test_the_time_of_an_acceptance_is_signed(told: Services, target: Target) -> None:
    """A copy from after an acceptance stays one, whatever time the record has by now."""
    append(told, 5)
    tamper(target, CHANGE)
    accepted = audit.accept(told, SHELL, "a drill").accepted_at
    append(told)
    copy = replace(end_of(told), at=datetime.now(UTC)).signed(KEY)
    tamper(target, f"UPDATE ops.chatops_audit SET at = at + interval '1 day' WHERE n = {accepted}")
    seal_anew(target, accepted or 0, same=True)
    tamper(target, f"DELETE FROM ops.chatops_audit WHERE n > {accepted}", HEAD_TO_TAIL)
    assert audit.verify(told).broken_at is None, "the chain alone cannot tell"
    assert audit.verify(told, [copy]).name == f"anchor {copy.n}"


@pytest.mark.usefixtures("owner")
def test_without_a_key_the_bot_takes_what_it_found(told: Services, clock: list[datetime], target: Target) -> None:
    """A break that the bot has not found is not accepted; once it is, also one that it could not record, changes are on."""
    bot = replace(told, audit_key=b"")
    append(bot, 5)
    watch = Watch(bot)
    watch.look()
    for attack in (CHANGE, "DELETE FROM ops.chatops_audit_head"):
        tamper(target, attack)
        with pytest.raises(ConflictError, match="has not found this break") as refused:
            audit.accept(bot, SHELL, "a drill")
        assert "wait for its alert" in refused.value.hint
        clock[0] += 25 * HOUR
        watch.look()
        assert are_off(bot)
        assert audit.accept(bot, SHELL, "a drill").broken_at is None
        for other in (watch, Watch(bot)):
            other.look()
            assert not are_off(bot)


@pytest.mark.usefixtures("owner")
def test_a_look_that_cannot_check_turns_nothing_on(told: Services, clock: list[datetime], target: Target) -> None:
    """A replica without the key does not overrule who has it: changes stay off until a signed acceptance."""
    append(told, 5)
    tamper(target, CHANGE)
    audit.accept(told, SHELL, "a drill")
    right, wrong = Watch(told), Watch(replace(told, audit_key=b""))
    accept_by_hand(target)
    right.look()
    accept_by_hand(target)
    for watch in (wrong, right, wrong):
        clock[0] += HOUR
        watch.look()
        assert are_off(told)
    audit.accept(told, SHELL, "that was not us")
    assert not are_off(told)


@pytest.mark.usefixtures("owner")
def test_a_replica_with_a_wrong_key_is_not_overruled(told: Services, clock: list[datetime], target: Target) -> None:
    """What it turned off stays off, though the record is whole by the right key; a person ends that, with the right key."""
    append(told, 5)
    tamper(target, CHANGE)
    audit.accept(told, SHELL, "a drill")
    right = Watch(told)
    right.look()
    Watch(replace(told, audit_key=b"another key")).look()
    with pytest.raises(NotAllowed, match="only with the bot's key"):
        audit.accept(replace(told, audit_key=b""), SHELL, "one replica had another key")
    for _ in range(2):
        clock[0] += HOUR
        right.look()
        assert are_off(told)
    assert audit.verify(told).broken_at is None
    audit.accept(told, SHELL, "one replica had another key")
    right.look()
    assert not are_off(told)


@pytest.mark.usefixtures("owner")
def test_an_acceptance_that_took_long_counts(told: Services, clock: list[datetime], target: Target) -> None:
    """A look at the whole tail while somebody accepts does not make the acceptance older than what was seen."""
    append(told, 5)
    watch = Watch(told)
    watch.look()
    tamper(target, CHANGE)
    began = clock[0]
    clock[0] += HOUR
    watch.look()
    assert not are_off(told), "it looked at the tail alone"
    clock[0] = began
    accepted = audit.accept(told, SHELL, "a drill").accepted_at
    clock[0] += 2 * HOUR
    watch.look()
    assert not are_off(told)
    assert f"it counts from no. {accepted}" in one_announcement(told, target)


@pytest.mark.usefixtures("owner")
def test_a_key_that_came_later(told: Services, target: Target) -> None:
    """An acceptance from before there was a key counts no more: it is made once more, with the key."""
    append(told, 5)
    tamper(target, CHANGE)
    keyless = replace(told, audit_key=b"")
    Watch(keyless).look()
    accepted = audit.accept(keyless, SHELL, "a drill").accepted_at
    assert audit.verify(told).name == f"signature {accepted}"
    [line] = [line for line in doctor.examine(told).lines if line.name == "record accepted"]
    assert (line.verdict, f"no. {accepted} is not signed" in line.detail) == ("bad", True)
    assert audit.accept(told, SHELL, "the same drill").broken_at is None
    assert not {line.name for line in doctor.examine(told).lines} & {"record accepted"}


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    ("later", "name"),
    [
        ("UPDATE ops.chatops_audit SET record = record || '{\"x\": 2}' WHERE n = 4", "link"),
        ("UPDATE ops.chatops_audit SET record = record || '{\"x\": 2}' WHERE n = 2", "link"),
        ("DELETE FROM ops.chatops_audit WHERE n = 3", "link"),
        ("DELETE FROM ops.chatops_audit WHERE event = 'chain.restored'", "content 4"),
        (
            "UPDATE ops.chatops_audit SET record = record || '{\"digest\": \"x\"}' WHERE event = 'chain.restored'",
            "signature",
        ),
    ],
)
def test_what_was_accepted_is_accepted_as_it_stood(told: Services, target: Target, later: str, name: str) -> None:
    """Nothing before an accepted break may change again, nor the acceptance itself."""
    append(told, 5)
    tamper(target, CHANGE)
    accepted = audit.accept(told, SHELL, "a drill").accepted_at
    append(told)
    tamper(target, later)
    assert audit.verify(told).name == (name if name == "content 4" else f"{name} {accepted}")


@pytest.mark.usefixtures("owner")
def test_a_restored_backup_goes_on(told: Services, clock: list[datetime], target: Target) -> None:
    """Records that a backup did not have are missed by the copies; accepted, newer copies count and the lost ones do not."""
    append(told, 5)
    watch = Watch(told)
    watch.look()
    lost = end_of(told)
    tamper(target, CUT_TAIL, HEAD_TO_TAIL)
    assert audit.verify(told, [lost]).name == f"anchor {lost.n}"
    clock[0] += timedelta(minutes=1)
    audit.accept(told, SHELL, "restored from the backup of 02:00", [lost])
    with told.db.read() as tx:
        said = chain.newest_of(tx, chain.RESTORED)
    assert said is not None
    assert said.record["copy"] == {"n": lost.n, "hash": lost.hash.hex()}
    append(told, 5)
    clock[0] += HOUR
    watch.look()
    assert not are_off(told)
    verdict = audit.verify(told, [lost, end_of(told)])
    assert (verdict.broken_at, verdict.copies, verdict.older, verdict.differ) == (None, 1, 1, 1)
    assert verdict.accepted_signed and not verdict.has_findings
    assert audit.verify(replace(told, audit_key=b""), [lost]).has_findings, "nobody without the key can tell who it was"


def standalone(*words: str, key: bytes = KEY) -> tuple[int, str]:
    """Run the script that checks an export without us; return its exit code and first line."""
    done = subprocess.run(
        [sys.executable, "-I", str(ROOT / "examples" / "verify_audit.py"), *words],
        env={"PATH": os.environ["PATH"], "DRAGONFLY_AUDIT_KEY": key.decode()},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, (done.stdout or done.stderr).splitlines()[0]


def exported(services: Services, tmp_path: Path, first: int = 1, last: int = chain.ALL) -> str:
    """Write an export and return its path."""
    path = tmp_path / "record.jsonl"
    path.write_text("".join(f"{line}\n" for line in audit.export(services, first, last)), encoding="utf-8")
    return str(path)


def test_an_export_is_checked_without_us(told: Services, tmp_path: Path) -> None:
    """A script of the standard library alone says that an export, whole or a part, adds up and what it was compared with."""
    append(told, 5)
    copy, log = end_of(told), tmp_path / "bot.log"
    log.write_text(f'{{"message": "{copy.line}"}}\n', encoding="utf-8")
    whole = exported(told, tmp_path)
    assert standalone(whole) == (0, f"OK  whole from 1 to {copy.n}, compared with no copy")
    assert standalone(whole, "--anchor", str(log)) == (0, f"OK  whole from 1 to {copy.n}, anchored to {copy.n}")
    assert standalone(whole, "--anchor", str(log), key=b"another") == (1, f"BROKEN  signature {copy.n}")
    assert standalone(whole, "--anchor", f"3:{copy.hash.hex()}") == (1, "BROKEN  anchor 3")
    typed = f"{copy.n}:{copy.hash.hex()}"
    assert standalone(whole, "--anchor", typed) == (1, f"UNPROVEN  whole from 1 to {copy.n}, compared with no copy")
    assert standalone(whole, "--anchor", typed, key=b"")[0] == 0
    assert standalone(exported(told, tmp_path, 3, 5)) == (0, "OK  whole from 3 to 5, compared with no copy")
    (tmp_path / "empty").touch()
    for unreadable in ("empty", "nothing", "bot.log"):
        assert standalone(str(tmp_path / unreadable))[0] == 2
    assert standalone(str(tmp_path / "empty"))[1].startswith("cannot be read: no record in ")


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        ((CHANGE,), "content 4"),
        ((CUT_MIDDLE,), "gap 4"),
        (("UPDATE ops.chatops_audit SET prev = hash WHERE n = 4",), "link 4"),
        ((CUT_TAIL, HEAD_TO_TAIL), "anchor 7"),
        ((), "link 5"),
    ],
)
def test_a_tampered_export_is_noticed_without_us(
    told: Services, target: Target, tmp_path: Path, attack: Sequence[str], said: str
) -> None:
    """Exported after the database was changed, the record names the same break in the script as in the product."""
    append(told, 5)
    copy = end_of(told)
    if attack:
        tamper(target, *attack)
    else:
        seal_anew(target, 4)
    typed = f"{copy.n}:{copy.hash.hex()}"
    assert standalone(exported(told, tmp_path), "--anchor", typed) == (1, f"BROKEN  {said}")
    assert audit.verify(told, [Anchor(n=copy.n, hash=copy.hash)]).name == said


@pytest.mark.usefixtures("owner")
def test_an_accepted_break_is_checked_without_us(told: Services, target: Target, tmp_path: Path) -> None:
    """The script counts from an accepted break too, and holds what stood before it to its digest."""
    append(told, 5)
    old = end_of(told)
    tamper(target, CHANGE, CUT_TAIL)
    accepted = audit.accept(told, SHELL, "a drill").accepted_at
    append(told)
    log = tmp_path / "bot.log"
    log.write_text(old.line, encoding="utf-8")
    path = exported(told, tmp_path)
    assert standalone(path, "--anchor", str(log))[1].startswith(f"OK  whole from {accepted} to ")
    assert standalone(path, "--anchor", str(log), key=b"")[1].startswith(f"DIFFERS  whole from {accepted} to ")
    assert standalone(path, key=b"another") == (1, f"BROKEN  signature {accepted}")
    text = Path(path).read_text(encoding="utf-8")
    Path(path).write_text(text.replace('\\"acting\\":1', '\\"acting\\":2'), encoding="utf-8")
    assert standalone(path) == (1, f"BROKEN  link {accepted}")


@pytest.mark.usefixtures("owner")
def test_a_copy_from_between_two_acceptances_holds(told: Services, target: Target, tmp_path: Path) -> None:
    """What counted for it began at the acceptance before it: an honest copy does not differ, a wrong one does."""
    append(told, 5)
    tamper(target, CHANGE)
    audit.accept(told, SHELL, "a drill")
    append(told, 2)
    between = end_of(told)
    append(told)
    tamper(target, f"UPDATE ops.chatops_audit SET record = record || '{{\"x\": 1}}' WHERE n = {between.n + 1}")
    accepted = audit.accept(told, SHELL, "another drill").accepted_at
    wrong = replace(between, hash=bytes(32)).signed(KEY)
    verdict = audit.verify(told, [between, wrong])
    assert (verdict.accepted_at, verdict.older, verdict.differ) == (accepted, 2, 1)
    log = tmp_path / "bot.log"
    path = exported(told, tmp_path)
    for copy, said in ((between, "OK"), (wrong, "DIFFERS")):
        log.write_text(replace(copy, signature="").line, encoding="utf-8")
        assert audit.verify(replace(told, audit_key=b""), [replace(copy, signature="")]).contradicts == (said != "OK")
        assert standalone(path, "--anchor", str(log), key=b"")[1].startswith(f"{said}  whole from {accepted} to ")


def test_a_quiet_acceptance_is_noticed_without_us(told: Services, target: Target, tmp_path: Path) -> None:
    """The script, like the product, takes no acceptance of a break that nobody had found, nor an unsigned one."""
    append(told, 5)
    tamper(target, CHANGE)
    accept_by_hand(target)
    path, at = exported(told, tmp_path), end_of(told).n
    assert standalone(path, key=b"") == (1, f"BROKEN  acceptance {at}")
    assert standalone(path) == (1, f"BROKEN  signature {at}")


def test_an_export_says_what_was_hashed(told: Services) -> None:
    """Each line has the number, the time, the text and both hashes, so that nothing has to be guessed."""
    append(told)
    *_, last = audit.export(told)
    found = json.loads(last)
    assert set(found) == {"n", "at", "record", "previous", "hash"}
    assert json.loads(found["record"])["event"] == "test.event"


def test_doctor_says_who_may_rewrite_it(told: Services, target_dsn: str) -> None:
    """Under the role of `db grants` the record is well; under its owner's it proves less, and doctor says so."""
    assert {line.name: line.verdict for line in doctor.examine(told).lines}["record"] == "ok"
    with product(target_dsn, CONFIG) as superuser:
        lines = {line.name: line for line in doctor.examine(superuser).lines}
    assert "may be rewritten by our own role" in lines["record"].detail
    assert lines["copies of the record"].verdict == "off"


def test_a_change_is_refused_while_it_does_not_add_up(told: Services, target: Target) -> None:
    """Why changes are off names the break, in the words of the cards."""
    append(told, 5)
    tamper(target, CUT_MIDDLE)
    Watch(told).look()
    with told.db.read() as tx, pytest.raises(ChangesOff, match=r"the record does not add up at no\. 4 \(gap\)"):
        changes.require_on(told, tx)
