"""The local list of migrations: a directory, or a file with one name a line. Names only; no SQL of theirs is read."""

import re
from pathlib import Path

from bot.domain.configuration import Migrations

_NAME = re.compile(r"^(?P<version>\d{4}|\d{8}|\d{14})_(?P<name>.*)\.sql$")


def local(config: Migrations) -> dict[str, str] | None:
    """Return names by version, or None where there is no list to read: that is "not known", never "0 pending"."""
    if not config.source:
        return None
    path = Path(config.source)
    try:
        names = (
            [item.name for item in path.iterdir() if item.is_file()]
            if path.is_dir()
            else path.read_text(encoding="utf-8").split()
        )
    except OSError:
        return None
    found = (_NAME.match(name.rpartition("/")[2]) for name in names)
    return {match["version"]: match["name"] for match in found if match}
