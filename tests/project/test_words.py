"""Sentences that Python puts together stand in `templates/`, each with its facts, and none is left over (design, D7)."""

import ast
import string
from collections.abc import Iterator

import pytest

from bot import words
from bot.operations.alerts import SCENARIOS
from tests.project.test_imports import ROOT

pytestmark = pytest.mark.project


def said() -> Iterator[tuple[str, frozenset[str] | None]]:
    """Yield each sentence that the gate asks for by name, with the facts it gives; None = given as a mapping."""
    for path in (ROOT / "bot" / "domain" / "gate.py", ROOT / "bot" / "operations" / "gate.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
                names = [keyword.arg for keyword in node.keywords]
                given = None if None in names else frozenset(name for name in names if name)
                yield from ((name, given) for name in strings(node.args[0]))


def strings(node: ast.expr) -> list[str]:
    """Return the texts that an argument may be."""
    return [item.value for item in ast.walk(node) if isinstance(item, ast.Constant) and isinstance(item.value, str)]


def placeholders(text: str) -> set[str]:
    """Return the facts that a sentence wants."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_the_gate_gives_each_sentence_its_facts() -> None:
    """No sentence is missing, none is left over, and each is given what it wants."""
    sentences = words.load("gate")
    asked = list(said())
    assert {name for name, _ in asked} == set(sentences)
    wrong = [name for name, given in asked if given is not None and given != placeholders(sentences[name])]
    assert wrong == []


def test_every_check_has_its_words() -> None:
    """A list and a thread have a word for each check that may fire."""
    found = words.load("alerts")
    assert set(found["titles"]) == set(found["wrong"]) == set(SCENARIOS)


@pytest.mark.parametrize("proof", ["none", "watching", "proved", "no_effect", "not_known"])
def test_every_proof_has_its_word(proof: str) -> None:
    """What a run came to is said on its alert's card, whatever the proof says (design, section 7, *States*)."""
    assert words.load("alerts")["runs"]["proofs"][proof]


def test_doctor_has_a_sentence_for_each_verdict_and_none_left_over() -> None:
    """Each thing it looks at has its words for every verdict given, made of the facts that are given."""
    sentences = words.load("doctor")
    source = ast.parse((ROOT / "bot" / "operations" / "doctor.py").read_text(encoding="utf-8"))
    asked: set[tuple[str, str]] = set()
    for node in ast.walk(source):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_line":
            [key], verdicts = strings(node.args[0]), set(strings(node.args[1]))
            given = {item.arg for item in node.keywords}
            wanted = {sentences[key]["name"], *(text for name in verdicts for text in sentences[key][name].values())}
            assert None in given or set().union(*map(placeholders, wanted)) <= given, key
            asked |= {(key, name) for name in verdicts}
    verdicts_said = {(key, name) for key, said in sentences.items() for name in said if isinstance(said[name], dict)}
    assert asked == verdicts_said
