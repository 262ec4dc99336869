"""Local files of migrations: the list of their names, from a directory or a file, and the reviewed rollback scripts.

No SQL of a migration is read. A script is read by its version, which is digits only: no path can be typed.
"""

import os
import re
import stat
from pathlib import Path

from bot.domain.configuration import Migrations

_NAME = re.compile(r"(?:^|[/\s])(?P<version>[0-9]+)_(?P<name>[^/]*)\.sql\s*$")
_SCRIPT = re.compile(r"([0-9]{4}|[0-9]{8}|[0-9]{14})\.sql")
_MOST_BYTES = 200_000
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def local(config: Migrations) -> dict[str, str] | None:
    """Return names by version, or None where there is no list to read: that is "not known", never "0 pending"."""
    if not config.source:
        return None
    path = Path(config.source)
    try:
        names = (
            [item.name for item in path.iterdir() if item.is_file()]
            if path.is_dir()
            else path.read_text(encoding="utf-8").splitlines()
        )
    except (OSError, UnicodeDecodeError):
        return None
    found = (_NAME.search(name) for name in names)
    return {match["version"]: match["name"] for match in found if match} or None


def scripts(config: Migrations) -> tuple[str, ...]:
    """Return the versions for which there is a rollback script, in order."""
    if not config.rollbacks:
        return ()
    try:
        names = [item.name for item in Path(config.rollbacks).iterdir()]
    except OSError:
        return ()
    return tuple(sorted(match[1] for match in map(_SCRIPT.fullmatch, names) if match))


def script(config: Migrations, version: str) -> tuple[str, str]:
    """Return the reviewed script of a version, or why it is not taken."""
    name = f"rollbacks/{version}.sql"
    if not config.rollbacks or not _SCRIPT.fullmatch(f"{version}.sql"):
        return "", f"no reviewed script {name}"
    path = Path(config.rollbacks) / f"{version}.sql"
    try:
        with open(path, "rb", opener=_plainly) as file:
            seen = os.fstat(file.fileno())
            body = file.read(_MOST_BYTES + 1) if stat.S_ISREG(seen.st_mode) else b""
    except IsADirectoryError:
        return "", f"{name} is no file"
    except OSError:
        return "", f"{name} is a link; put the file itself there" if path.is_symlink() else f"no reviewed script {name}"
    if not stat.S_ISREG(seen.st_mode):
        return "", f"{name} is no file"
    if seen.st_mode & _WRITABLE_BY_OTHERS:
        return "", f"{name} may be written by others; chmod go-w"
    return _text(name, body)


def _plainly(path: str, flags: int) -> int:
    """Open a file itself, never what a link points to, and wait for no pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _text(name: str, body: bytes) -> tuple[str, str]:
    if len(body) > _MOST_BYTES:
        return "", f"{name} is larger than {_MOST_BYTES} bytes"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "", f"{name} is no text in UTF-8"
    if "\x00" in text or not text.strip():
        return "", f"{name} is empty, or no text"
    return text, ""
