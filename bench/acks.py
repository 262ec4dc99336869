"""Acknowledgement of a signed command: ours, with its durable inbox row, against a bare Bolt app on the same server.

The floor's listener commits one INSERT through a pool of the same size before it returns, as any bot must that does not
want to lose what it acknowledged; the ratio to a listener that keeps nothing is judged too: the stricter reading.
"""

import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

import httpx
import psycopg
from psycopg_pool import ConnectionPool
from slack_bolt import Ack, App

from bench.figures import Figure, against, plain
from bench.world import world
from bot.clock import SystemClock
from bot.http.server import Edge, HttpServer
from bot.http.signature import sign
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from bot.slack.app import build, client
from handlers import envelopes
from tests.scenarios.conftest import LIVELY
from tests.support.running import settings

ROUNDS = 5
ALONE = 60
PAUSE = 0.03
"""Between two commands that are sent one at a time: the work of the first is over when the second comes."""
AT_ONCE = 50
EACH = 12
IN_TIME = 3.0
"""Slack's limit, in seconds."""
_trigger = iter(range(10_000_000))


def measure() -> list[Figure]:
    """Return the figures of acknowledgements."""
    with world("deployed") as (dsn, slack):
        bot = Bot(settings(dsn, slack, LIVELY, "http"))
        bot.start()
        pool = ConnectionPool(dsn, max_size=10, kwargs={"autocommit": True, "prepare_threshold": None})
        with pool.connection() as connection:
            connection.execute(
                "CREATE TABLE bench_inbox (id bigint GENERATED ALWAYS AS IDENTITY, key text UNIQUE, body text)"
            )
        with_row = _bare(slack, lambda body: _insert(pool, body))
        without = _bare(slack, lambda _body: None)
        try:
            return [*_compare(slack, bot.port, with_row.port, without.port), *_slow_slack(slack, bot, dsn)]
        finally:
            with_row.stop()
            without.stop()
            pool.close()
            bot.stop()


def _bare(slack: SlackServer, write: Callable[[dict[str, str]], None]) -> HttpServer:
    """Start a Bolt app with one listener on the same kind of server."""
    app: App = build(client(slack.settings.bot_token, slack.api_url))

    def listener(body: dict[str, str], ack: Ack) -> None:
        write(body)
        ack()

    app.command("/dragonfly")(listener)
    edge = Edge(
        app, secrets=[slack.settings.signing_secret], clock=SystemClock(), ready=lambda: True, rejected=lambda _: None
    )
    server = HttpServer(edge.routes(), 0, host="127.0.0.1")
    server.start()
    return server


def _insert(pool: ConnectionPool, body: dict[str, str]) -> None:
    with pool.connection() as connection:
        connection.execute("INSERT INTO bench_inbox (key, body) VALUES (%s, %s)", (body["trigger_id"], str(body)))


def _request(slack: SlackServer, trigger: str = "") -> tuple[bytes, dict[str, str]]:
    fields = {
        "team_id": "T0DRAGON",
        "user_id": "U0ADA",
        "channel_id": "C0INCIDENTS",
        "command": "/dragonfly",
        "text": "help",
        "response_url": "",
    }
    body = urlencode({**fields, "trigger_id": trigger or f"bench-{next(_trigger)}"}).encode()
    stamp = str(int(time.time()))
    signature = sign(slack.settings.signing_secret, stamp, body)
    kind = "application/x-www-form-urlencoded"
    return body, {"content-type": kind, "x-slack-request-timestamp": stamp, "x-slack-signature": signature}


def _times(slack: SlackServer, port: int, count: int, session: httpx.Client, pause: float = 0.0) -> list[float]:
    url, found = f"http://127.0.0.1:{port}/slack/events", []
    for _ in range(count):
        body, headers = _request(slack)
        began = time.perf_counter()
        answer = session.post(url, content=body, headers=headers)
        found.append(time.perf_counter() - began)
        time.sleep(pause)
        assert answer.status_code == 200, answer.text
    return found


def _together(slack: SlackServer, port: int) -> float:
    """Return the 99th percentile of many clients that send back to back."""
    barrier = threading.Barrier(AT_ONCE)

    def one(_number: int) -> list[float]:
        with httpx.Client(timeout=30) as session:
            barrier.wait()
            return _times(slack, port, EACH, session)

    with ThreadPoolExecutor(AT_ONCE) as clients:
        found = sorted(value for values in clients.map(one, range(AT_ONCE)) for value in values)
    return found[int(len(found) * 0.99) - 1]


def _compare(slack: SlackServer, ours: int, with_row: int, without: int) -> list[Figure]:
    alone: dict[int, list[float]] = {ours: [], with_row: [], without: []}
    together: dict[int, list[float]] = {ours: [], with_row: []}
    with httpx.Client(timeout=30) as session:
        for _ in range(ROUNDS):
            for port, values in alone.items():
                values.append(statistics.median(_times(slack, port, ALONE, session, PAUSE)))
    for _ in range(3):
        for port, values in together.items():
            values.append(_together(slack, port))
    middle = {port: statistics.median(values) for port, values in alone.items()}
    crowd = {port: statistics.median(values) for port, values in together.items()}
    return [
        against("acknowledgement, one at a time, s", middle[ours], middle[with_row], 1.5),
        against("acknowledgement, 50 at once, 99th, s", crowd[ours], crowd[with_row], 2.0),
        against("the same, to a listener that keeps nothing, s", middle[ours], middle[without], 1.5),
    ]


def _slow_slack(slack: SlackServer, bot: Bot, dsn: str) -> list[Figure]:
    """Send many commands while Slack takes 300 ms an answer: all acknowledged in time, and nothing done for another."""
    slack.workspace.faults.set(latency_seconds=0.3)
    url = f"http://127.0.0.1:{bot.port}/slack/events"
    late: list[str] = []

    def send(number: int) -> None:
        trigger = f"slow-{number}"
        body, headers = _request(slack, trigger)
        began = time.perf_counter()
        answer = session.post(url, content=body, headers=headers)
        if answer.status_code != HTTPStatus.OK or time.perf_counter() - began > IN_TIME:
            late.append(envelopes.command(dict(parse_qsl(body.decode()))).key)

    with ThreadPoolExecutor(AT_ONCE) as clients, httpx.Client(timeout=30) as session:
        list(clients.map(send, range(AT_ONCE * EACH)))
    slack.workspace.faults.clear()
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM ops.chatops_inbox WHERE key = ANY (%s)", (late,)).fetchone()
    return [
        plain("commands not acknowledged in 3 s, Slack at 300 ms", float(len(late)), 0.0),
        plain("of them taken all the same", float(row[0] if row else 0), 0.0),
    ]
