"""What reviewers forget: manifest, queries, templates, examples, names of machines."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

from bot.domain import ids
from bot.operations.declared import changing_steps
from bot.operations.table import in_slack
from bot.settings import Environment, load
from bot.sqlfile import parse
from docs.generate import PAGES
from runbooks import faults
from runbooks import load as load_runbooks
from tests.project.test_imports import ROOT, modules

pytestmark = pytest.mark.project

SCOPES = {
    "bots_info": ("users:read",),
    "auth_test": (),
    "chat_postMessage": ("chat:write",),
    "chat_postEphemeral": ("chat:write",),
    "chat_update": ("chat:write",),
    "conversations_info": ("channels:read", "groups:read"),
    "conversations_history": ("channels:history", "groups:history"),
    "conversations_replies": ("channels:history", "groups:history"),
    "users_info": ("users:read",),
    "usergroups_users_list": ("usergroups:read",),
    "views_open": (),
    "views_update": (),
    "views_publish": (),
}
"""Which scopes each Web API method that we call needs (Slack's method pages, 2026-11)."""
NOT_OF_METHODS = {"commands", "app_mentions:read"}
"""Scopes for what Slack sends us."""


def manifest() -> dict[str, object]:
    """Return the app's manifest."""
    found: dict[str, object] = yaml.safe_load((ROOT / "app_manifest.yml").read_text(encoding="utf-8"))
    return found


def product_text(pattern: str = "*.py") -> str:
    """Return the whole product as one text."""
    folders = ("bot", "handlers", "runbooks", "templates")
    return "\n".join(path.read_text(encoding="utf-8") for name in folders for path in (ROOT / name).rglob(pattern))


def test_the_manifest_is_valid() -> None:
    """The manifest is what Slack's own schema wants, where that schema is at hand."""
    schema = ROOT.parent / "shared" / "reference" / "slack-manifest.schema.json"
    if not schema.exists():
        pytest.skip("Slack's schema of manifests is not at hand: shared/reference/slack-manifest.schema.json")
    jsonschema.Draft7Validator(json.loads(schema.read_text(encoding="utf-8"))).validate(manifest())


def test_the_manifest_is_what_the_code_does() -> None:
    """Command, usage, events and scopes are those that the code registers and calls."""
    text = json.dumps(manifest())
    features = yaml.safe_load((ROOT / "app_manifest.yml").read_text(encoding="utf-8"))
    [command] = features["features"]["slash_commands"]
    assert command["command"] == ids.COMMAND
    steps = [" ".join([step.id, *(item.usage for item in step.typed)]) for step in changing_steps(load_runbooks())]
    assert command["usage_hint"].split(" | ") == [*(item.slack for item in in_slack()), *steps]
    assert len(command["usage_hint"]) <= 1000
    called = set(re.findall(r"(?:_client\.|_ask\(\")([a-z]+_[a-zA-Z_]+)", product_text()))
    assert called == set(SCOPES)
    needed = {scope for method in called for scope in SCOPES[method]}
    assert set(features["oauth_config"]["scopes"]["bot"]) == needed | NOT_OF_METHODS == ids.SCOPES
    registered = set(re.findall(r'app\.event\("([a-z_]+)"\)', product_text()))
    assert set(features["settings"]["event_subscriptions"]["bot_events"]) == registered
    assert "url" not in json.loads(text)["features"]


def test_every_query_is_used() -> None:
    """A named statement that nobody sends is gone."""
    text = product_text()
    unused = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "bot").rglob("*.sql")
        if "sandbox" not in path.parts and "migrations" not in path.parts and not path.name.startswith("grants")
        for name in parse(path.read_text(encoding="utf-8"))
        if f'"{name}"' not in text
    ]
    assert unused == []


def test_every_template_has_its_message() -> None:
    """A template without a message is gone, and every runbook is well."""
    messages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot/domain/messages").glob("*.py"))
    classes = {
        re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in re.findall(r"class (\w+)\(Message\)", messages)
    }
    for surface in ("slack", "terminal"):
        found = {path.stem for path in (ROOT / "templates" / surface).glob("*.j2")}
        assert found - classes - {"views", "forms"} == set()
    assert faults() == ()


def test_the_examples_are_whole() -> None:
    """The example file is valid as it stands; the example environment names the product's variables."""
    example = tomllib.loads((ROOT / "dragonfly.example.toml").read_text(encoding="utf-8"))
    assert example["profile"] == "playbook"
    settings = load(
        {"DRAGONFLY_CONFIG": str(ROOT / "dragonfly.example.toml"), "DRAGONFLY_DATABASE_URL": "postgresql://x@y/z"}
    )
    assert settings.config.queue.approve_above == 500
    named = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert {name.upper() for name in Environment.model_fields} <= named


def test_no_machine_and_no_registry_is_named() -> None:
    """No tracked file names a path of a machine or an index host."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    words = ("/wo" + "rk/", "/ro" + "ot/", "py" + "pi.org", "python" + "hosted", "registry.npm" + "js")
    found = [
        f"{name}: {word}"
        for name in tracked
        if (ROOT / name).is_file() and (ROOT / name).suffix not in (".png", ".lock")
        for word in words
        if word in (ROOT / name).read_text(encoding="utf-8", errors="ignore")
    ]
    assert found == []


def test_links_in_the_documents_lead_somewhere() -> None:
    """Every relative link of a document names a file that is there."""
    broken = [
        f"{path.relative_to(ROOT)} -> {target}"
        for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_the_reference_is_current() -> None:
    """`make docs` would change nothing."""
    for name, make in PAGES.items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == make(), f"{name} is stale: make docs"


def test_help_is_light() -> None:
    """`dragonfly --help` imports none of the heavy libraries."""
    heavy = "psycopg pydantic pydantic_settings slack_bolt apscheduler httpx jinja2 rich starlette"
    code = (
        "import sys; from bot.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"sys.stderr.write(' '.join(name for name in '{heavy}'.split() if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_an_installed_wheel_works(tmp_path: Path) -> None:
    """A wheel built from this tree and installed elsewhere finds its templates, SQL and runbooks."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        ".",
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    target = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)],
        check=True,
        capture_output=True,
    )
    code = (
        "import bot, sys; from bot.cli.main import main; print(bot.__file__); sys.exit(main(['doctor', '--offline']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(target), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(target) in done.stdout
    assert len(list(modules())) > 60
