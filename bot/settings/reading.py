"""Read the environment and the file; every fault is said with what to write instead."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from pydantic import ValidationError

from bot.settings.tables import IN_BRACKETS, Environment, File, unknown

DEFAULT_FILE = "dragonfly.toml"
_WRITE = {
    "string_type": "write a text, in quotes",
    "string_pattern_mismatch": "write lower-case letters, digits and underscores",
    "tuple_type": "write a list, in [ ]",
    **dict.fromkeys(("dataclass_type", "dict_type", "model_type"), "write a table"),
    **dict.fromkeys(("int_type", "int_parsing"), "write a whole number"),
    "missing": "is missing",
}
"""Where the type of a value is meant, in TOML's words instead of Python's."""


def environment(given: Mapping[str, str], faults: list[str]) -> Environment:
    """Return the variables; one that cannot be read becomes a fault."""
    known = {name: given[name.upper()] for name in Environment.model_fields if given.get(name.upper())}
    try:
        return Environment.model_validate(known)
    except ValidationError as error:
        faults += [f"{_place(item).upper()}: {_said(item)}" for item in error.errors()]
        wrong = {item["loc"][0] for item in error.errors()}
        return Environment.model_validate({name: text for name, text in known.items() if name not in wrong})


def read_file(named: str, given: Mapping[str, str], faults: list[str], taken: list[str]) -> File:
    """Return the tables of `dragonfly.toml`, none where there is no file; `taken` gets what came from variables."""
    path = Path(named or DEFAULT_FILE)
    if not path.is_file():
        if named:
            faults.append(
                f"DRAGONFLY_CONFIG names {named}, which is no file; write the path of a dragonfly.toml, or unset it"
            )
        return File()
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
        return File.model_validate(_with_variables(written, given, faults, taken))
    except OSError as error:
        faults.append(f"{path.name} cannot be read: {error.strerror}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(f"{path.name} is not TOML: {error}")
    except ValidationError as error:
        faults += [f"{_place(item)}: {_said(item)}" for item in error.errors()]
    return File()


def _with_variables(
    value: Any, given: Mapping[str, str], faults: list[str], taken: list[str]
) -> Any:  # TOML's own shape
    """Put a variable's value in the place of `{ env = "NAME" }`."""
    if isinstance(value, dict) and set(value) == {"env"}:
        name = str(value["env"])
        if name not in given:
            faults.append(
                f"dragonfly.toml asks for the variable {name}, which is not set; set it, or take the line out"
            )
        taken.append(given.get(name, ""))
        return taken[-1]
    if isinstance(value, dict):
        return {key: _with_variables(item, given, faults, taken) for key, item in value.items()}
    return [_with_variables(item, given, faults, taken) for item in value] if isinstance(value, list) else value


def _place(fault: Any) -> str:  # pydantic's error mapping
    return ".".join(str(part) for part in fault["loc"] if part != "[key]")


def _said(fault: Any) -> str:  # pydantic's error mapping
    """Return what is wrong at one place, and what to write instead."""
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        *table, key = fault["loc"]
        return unknown(str(key), _keys(table))
    ours = fault.get("ctx", {}).get("error") or _WRITE.get(fault["type"])
    return str(ours or fault["msg"].lower())


def _keys(place: list[str | int]) -> tuple[str, ...]:
    """Return the keys of the table at a place of the file."""
    kind: Any = File
    for part in place:
        kind = get_type_hints(kind).get(str(part), kind)
        while inner := [item for item in get_args(kind) if item not in (str, NoneType, ...)]:
            kind = inner[-1]
    return tuple(key for key in get_type_hints(kind) if key != "name" or place[0] not in IN_BRACKETS)
