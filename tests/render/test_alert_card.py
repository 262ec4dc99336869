"""The alert card says what cards.md prints, line for line: each check by its own first lines, each ending by its own."""

from dataclasses import replace

import pytest

from bot.domain import messages as m
from tests.render.test_cards import RENDERER, seen
from tests.support.examples import ALERT, ENDED, NOW, STATUS, TAKEN, WAITS, ago

FACE = m.AlertFace


def lines(card: m.AlertCard, block: str = "facts") -> list[str]:
    """Return the lines of a block as a phone shows them."""
    return [
        line
        for item in RENDERER.card(card).blocks
        if item["block_id"] == block
        for line in seen(dict(item)["text"]["text"])  # type: ignore[index]
    ]


def head(card: m.AlertCard) -> str:
    """Return the header."""
    return str(dict(RENDERER.card(card).blocks[0])["text"]["text"])  # type: ignore[index]


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"check": "jobs_stuck", "counted": {"count": 17}}, ["17 stuck: worker dead", "Since 3:10:02 AM"]),
        (
            {"check": "migration_blocked", "counted": WAITS},
            ["Waits 1 m 12 s for a lock", "Held by session 48213, idle 14 m 00 s", "2 more wait", "Since 3:10:02 AM"],
        ),
        (
            {"check": "migration_blocked", "counted": {**WAITS, "holder": 0, "idle": None, "others": 0}},
            ["Waits 1 m 12 s for a lock", "Held by a prepared transaction", "Since 3:10:02 AM"],
        ),
        (
            {"check": "db_reachable", "reason": "3 tries failed: connection timed out", "seen_at": NOW},
            ["3 tries failed: connection timed out", "Last seen 3:10:02 AM", "Changes are off"],
        ),
        ({"check": "api_health", "reason": "3 probes failed: 503"}, ["3 probes failed: 503", "Since 3:10:02 AM"]),
        (
            {"check": "check_blind", "reason": "3 looks in a row failed: timeout 5 s"},
            ["3 looks in a row failed: timeout 5 s", "Since 3:10:02 AM", 'This is not "offline"'],
        ),
    ],
    ids=lambda item: item["check"] if isinstance(item, dict) else "",
)
def test_each_check_has_its_first_lines(facts: dict[str, object], wanted: list[str]) -> None:
    """What was counted stands first, in bold; below it since when, or when it was seen last."""
    card = replace(ALERT, **facts)  # type: ignore[arg-type]
    assert lines(card) == wanted
    assert str(dict(RENDERER.card(card).blocks[1])["text"]["text"]).startswith("*")  # type: ignore[index]


def test_an_alert_without_a_row_asks_for_nothing_that_needs_one() -> None:
    """Without the database nothing can be acknowledged; the reason stands whole, and the shell's command works."""
    why = (
        "the database refused our log-in; no new one is tried for 15 min, "
        + "because failures lock the project out " * 3
    )
    away = RENDERER.card(
        replace(ALERT, check="db_reachable", key="A0", label="database", reason=f"3 tries failed: {why}")
    )
    assert "acknowledge" not in repr(away).lower() and "dragonfly ack" not in repr(away)
    assert why.strip() in repr(away.blocks)
    assert "*Next* check the database, then try again" in repr(away.blocks)
    assert "A0" not in str(dict(away.blocks[-2])["elements"]) and "`dragonfly doctor`" in repr(away.blocks[-2])


def test_a_long_name_is_cut_at_the_end_of_a_word() -> None:
    """A header is one line on a phone; what gives way of a name is whole words, and it shows."""
    named = replace(ALERT, check="vendor_errors", label="Simplicity sandbox interface", env="prod")
    assert head(named) == "🔴 Failing: Simplicity… · prod"
    assert head(replace(named, check="worker_heartbeat", label="x" * 40)).startswith("🔴 Offline: xxxx")


def test_recovered_names_cause_and_proof() -> None:
    """How long, what the logs showed, who had it, what was done, and what proves it."""
    card = replace(ENDED, face=FACE.RECOVERED, started_at=ago(318), online_since=NOW, online=2)
    wanted = [
        "Offline 5 m 18 s, 3:10:02 AM to 3:10:02 AM",
        "Cause seen: OOM, 2 hits in the logs",
        "Acknowledged after 5 s by @Ada",
        "Done: restart 5C8D, 14 jobs reset 7F3K",
        "Proof: new worker id, 14 picked up in 41 s",
        "2 of 2 online",
    ]
    assert lines(card) == wanted
    assert lines(card, "steps") == []


def test_a_cause_is_said_only_where_logs_showed_it() -> None:
    """Nothing found is said; where nobody looked, nothing is; a step without a proof is no proof."""
    bare = replace(ENDED, face=FACE.RECOVERED, steps=ALERT.steps)
    assert "Cause not seen in the logs" in lines(replace(bare, in_logs=()))
    assert not any("Cause" in line or "Proof" in line for line in lines(replace(bare, in_logs=None)))
    assert lines(bare, "steps")[0] == "Reset stuck jobs: 14 jobs reset, picked up"


def test_what_happened_before_is_said() -> None:
    """Opened again, unsteady, an acknowledgement that ended, resolved by hand, hidden: each by its own lines."""
    again = replace(ALERT, face=FACE.REOPENED, reopens=1, recovered_at=ago(300), ack_gone=True)
    assert lines(again)[-2:] == ["Recovered 3:10:02 AM, again 3:10:02 AM", "2nd time. Acknowledge again"]
    assert lines(replace(again, ack_gone=False))[-1] == "2nd time"
    times = [lines(replace(again, reopens=number))[-1].split()[0] for number in (2, 3, 10, 20)]
    assert times == ["3rd", "4th", "11th", "21st"]
    unsteady = replace(TAKEN, face=FACE.UNSTEADY, changes=4)
    assert head(unsteady).startswith("🟡 Unsteady") and head(replace(unsteady, acked_by="")).startswith("🔴 Unsteady")
    said = ["4 changes in 30 min, now offline", "Quiet until 15 min online without a break"]
    assert lines(unsteady)[-2:] == said
    lapsed = replace(ALERT, lapsed_by="slack:T0/U0ADA", lapsed_at=NOW)
    assert lines(lapsed)[-1] == "@Ada's acknowledgement ended 3:10:02 AM"
    by_hand = replace(ENDED, face=FACE.BY_HAND, resolved_by="slack:T0/U0ADA", resolved_reason="planned stop")
    assert lines(by_hand) == ["@Ada 3:10:02 AM: planned stop", "If still offline at 3:10:02 AM it fires anew"]
    hidden = replace(ALERT, face=FACE.HIDDEN, unseen="database just started", seen_at=NOW)
    assert lines(hidden) == ["Database just started", "Last seen 3:10:02 AM: 0 of 2 online"]


def test_a_notification_says_no_more_than_is_known() -> None:
    """What cannot be seen was last seen so; by hand is no recovery; what never beat has no last heartbeat."""
    hidden = replace(ALERT, face=FACE.HIDDEN, unseen="database just started", seen_at=ago(60))
    by_hand = replace(ENDED, face=FACE.BY_HAND, resolved_by="slack:T0/U0ADA", resolved_reason="planned stop")
    record = {"check": "audit_chain", "label": "record", "word": "not in order"}
    never = RENDERER.card(replace(ALERT, face=FACE.FIRING, newest_heartbeat=None)).text
    cards = (hidden, replace(hidden, **record), by_hand, replace(by_hand, **record))  # type: ignore[arg-type]
    assert [RENDERER.card(card).text for card in cards] == [
        "Ingest worker in dev: cannot be seen now, last seen 1 m 00 s ago: 0 of 2 online.",
        "Record in dev: cannot be seen now, last seen 1 m 00 s ago: not in order.",
        "Ingest worker in dev: resolved by hand. If still offline in 10 min it fires anew.",
        "Record in dev: resolved by hand. If still not in order in 10 min it fires anew.",
    ]
    assert "0 of 2 online, no heartbeat ever. Called" in never


def test_a_list_says_what_and_who_in_two_lines() -> None:
    """The alert's name in bold; below it its numbers, its age, and who has it (cards, section 10)."""
    taken = STATUS.alerts[0]
    free = replace(taken, key="A33", title="API failing", acked_by="", online=None, total=None)
    card = RENDERER.card(m.AlertList(env="dev", as_of=NOW, alerts=(free, taken)))
    [said] = [seen(dict(item)["text"]["text"]) for item in card.blocks if item["block_id"] == "list"]  # type: ignore[index]
    first = ["A33 API failing", "3 m 53 s, nobody has it"]
    assert said == [*first, "A31 ingest workers offline", "0 of 2 online, 3 m 53 s, @Ada has it"]
