"""The release gate: may we deploy? Every check by mode, each with a deadline, one after the other.

A check answers for itself: what goes wrong in one of them never ends the others, it "could not tell".
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot.domain import gate as judging
from bot.domain.gate import Moment, Progress, Reply, say
from bot.domain.ids import alert_key
from bot.domain.messages import GateCheck, GateReport
from bot.domain.needs import missing
from bot.errors import InvalidCommand, StatementTimedOut, StoreError, StoreUnavailable, TargetError
from bot.operations import alerts as alert_operations
from bot.operations import history
from bot.operations.services import Services
from bot.sqlfile import load
from bot.store import alerts, pauses
from bot.store.db import Tx
from bot.targets import checkout

SQL = load("bot.targets", "gate.sql")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_COMMIT_DEADLINE = timedelta(seconds=5)
_POOL_WAIT = timedelta(seconds=5)


def _nothing() -> None:
    """Nobody can stop this run but whoever began it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one check is given."""

    services: Services
    mode: str
    kind: judging.Kind
    tell: Callable[[str], None]
    """Takes a line that a command writes."""
    still: Callable[[], None] = _nothing
    """Is called while a command runs; what it raises stops the gate."""
    away: list[StoreUnavailable]
    """Why the database is away, once a check has found that it is."""

    @property
    def deadline(self) -> timedelta:
        """Return how long this check may take."""
        return self.services.config.gate.deadline

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """Give a transaction that only reads; a database that a check has found away is not waited for again.

        Raises:
            StoreUnavailable: it cannot be reached, or could not be a moment ago.
        """
        if self.away:
            raise self.away[0]
        try:
            with self.services.db.read(wait=min(self.deadline, _POOL_WAIT)) as tx:
                yield tx
        except StoreUnavailable as error:
            self.away.append(error)
            raise


def read(
    services: Services,
    mode: str,
    skip: str = "",
    progress: Progress | None = None,
    still: Callable[[], None] = _nothing,
) -> GateReport:
    """Return every check of a mode.

    `progress` is told of each beginning, end and line of output, `still` is called while a command runs; what one of them
    raises stops the gate and kills what runs.

    Raises:
        InvalidCommand: no such mode or check, or a dev gate where no checkout is configured.
    """
    kinds, leave_out = require(services, mode, skip)
    began = services.clock.monotonic()
    tell = progress or (lambda _moment: None)
    names = tuple(kind.name for kind in kinds)
    done: list[GateCheck] = []
    away: list[StoreUnavailable] = []
    for kind in kinds:
        if kind.word in leave_out:
            done.append(judging.skipped(kind.name, say("by_skip")))
            continue
        now = Moment(names=names, done=tuple(done), running=kind.name)
        tell(now)
        look = Look(services=services, mode=mode, kind=kind, tell=_lines(tell, now), still=still, away=away)
        done.append(_one(look))
    tell(Moment(names=names, done=tuple(done)))
    return GateReport(
        env=services.config.env,
        as_of=services.clock.now(),
        mode=mode,
        checks=tuple(done),
        took=timedelta(seconds=services.clock.monotonic() - began),
        commit=_commit(services, mode),
    )


def require(services: Services, mode: str, skip: str) -> tuple[tuple[judging.Kind, ...], frozenset[str]]:
    """Return a mode's checks and the words of those to leave out, before anything runs.

    Raises:
        InvalidCommand: no such mode or check, or a dev gate where no checkout is configured.
    """
    kinds = judging.of_mode(mode)
    leave_out = judging.parse_skip(skip, mode)
    _require_checkout(services, mode)
    return tuple(kinds), leave_out


def _lines(tell: Progress, now: Moment) -> Callable[[str], None]:
    return lambda line: tell(Moment(names=now.names, done=now.done, running=now.running, line=line))


def _require_checkout(services: Services, mode: str) -> None:
    folder = services.config.gate.checkout
    if mode == "dev" and not (folder and Path(folder).is_dir()):
        raise InvalidCommand(say("no_folder" if folder else "no_checkout"))


def _one(look: Look) -> GateCheck:
    """Return one check's outcome; a dependency that fails is said, not raised."""
    try:
        return _CHECKS[look.kind.word](look)
    except StatementTimedOut:
        return judging.unknown(look.kind.name, say("timed_out"), say("ask_doctor_do"))
    except (StoreError, TargetError) as error:
        return judging.unknown(look.kind.name, error.message, error.hint or say("ask_doctor_do"))


def _command(look: Look) -> GateCheck:
    """Run one dev check's command in the checkout."""
    config = look.services.config.gate
    argv = config.commands.get(look.kind.word) or judging.COMMANDS.get(look.kind.word)
    if not argv:
        return judging.skipped(look.kind.name, say("no_command", word=look.kind.word))
    try:
        ended = _run(look, argv)
    except TargetError as error:
        return judging.unknown(look.kind.name, error.message, say("cannot_start_do", word=look.kind.word))
    return judging.command(look.kind.name, ended.code, ended.lines, ended.took)


def _run(look: Look, argv: Sequence[str]) -> checkout.Ended:
    """Run a command in the checkout for as long as its check may take."""
    folder = look.services.config.gate.checkout
    return checkout.run(argv, folder, mode=look.mode, deadline=look.deadline, tell=look.tell, still=look.still)


def _evaluator(look: Look) -> GateCheck:
    config = look.services.config.gate
    argv = config.commands.get("evaluator")
    if argv:
        ended = _run(look, argv)
        return judging.evaluator(judging.score_in(ended.said), config.evaluator_least, ended.code)
    if not config.evaluator_result:
        return judging.skipped(look.kind.name, say("no_evaluator"))
    content, written = checkout.result_file(config.evaluator_result)
    age = look.services.clock.now() - written
    if abs(age) > config.evaluator_age:
        hours = config.evaluator_age.total_seconds() / 3600
        why = say("old_result", written=written.isoformat(timespec="minutes"), hours=hours)
        return judging.unknown(look.kind.name, why, say("old_result_do"))
    return judging.evaluator(content, config.evaluator_least)


def _api(look: Look) -> GateCheck:
    services = look.services
    variable = f"DRAGONFLY_API_URL_{services.config.env.upper()}"
    address = services.config.api_url
    if not address:
        return judging.api_unset(variable)
    until = services.clock.monotonic() + look.deadline.total_seconds()

    def ask(path: str) -> Reply:
        return checkout.ask(address, path, until - services.clock.monotonic())

    named = services.config.gate.service_name
    return judging.api(variable, ask("/api/health"), ask("/readyz"), ask("/") if named else None, named)


def _workers(look: Look) -> GateCheck:
    services = look.services
    config = services.config
    with look.reading() as tx:
        catalog = services.catalog.get(tx, fresh=True)
        lacking = [name for name in catalog.missing_least() if "worker_heartbeats" in name]
        if catalog.hidden:
            return judging.unknown(look.kind.name, say("hidden"), say("hidden_do"), role=catalog.role)
        if lacking:
            return judging.unknown(look.kind.name, say("no_column", column=lacking[0]), say("ask_doctor_do"))
        rows = tx.records(
            SQL["seen_workers"],
            catalog.features,
            now=tx.now,
            window_seconds=config.gate.worker_window.total_seconds(),
            offline_seconds=config.timing.offline_after.total_seconds(),
        )
    window, offline_after = config.gate.worker_window, config.timing.offline_after
    return judging.workers(rows, config.expected_types, window=window, offline_after=offline_after)


def _database(look: Look) -> GateCheck:
    services = look.services
    variable = services.config.database_variable or "SUPABASE_DB_URL"
    remedy = say("database_do", variable=variable)
    wanted = services.config.gate.tables
    place = {"database": services.db.place, "variable": variable}
    try:
        with look.reading() as tx:
            rows = tx.records(SQL["missing_tables"], tables=list(wanted))
    except StatementTimedOut:
        return judging.unknown(look.kind.name, say("timed_out"), remedy, **place)
    except StoreUnavailable as error:
        return judging.failed(look.kind.name, say("no_connection", why=error.message), remedy, **place)
    return judging.tables(wanted, [row["name"] for row in rows], remedy, **place)


def _migrations(look: Look) -> GateCheck:
    services = look.services
    with look.reading() as tx:
        services.catalog.get(tx, fresh=True)
        found = history.compared(services, tx)
        role = services.catalog.get(tx).role
    if found is None:
        (lack,) = missing(["history_readable"], [], role=role)
        return judging.history_hidden(look.mode, lack.reason, f"`{lack.remedy}`")
    return judging.migrations(look.mode, services.config.env, found)


def _alerts(look: Look) -> GateCheck:
    with look.reading() as tx:
        found = [_alert(look.services, tx, item) for item in alerts.list_open(tx) if item.severity == "critical"]
    return judging.alerts(found)


def _alert(services: Services, tx: Tx, alert: alerts.Alert) -> dict[str, str]:
    line = alert_operations.line(services, tx, alert)
    return {"key": alert_key(alert.id), "title": line.title, "url": line.url}


def _pauses(look: Look) -> GateCheck:
    with look.reading() as tx:
        found = pauses.open_one(tx)
    return judging.pauses(found.thing, found.owner, found.ends_at) if found else judging.pauses("", "", None)


_CHECKS: Mapping[str, Callable[[Look], GateCheck]] = {
    "pytest": _command,
    "imports": _command,
    "lint": _command,
    "evaluator": _evaluator,
    "api": _api,
    "workers": _workers,
    "db": _database,
    "migrations": _migrations,
    "alerts": _alerts,
    "pauses": _pauses,
}


def _commit(services: Services, mode: str) -> str:
    """Return the commit of the checkout that the verdict holds for, or nothing where there is none."""
    folder = services.config.gate.checkout
    if not folder:
        return ""
    argv = ("git", "rev-parse", "--short", "HEAD")
    try:
        ended = checkout.run(argv, folder, mode=mode, deadline=_COMMIT_DEADLINE)
    except TargetError:
        return ""
    said = ended.said[0].strip() if ended.said else ""
    return said if ended.code == 0 and _COMMIT.fullmatch(said) else ""
