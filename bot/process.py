"""The whole product in one process, `dragonfly bot`: put together, started, stopped. It sees everything."""

import hashlib
import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from bot.bootstrap import build, database
from bot.clock import Clock, SystemClock
from bot.domain.watch import FORGED, SLACK_FAILS, Said
from bot.errors import ConflictError, DeliveryError, DeliveryPermanent, MigrationPending, StoreError
from bot.executor import Beside, Executor
from bot.http.metrics import Metrics
from bot.http.server import Edge, HttpServer
from bot.http.signature import FORGERIES
from bot.operations import (
    alerts,
    changes,
    checks,
    cleaning,
    delivery,
    detection,
    emergency,
    escalations,
    gate_runs,
    inbox,
    measuring,
    pausing,
    plan_cards,
    plans,
    preflight,
    proofs,
    reachability,
    record,
    runs,
    selfchecks,
)
from bot.operations.services import Services
from bot.operations.tables import OWNER_VARIABLE
from bot.scheduler import Scheduler
from bot.settings import Settings
from bot.slack.app import build as build_app
from bot.slack.app import client
from bot.slack.chat import SlackChat
from bot.slack.directory import SlackDirectory
from bot.slack.socket import Socket
from bot.store.changes import FREEZE
from bot.store.migrate import require_current
from bot.targets.pager import HttpPager, Monitor
from handlers.dispatch import give_up, handle
from handlers.listeners import Listeners, Ours

_LOG = logging.getLogger("dragonfly")
_IDLE_SECONDS = 1.0
_URGENT = 4
"""Connections that only alerts and their delivery use: with one pool, twenty slow reads kept an alert for good (2026-11)."""


def plan_key(bot_token: str) -> bytes:
    """Return the key from which the secrets of plans are derived; every replica has the same token."""
    return hashlib.sha256(b"dragonfly plan key\n" + bot_token.encode()).digest()


class Bot:
    """The whole product in one process: Slack surface, scheduler, executor, delivery, HTTP."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, crash_hook: Callable[[str], None] = lambda _point: None
    ) -> None:
        """Put everything together; nothing runs yet. `crash_hook` ends the process at a named point, in tests."""
        self._web = client(settings.env.slack_bot_token.get_secret_value(), settings.env.slack_api_url)
        self.settings = settings
        self.chat = SlackChat(self._web, env=settings.config.env)
        self._beside = Beside()
        self.metrics = Metrics(lambda: measuring.now(self.services, self._scheduler.latest()[1]))
        monitor = settings.env.dragonfly_healthcheck_url
        self._monitor = Monitor(monitor.get_secret_value()) if monitor else None
        self.services = self._services(clock or SystemClock(), crash_hook)
        self._urgent = replace(
            self.services, db=database(settings, settings.config.database_variable, size=_URGENT, wake=self._wake)
        )
        self._pulse = selfchecks.Pulse(self._urgent, self._said)
        self._slack_fails, self._slack_error = 0, ""
        self._forged: deque[float] = deque(maxlen=FORGED * 10)
        """When requests came whose signature was wrong, by the monotonic clock."""
        self._spawner = ThreadPoolExecutor(2, thread_name_prefix="unrecorded")
        self.app = build_app(self._web)
        Listeners(self.services, ours=self._ours, spawn=self._spawn, rejected=self._rejected).register(self.app)
        self._reach = reachability.Watch(self._urgent)
        self._record = record.Watch(self.services)
        self._executor = self._loops()
        self._scheduler = self._ticks()
        self._stops: list[Callable[[], None]] = []
        self._socket: Socket | None = None

    def _services(self, clock: Clock, crash_hook: Callable[[str], None]) -> Services:
        """Return what a shell has too, and what only a running bot has."""
        settings, timing = self.settings, self.settings.config.timing
        return replace(
            build(settings, wake=self._wake, mode=lambda: self._pulse.mode),
            chat=self.chat,
            directory=SlackDirectory(self._web, clock, timing),
            clock=clock,
            pager=_pager(settings),
            count=self.metrics.count,
            plan_key=plan_key(settings.env.slack_bot_token.get_secret_value()),
            beside=self._beside.begin,
            crash_hook=crash_hook,
        )

    def _ours(self) -> Ours:
        return Ours(app_id=self.chat.app_id, team_id=self.chat.team_id)

    def _spawn(self, work: Callable[[], None]) -> None:
        self._spawner.submit(work)

    def _wake(self, what: str) -> None:
        self._executor.wake(what)

    def _loops(self) -> Executor:
        services, urgent = self.services, self._urgent
        work = {
            "inbox": lambda: inbox.work(
                services,
                lambda envelope: handle(services, envelope),
                lambda envelope, report: give_up(services, envelope, report),
            ),
            "runs": lambda: runs.perform_due(services),
            "delivery": lambda: delivery.deliver_due(urgent),
            "pages": lambda: delivery.deliver_pages(urgent),
        }
        return Executor(work, threads={"inbox": 3, "runs": 3, "delivery": 2}, idle_seconds=_IDLE_SECONDS)

    def _ticks(self) -> Scheduler:
        services, urgent = self.services, self._urgent
        second, timing = timedelta(seconds=1), services.config.timing
        looks = min(timing.check_interval, timedelta(seconds=5))
        return Scheduler(
            {
                "checks": (looks, lambda: checks.run_due(urgent)),
                "outside": (looks, lambda: checks.run_outside_due(services)),
                "escalations": (second, lambda: escalations.call_due(urgent)),
                "acknowledgements": (timedelta(seconds=30), lambda: alerts.remind_due(urgent)),
                "plans": (second, lambda: plans.expire(services)),
                "plan cards": (second, lambda: plan_cards.edit_due(services)),
                "proofs": (second, lambda: proofs.watch(services)),
                "pauses": (second, lambda: pausing.tend(services)),
                "gates": (timedelta(seconds=5), lambda: gate_runs.outdate(services)),
                "preflight": (timedelta(seconds=30), lambda: preflight.watch(services)),
                "reviews": (timedelta(minutes=1), lambda: emergency.remind_due(services)),
                "cleaning": (timedelta(minutes=10), lambda: cleaning.clean(services)),
                "unknown": (timedelta(seconds=5), lambda: runs.reconcile(services)),
                "reachability": (timing.check_interval, self._reach.look),
                "record": (timing.check_interval, self._record.look),
                "slack": (timing.slack_interval, self._ask_slack),
                "pulse": (timing.pulse_interval, self._pulse.beat),
                "monitor": (timing.ping_interval, self._ping),
                "socket": (timedelta(seconds=3), self._watch_socket),
            }
        )

    def _ask_slack(self) -> None:
        """Ask Slack who we are; what it refuses for good counts as often as it must."""
        try:
            self.chat.check()
        except DeliveryError as error:
            for_good = isinstance(error, DeliveryPermanent) and error.is_about_us
            self._slack_fails = SLACK_FAILS if for_good else self._slack_fails + 1
            self._slack_error = error.slack_error
            _LOG.warning("slack_away error=%s", error.slack_error)
        else:
            self._slack_fails, self._slack_error = 0, ""

    def _said(self) -> Said:
        """Return what this process says of itself; ticks that wait for others are judged by their checks' ages."""
        tick, seconds = self._scheduler.latest(leave_out=("outside", "unknown"))
        since = time.monotonic() - self.services.config.timing.forged_window.total_seconds()
        return Said(
            late_tick=tick,
            late_seconds=seconds,
            slack_fails=self._slack_fails,
            slack_error=self._slack_error,
            forged=sum(moment > since for moment in tuple(self._forged)),
        )

    def _ping(self) -> None:
        """Tell the outside monitor that all is well, when it is; nobody can tell it that we are dead."""
        if self._monitor is not None and self._pulse.is_well() and not self._monitor.ping():
            _LOG.warning("monitor_not_reached")

    def _rejected(self, reason: str) -> None:
        self.metrics.count("rejections", reason)
        if reason in FORGERIES:
            self._forged.append(time.monotonic())

    def _watch_socket(self) -> None:
        """Renew a connection that looks alive and hears nothing."""
        if self._socket is not None and not self._socket.watch():
            _LOG.warning("socket_deaf: a new connection is made")

    def start(self) -> None:
        """Run; returns when Slack's requests are taken. A database or a Slack that is away is waited for.

        Raises:
            MigrationPending, ConflictError: the tables are not as this program needs them.
        """
        self._check_store()
        self._record.begin()
        for fault in self.services.runbook_faults:
            _LOG.warning("team_runbook_left_out fault=%r", fault)
        self._ask_slack()
        self._recover()
        self._executor.start()
        self._scheduler.start()
        self._surface()

    def _recover(self) -> None:
        """Say that we are back, before anything else, and finish what was left behind, before commands are taken (W5)."""
        try:
            if self._pulse.beat():
                self._executor.once("delivery")
        except StoreError as error:
            _LOG.warning("not_recovered error=%r", error.message)
            return
        while self._executor.once("runs"):
            pass

    def _check_store(self) -> None:
        try:
            with self.services.db.read(wait=timedelta(seconds=3)) as tx:
                require_current(tx, self.settings.config.env)
        except (MigrationPending, ConflictError):
            raise
        except StoreError as error:
            _LOG.warning("database_away error=%r hint=%r", error.message, error.hint)

    def _surface(self) -> None:
        """Open Socket Mode, HTTP, or both."""
        env = self.settings.env
        app_token = env.slack_app_token.get_secret_value()
        if env.port is not None:
            self._serve_http(env.port, signed=not app_token)
        if app_token:
            self._socket = Socket(self.app, app_token)
            self._socket.start()
            self._stops.append(self._socket.stop)

    def _serve_http(self, port: int, *, signed: bool) -> None:
        env = self.settings.env
        secrets = (env.slack_signing_secret, env.slack_signing_secret_previous) if signed else ()
        edge = Edge(
            self.app,
            secrets=[item.get_secret_value() for item in secrets],
            clock=self.services.clock,
            ready=self.is_ready,
            rejected=self._rejected,
            hooks={
                "railway": lambda: checks.hint(self.services, detection.DEPLOY),
                "alertmanager": lambda: checks.hint(self.services),
            },
            hook_token=env.dragonfly_hook_token.get_secret_value(),
            metrics=self.metrics.text,
            metrics_token=env.dragonfly_metrics_token.get_secret_value(),
        )
        server = HttpServer(edge.routes(), port)
        server.start()
        self._stops.append(server.stop)
        self.port = server.port

    def is_ready(self) -> bool:
        """Say whether work can be done: the database answers, Slack lets us in, clocks and record are well (W2).

        A freeze is somebody's will and no fault: frozen, we are ready.
        """
        try:
            with self.services.db.read(wait=timedelta(seconds=1)) as tx:
                off = changes.why_off(self.services, tx)
        except StoreError:
            return False
        return bool(self.chat.team_id) and not self.chat.refused and (off is None or off.cause == FREEZE)

    def stop(self) -> None:
        """Take no more, finish what is begun, close."""
        for stop in self._stops:
            stop()
        self._scheduler.stop()
        self._executor.stop()
        self._beside.stop()
        self._record.end()
        self._spawner.shutdown(wait=True)
        with suppress(StoreError):
            self._pulse.stop()
        if self._monitor is not None:
            self._monitor.close()
        self._urgent.db.close()
        self.services.close()


def run_bot(settings: Settings) -> None:
    """Run the bot until it is told to stop; the owner's address is for `db migrate` alone and leaves our environment."""
    os.environ.pop(OWNER_VARIABLE, None)
    began = time.monotonic()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    bot = Bot(settings)
    bot.start()
    _LOG.info("bot_ready env=%s seconds=%.2f", settings.config.env, time.monotonic() - began)
    stopping.wait()
    bot.stop()
    _LOG.info("bot_stopped")


def _pager(settings: Settings) -> HttpPager | None:
    address = settings.env.dragonfly_pager_url.get_secret_value()
    return HttpPager(address, settings.config.pager) if address else None
