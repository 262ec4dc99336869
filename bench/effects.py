"""The SQL that matters, at a million jobs: `status` to an accepted post, and a reset of ten thousand."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import psycopg

from bench.figures import Figure, against
from bench.world import prepared, world
from bot.domain.messages import PlanCard
from bot.operations import approvals, delivery, plans, publishing, runs, status
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.sandbox.slack.server import SlackServer
from bot.slack.app import client
from bot.slack.chat import SlackChat
from tests.support.product import ADA, CONFIG, DANA, product

JOBS = 1_000_000
STUCK = 10_000
_BARE = """
    UPDATE ops.job_queue AS j
    SET status = 'pending', locked_at = NULL, started_at = NULL, worker_id = NULL, next_run_at = now(), updated_at = now()
    WHERE j.id IN (SELECT id FROM ops.job_queue WHERE status = 'processing' AND locked_at < now() - interval '5 minutes'
                   ORDER BY locked_at LIMIT 500 FOR UPDATE SKIP LOCKED)"""


def measure() -> list[Figure]:
    """Return the figures at a million jobs."""
    with world("deployed") as (dsn, slack):
        prepared(dsn, "deployed", total=JOBS, stuck=STUCK)
        with product(dsn) as bare:
            chat = SlackChat(client(slack.settings.bot_token, slack.api_url), env="dev")
            chat.check()
            services = replace(bare, chat=chat, config=replace(CONFIG, queue=replace(CONFIG.queue, approve_above=500)))
            return [_status(services, dsn, slack), _reset(services, dsn)]


def _status(services: Services, dsn: str, slack: SlackServer) -> Figure:
    """Compare the whole way of `status` with its statements through psycopg and one HTTP post of its card."""
    ours, floor = [], []
    with _heard() as sent:
        card = status.read(services)
    assert services.renderer is not None
    post = {"channel": "C0INCIDENTS", "text": "status", "blocks": services.renderer.card(card).blocks}
    headers = {"Authorization": f"Bearer {slack.settings.bot_token}"}
    with (
        psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as plain,
        httpx.Client(base_url=slack.api_url, headers=headers, timeout=10) as web,
    ):
        for number in range(9):
            floor.append(_timed(lambda: _bare_status(plain, web, sent, post)))
            ours.append(_timed(lambda: _our_status(services, f"bench{number}")))  # noqa: B023  # called at once
    return against("status to accepted post, s", statistics.median(ours), statistics.median(floor), 1.3)


def _our_status(services: Services, key: str) -> None:
    publishing.status(services, ADA, "C0INCIDENTS", key, always=True)
    while not delivery.deliver_due(services):
        pass


@contextmanager
def _heard() -> Iterator[list[tuple[Any, Any]]]:
    """Give every statement that psycopg sends while the block runs, with its parameters."""
    sent: list[tuple[Any, Any]] = []
    usual = psycopg.Cursor.execute

    def hear(cursor: Any, query: Any, params: Any = None, **more: Any) -> Any:
        sent.append((query, params))
        return usual(cursor, query, params, **more)

    psycopg.Cursor.execute = hear  # type: ignore[assignment, method-assign]
    try:
        yield sent
    finally:
        psycopg.Cursor.execute = usual  # type: ignore[method-assign]


def _bare_status(
    connection: psycopg.Connection[Any], web: httpx.Client, sent: Sequence[tuple[Any, Any]], post: Mapping[str, Any]
) -> None:
    """Send the same statements through psycopg, and one post."""
    for query, params in sent:
        found = connection.execute(query, params)
        if found.description:
            found.fetchall()
    connection.commit()
    assert web.post("chat.postMessage", json=post).json()["ok"]


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _reset(services: Services, dsn: str) -> Figure:
    """Compare two approved plans of 5,000 with twenty bare batches of 500 on the same rows."""
    ours, floor = [], []
    for _ in range(11):
        floor.append(_timed(lambda: _bare_reset(dsn)))
        _again(dsn)
        ours.append(_planned_reset(services))
        _again(dsn)
    return against("reset of 10,000 among 1,000,000, s", statistics.median(ours), statistics.median(floor), 1.3)


def _bare_reset(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
        while connection.execute(_BARE).rowcount:
            pass


def _planned_reset(services: Services) -> float:
    """Plan, ask, approve, confirm; only the carrying-out is timed, as only it has a bare counterpart."""
    spent = 0.0
    for _ in range(2):
        card = plans.make(services, "reset-stuck", {}, ADA, Place(channel="C0INCIDENTS"))
        assert isinstance(card, PlanCard), card
        assert card.acting == 5000
        approvals.ask(services, card.key, ADA, "a benchmark wants to know it")
        approved = approvals.approve(services, card.key, DANA)
        assert isinstance(approved, PlanCard)
        plans.confirm(services, card.key, ADA, secret=approved.secret, typed="5000")
        spent += _timed(lambda: runs.perform_due(services))
        done = plans.card(services, card.key)
        assert isinstance(done, PlanCard)
        assert done.rows == 5000, done
    return spent


def _again(dsn: str) -> None:
    """Make the same rows stuck again, one after the other as they lie, and forget that they were ever reset."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE ops.chatops_run SET proof = 'none'")
        connection.execute("DELETE FROM ops.chatops_plan_target")
        connection.execute(
            "UPDATE ops.job_queue AS j SET status = 'processing', worker_id = 'ingest_processor-dead0001', "
            "locked_at = now() - interval '20 minutes' + n * interval '1 millisecond', "
            "started_at = now() - interval '20 minutes' + n * interval '1 millisecond' "
            "FROM (SELECT id, row_number() OVER () AS n FROM ops.job_queue "
            "WHERE locked_at IS NULL AND status = 'pending' AND attempts = 1 AND next_run_at IS NOT NULL) AS again "
            "WHERE j.id = again.id"
        )
        connection.execute("VACUUM ANALYZE ops.job_queue")
