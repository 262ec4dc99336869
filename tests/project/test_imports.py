"""Which way imports may point: one table, held against the syntax trees (design, section 6)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("bot", "handlers", "runbooks", "templates")
pytestmark = pytest.mark.project

GROUND = ("bot.domain", "bot.errors", "bot.clock", "bot.sqlfile", "bot.words")
ADAPTER = (*GROUND, "bot.ports")
MAY_IMPORT = {
    "bot.domain": GROUND,
    "bot.errors": (),
    "bot.clock": (),
    "bot.sqlfile": (),
    "bot.words": (),
    "bot.ports": GROUND,
    "bot.store": (*ADAPTER, "bot.store"),
    "bot.targets": (*ADAPTER, "bot.targets", "bot.store.db"),
    "bot.slack": (*ADAPTER, "bot.slack"),
    "bot.render": (*ADAPTER, "bot.render"),
    "runbooks": (*GROUND, "runbooks"),
    "bot.operations": (*ADAPTER, "bot.operations", "bot.store", "bot.targets", "runbooks"),
    "bot.http": (*GROUND, "bot.http"),
    "bot.executor": (),
    "bot.scheduler": (),
    "bot.logs": GROUND,
    "bot.settings": (*GROUND, "bot.settings"),
    "handlers": (*ADAPTER, "bot.operations", "bot.http.signature", "handlers"),
    "bot.bootstrap": (
        *ADAPTER,
        "bot.operations",
        "bot.render",
        "bot.settings",
        "bot.slack",
        "bot.store",
        "bot.targets",
        "runbooks",
    ),
    "bot.process": ("bot", "handlers"),
    "bot.cli": (
        *ADAPTER,
        "bot.cli",
        "bot.operations",
        "bot.render",
        "bot.bootstrap",
        "bot.process",
        "bot.settings",
        "bot.logs",
        "runbooks",
    ),
    "bot.__main__": ("bot.cli",),
    "bot.sandbox": ("bot",),
}
"""A module may import from the packages named; the longest name that fits a module is its rule."""

ONLY_IN = {
    "slack_bolt": ("bot.slack", "handlers", "bot.http", "bot.sandbox"),
    "slack_sdk": ("bot.slack", "bot.sandbox"),
    "psycopg": ("bot.store", "bot.sandbox"),
    "psycopg_pool": ("bot.store",),
    "httpx": ("bot.targets", "bot.sandbox"),
    "jinja2": ("bot.render",),
    "markupsafe": ("bot.render",),
    "apscheduler": ("bot.scheduler",),
    "starlette": ("bot.http", "bot.sandbox"),
    "uvicorn": ("bot.http", "bot.sandbox"),
    "pydantic": ("bot.settings", "bot.domain.written"),
    "pydantic_settings": ("bot.settings",),
    "rich": ("bot.cli",),
    "prometheus_client": ("bot.http",),
}
"""A library is known in these places only."""

NAMED_LAST_RESORTS = {
    "bot/cli/main.py": "the command line's: a bug becomes a report",
    "bot/executor.py": "a loop of the process must go on",
    "bot/scheduler.py": "a tick must not stop the others",
    "bot/operations/proofs.py": "one run that cannot be looked at must not stop the others",
    "bot/operations/inbox.py": "one bad delivery must not stop the others",
    "bot/operations/delivery.py": "a template fault must not lose an alert",
}


def modules() -> Iterator[tuple[str, Path]]:
    """Yield every module of the product."""
    for package in PRODUCT:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every name a module imports, with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def fits(name: str, prefixes: tuple[str, ...]) -> bool:
    """Say whether a module is, or lies in, one of some packages."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def rule(module: str) -> str:
    """Return the rule that fits a module best."""
    found = [name for name in MAY_IMPORT if fits(module, (name,))]
    return max(found, key=len, default="")


def is_ours(name: str) -> bool:
    """Say whether a name is a module of the product."""
    return fits(name, PRODUCT) and bool(
        (ROOT / Path(*name.split("."))).with_suffix(".py").exists() or (ROOT / Path(*name.split("."))).is_dir()
    )


def test_imports_point_one_way() -> None:
    """Every import of ours follows the table; the sandbox is known to its command only."""
    broken = [
        f"{path.relative_to(ROOT)}:{line} imports {name}; {rule(module)} may import {', '.join(MAY_IMPORT[rule(module)])}"
        for module, path in modules()
        if rule(module)
        for name, line in imported(path)
        if is_ours(name)
        and not fits(name, MAY_IMPORT[rule(module)])
        and not (name in ("bot", "bot.store") or module == "bot.cli.sandbox")
    ]
    assert broken == []


def test_libraries_are_fenced() -> None:
    """Each library is known where it is used, and nowhere else."""
    broken = [
        f"{path.relative_to(ROOT)}:{line} imports {name}; only {', '.join(ONLY_IN[name.split('.')[0]])} may"
        for module, path in modules()
        for name, line in imported(path)
        if name.split(".")[0] in ONLY_IN and not fits(module, ONLY_IN[name.split(".")[0]])
    ]
    assert sorted(set(broken)) == []


def test_errors_are_caught_by_name() -> None:
    """`except Exception` stands in the named last resorts only."""
    found = {
        str(path.relative_to(ROOT))
        for _module, path in modules()
        if "sandbox" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or getattr(node.type, "id", "") == "Exception")
    }
    assert found == set(NAMED_LAST_RESORTS)


def test_files_and_functions_are_short() -> None:
    """No file over 400 lines, no function over 40, in the engine and the edge."""
    long = []
    for _module, path in modules():
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > 400:
            long.append(f"{path.relative_to(ROOT)}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > 40:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {lines} lines")
    assert long == []


def test_the_clock_is_asked_in_one_place() -> None:
    """Nothing but the clock asks the machine for the time."""
    asking = [
        str(path.relative_to(ROOT))
        for _module, path in modules()
        if "sandbox" not in path.parts and path.name != "clock.py"
        if any(word in path.read_text(encoding="utf-8") for word in ("datetime.now(", "time.time(", "utcnow("))
    ]
    assert asking == ["bot/slack/socket.py"]
