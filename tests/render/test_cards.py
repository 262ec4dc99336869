"""Every card keeps the rules of the house (cards, section 15), with ordinary and with hostile facts."""

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain import messages as m
from bot.domain.timing import PLAYBOOK
from bot.domain.workers import SourceVerdict
from bot.operations.kinds import KINDS
from bot.render.controls import ROW, width
from bot.render.filters import clean, count, duration, limit, mention, middle
from bot.render.limits import header
from bot.render.slack import SlackRenderer
from bot.render.terminal import TerminalRenderer, to_json
from bot.sandbox.slack.limits import check_message, check_view
from handlers.commands import WITHOUT_DATABASE
from tests.support.examples import ALERT, HOSTILE, MODES, MOMENT, NOW, PAGE, PLAN, STATUS, TAKEN, examples

RENDERER = SlackRenderer(names={"U0ADA": "Ada", "U0BEN": "Ben"})
TERMINAL = TerminalRenderer()
EMOJI = ("🔴", "🟡", "🟢", "⚪", "⏸️", "⚠️")
NEVER = [
    "zombie",
    "orphan",
    "requeue",
    "reap",
    "poison",
    "quarantine",
    "canary",
    "flapping",
    "break-glass",
    "override",
    "manifest",
    "fingerprint",
    "digest",
    "lease",
    "epoch",
    "inhibited",
    "outbox",
    "dry run",
    "drift",
    "please",
    "oops",
    "successfully",
]
FORMS_OF = (
    m.PlanDetails,
    m.AskForm,
    m.TypedForm,
    m.AloneForm,
    m.ReviewForm,
    m.PlanForm,
    m.SettleForm,
    m.ResolveForm,
    m.Working,
)
CARDS = [message for message in examples() if not isinstance(message, FORMS_OF)]
FORMS = [message for message in examples() if message not in CARDS]


def each(cards: Sequence[Any]) -> Callable[[Callable[[Any], None]], Callable[[str], None]]:
    """Try every card: one test for each kind of message, because thousands of tests take longer to collect than to run.

    Each card that fails is named; without a card there would be no test.
    """
    assert cards
    kinds = {type(card).__name__: [one for one in cards if type(one) is type(card)] for card in cards}

    def decorate(test: Callable[[Any], None]) -> Callable[[str], None]:
        @pytest.mark.parametrize("kind", kinds)
        def of_kind(kind: str) -> None:
            failed = [error for card in kinds[kind] if (error := tried(test, card))]
            if failed:
                raise ExceptionGroup(f"{len(failed)} of {len(kinds[kind])}", failed)

        of_kind.__doc__ = test.__doc__
        return of_kind

    return decorate


def tried(test: Callable[[Any], None], card: Any) -> Exception | None:
    """Try one card, and return what failed with the card's name."""
    try:
        test(card)
    except Exception as error:  # noqa: BLE001  # whatever fails, its card is named
        error.add_note(f"the card: {card}")
        return error
    return None


def test_each_card_that_fails_is_named() -> None:
    """The first bad card of a kind hides no other; of no cards no test is made."""

    def fail(card: m.Message) -> None:
        assert card.env == "nowhere"

    three = [dataclasses.replace(CARDS[0], env=name) for name in ("one", "nowhere", "two")]
    with pytest.raises(ExceptionGroup, match="2 of 3") as told:
        each(three)(fail)(type(three[0]).__name__)
    notes = " ".join(note for error in told.value.exceptions for note in error.__notes__)
    assert "env='one'" in notes and "env='two'" in notes and "env='nowhere'" not in notes
    with pytest.raises(AssertionError):
        each([])


def texts(blocks: tuple[object, ...]) -> Iterator[str]:
    """Yield every text of some blocks."""
    for block in blocks:
        yield from re.findall(r"'text': '((?:[^'\\]|\\.)*)'", repr(block))
        yield from re.findall(r"'text': \"((?:[^\"\\]|\\.)*)\"", repr(block))


@each(CARDS)
def test_slack_takes_every_card(message: m.Message) -> None:
    """The strict checker finds nothing, and the fallback is a sentence of at most 200 characters."""
    card = RENDERER.card(message)
    assert check_message([dict(block) for block in card.blocks]) == []
    assert 0 < len(card.text) <= 200
    assert len(card.blocks) <= 30
    assert 0 < len(RENDERER.plain(message).text) <= 2000


def wrapped(row: Sequence[dict[str, Any]]) -> list[int]:
    """Return the widths of the lines in which a phone shows a row of controls."""
    lines = [0]
    for control in row:
        if lines[-1] and lines[-1] + width([control]) > ROW:
            lines.append(0)
        lines[-1] += width([control])
    assert max(lines) <= ROW
    return lines


@each(CARDS)
def test_the_skeleton(message: m.Message) -> None:
    """Ids are there and unique, controls come last, at most four in two rows, one primary, one emoji, in the header."""
    blocks = [dict(block) for block in RENDERER.card(message).blocks]
    ids = [str(block["block_id"]) for block in blocks]
    assert len(ids) == len(set(ids))
    rows = [block for block in blocks if block["type"] == "actions"]
    assert blocks[len(blocks) - len(rows) :] == rows
    controls = [element for row in rows for element in row["elements"]]  # type: ignore[attr-defined]
    assert len(controls) <= 4
    assert sum(control.get("style") == "primary" for control in controls) <= 1
    assert len({control["action_id"] for control in controls}) == len(controls)
    assert sum(len(wrapped(row["elements"])) for row in rows) <= 2, rows  # type: ignore[arg-type,misc]
    heads = [str(block["text"]) for block in blocks if block["type"] == "header"]
    assert sum(text.count(emoji) for text in heads for emoji in EMOJI) <= 1


SENTENCES = (m.Notice, m.ModeNotice, m.AlertReply, m.PlanReply, m.PauseReply, m.AnchorNote, m.OnCallCard, m.Timeline)
"""Cards prints these as whole sentences or as lines of their own that are longer (0.8, 5, 9, 10, 12 and 13)."""
TABLES = (m.WorkerList, m.QueueReport, m.FailureReport, m.StuckList)
"""Lists for one asker that cards does not draw: a row holds what a terminal's row holds."""
LONGER = (
    r"db/ops as dragonfly_bot by DRAGONFLY_DATABASE_URL",  # as long as its names are
    r"@Ben @Cleo: @Ada asks to .*",  # everybody who may decide is called in one line (danger.approve)
    r"pending: not known \(no list of migrations: set migrations.source\)",  # as section 7 prints it
    r"You may read and acknowledge\. To change things, ask @Ben",  # as section 11 prints it
)


def seen(text: str) -> list[str]:
    """Return a section's lines as a phone shows them: dates and mentions written out, without marks."""
    text = re.sub(r"<!date\^\d+\^\{time_secs\}\|[^>]*>", "3:10:02 AM", text)
    text = re.sub(r"<!date\^\d+\^\{time\}\|[^>]*>", "3:10 AM", text)
    text = re.sub(r"<[@#][UC]0([A-Z]+)>", lambda found: f"@{found[1].capitalize()}", text)
    text = re.sub(r"<[^|>]*\|([^>]*)>", r"\1", text)
    return re.sub(r"[*`]", "", text).splitlines()


@each([card for card in CARDS if not isinstance(card, SENTENCES)])
def test_a_line_fits_a_phone(message: m.Message) -> None:
    """One fact a line, at most 46 characters seen (cards, 0.2), but for what cards itself prints longer."""
    sections = [dict(block) for block in RENDERER.card(message).blocks if block["type"] == "section"]
    if isinstance(message, TABLES):
        sections = [block for block in sections if block["block_id"] == "facts"]
    lines = [line for block in sections for line in seen(block["text"]["text"])]  # type: ignore[index]
    assert [line for line in lines if len(line) > 46 and not re.fullmatch("|".join(LONGER), line)] == []


@each(CARDS)
def test_headers_are_plain(message: m.Message) -> None:
    """A header is one line on a phone, without time, person or mention, and ends with the environment."""
    for block in RENDERER.card(dataclasses.replace(message, env="prod")).blocks:
        if block["type"] == "header":
            text = str(dict(block)["text"]["text"])  # type: ignore[index]
            assert len(text) <= 36, text
            assert not re.search(r"<|@|\d\d:\d\d", text)
            assert text.endswith(" · prod")


@each([card for card in CARDS if isinstance(card, m.PlanCard)])
def test_a_plan_says_first_which_database(message: m.PlanCard) -> None:
    """Host, name, role and variable are the first line of a plan, in Slack and in a shell (design, section 2)."""
    where = message.database
    offered = message.face.value in ("issued", "needs_second", "asked", "approved")
    for text in (str(next(iter(texts(RENDERER.card(message).blocks[1:])))), TERMINAL.text(message).splitlines()[1]):
        assert text.startswith((where, f"`{where}`")) == offered


@pytest.mark.parametrize(
    ("kind", "then", "later"),
    [
        ("rescue", ("no heartbeat for 5 m 29 s",), ("no heartbeat for 15 m 29 s",)),
        ("end_session", ("14 m 20 s",), ("24 m 20 s",)),
        ("resume", ("Paused for 40 m 58 s",), ("Paused for 50 m 58 s",)),
    ],
)
def test_the_ages_of_a_plan_that_waits_grow(kind: str, then: tuple[str, ...], later: tuple[str, ...]) -> None:
    """A card that is drawn again ten minutes later says as of then, and means it."""
    plan = next(card for card in CARDS if isinstance(card, m.PlanCard) and card.kind == kind and not card.result)
    plan = dataclasses.replace(plan, face=m.PlanFace.ASKED, stale=False, as_of=plan.created_at)
    again = dataclasses.replace(plan, as_of=plan.created_at + timedelta(minutes=10))
    for card, wanted in ((plan, then), (again, later)):
        for text in (repr(RENDERER.card(card).blocks), TERMINAL.text(card)):
            assert all(words in text for words in wanted)


@each([card for card in CARDS if isinstance(card, m.PlanCard) and card.face is m.PlanFace.EMERGENCY])
def test_an_emergency_says_what_it_will_do(message: m.PlanCard) -> None:
    """Whoever may stop a run alone reads what whoever approves it would: what, to what, and with which parameters."""
    asked = dataclasses.replace(message, face=m.PlanFace.ASKED, stale=False)
    done, asked_for = (
        next(block for block in RENDERER.card(card).blocks if block["block_id"] == "do") for card in (message, asked)
    )
    parameters = seen(dict(asked_for)["text"]["text"])[2:]  # type: ignore[index]
    assert parameters and set(parameters) <= set(seen(dict(done)["text"]["text"]))  # type: ignore[index]


def test_a_long_header_gives_way_by_rule() -> None:
    """Ids in the middle, then whole words at the end; state word, short numbers and environment never (cards, 0.6)."""
    assert header("🟡 Plan: roll back 20251226000000 · prod") == "🟡 Plan: roll back 2…226000000 · prod"
    assert header("⚠️ Second person: end session 48213 · prod") == "⚠️ Second person: end session · prod"
    assert header("🟢 Done: 12 of 353 reset, recovered · prod") == "🟢 Done: 12 of 353 reset · prod"
    assert header(f"🔴 Offline: {'x' * 40} · prod") == f"🔴 Offline: {'x' * 17}… · prod"
    assert header("🟡 Plan: requeue-failed-ingest-jobs · prod") == "🟡 Plan: requeue-failed… · prod"
    assert header("🟢 All well · prod") == "🟢 All well · prod"


@each(CARDS)
def test_words(message: m.Message) -> None:
    """None of the words that are never said, no exclamation, no shouting plural."""
    said = " ".join(texts(RENDERER.card(message).blocks)).lower()
    assert [word for word in NEVER if re.search(rf"\b{word}\b", said)] == []
    assert "(s)" not in said
    assert "n/a" not in said


@each(FORMS)
def test_slack_takes_every_form(message: m.Message) -> None:
    """A form has its title, its close, and its submit where it asks for something."""
    view = dict(RENDERER.view(message))
    assert check_view(view) == []
    asks = any(block["type"] == "input" for block in view["blocks"])  # type: ignore[attr-defined]
    assert asks == ("submit" in view)


def test_a_statement_is_preformatted_in_every_piece() -> None:
    """A long statement stands in two sections, each opened and closed; where there is none, no empty frame stands."""
    [plan] = [form for form in FORMS if isinstance(form, m.PlanDetails)]
    for line in ("UPDATE a < b && `c`\n", "&" * 100):
        view = RENDERER.view(dataclasses.replace(plan, statement=line * 240))
        shown = [str(text) for text in texts(tuple(view["blocks"])) if "&amp;" in text]  # type: ignore[arg-type]
        assert len(shown) == 2
        assert all(text.startswith("```") and text.endswith("```") and text.count("`") == 6 for text in shown)
        assert all(len(text) <= 3000 and re.sub(r"&(amp|lt);", "", text).count("&") == 0 for text in shown)
    assert "```" not in repr(RENDERER.view(dataclasses.replace(plan, statement="")))


@each(examples())
def test_a_terminal_shows_it_too(message: m.Message) -> None:
    """Nothing is only in Slack; JSON holds the facts and no secret."""
    assert TERMINAL.text(message)
    assert '"secret"' not in to_json(message)


def with_alerts(card: m.StatusCard, acked_by: str) -> m.StatusCard:
    """Return the card with its alerts as somebody, or nobody, has them."""
    return dataclasses.replace(card, alerts=tuple(dataclasses.replace(it, acked_by=acked_by) for it in card.alerts))


COLOURS = [
    ("bold red", dataclasses.replace(PLAN, face=m.PlanFace.FAILED, reason="locked")),
    ("bold red", dataclasses.replace(PLAN, face=m.PlanFace.NO_EFFECT)),
    ("yellow", PLAN),
    ("yellow", dataclasses.replace(TAKEN, face=m.AlertFace.ACKED)),
    ("bold red", ALERT),
    ("bold red", with_alerts(STATUS, "")),
    ("yellow", with_alerts(STATUS, "slack:T0/U0ADA")),
]


@pytest.mark.parametrize(("style", "message"), COLOURS)
def test_the_colour_says_who_has_to_act(style: str, message: m.Message) -> None:
    """Red: somebody has to and nobody does; yellow: somebody is on it, which is no green while it still fires."""
    assert TERMINAL.coloured(message)[1] == style


def test_a_shell_says_what_to_type() -> None:
    """Nobody is told in a shell what became of a step: the next line there is a command."""
    ran = dataclasses.replace(
        PLAN, face=m.PlanFace.WORKING, proof_until=NOW, confirmed_by="slack:T0/U0ADA", confirmed_at=NOW
    )
    said = TERMINAL.text(ran)
    assert ("I tell you here" in said, f"Next dragonfly plan show {PLAN.key}" in said) == (False, True)
    recovering = dataclasses.replace(ALERT, face=m.AlertFace.RECOVERING)
    assert f"Next dragonfly timeline {ALERT.key}" in TERMINAL.text(recovering)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_stay_literal(hostile: str) -> None:
    """Nothing that comes from outside pings, links, formats or breaks a card (scenario 45)."""
    line = m.WorkerLine(worker_id=hostile, silent_for=timedelta(seconds=5), jobs_held=1)
    base = next(message for message in examples() if isinstance(message, m.AlertCard))
    card = RENDERER.card(dataclasses.replace(base, worst=(line, line), worst_total=2, label=hostile))
    assert check_message([dict(block) for block in card.blocks]) == []
    shown = repr([card.text, *(block for block in card.blocks if block["type"] != "header")])
    for word in ("<!channel>", "<@U1>", "<http", "{{7*7}}" if "{{" not in hostile else "\x00"):
        assert word not in shown.replace("<!date", "")


def test_no_template_raises_its_voice() -> None:
    """No exclamation mark stands in a template or on a button."""
    folder = Path(__file__).parents[2] / "templates"
    for path in (*folder.rglob("*.j2"), folder / "labels.toml"):
        words = re.sub(r"{%.*?%}|{{.*?}}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert "!" not in words, path.name


def test_every_kind_of_step_has_its_words() -> None:
    """Every kind that changes something is among the examples, and so is every message."""
    assert {message.kind for message in examples() if isinstance(message, m.PlanCard)} == set(KINDS)
    shown = {type(message).__name__ for message in examples()}
    declared = {
        name for name in dir(m) if isinstance(getattr(m, name), type) and issubclass(getattr(m, name), m.Message)
    }
    assert declared - shown == {"Message", "AuditList", "AuditVerdict", "CheckReport", "Page"}, (
        "these stand in a terminal only, and one on a pager"
    )


def test_a_page_is_one_line() -> None:
    """Not one character over 140, and the command to acknowledge is never cut off (cards, section 13)."""
    assert RENDERER.line(PAGE) == (
        "Dragonfly prod A31: ingest workers offline, 0 of 2 online since 03:10. Ack: dragonfly ack A31"
    )
    long = RENDERER.line(dataclasses.replace(PAGE, what="x" * 300, detail="y" * 300))
    assert len(long) == 140
    assert long.endswith("since 03:10. Ack: dragonfly ack A31")
    assert (
        RENDERER.line(dataclasses.replace(PAGE, action="acknowledge")) == "Dragonfly prod A31: Ada has it since 03:11."
    )
    over = RENDERER.line(dataclasses.replace(PAGE, action="resolve"))
    assert over == "Dragonfly prod A31: over at 03:11: ingest workers offline."


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: str(mode.kind))
def test_every_card_says_what_is_reduced(mode: m.Mode) -> None:
    """The last line of every card and reply, with a foot or without; what says itself whether changes are on has none."""
    reduced = SlackRenderer(names={}, mode=lambda: mode)
    for message in CARDS:
        blocks = [dict(block) for block in reduced.card(message).blocks]
        assert check_message(blocks) == []
        words = [block for block in blocks if block["type"] != "actions"][-1]
        if getattr(message, "kind", "") in ("frozen", "unfrozen"):
            assert words["block_id"] == "facts"
        elif not isinstance(message, m.ModeNotice):
            assert words["block_id"] == "foot"
            said = {"slack_slow": "up to 40 s late", "no_copy": "no copy outside since no. 1,800, 22 m"}
            assert str(words["elements"]).count(said.get(mode.kind, "Changes are off")) == 1
    assert "Changes are off:" not in repr(RENDERER.card(CARDS[0]))
    last = TERMINAL.text(CARDS[0], mode).splitlines()[-1]
    assert last.startswith(("Changes are off", "Messages come up to", "The record has no copy"))


def test_unknown_is_a_word() -> None:
    """A number that cannot be read is `not known`, never 0."""
    assert (count(None), duration(None)) == ("not known", "not known")
    assert [count(7), count(12408), count(1_200_000)] == ["7", "12,408", "1.2 M"]
    seconds = [0.084, 41, 130, 3900, 273_600]
    assert [duration(timedelta(seconds=value)) for value in seconds] == [
        "84 ms",
        "41 s",
        "2 m 10 s",
        "1 h 05 m",
        "3 d 4 h",
    ]
    assert middle("enforcement_generate_packet-4f2a91c0") == "enforcement_gene…-4f2a91c0"
    assert clean("a\u202eb\u200bc\n") == "abc "


def test_sources_that_differ_are_named() -> None:
    """When heartbeats, view and API do not agree, the card says what each says."""
    base = next(message for message in examples() if isinstance(message, m.AlertCard))
    verdicts = (
        SourceVerdict(source="heartbeats", verdict="offline"),
        SourceVerdict(source="view", verdict="online"),
        SourceVerdict(source="api", verdict="unknown"),
    )
    text = repr(RENDERER.card(dataclasses.replace(base, verdicts=verdicts)))
    assert "Heartbeats offline, health view online, API unknown" in text


def test_limits_are_those_that_are_set() -> None:
    """Whatever a card says of a limit is the configured one, written as people say it (cards, 0.4)."""
    minutes = {"run_life": 7, "refire_after_manual": 8, "flap_window": 9, "vendor_window": 11, "begin_within": 12}
    minutes |= {"progress_window": 13, "gate_fresh": 14}
    timing = dataclasses.replace(PLAYBOOK, **{name: timedelta(minutes=value) for name, value in minutes.items()})
    own = SlackRenderer(timing=timing)
    shown = repr([*(own.card(message) for message in CARDS), *(own.view(message) for message in FORMS)])
    for words in ("Ends 7 min", "in 8 min it fires", "changes in 9 min", "failed in 11 min", "0 jobs in 11 min"):
        assert words in shown
    assert "within 12 min" in shown
    assert "finished in 13 min" in shown and "for 14 min; then" in shown
    for said in ("10 min", "30 min", "within 60 s"):
        assert said not in shown
    whole = [limit(timedelta(seconds=value)) for value in (8, 60, 120, 300, 90, 3600)]
    assert whole == ["8 s", "60 s", "2 min", "5 min", "1 m 30 s", "1 h 00 m"]


def test_who_may_approve_is_named() -> None:
    """Whoever lacks an approver's role is told who has it, not who is on call: that may be the reader."""
    base = next(card for card in CARDS if isinstance(card, m.Notice) and card.kind == "not-allowed")
    asked = dataclasses.replace(base, facts={**base.facts, "ask": ("U0BEN", "U0CLEO")})
    said = str(RENDERER.card(asked).text)
    assert said.endswith("Approvers: <@U0BEN> <@U0CLEO>.") and "On call" not in said


def test_an_approval_says_who_asks_for_what() -> None:
    """Slack's own dialog and the form in which the target is typed name the thing, with its direction."""
    repair = next(card for card in CARDS if isinstance(card, m.PlanCard) and card.kind == "repair" and not card.result)
    for status in ("applied", "reverted"):
        asked = dataclasses.replace(
            repair, face=m.PlanFace.ASKED, stale=False, facts={**repair.facts, "status": status}
        )
        dialog = repr(RENDERER.card(asked).blocks[-1])
        assert f"Approve: repair 20251226000000 as {status}?" in dialog
        assert f"Ada asks to repair 20251226000000 as {status}. Ada still has to type 20251226000000" in dialog
        typed = m.TypedForm(env="dev", as_of=NOW, card=dataclasses.replace(asked, face=m.PlanFace.APPROVED))
        assert f"about to repair 20251226000000 as {status}" in repr(RENDERER.view(typed))


def test_a_command_is_one_of_where_it_is_read() -> None:
    """Slack says what is typed in Slack, a shell what is typed there; where locks are why, *Show locks* is offered."""
    base = next(card for card in CARDS if isinstance(card, m.CannotPlan))
    remedies = ("dragonfly locks", "dragonfly plan resume", "dragonfly db grants", "dragonfly gate --mode prod")
    card = dataclasses.replace(base, remedy=remedies)
    in_slack = repr(RENDERER.card(card).blocks)
    for words in ("`/dragonfly locks`", "`/dragonfly resume`", "`dragonfly db grants`", "`/dragonfly gate prod`"):
        assert words in in_slack
    assert "Show locks" in in_slack
    assert "/dragonfly" not in TERMINAL.text(card) and "dragonfly plan resume" in TERMINAL.text(card)


def test_a_new_deployment_says_what_it_cuts_off() -> None:
    """The plan of offline mode says, as a restart's does, that jobs held now may be stuck after."""
    offline = next(card for card in CARDS if isinstance(card, m.PlanCard) and card.kind == "set_variable")
    plan = dataclasses.replace(offline, face=m.PlanFace.ISSUED, result={}, facts={**offline.facts, "holds": 4})
    assert "It holds 4 jobs now: they may be stuck after" in repr(RENDERER.card(plan))


def test_nobody_is_shown_what_they_may_not_press() -> None:
    """Approvers are shown how to look at a plan, not how its requester applies it; nobody presses in a shell."""
    asked = repr(RENDERER.card(dataclasses.replace(PLAN, face=m.PlanFace.ASKED)).blocks)
    assert f"`dragonfly plan show {PLAN.key}`" in asked and "dragonfly apply" not in asked
    twice = next(card for card in CARDS if isinstance(card, m.Notice) and card.kind == "twice")
    assert "press" not in TERMINAL.text(twice) and "press" in RENDERER.card(twice).text


def test_names_keep_their_nouns() -> None:
    """A long job type gives way in a header, what it counts does not; the gate's card leaves no number alone on a line."""
    stuck = dataclasses.replace(ALERT, env="prod", check="jobs_stuck", label="ingest_csv jobs", face=m.AlertFace.ACKED)
    assert "Acknowledged: ingest… jobs · prod" in repr(RENDERER.card(stuck))
    gate = next(card for card in CARDS if isinstance(card, m.GateReport) and card.failed and not card.in_progress)
    skipped = dataclasses.replace(gate.checks[0], passed=False, skipped=True)
    one = dataclasses.replace(gate, checks=(*gate.checks, skipped), stopped_by="", allowed_until=None)
    [facts] = [dict(block)["text"]["text"] for block in RENDERER.card(one).blocks if block["block_id"] == "facts"]  # type: ignore[index]
    assert re.search(r" passed,\n\d skipped, \d", facts), facts


def test_what_cannot_be_seen_keeps_its_name_and_its_reason() -> None:
    """A check that cannot see is no outage: its header names what is not seen, its card says the whole reason."""
    why = "row security hides rows from our role: the tables look empty, which is no outage"
    base = dataclasses.replace(ALERT, env="prod", check="check_blind", label="worker heartbeats")
    for face in (m.AlertFace.FIRING, m.AlertFace.REOPENED):
        blind = RENDERER.card(dataclasses.replace(base, face=face, reason=f"3 looks in a row failed: {why}"))
        assert "'⚪ Cannot see: heartbeats · prod'" in repr(blind) and why in repr(blind)
    hidden = RENDERER.card(dataclasses.replace(ALERT, face=m.AlertFace.HIDDEN, unseen=why))
    assert f"*R{why[1:]}*" in repr(hidden)


def test_a_contact_outside_slack_is_named_not_called() -> None:
    """Whom the bot cannot reach did not fail to answer: the reply says so as the timeline does."""
    reply = next(card for card in CARDS if isinstance(card, m.AlertReply) and card.event == "escalated")
    call = m.Call(who=("Simplicity support",), label="vendor support", at=NOW)
    said = repr(RENDERER.card(dataclasses.replace(reply, earlier=(call,))).blocks)
    assert "Simplicity support was named" in said and "whom I do not call" in said and "no answer" not in said
    alert = repr(RENDERER.card(dataclasses.replace(ALERT, calls=(call,))).blocks)
    assert "Named: Simplicity support" in alert


def test_a_pause_that_is_kept_is_confirmed_as_that() -> None:
    """What stays paused longer pauses nothing more: its button names what it does."""
    pause = next(card for card in CARDS if isinstance(card, m.PlanCard) and card.kind == "pause" and not card.result)
    kept = dataclasses.replace(
        pause, face=m.PlanFace.ISSUED, facts={**pause.facts, "keeps": "4B7T", "before": MOMENT, "held": 3}
    )
    assert "Confirm: keep paused" in repr(RENDERER.card(kept)) and "Confirm: pause" not in repr(RENDERER.card(kept))


def test_what_happened_is_asked_in_its_own_words() -> None:
    """Of a restart without an answer people say *Restarted* or *Not restarted*, of another step whether it happened."""
    for kind, wanted in (
        ("restart", {"Restarted…", "Not restarted…"}),
        ("set_variable", {"Happened…", "Did not happen…"}),
    ):
        plan = next(card for card in CARDS if isinstance(card, m.PlanCard) and card.kind == kind)
        card = RENDERER.card(dataclasses.replace(plan, face=m.PlanFace.UNKNOWN, confirmed_at=NOW, url=""))
        rows = [dict(block)["elements"] for block in card.blocks if block["type"] == "actions"]
        assert {item["text"]["text"] for item in rows[0]} == wanted  # type: ignore[attr-defined]


def test_what_cannot_be_reached_is_said_with_what_works() -> None:
    """Without a database changes are off, and every answer that needs none is named."""
    base = next(card for card in CARDS if isinstance(card, m.AlertCard))
    away = RENDERER.card(dataclasses.replace(base, check="db_reachable", label="database", reason="timed out"))
    assert "Changes are off" in repr(away) and "offline" not in repr(away.blocks[1])
    notice = next(card for card in CARDS if isinstance(card, m.Notice) and card.kind == "database-away")
    assert all(f"`{name}`" in repr(RENDERER.card(notice)) for name in WITHOUT_DATABASE)


def test_a_name_is_no_mention() -> None:
    """Somebody at a shell is called what they say, whatever that is; only ids of Slack call anybody."""
    for key in ("cli:<!channel>@laptop", "cli:<@U1>@laptop", "<!here>", "slack:T1/<@U1>"):
        assert "<" not in mention(key)
    assert mention("slack:T1/U0ADA") == "<@U0ADA>"


def test_a_long_timeline_keeps_its_end() -> None:
    """Of more events than a card holds, the newest stay; a terminal shows all of them."""
    [long] = [message for message in CARDS if isinstance(message, m.Timeline)]
    assert "recovered, offline 5 m 18 s" in repr(RENDERER.card(long))
    assert TERMINAL.text(long).count(" fired; called") == 60


def test_what_cannot_be_seen_is_not_said_to_be_missing() -> None:
    """While the database is away nobody's heartbeat is said never to have been, and no number of alerts is known."""
    seen = next(item for item in CARDS if isinstance(item, m.StatusCard) and item.blind == "unreachable")
    unknown = dataclasses.replace(seen.workers[0], online=None, total=None, newest_heartbeat=None, status="unknown")
    never = dataclasses.replace(unknown, online=0, total=0, status="bad")
    away = dataclasses.replace(seen, workers=(unknown,))
    assert "no heartbeat" not in TERMINAL.text(away)
    assert "no heartbeat ever" in TERMINAL.text(dataclasses.replace(away, blind="", workers=(never,)))
    assert "0 alerts" not in repr(RENDERER.card(away))


@pytest.mark.parametrize(("ahead", "is_shown"), [(timedelta(hours=4), False), (timedelta(days=3), True)])
def test_a_moment_of_another_day_shows_its_day(ahead: timedelta, is_shown: bool) -> None:
    """A time alone of a day to come is no answer: the day is there, in a plan's own words too."""
    until = NOW + ahead
    oncall = m.OnCallNow(who="U0ADA", until=until)
    pause = next(card for card in CARDS if isinstance(card, m.PlanCard) and card.kind == "pause" and not card.result)
    facts = {**pause.facts, "keeps": "", "ends_at": until.isoformat()}
    status = next(card for card in CARDS if isinstance(card, m.StatusCard) and not card.blind)
    for card in (
        m.OnCallCard(env="dev", as_of=NOW, now=oncall, chains=()),
        dataclasses.replace(status, oncall=oncall),
        dataclasses.replace(pause, facts=facts),
    ):
        written = f"<!date^{int(until.timestamp())}^{{date_short_pretty}} {{time}}|"
        assert (written in repr(RENDERER.card(card).blocks)) is is_shown, type(card)
        assert (f"{until:%Y-%m-%d %H:%M}" in TERMINAL.text(card)) is is_shown, type(card)
