"""Named SQL statements read from `.sql` files beside the module that sends them.

A block is `-- name: some_name`, one comment line that says what it does, and one statement.
A line may end in `-- if FEATURE` or `-- unless FEATURE`: it is sent only with (or without) that feature, which the live
catalog has, or the caller asks for (`locked`).
The text is constant: nothing but whole lines written in the file is ever sent.
"""

import re
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import LiteralString, NamedTuple

_NAME = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*)$", re.MULTILINE)
_CONDITION = re.compile(r"--\s*(?P<word>if|unless)\s+(?P<feature>[a-z_]+)\s*$")


class Statement(NamedTuple):
    """One named statement and the sentence that describes it."""

    name: str
    sentence: str
    lines: tuple[str, ...]

    def text(self, features: Collection[str] = ()) -> LiteralString:
        """Return the statement for a catalog with these features: whole lines of a file of the package."""
        return "\n".join(_CONDITION.sub("", line).rstrip() for line in self.lines if _kept(line, features))


def _kept(line: str, features: Collection[str]) -> bool:
    found = _CONDITION.search(line)
    if found is None:
        return True
    return (found["feature"] in features) == (found["word"] == "if")


def parse(text: str) -> dict[str, Statement]:
    """Return the named statements of one file's text, in order.

    Raises:
        ValueError: a block without a sentence, or a name given twice.
    """
    statements: dict[str, Statement] = {}
    pieces = _NAME.split(text)
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        first, *rest = body.strip().splitlines() or [""]
        if not first.startswith("-- ") or name in statements:
            raise ValueError(f"SQL block {name!r} needs one describing comment line and a name of its own")
        statements[name] = Statement(name, first.removeprefix("-- "), tuple(rest))
    return statements


@cache
def load(package: str, filename: str) -> dict[str, Statement]:
    """Return the named statements of a file that is shipped in a package."""
    return parse(files(package).joinpath(filename).read_text(encoding="utf-8"))
