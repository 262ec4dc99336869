"""What can be wrong with a team's statement, seen from its text alone. The server has the last word; this one is earlier.

A statement is looked at as it is written: every line, whichever columns the database has.
"""

import re
from collections.abc import Collection, Iterator

from bot.domain.catalog import FEATURES
from bot.sqlfile import Statement

GIVEN = ("now", "most", "ids")
"""Values that every SQL step is given beside its own parameters."""
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_STRAY_PERCENT = re.compile(r"%(?!\(\w+\)s|%)")
_CONDITION = re.compile(r"--\s*(?:if|unless)\s+([a-z_]+)\s*$", re.MULTILINE)
_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_BLANKS = re.compile(r"\s+")
_WRITES = re.compile(r"(?<!FOR )(?<!KEY )(?<!DO )\b(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE)\b")
_LOCKS = re.compile(r"\bFOR (?:NO KEY UPDATE|UPDATE|SHARE|KEY SHARE)\b")
_LEAVES_SOMETHING = re.compile(r"\b(?:SET_CONFIG|PG_(?:TRY_)?ADVISORY_LOCK\w*)\b")
_FIRST = {"effect": ("UPDATE", "DELETE", "INSERT", "WITH")}
_LOOK = ("SELECT", "WITH")
_MUST_NAME = {"preview": ("ids", "most"), "effect": ("ids",), "proof": ("ids",), "read": ("most",)}
_A = {"preview": "a preview", "effect": "an effect", "proof": "a proof", "read": "a read"}
_WHY_NAME = {
    "ids": "the keys that the plan pinned",
    "most": "one row more than the step may have",
}


def lint_statement(place: str, role: str, statement: Statement, params: Collection[str]) -> Iterator[str]:
    """Yield every fault of one statement in its role: `preview`, `effect`, `proof` or `read`."""
    text = "\n".join(statement.lines)
    named = _PLACEHOLDER.findall(text)
    known = {*GIVEN, *params}
    yield from (f"{place}: %({name})s is no parameter" for name in dict.fromkeys(named) if name not in known)
    yield from (
        f"{place}: {_A[role]} names %({name})s, {_WHY_NAME[name]}" for name in _MUST_NAME[role] if name not in named
    )
    if _STRAY_PERCENT.search(text):
        yield f"{place}: a percent sign is written %%, in a comment too"
    yield from (
        f"{place}: `{name}` is nothing that a line can depend on; one of {', '.join(sorted(FEATURES))}"
        for name in _CONDITION.findall(text)
        if name not in FEATURES
    )
    if "-- name:" in text:
        yield f"{place}: a block's name is lower-case letters, digits and underscores, alone on its line"
    yield from _lint_body(place, role, _bare(text))


def _bare(text: str) -> str:
    """Return a statement in capitals without comments, texts and the last semicolon, one blank between words."""
    return _BLANKS.sub(" ", _NOISE.sub(" '' ", text)).replace("'' ", "").strip().rstrip("; ").upper()


def _lint_body(place: str, role: str, body: str) -> Iterator[str]:
    first = _FIRST.get(role, _LOOK)
    if ";" in body:
        yield f"{place}: one statement a block"
    if not body.startswith(first):
        yield f"{place}: {_A[role]} begins with {' or '.join(first)}"
    if _LEAVES_SOMETHING.search(body):
        yield f"{place}: what is set or locked here would outlive the statement"
    writes = len(_WRITES.findall(body))
    if role != "effect":
        if writes or _LOCKS.search(body):
            yield f"{place}: {_A[role]} changes and locks nothing; only an effect may"
        if role != "read" and not re.search(r"\bID\b", body):
            yield f"{place}: {_A[role]} shows the key of each row as id"
        return
    if writes > 1:
        yield f"{place}: an effect changes rows once; what else it changes could not be held against the plan"
    returned = _at_the_end(body)
    if not returned:
        yield f"{place}: an effect ends in RETURNING and the key, so that what it touched is known"
    elif not re.search(r"\bID\b", returned):
        yield f"{place}: an effect returns the key of each row as id"


def _at_the_end(body: str) -> str:
    """Return what stands after a RETURNING that is inside no parenthesis, or nothing."""
    before, found, after = body.rpartition(" RETURNING ")
    return after if found and before.count("(") == before.count(")") else ""
