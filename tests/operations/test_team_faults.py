"""What a team's folder or SQL that is not as it should be comes to: it is said, with what to do."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.messages import CannotPlan, PlanFace
from bot.errors import InvalidCommand
from bot.operations import plans, preflight, proofs, runbooks, team_reads
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from handlers.answers import not_understood
from handlers.grammar import parse
from tests.render.test_cards import texts
from tests.support.jobs import Target
from tests.support.product import ADA
from tests.support.teams import HERE, PROOF, PROVED_BY, WAITING, carry_out, failed, make, shown, unchecked, write


def test_a_proof_of_another_version_proves_nothing(services: Services, target: Target, tmp_path: Path) -> None:
    """A process whose folder has the step with other SQL cannot tell whether it worked; who has the plan's can."""
    failed(target, 2)
    proof = PROOF.format(WAITING)
    ours = unchecked(services, write(tmp_path, sql=PROVED_BY, blocks=proof))
    other = unchecked(services, write(tmp_path, sql=PROVED_BY, blocks=proof.replace("WHERE", "WHERE false AND")))
    card = carry_out(ours, make(ours))
    assert proofs.watch(other) == 0
    assert shown(ours, card).face is PlanFace.WORKING
    assert shown(ours, card).proof["left"] == 2
    target.pick_up()
    assert proofs.watch(ours) == 1
    assert shown(ours, card).face is PlanFace.RECOVERED


def test_a_proof_that_is_refused_says_so(services: Services, target: Target, tmp_path: Path) -> None:
    """Its card names the block and the SQLSTATE while it is watched, with every row still open and whom to ask."""
    failed(target, 3)
    proof = PROOF.format(WAITING.replace("status", "stat"))
    ours = unchecked(services, write(tmp_path, sql=PROVED_BY, blocks=proof))
    card = carry_out(ours, make(ours))
    assert proofs.watch(ours) == 0
    said = " ".join(texts(SlackRenderer().card(shown(ours, card)).blocks))
    assert "Block waits: the database refused a statement (42703)" in said
    assert "Ask its author" in said
    assert shown(ours, card).proof["left"] == 3


def test_a_fault_in_the_folder_is_why_a_name_is_not_known(services: Services, tmp_path: Path) -> None:
    """Step, read, scenario and command: each refusal says that the team's runbooks are left out, why, and how to see it."""
    config = replace(services.config, team_runbooks=str(tmp_path))
    ours = replace(services, config=config, runbook_faults=("our_own/runbook.toml, no title",))
    asked: list[Callable[[], object]] = [
        lambda: plans.make(ours, "our-step", {}, ADA, HERE),
        lambda: team_reads.read(ours, "our-read", {}),
        lambda: runbooks.read(ours, "our-own"),
    ]
    for ask in asked:
        with pytest.raises(InvalidCommand, match=re.escape("left out: our_own/runbook.toml, no title")) as refusal:
            ask()
        assert refusal.value.hint == f"dragonfly runbook lint {tmp_path}"
    with pytest.raises(InvalidCommand) as mistyped:
        parse("our-step now", ours.runbooks)
    for here, count in ((ours, 1), (services, 0)):
        said = repr(SlackRenderer().card(not_understood(here, mistyped.value)).blocks)
        assert said.count("are left out: `our_own/runbook.toml, no title`") == count
        assert said.count(f"`dragonfly runbook lint {tmp_path}`") == count


def test_a_locked_table_takes_no_answer_away(services: Services, target: Target, tmp_path: Path) -> None:
    """While somebody holds the queue locked, a look at the steps goes on and finds no fault in them."""
    ours = unchecked(services, write(tmp_path))
    with ours.db.read() as tx:
        preflight.lines(ours, tx)
        with target.connection.transaction():
            target.connection.execute("LOCK TABLE ops.job_queue")
            assert [line.detail for line in preflight.lines(ours, tx) if line.name == "our-step"] == ["ready"]


def test_an_undo_says_the_way_back_by_hand(services: Services, target: Target, tmp_path: Path) -> None:
    """A team's step is not taken back for it: the refusal repeats how its author would."""
    failed(target, 1)
    folder = write(tmp_path)
    declared = folder / "our_own" / "runbook.toml"
    text = declared.read_text(encoding="utf-8")
    declared.write_text(text.replace('way_back = ""', 'way_back = "fail them again"'))
    ours = unchecked(services, folder)
    answer = plans.make(ours, "undo", {"run": carry_out(ours, make(ours)).key}, ADA, HERE)
    assert isinstance(answer, CannotPlan)
    assert (answer.reasons, answer.remedy) == (("our-step cannot be undone",), ("by hand: fail them again",))
