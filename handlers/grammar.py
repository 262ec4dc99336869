"""The command language: what somebody typed, as a command, or why it is none (§17, G1). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.params import Param, from_words, nearest, plain
from bot.domain.runbook import Catalogue
from bot.errors import InvalidCommand
from bot.operations.declared import changing_steps, reading_steps
from bot.operations.table import in_slack

STEP_ALIASES: Mapping[str, tuple[str, str]] = {
    "pause": ("pause", "ingest"),
    "resume": ("resume", "ingest"),
}
"""Commands of two words: the first names the step, the second is fixed (`pause ingest`)."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command with its arguments by name."""

    name: str
    args: Mapping[str, str] = field(default_factory=dict)
    is_step: bool = False
    """It plans a step; else it reads or handles."""


class NoSuchCommand(InvalidCommand):
    """The first word is no command; the nearest one that is."""

    def __init__(self, word: str, nearest: str) -> None:
        """Keep what was typed and what may have been meant."""
        super().__init__(f"no command {word!r}", hint=f"/dragonfly {nearest or 'help'}", nearest=nearest)
        self.word = word


def parse(text: str, runbooks: Catalogue) -> Command:
    """Return the command that a text is.

    Raises:
        InvalidCommand: it is none; the hint is one that would be.
    """
    words = plain(text).split()
    if not words:
        return Command("help")
    steps = {step.id: step.typed for step in changing_steps(runbooks)}
    reads = {step.id: step.typed for step in reading_steps(runbooks)}
    name = _name(words[0], {**steps, **reads})
    left = _without_fixed_word(name, words[1:])
    if name in steps:
        return Command(name, from_words(name, steps[name], left), is_step=True)
    known = {item.name: item.params for item in in_slack()} | reads
    return Command(name, from_words(name, known[name], left))


def _without_fixed_word(name: str, words: list[str]) -> list[str]:
    """Take `ingest` off `pause ingest reason`."""
    fixed = STEP_ALIASES.get(name)
    return words[1:] if fixed and words and words[0].lower() == fixed[1] else words


def _name(word: str, steps: Mapping[str, tuple[Param, ...]]) -> str:
    known = {item.name: item.name for item in in_slack()}
    known |= {alias: item.name for item in in_slack() for alias in item.aliases}
    known |= {name: name for name in steps}
    lower = word.lower()
    if lower in known:
        return known[lower]
    raise NoSuchCommand(word, nearest(word, known))
