"""What can be wrong with a team's statement, seen from its text alone. The server has the last word; this one is earlier.

A statement is looked at as it is written: every line, whichever columns the database has.
"""

import re
from collections.abc import Iterator, Mapping

from bot.domain.catalog import FEATURES
from bot.sqlfile import Statement

GIVEN = ("now", "most", "ids")
"""Values that every SQL step is given beside its own parameters."""
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_STRAY_PERCENT = re.compile(r"(?<!%)(?:%%)*+%(?!\(\w+\)s|%)")
_CONDITION = re.compile(r"--\s*(?:if|unless)\s+([a-z_]+)\s*$", re.MULTILINE)
_NOISE = re.compile(
    r"--[^\n\r]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?P<name>(?:[^\"]|\"\")*)\"|"
    r"(?<![\w$\x80-\U0010ffff])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$",
    re.DOTALL,
)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
"""A name that is the same in quotes and without: a quoted one can be a call or a column like any other."""
_BLANKS = re.compile(r"\s+")
_WORDS = re.compile(r"(?<!\.)\b(?:SELECT|FROM|JOIN|ON|USING|WHERE|OR|UNION|EXCEPT|INTERSECT|RETURNING)\b")
"""Words at which a statement is split; beside a parenthesis they need no blank."""
_WRITES = re.compile(r"(?<!FOR )(?<!KEY )(?<!DO )\b(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE)\b")
_LOCKS = re.compile(
    r"\bFOR (?:NO KEY UPDATE|UPDATE|SHARE|KEY SHARE)\b|\b(?:NEXTVAL|PG_(?:TRY_)?ADVISORY_XACT_LOCK\w*) ?\("
)
_TELLS = (
    r"BACKEND_PID|BLOCKING_PIDS|COLUMN_SIZE|CURRENT_(?:SNAPSHOT|WAL_\w+)|GET_\w+|HAS_ROLE|INPUT_\w+|IS_\w+|LAST_\w+|"
    r"POSTMASTER_START_TIME|SIZE_\w+|STAT_GET_\w+|(?:DATABASE|INDEXES|RELATION|TABLE|TABLESPACE|TOTAL_RELATION)_SIZE|"
    r"TYPEOF|WAL_LSN_DIFF|WALFILE_NAME\w*|\w+_IS_VISIBLE"
)
_CALLS = {
    "would outlive the statement": r"SET_CONFIG|SETSEED|SETVAL|LO_\w+|LOWRITE|PG_(?:TRY_)?ADVISORY_(?:UN)?LOCK\w*",
    "runs a text as SQL, which nobody can check": (
        r"(?:QUERY|CURSOR|TABLE|SCHEMA|DATABASE)_TO_XML\w*|DBLINK\w*|TS_STAT|TS_REWRITE|CROSSTAB\w*|CONNECTBY|XPATH_TABLE"
    ),
    "is not on the list of server functions a runbook may call": rf"PG_(?!(?:{_TELLS})\b|(?:TRY_)?ADVISORY_)\w+",
    "does more than show or change rows": r"HTTP(?:_\w+)?|LOREAD",
}
"""Functions that are refused, and why; of those of the server that begin with `pg_` only what tells is taken."""
_REFUSED = {why: re.compile(rf"\b({names}) ?\(") for why, names in _CALLS.items()}
_NAMED = re.compile(
    r"\bINTO [\w.]+(?= ?\()|(?:\bWITH (?:RECURSIVE )?|\), ?)\w+ ?\([\w, ]+\)"
    r"(?= AS (?:(?:NOT )?MATERIALIZED )?\( ?(?:SELECT|WITH|VALUES|INSERT|UPDATE|DELETE)\b)"
)
"""A table or a CTE with its columns, which is no call."""
_QUERIES = re.compile(r"\bPG_STAT_(?:ACTIVITY|STATEMENTS|GET_(?:BACKEND_)?ACTIVITY)\b")
_KEY = re.compile(r"(?:.*\W)?ID|(?:[\w.]+\.)?\*|(?:.*\W)?ID ?\)?::(?!.* AS ).*|CAST\((?:.*\W)?ID AS .*\)")
"""What Postgres returns under the name `id`."""
_UNTYPED = re.compile(r"%\((\w+)\)S IS (?:NOT )?NULL\b")
_COMPARED = r"(?:\s*::\s*\w+)?\)*\s*(?:IS\b|NOT\b|I?LIKE\b|SIMILAR\b|IN\b|[=<>~]|!)"
_COUNTED = r"\b(?:COUNT|MD5|LENGTH|HASHTEXT)\([^()]*\bLAST_ERROR\b[^()]*\)"
_JUDGED = re.compile(rf"{_COUNTED}|\b\w+\([^()]*\bLAST_ERROR\b[^()]*\){_COMPARED}|\bLAST_ERROR\b{_COMPARED}")
"""An error's text asked about, counted or made a number of: no word of it is shown."""
_OWN_NAME = re.compile(r"(?:\w+\.)?LAST_ERROR(?:::\w+)?(?: (?:AS )?LAST_ERROR)?")
_CASE = re.compile(r"\bCASE\b.*?\bEND\b")
_WHERE_ENDS = (
    " GROUP BY ",
    " HAVING ",
    " WINDOW ",
    " ORDER BY ",
    " LIMIT ",
    " OFFSET ",
    " FETCH ",
    " FOR ",
    " RETURNING ",
)
_SETS = (" UNION ", " EXCEPT ", " INTERSECT ")
_FROM_ENDS = (" WHERE ", *_WHERE_ENDS, *_SETS)
_JOINING = re.compile(r"\b(?:NATURAL|CROSS|INNER|LEFT|RIGHT|FULL|OUTER|LATERAL|ONLY|AS)\b")
_ROWS_OF_A_CALL = re.compile(r"(?!(?:LATERAL|ONLY) ?\()(?:LATERAL )?(?:ROWS FROM|[\w.]+) ?\(")
_NO_ROW = re.compile(r"%\(\w+\)S|\bCOUNT ?\([\w.]+(?:\.\*)?\)|^DISTINCT(?: ON ?\([^()]*\))? | AS \w+$")
"""What looks like the name of a row and shows none: a parameter, a count, the name that a column gets."""
_SQL_TYPES = {"ids": "text[]", "duration": "interval", "integer": "integer", "pid": "integer", "flag": "boolean"}
_FIRST = {"effect": ("UPDATE", "DELETE", "INSERT", "WITH")}
_LOOK = ("SELECT", "WITH")
_MUST_NAME = {"preview": ("ids", "most"), "effect": ("ids",), "proof": ("ids",), "read": ("most",)}
_A = {"preview": "a preview", "effect": "an effect", "proof": "a proof", "read": "a read"}
_WHY_NAME = {
    "ids": "the keys that the plan pinned",
    "most": "one row more than the step may have",
}


def lint_statement(place: str, role: str, statement: Statement, params: Mapping[str, str]) -> Iterator[str]:
    """Yield every fault of one statement in its role (`preview`, `effect`, `proof`, `read`); `params` by name and type."""
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
    body = _bare(text)
    yield from _lint_reading(place, text, body)
    yield from _lint_body(place, role, body)
    if role != "effect":
        yield from _lint_private(place, body)
    if "ids" in named and any(_is_split(part) for part in _parts(body)):
        yield f"{place}: an OR stands beside the condition on %(ids)s; write parentheses around it: (… OR …) AND …"
    for name in dict.fromkeys(found.lower() for found in _UNTYPED.findall(body)):
        if name == "ids" or name in params:
            said = f"%({name})s::{_SQL_TYPES.get(params.get(name, name), 'text')}"
            yield f"{place}: the server cannot tell the type of %({name})s; write {said}"


def _bare(text: str) -> str:
    """Return a statement in capitals without comments, texts and the last semicolon, one blank between words."""
    one_line = _BLANKS.sub(" ", _NOISE.sub(_quiet, text)).replace("'' ", "")
    text = re.sub(r" ?\. ?", ".", one_line).upper()
    return _BLANKS.sub(" ", _WORDS.sub(r" \g<0> ", text)).strip().rstrip("; ")


def _quiet(found: re.Match[str]) -> str:
    name = found["name"]
    if name is not None:
        return f" {name} " if _PLAIN.fullmatch(name) else " q_ "
    return " /* " if found[0].startswith("/*") and "/*" in found[0][2:] else " '' "


def _lint_reading(place: str, text: str, body: str) -> Iterator[str]:
    """What the server may read otherwise than it is read here is not taken at all."""
    if re.search(r"\bU&['\"]", text, re.IGNORECASE):
        yield f"{place}: no U& before a name or a text; write its letters"
    if re.search(r"\bE'", text, re.IGNORECASE) and "\\'" in text:
        yield f"{place}: no backslash before a quote beside an E'…'; a quote in a text is written twice"
    if "/*" in body:
        yield f"{place}: a comment stands in a comment, or does not end"
    if "$" in body:
        yield f"{place}: a dollar sign stands in texts only"
    if _CONDITION.search(text) and any("\n" in found[0] for found in _NOISE.finditer(text)):
        yield f"{place}: where lines depend on the database, a text or comment ends on its line"


def _lint_body(place: str, role: str, body: str) -> Iterator[str]:
    first = _FIRST.get(role, _LOOK)
    if ";" in body:
        yield f"{place}: one statement a block"
    if re.search(r"\bCHATOPS_", body):
        yield f"{place}: the tables ops.chatops_… are Dragonfly's own; no runbook reads or changes them"
    if not body.startswith(first):
        yield f"{place}: {_A[role]} begins with {' or '.join(first)}"
    called = _NAMED.sub("", body)
    for why, refused in _REFUSED.items():
        yield from (f"{place}: {name.lower()}() {why}" for name in dict.fromkeys(refused.findall(called)))
    yield from (
        f"{place}: {name.lower()} holds the text of other people's queries, which is never selected"
        for name in dict.fromkeys(_QUERIES.findall(body))
    )
    writes = len(_WRITES.findall(body))
    if role != "effect":
        if writes or _LOCKS.search(body):
            yield f"{place}: {_A[role]} changes and locks nothing; only an effect may"
        if role != "read" and not _shows_key(_shown(body)):
            yield f"{place}: {_A[role]} shows the key of each row as id"
        return
    if writes > 1:
        yield f"{place}: an effect changes rows once; what else it changes could not be held against the plan"
    returned = _at_the_end(body)
    if not returned:
        yield f"{place}: an effect ends in RETURNING and the key, so that what it touched is known"
    elif not _shows_key(_split(returned, ",")):
        yield f"{place}: an effect returns the key of each row as id"


def _at_the_end(body: str) -> str:
    """Return what stands after a RETURNING that is inside no parenthesis, or nothing."""
    before, found, after = body.rpartition(" RETURNING ")
    return after if found and before.count("(") == before.count(")") else ""


def _lint_private(place: str, body: str) -> Iterator[str]:
    """Error texts and payloads may hold personal data (design, D8): under their own names they are never shown."""
    selects = [one for part in _parts(body) for one in _split(f" {part} ", *_SETS) if _shown(one)]
    sources = [source for one in selects for source in _sources(one)]
    made = [f"({source.partition('(')[2].rpartition(')')[0]}" for source in map(_alone, sources)]
    items = [*(_alone(item) for one in selects for item in _shown(one)), *made]
    yield from _lint_rows(place, items, {_row_name(source) for source in sources})
    if any(re.search(r"\bPAYLOAD\b", item) for item in items):
        yield f"{place}: payload may hold personal data and is never selected; leave it out"
    if any("LAST_ERROR" in _JUDGED.sub("", item) and not _OWN_NAME.fullmatch(item) for item in items):
        yield (
            f"{place}: last_error may hold personal data and would be shown; select it under its own name, "
            "or what kind of error it is: last_error LIKE '%%timeout%%' AS timed_out"
        )


def _lint_rows(place: str, items: list[str], names: set[str]) -> Iterator[str]:
    """A row as one value has every column in it, whatever it is called."""
    rows = re.compile(
        rf"[A-Z_]\w*\.\*|(?<![\w.])(?:{'|'.join(map(re.escape, names - {''})) or '(?!)'})(?![\w.]| ?\(| IS\b)"
    )
    for item in (_NO_ROW.sub("", item) for item in items):
        if not re.fullmatch(r"[\w.]+\.\*", item) and (found := rows.search(item)):
            yield f"{place}: {found[0].lower()} is a whole row, and what is private in it would be shown; name its columns"


def _sources(select: str) -> list[str]:
    """Return what a SELECT takes its rows from, with the words that join it and without the conditions."""
    main = _split(f" {select} ".replace("DISTINCT FROM", "DISTINCT_FROM"), " FROM ")
    clause = _split(f"{main[1]} ", *_FROM_ENDS)[0] if len(main) > 1 else ""
    return [_split(f"{item} ", " ON ", " USING ")[0] for item in _split(f" {clause} ", ",", " JOIN ")]


def _row_name(source: str) -> str:
    """Return what a row of a table or a SELECT in a FROM is called, or nothing: a function's row may be one value."""
    if _ROWS_OF_A_CALL.match(source):
        return ""
    while (shorter := re.sub(r"\([^()]*\)", " ", source)) != source:
        source = shorter
    return "".join(_JOINING.sub(" ", source).split()[-1:]).rpartition(".")[2]


def _alone(item: str) -> str:
    """Return a text without each SELECT in parentheses, which is looked at by itself."""
    for part in reversed([*_parts(item)]):
        if part.strip().startswith(_LOOK):
            item = item.replace(part, "")
    return item


def _parts(body: str) -> Iterator[str]:
    """Yield a statement, and what stands in each of its parentheses."""
    yield body
    open_at: list[int] = []
    for at, letter in enumerate(body):
        if letter == "(":
            open_at.append(at)
        elif letter == ")" and open_at:
            yield body[open_at.pop() + 1 : at]


def _split(text: str, *at: str) -> list[str]:
    """Return what stands between words or signs that are inside no parenthesis."""
    parts, depth, start, here = [], 0, 0, 0
    while here < len(text):
        depth += {"(": 1, ")": -1}.get(text[here], 0)
        found = next((word for word in at if text.startswith(word, here)), "") if depth == 0 else ""
        if found:
            parts.append(text[start:here].strip())
            start = here + len(found.rstrip())  # the blank after one word is the blank before the next
        here = max(here + 1, start)
    return [*parts, text[start:].strip()]


def _shown(body: str) -> list[str]:
    """Return the columns that a SELECT shows, its own and not those of what stands in parentheses; [] = it is none."""
    main = _split(f" {body} ", " SELECT ")
    if len(main) == 1:
        return []
    return _split(_split(f" {main[1]} ".replace("DISTINCT FROM", "DISTINCT_FROM"), " FROM ", *_SETS)[0], ",")


def _shows_key(items: list[str]) -> bool:
    return not items or any(_KEY.fullmatch(item) for item in items)


def _is_split(part: str) -> bool:
    """Say whether a WHERE names the keys of the plan beside an OR of which another side does not."""
    for clause in _split(f" {_CASE.sub('', part)} ", " WHERE ")[1:]:
        sides = _split(f" {_split(f'{clause} ', *_WHERE_ENDS, *_SETS)[0]} ", " OR ")
        if len(sides) > 1 and any("%(IDS)S" in side for side in sides) and not all("%(IDS)S" in side for side in sides):
            return True
    return False
