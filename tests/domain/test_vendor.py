"""A vendor: three answers, never two; a page alone proves nothing; evidence is combined, "consistent with" only."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.vendor import Answer, Evidence, as_evidence, combined, good_in_a_row, judge, read_page

OK, FAILING, UNKNOWN = (
    Answer(verdict="ok", detail="200"),
    Answer(verdict="failing", detail="500"),
    Answer(verdict="unknown"),
)
INCIDENT = {"id": "1", "name": "Slow", "status": "investigating", "impact": "none"}


def statuspage(indicator: object = "none", *incidents: object) -> dict[str, object]:
    """Return a page of Statuspage's shape."""
    return {"page": {"name": "V", "url": "u"}, "status": {"indicator": indicator}, "incidents": list(incidents)}


def instatus(status: object = "UP", **more: object) -> dict[str, object]:
    """Return a page of Instatus's shape."""
    return {"page": {"name": "V", "url": "u", "status": status}, **more}


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (statuspage(), "ok"),
        (statuspage("minor"), "failing"),
        (statuspage("critical"), "failing"),
        (statuspage("maintenance"), "failing"),
        (statuspage("purple"), "failing"),
        (statuspage("none", INCIDENT), "failing"),
        (statuspage("none", {**INCIDENT, "status": "monitoring"}), "failing"),
        (statuspage("none", {**INCIDENT, "status": "resolved"}), "ok"),
        (statuspage("none", "a strange thing"), "failing"),
        (statuspage(None), "unknown"),
        (instatus(), "ok"),
        (instatus("HASISSUES"), "failing"),
        (instatus("UNDERMAINTENANCE"), "failing"),
        (instatus("SIDEWAYS"), "failing"),
        (instatus("UP", activeIncidents=[{"id": "1", "status": "MONITORING", "impact": "OPERATIONAL"}]), "failing"),
        (instatus("UP", activeIncidents=[{"id": "1", "status": "RESOLVED"}]), "ok"),
        (instatus(7), "unknown"),
        ({}, "unknown"),
        ([], "unknown"),
        ("ok", "unknown"),
        (None, "unknown"),
        ({"status": "ok"}, "unknown"),
        ({"data": {"attributes": {"aggregate_state": "operational"}}}, "unknown"),
    ],
)
def test_pages_are_told_apart_by_their_keys(body: object, verdict: str) -> None:
    """Known enum values, unknown ones (trouble), open incidents (never well), strange shapes (unknown)."""
    assert read_page(body).verdict == verdict


def test_an_instatus_page_is_not_read_as_statuspage() -> None:
    """A parser of one shape would read the other as well for ever (reference 4.2)."""
    assert read_page(instatus("HASISSUES")).detail == "not operational"
    assert read_page(statuspage("none", INCIDENT, INCIDENT)).detail == "2 open incidents"


@pytest.mark.parametrize(
    ("probe", "page", "verdict"),
    [
        (OK, OK, "ok"),
        (OK, UNKNOWN, "ok"),
        (FAILING, OK, "failing"),
        (UNKNOWN, OK, "unknown"),
        (UNKNOWN, FAILING, "failing"),
        (UNKNOWN, UNKNOWN, "unknown"),
    ],
)
def test_a_green_page_proves_nothing(probe: Answer, page: Answer, verdict: str) -> None:
    """Our own question decides; the page can only make it worse."""
    assert combined(probe, page) == verdict


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answers", "good"),
    [
        ([(0, "ok"), (30, "ok"), (60, "ok")], 3),
        ([(0, "ok"), (20, "ok"), (40, "ok")], 2),
        ([(0, "ok"), (20, "ok"), (40, "ok"), (60, "ok")], 3),
        ([(0, "ok"), (30, "failing"), (60, "ok")], 1),
        ([(0, "ok"), (30, "ok"), (60, "failing")], 0),
        ([(0, "ok"), (30, "unknown"), (60, "ok"), (90, "ok")], 3),
        ([(0, "unknown"), (30, "unknown"), (60, "unknown")], 0),
        ([(0, "ok"), (90, "ok")], 2),
        ([], 0),
    ],
)
def test_three_good_answers_over_sixty_seconds(answers: list[tuple[int, str]], good: int) -> None:
    """Too close together they do not count; a bad one begins anew; one that could not tell counts as neither."""
    probes = [[(NOON + timedelta(seconds=at)).isoformat(), verdict] for at, verdict in answers]
    now = NOON + timedelta(seconds=answers[-1][0] if answers else 0)
    assert good_in_a_row(probes, within=timedelta(seconds=60), now=now, fresh=timedelta(seconds=60)) == good


@pytest.mark.parametrize(("late", "then", "good"), [(59, [], 3), (60, [], 0), (0, ["unknown"] * 16, 0)])
def test_good_answers_go_stale(late: int, then: list[str], good: int) -> None:
    """Three good answers and then silence, or timeouts alone, are no good answers now."""
    verdicts = ["ok"] * 4 + then
    probes = [[(NOON + timedelta(seconds=20 * at)).isoformat(), verdict] for at, verdict in enumerate(verdicts)]
    now = NOON + timedelta(seconds=20 * (len(verdicts) - 1) + late)
    assert good_in_a_row(probes, within=timedelta(seconds=60), now=now, fresh=timedelta(seconds=60)) == good


def found(**changes: object) -> Evidence:
    """Return evidence; nothing speaks for or against, unless said."""
    values: dict[str, object] = {
        "failed_jobs": 0,
        "finished_jobs": 0,
        "log_lines": 0,
        "probe": UNKNOWN,
        "page": UNKNOWN,
    }
    return Evidence(**{**values, **changes})  # type: ignore[arg-type]  # changes are the dataclass's own


@pytest.mark.parametrize(
    ("seen", "status", "says"),
    [
        (found(failed_jobs=5, finished_jobs=2), "bad", "5 of 7 calls failed, consistent with an outage"),
        (found(failed_jobs=5, finished_jobs=5, probe=OK), "bad", "5 of 10 calls failed"),
        (found(failed_jobs=5, finished_jobs=6, probe=OK), "ok", "no sign"),
        (found(stopped="2 of 2 calls failed", finished_jobs=50, probe=OK), "bad", "the resume was stopped: 2 of 2"),
        (found(failed_jobs=4, probe=OK), "ok", "no sign"),
        (found(failed_jobs=4), "unknown", "nothing to judge by"),
        (found(log_lines=5, probe=OK), "bad", "5 log lines consistent"),
        (found(log_lines=4, probe=OK), "ok", "no sign"),
        (found(probe=FAILING, page=OK), "bad", "the probe fails: 500"),
        (found(page=OK), "unknown", "nothing to judge by"),
        (found(page=Answer(verdict="failing", detail="1 open incident")), "bad", "status page says: 1 open incident"),
        (found(page=FAILING, finished_jobs=9), "ok", "no sign"),
        (found(page=FAILING, probe=OK), "ok", "no sign"),
        (found(finished_jobs=3), "ok", "no sign"),
        (found(log_lines=None, probe=OK), "unknown", "the logs cannot be read"),
        (found(log_lines=None, probe=FAILING), "bad", "the probe fails"),
        (found(log_lines=None, failed_jobs=6), "bad", "6 of 6 calls failed"),
        (found(failed_jobs=None, finished_jobs=None, probe=OK), "unknown", "what our jobs say cannot be seen"),
        (found(failed_jobs=None, finished_jobs=9), "unknown", "what our jobs say cannot be seen"),
        (found(failed_jobs=None, probe=FAILING), "bad", "the probe fails"),
    ],
)
def test_evidence_is_combined(seen: Evidence, status: str, says: str) -> None:
    """Enough failures of our own, enough lines, or a failing question are bad; well needs a good sign of our own."""
    assert judge(seen, least=5)[0] == status
    assert says in judge(seen, least=5)[1]


def test_the_alert_keeps_all_sources() -> None:
    """Each source with what it said, the silent ones too."""
    kept = as_evidence(found(failed_jobs=6, probe=FAILING, log_lines=None))
    assert kept == {"failed_jobs": 6, "finished_jobs": 0, "log_lines": None, "probe": "500", "page": "unknown"}


def test_jobs_that_cannot_be_seen_are_kept_as_that() -> None:
    """Not as none: a card says "not known"."""
    kept = as_evidence(found(failed_jobs=None, finished_jobs=3, probe=FAILING))
    assert (kept["failed_jobs"], kept["finished_jobs"]) == ("not known", "")
