"""Folders to declarations: what is written, without a judgement on it."""

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from bot.domain.actor import Risk
from bot.domain.params import Param
from bot.domain.runbook import Runbook, Step, Strategy
from bot.sqlfile import Statement, parse

SHIPPED = ("worker_death", "migration_block", "vendor_outage", "release_gate", "quick_reference")
FOR_TEAMS = ("sql_read", "sql_change", "read", "manual")
"""Kinds that a team's runbook may have: of the others, the SQL is sent without the rails."""
_NO_STATEMENTS = ("restart", "set_variable", "end_session", "repair", "rollback", "allow_release", "undo", *FOR_TEAMS)
KINDS: Mapping[str, tuple[str, ...]] = {
    "rescue": (
        *("find_stuck", "scene", "type_beats", "count_left", "reset_batch"),
        *("count_waiting", "can_put_back", "put_back"),
    ),
    "pause": ("hold", "release", "foreign", "still_held"),
    "resume": ("release", "since_release", "foreign"),
    **dict.fromkeys(_NO_STATEMENTS, ()),
}
"""Each kind of step and the statements it sends; the SQL kinds name theirs in `[step.sql]`."""
MOST_ROWS = 500
"""No SQL step of a team touches more rows than this, whatever it declares."""
_WRITABLE_BY_NO_STATEMENTS = stat.S_IWGRP | stat.S_IWOTH
_MOST_BYTES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One runbook as it is written."""

    name: str
    declared: Mapping[str, Any] = field(default_factory=dict)
    statements: Mapping[str, Statement] = field(default_factory=dict)
    is_team: bool = False
    faults: tuple[str, ...] = ()
    """Why it could not be read at all."""


def shipped() -> tuple[Folder, ...]:
    """Return our own runbooks."""
    found = []
    for name in SHIPPED:
        place = files("runbooks").joinpath(name)
        queries = place.joinpath("queries.sql")
        text = queries.read_text(encoding="utf-8") if queries.is_file() else ""
        declared = tomllib.loads(place.joinpath("runbook.toml").read_text(encoding="utf-8"))
        found.append(Folder(name=name, declared=declared, statements=parse(text)))
    return tuple(found)


def team(folder: str) -> tuple[Folder, ...]:
    """Return a team's runbooks: one folder each, with a `runbook.toml` and one or more `.sql` files."""
    if not folder:
        return ()
    place = Path(folder).resolve()
    try:
        inner = sorted(item for item in place.iterdir() if item.is_dir() and not item.name.startswith((".", "__")))
    except OSError as error:
        return (_unread(place, f"runbooks.folder: {folder} is no directory that can be read: {error.strerror}"),)
    if unsafe := _unsafe(place):
        return (_unread(place, *unsafe),)
    if (place / "runbook.toml").exists():
        return (_unread(place, f"runbooks.folder: {folder} is one runbook; name the directory that holds it"),)
    if not inner:
        return (_unread(place, f"runbooks.folder: {folder} holds no runbook"),)
    return tuple(_team_folder(item) for item in inner)


def _unread(place: Path, *faults: str) -> Folder:
    return Folder(name=place.name, is_team=True, faults=faults)


def _team_folder(place: Path) -> Folder:
    paths = [place / "runbook.toml", *sorted(place.glob("*.sql"))]
    unsafe = tuple(fault for path in (place, *paths) for fault in _unsafe(path))
    if unsafe:
        return _unread(place, *unsafe)
    statements: dict[str, Statement] = {}
    path = paths[0]
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
        for path in paths[1:]:
            found = parse(path.read_text(encoding="utf-8"))
            _require_new(statements, found)
            statements |= found
    except OSError as error:
        return _unread(place, f"{place.name}/{path.name} cannot be read: {error.strerror}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError) as error:
        return _unread(place, f"{place.name}/{path.name}: {error}")
    return Folder(name=place.name, declared=declared, statements=statements, is_team=True)


def _require_new(known: Mapping[str, Statement], found: Mapping[str, Statement]) -> None:
    if twice := sorted(set(known) & set(found)):
        raise ValueError(f"SQL block {twice[0]!r} stands in another file of the folder too")


def _unsafe(path: Path) -> tuple[str, ...]:
    """Say why a file must not be read: whoever may write it could put words into the bot's mouth."""
    where = f"{path.parent.name}/{path.name}"
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return (f"{where} is missing",)
    found = []
    if stat.S_ISLNK(seen.st_mode):
        found.append(f"{where} is a link; put the file itself there")
    if seen.st_uid not in (0, os.getuid()):
        found.append(f"{where} belongs to somebody else; chown it to the bot's user or root")
    if not stat.S_ISLNK(seen.st_mode) and seen.st_mode & _WRITABLE_BY_NO_STATEMENTS:
        found.append(f"{where} may be written by others; chmod go-w")
    if path.is_file() and seen.st_size > _MOST_BYTES:
        found.append(f"{where} is larger than {_MOST_BYTES} bytes")
    return tuple(found)


def build(folder: Folder) -> Runbook:
    """Return a runbook whose declaration has no fault."""
    declared = folder.declared
    return Runbook(
        scenario=declared["scenario"],
        title=declared["title"],
        trigger=declared["trigger"],
        contacts=tuple(declared.get("contacts", ())),
        steps=tuple(_step(item, folder.statements) for item in declared["step"]),
    )


def _step(item: Mapping[str, Any], statements: Mapping[str, Statement]) -> Step:
    plain = {key: value for key, value in item.items() if key not in ("risk", "strategy", "param", "sql")}
    strategies = tuple(
        Strategy(id=entry["id"], says=entry["says"], needs=tuple(entry.get("needs", ())))
        for entry in item.get("strategy", ())
    )
    used = {name: statements[name] for name in KINDS[item["kind"]]}
    used |= {role: statements[name] for role, name in item.get("sql", {}).items()}
    params = tuple(Param(**{**entry, "choices": tuple(entry.get("choices", ()))}) for entry in item.get("param", ()))
    return Step(**plain, risk=Risk(item["risk"]), strategies=strategies, statements=used, params=params)
