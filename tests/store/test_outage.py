"""Which of a night's outages a scenario's recovery is told of: the newest, whole."""

from datetime import timedelta

import pytest

from bot.operations.services import Services
from bot.store import alerts

INSERT = """
    INSERT INTO ops.chatops_alert
        (fingerprint, check_id, scenario, state, severity, started_at, fired_at, last_bad_at, resolving_since, resolved_at)
    SELECT %(n)s, 'worker_heartbeat', 'worker-death', CASE WHEN ended IS NULL THEN 'firing' ELSE 'resolved' END,
           'critical', began, began, began, ended, ended
    FROM (SELECT %(now)s - make_interval(mins => %(began)s) AS began,
                 %(now)s - make_interval(mins => %(ended)s) AS ended) AS minutes
"""
Minutes = tuple[int, int | None]
OF_A_NIGHT: list[tuple[str, list[Minutes], Minutes]] = [
    ("one that goes on", [(9, None)], (9, None)),
    ("one that is over", [(9, 4)], (9, 4)),
    ("the first is long over", [(14, 10), (6, None)], (6, None)),
    ("both are over", [(14, 10), (6, 2)], (6, 2)),
    ("two alerts of one outage", [(14, 8), (9, 2)], (14, 2)),
    ("one of its alerts goes on", [(14, 8), (9, None)], (14, None)),
    ("three, the last two of one", [(14, 12), (9, None), (7, 5)], (9, None)),
]


@pytest.fixture
def target_schema() -> str:
    """What is in the target does not matter."""
    return "deployed"


@pytest.mark.parametrize(("alerted", "told"), [case[1:] for case in OF_A_NIGHT], ids=[case[0] for case in OF_A_NIGHT])
def test_the_newest_outage_is_told(services: Services, alerted: list[Minutes], told: Minutes) -> None:
    """What was wrong and well again before it began is another outage, with a start and steps of its own."""
    with services.db.write() as tx:
        for number, (began, ended) in enumerate(alerted):
            tx.connection.execute(INSERT, {"n": str(number), "now": tx.now, "began": began, "ended": ended})
        found = alerts.episode(tx, "worker-death", ["restart"], tx.now - timedelta(minutes=15))
        assert found is not None
        ago = [(tx.now - moment) / timedelta(minutes=1) if moment else None for moment in (found.since, found.until)]
    assert tuple(ago) == told
