"""The real command as a child process: outputs, exit codes, and what it does when the database is away."""

import fcntl
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from bot.operations import verifying
from bot.operations.record import Watch
from bot.operations.table import VERIFIED
from tests.support import shell
from tests.support.jobs import Target
from tests.support.product import product
from tests.support.tampering import tamper
from tests.support.teams import example, write

Run = Callable[..., "subprocess.CompletedProcess[str]"]
QUICK = '[timing]\nstart_guard = "0s"\nunknown_after_start = "0s"\n'


@pytest.fixture
def dragonfly(bot_dsn: str, tmp_path: Path) -> Run:
    """Give the command with an environment built from nothing."""
    settings = tmp_path / "dragonfly.toml"
    settings.write_text(QUICK, encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "DRAGONFLY_DATABASE_URL": bot_dsn,
        "DRAGONFLY_CONFIG": str(settings),
        "SUPABASE_MODE": "dev",
        "DRAGONFLY_OPERATORS": "U0ADA",
        "DRAGONFLY_ONCALL": "U0ADA,U0BEN",
    }

    def run(*words: str, stdout: IO[str] | int = subprocess.PIPE, **changes: str) -> "subprocess.CompletedProcess[str]":
        env = {name: value for name, value in {**environment, **changes}.items() if value}
        if stdout == subprocess.PIPE:
            return shell.run(words, env)
        command = [sys.executable, "-m", "bot", *words]
        return subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )

    return run


def test_the_story_from_a_shell(dragonfly: Run, target: Target) -> None:
    """Status, stuck, plan, apply, the record: with no Slack anywhere."""
    target.worker()
    target.stuck(14)
    assert dragonfly("status").returncode == 1
    assert "14 worker dead" in dragonfly("stuck").stdout

    made = dragonfly("plan", "reset-stuck")
    found = re.search(r"PLAN (\w{4}) reset 14 stuck jobs", made.stdout)
    assert found is not None
    assert target.statuses() == {"processing": 14}

    assert dragonfly("apply", found[1]).returncode == 2
    assert target.statuses() == {"processing": 14}
    done = dragonfly("apply", found[1], "--yes")
    assert (done.returncode, target.statuses()) == (0, {"pending": 14})
    assert "14 reset" in done.stdout
    assert dragonfly("apply", found[1], "--yes").returncode == 4

    listed = dragonfly("audit", "list")
    for event in ("preview.made", "confirmation.consumed", "step.succeeded", "confirmation.refused"):
        assert event in listed.stdout
    assert "config_rev" not in listed.stdout
    assert dragonfly("audit", "verify").returncode == 0


@pytest.mark.parametrize("target_schema", ["playbook"], indirect=True)
def test_the_record_from_a_shell(dragonfly: Run, target: Target, bot_dsn: str, target_dsn: str, tmp_path: Path) -> None:
    """Exported, compared with copies, found broken, accepted by its owner: each with its words and its exit code."""
    target.worker()
    target.stuck(3)
    dragonfly("plan", "reset-stuck")
    exported = [json.loads(line) for line in dragonfly("audit", "export").stdout.splitlines()]
    last, copy = exported[-1]["n"], f"{exported[-1]['n']}:{exported[-1]['hash']}"
    part = dragonfly("audit", "export", "--from", "2", "--to", "3").stdout.splitlines()
    assert [json.loads(line)["n"] for line in part] == [2, 3]
    assert f"OK  whole to {last}, no copy outside since 0" in dragonfly("audit", "verify").stdout
    compared = dragonfly("audit", "verify", "--anchor", copy)
    assert f"OK  whole to {last}, anchored to {last} by 1 copy" in compared.stdout
    unproven = dragonfly("audit", "verify", "--anchor", copy, DRAGONFLY_AUDIT_KEY="a key")
    assert f"UNPROVEN  whole to {last}, no copy outside since 0" in unproven.stdout
    assert (unproven.returncode, "1 copy is not signed and proves nothing" in unproven.stdout) == (1, True)
    (tmp_path / "log").write_text("nothing of the kind", encoding="utf-8")
    for nonsense in ("12:ab", str(tmp_path / "log"), str(tmp_path)):
        assert dragonfly("audit", "verify", "--anchor", nonsense).returncode == 2

    assert dragonfly("audit", "accept", "--reason", "a drill").returncode == 4
    tamper(target, "UPDATE ops.chatops_audit SET record = record || '{\"acting\": 1}' WHERE n = 2")
    broken = dragonfly("audit", "verify", "--anchor", copy)
    assert broken.returncode == 1
    assert "BROKEN  content 2: the record does not add up at no. 2 (content)" in broken.stdout
    facts = json.loads(dragonfly("audit", "verify", "--json").stdout)
    assert (facts["fault"], facts["broken_at"], facts["whole_to"]) == ("content", 2, 1)
    owner = {"DRAGONFLY_OWNER_DATABASE_URL": target_dsn}
    early = dragonfly("audit", "accept", "--reason", "a drill", **owner)
    assert (early.returncode, "wait for its alert" in early.stderr) == (4, True)
    with product(bot_dsn) as bot:
        Watch(bot).look()
    accepted = dragonfly("audit", "accept", "--reason", "a drill", **owner)
    assert accepted.returncode == 0
    assert re.search(r"^counts from no\. \d+: accepted by cli:", accepted.stdout, re.MULTILINE)
    assert dragonfly("audit", "verify").returncode == 0
    differs = dragonfly("audit", "verify", "--anchor", f"{last}:{'0' * 64}")
    assert (differs.returncode, "DIFFERS  whole to" in differs.stdout) == (1, True)
    assert "1 copy is from before that, 1 differs" in differs.stdout


@pytest.mark.parametrize(
    "words", ["status", "stuck", "oncall", "check", "doctor", "incidents", "audit list", "audit verify"]
)
def test_every_read_has_json(dragonfly: Run, target: Target, words: str) -> None:
    """`--json` gives facts that a program can read, and no secret."""
    target.worker()
    target.stuck(1)
    done = dragonfly(*words.split(), "--json")
    assert json.loads(done.stdout)["as_of"]
    assert "secret" not in done.stdout


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("stat", 2, "dragonfly: no command 'stat'. dragonfly status"),
        ("plan restat", 2, ". dragonfly plan restart service=ingest"),
        ("plan reset-stuck ingest", 2, "has no name"),
        ("plan reset-stuck older_than=5", 2, "no unit. Write 5m or 1h. dragonfly plan reset-stuck older_than=10m"),
        ("plan reset-stuck older_than=1s", 2, "too short"),
        ("plan reset-stuck colour=red", 2, "no option 'colour'"),
        ("plan restart", 2, "restart needs a service. dragonfly plan restart service=ingest"),
        ("plan reset-stuck type=a type=b", 2, "two values for type: 'a' and 'b'"),
        ("plan show ZZZZ", 4, "A new one: dragonfly plan STEP; the steps: dragonfly help"),
        ("apply ZZZZ --yes", 4, "no plan 'ZZZZ'. Those that were made: dragonfly audit list"),
        ("undo ZZZZ", 4, "no run 'ZZZZ'"),
        ("ack A31", 4, "I know no A31"),
        ("ack everything", 2, "'everything' is not an alert such as A31"),
        ("timeline everything", 2, "'everything' is not an alert such as A31"),
        ("alerts why", 2, "no alert is named. dragonfly alerts why A31"),
        ("resolve A31 --reason x", 2, "reason 'x' is not 5 to 500 characters"),
        ("logs nothing", 2, "dragonfly logs api"),
        ("failed --since 24", 2, "since '24' has no unit"),
        ("verify", 2, "are required: worker-death|migration-block|vendor-outage"),
        ("verify worker", 2, "scenario 'worker' is not worker-death or migration-block or vendor-outage"),
        ("gate --mode prod --skip nothing", 2, "dragonfly gate --mode dev|prod [--skip NAME …]"),
        ("audit list --most 0", 2, "--most is 1 or more"),
        ("sandbox --runbooks /nowhere", 2, "is no directory"),
        ("runbook show nothing", 2, "runbook does not know scenario"),
        ("db grants --role x;y", 2, "is no role name"),
    ],
)
def test_wrong_words_have_their_exit_code(dragonfly: Run, words: str, code: int, said: str) -> None:
    """What is wrong is one sentence on the error stream; nothing is written to the output."""
    done = dragonfly(*words.split())
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "/dragonfly" not in done.stderr


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_the_database_is_away(dragonfly: Run) -> None:
    """Exit code 3, a sentence, and no password in it."""
    away = "postgresql://somebody:verysecret@127.0.0.1:1/nothing"
    for words in ("status", "plan reset-stuck", "alerts"):
        done = dragonfly(*words.split(), DRAGONFLY_DATABASE_URL=away)
        assert done.returncode == 3, done.stderr
        assert "cannot be reached" in done.stdout + done.stderr
        assert "verysecret" not in done.stdout + done.stderr
    examined = dragonfly("doctor", DRAGONFLY_DATABASE_URL=away)
    assert (examined.returncode, "do: check the address" in examined.stdout) == (1, True)


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_a_vendor_is_asked_while_the_database_is_away(dragonfly: Run, tmp_path: Path) -> None:
    """What was recorded is "not known", and the answer itself is there: exit code 0."""
    with (tmp_path / "dragonfly.toml").open("a", encoding="utf-8") as settings:
        settings.write('[vendors.simplicity]\ntitle = "Simplicity API"\nendpoint = "http://127.0.0.1:1/"\n')
    away = "postgresql://somebody:verysecret@127.0.0.1:1/nothing"
    done = dragonfly("probe", "simplicity", DRAGONFLY_DATABASE_URL=away)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cannot be reached (ConnectError)" in done.stdout
    assert "not known, the database is away" in " ".join(done.stdout.split()) and "not recorded" in done.stdout
    facts = json.loads(dragonfly("probe", "simplicity", "--json", DRAGONFLY_DATABASE_URL=away).stdout)
    assert (facts["verdict"], facts["good_in_a_row"]) == ("failing", None)


def test_the_mode_must_be_said(dragonfly: Run) -> None:
    """Without a mode nothing is planned, with another than the database's neither; no other address is fallen through to."""
    assert "SUPABASE_MODE is not set" in dragonfly("plan", "reset-stuck", SUPABASE_MODE="").stderr
    why = "this database is marked dev, SUPABASE_MODE says prod"
    assert why in dragonfly("plan", "reset-stuck", SUPABASE_MODE="prod").stderr
    assert f"changes are off: {why}" in " ".join(dragonfly("status", SUPABASE_MODE="prod").stdout.split())
    other = dragonfly("status", DRAGONFLY_DATABASE_URL="", SUPABASE_DB_URL_PROD="postgresql://x@y/z")
    assert (other.returncode, "only SUPABASE_DB_URL_PROD is set" in other.stderr) == (2, True)


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_a_freeze_from_a_shell(dragonfly: Run, target: Target) -> None:
    """Turned off here, for everybody; turned on again in Slack only; both stand in the record with the log-in."""
    target.worker()
    target.stuck(1)
    done = dragonfly("freeze", "database", "failover")
    assert (done.returncode, '"database failover"' in done.stdout) == (0, True)
    assert "changes are off since" in dragonfly("status").stdout
    refused = dragonfly("plan", "reset-stuck")
    assert (refused.returncode, "changes are off: database failover" in refused.stderr) == (4, True)
    ended = dragonfly("unfreeze")
    assert (ended.returncode, "in Slack, never from a shell" in ended.stderr) == (4, True)
    listed = dragonfly("audit", "list").stdout
    assert "freeze.set" in listed and listed.count("request.refused") == 2 and "session_user=" in listed


def test_who_would_be_called(dragonfly: Run) -> None:
    """A route can be asked without acting, and a wrong expectation is a finding."""
    assert dragonfly("route", "test", "scenario=worker-death", "--expect", "U0ADA").returncode in (0, 1)
    assert dragonfly("route", "test", "scenario=worker-death", "--expect", "U0GIL").returncode == 1


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_a_pipe_has_no_colour(dragonfly: Run, target: Target) -> None:
    """What is piped is plain text, one fact a line; a terminal gets colour in the first line alone, and lines it shows whole."""
    target.stuck(1)
    assert "\x1b[" not in dragonfly("status").stdout
    ours, its = os.openpty()
    for terminal, is_coloured in (("xterm", True), ("dumb", False)):
        dragonfly("status", stdout=its, TERM=terminal)
        first, _, rest = os.read(ours, 65_536).decode().partition("\n")
        assert (";31m" in first, "\x1b[" in rest) == (is_coloured, False)
        assert max(map(len, rest.splitlines())) <= 80
    long = max(
        dragonfly("stuck", "--help").stdout.splitlines() + dragonfly("plan", "reset-stuck").stdout.splitlines(), key=len
    )
    assert ("shell: dragonfly apply" in long, len(long) > 80) == (True, True)
    dragonfly("plan", "reset-stuck", stdout=its, TERM="dumb")
    shown = os.read(ours, 65_536).decode().splitlines()
    assert max(map(len, shown)) <= 80
    assert re.search(r"dragonfly apply \w{4}$", shown[-1])


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_hidden_rows_are_not_seen(dragonfly: Run, target: Target) -> None:
    """A read that is blind says so, and not that something could not be planned."""
    target.connection.execute("DROP POLICY chatops_queue ON ops.job_queue")
    assert dragonfly("stuck").stdout.startswith("CANNOT SEE stuck jobs · dev\nRow security hides rows")


def test_a_teams_runbook_from_a_shell(dragonfly: Run, target: Target, tmp_path: Path) -> None:
    """A folder in the configuration, and its read, its plan and its effect are there under their names."""
    with (tmp_path / "dragonfly.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'[runbooks]\nfolder = "{example(tmp_path)}"\n')
    target.fail(target.pending(3), "Jane Roe")
    assert "reset-failed" in dragonfly("runbook", "show", "failed-jobs").stdout
    shown = dragonfly("runbook", "run", "failed-by-type")
    assert (shown.returncode, f"{target.job_type} · 3" in shown.stdout) == (0, True)
    assert json.loads(dragonfly("runbook", "run", "failed-by-type", "--json").stdout)["rows"][0][1] == "3"
    assert dragonfly("runbook", "run", "nothing").returncode == 2
    for wrong in (("type=X",), (), ("since=1h",), (f"type={target.job_type}", "since=soon")):
        right = "dragonfly plan reset-failed type=ingest_csv"
        assert right in dragonfly("plan", "reset-failed", *wrong).stderr
    for word in ("reset-failed", "failed-by-type"):
        assert f" {word}" in dragonfly("help", word).stdout
    assert "dragonfly plan reset-failed" in dragonfly("reset-failed").stderr
    assert "dragonfly runbook run failed-by-type" in dragonfly("failed-by-typ").stderr

    made = dragonfly("plan", "reset-failed", f"type={target.job_type}", "since=1h")
    found = re.search(r"PLAN (\w{4})", made.stdout)
    assert found is not None, made.stderr
    assert dragonfly("apply", found[1], "--yes").returncode == 0
    assert target.statuses() == {"pending": 3}
    (tmp_path / "runbooks" / "reset_failed" / "runbook.toml").chmod(0o666)
    assert dragonfly("status").returncode in (0, 1), "a team's fault takes nothing else away"
    assert dragonfly("plan", "reset-failed", f"type={target.job_type}").returncode == 2
    broken = dragonfly("doctor")
    assert (broken.returncode, "may be written by others" in broken.stdout) == (1, True)


READ = """
[[step]]
id = "our-read"
title = "Our read"
kind = "sql_read"
risk = "read"
why = "It shows."
sql = { read = "who" }

[[step.param]]
name = "order"
type = "choice"
choices = ["oldest", "newest"]
required = true

[[step.param]]
name = "why"
type = "text"
required = true
rest = true
example = "a look back"
"""
WHO = "\n-- name: who\n-- What was given.\nSELECT %(order)s::text AS o, %(why)s::text AS w LIMIT %(most)s;\n"


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_a_wrong_value_of_a_read_is_answered_with_the_read(dragonfly: Run, tmp_path: Path) -> None:
    """What is advised can be typed as it stands, also where the step's author gave no line for a shell."""
    with (tmp_path / "dragonfly.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'[runbooks]\nfolder = "{write(tmp_path, more=READ, blocks=WHO)}"\n')
    said = dragonfly("runbook", "run", "our-read", "order=biggest").stderr
    assert "order 'biggest' is not oldest or newest" in said
    advised = "runbook run our-read order=oldest why='a look back'"
    assert f"dragonfly {advised}" in said
    assert dragonfly(*shlex.split(advised)).returncode == 0


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_every_listing_has_json(dragonfly: Run) -> None:
    """Lists that are no cards have their facts for programs too; labels that no alert has are refused."""
    listings = ("runbook list", "runbook lint", "db status", "route test check=migration_blocked --expect U0ADA")
    for words in listings:
        assert json.loads(dragonfly(*words.split(), "--json").stdout) is not None
    nonsense = dragonfly("route", "test", "check=nonsense", "--expect", "U0ADA")
    assert (nonsense.returncode, "no alert has the labels" in nonsense.stderr) == (2, True)


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_a_reader_that_leaves_is_no_finding(dragonfly: Run, target: Target) -> None:
    """Into a pipe that nobody reads any more the command ends quietly and well."""
    target.worker()
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = dragonfly("workers", stdout=closed)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_railway_is_away(dragonfly: Run) -> None:
    """Logs that cannot be read are no reading: the card says why, and the exit code that something was away."""
    done = dragonfly("logs", "ingest", RAILWAY_TOKEN="token", RAILWAY_API_URL="http://127.0.0.1:1/")
    assert (done.returncode, "Railway cannot be reached" in done.stdout) == (3, True)


def test_every_scenario_that_may_be_verified_has_its_looks() -> None:
    """What the grammar takes after `verify` is what is looked at."""
    assert tuple(verifying._LOOKS) == VERIFIED


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_help_by_a_word(dragonfly: Run) -> None:
    """A word finds commands and steps, as a shell takes them; with none it says so."""
    assert "dragonfly plan reset-stuck" in dragonfly("help", "stuck").stdout
    assert "no command speaks of 'zzz'" in dragonfly("help", "zzz").stdout
    assert "/dragonfly" not in dragonfly("help").stdout
    assert "does the record add up?\n    export" in dragonfly("audit", "--help").stdout
    assert "dragonfly failed [--since 24h] [--show-errors]" in dragonfly("help", "failed").stdout


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_a_bot_whose_port_is_taken(dragonfly: Run) -> None:
    """It is a setting to change, not a bug."""
    slack = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "secret", "SLACK_API_URL": "http://127.0.0.1:1/"}
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104  # where the bot listens
        port = str(taken.getsockname()[1])
        done = dragonfly("bot", **slack, DRAGONFLY_ALERT_CHANNEL="C0INCIDENTS", PORT=port)
    assert (done.returncode, f"port {port} cannot be listened on" in done.stderr) == (2, True)


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_a_second_sandbox_names_the_first(dragonfly: Run, tmp_path: Path) -> None:
    """Beside a running one nothing is started and nothing of it is touched; its address is said."""
    home = tmp_path / "deployed-fast"
    home.mkdir()
    with (home / "sandbox.lock").open("w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("http://127.0.0.1:4711/")
        held.flush()
        second = dragonfly("sandbox", "--no-browser", "--data-dir", str(tmp_path))
    assert (second.returncode, second.stderr) == (0, "")
    assert f"a sandbox runs in {home} already: http://127.0.0.1:4711/" in second.stdout
    assert [path.name for path in home.iterdir()] == ["sandbox.lock"]
