"""What is known of a vendor: our own probe, its status page, our jobs' errors, our services' logs. Pure.

Three answers, never two: a green page proves nothing about this customer, and no answer is neither good nor bad.
Status pages: Statuspage (`status.indicator`) and Instatus (`page.status`), told apart by their keys (reference 4, 2026-11).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

UNSEEN = "not known"
GOOD_IN_A_ROW = 3
KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of a probe or a page."""

    verdict: str
    """`ok`, `failing` or `unknown`."""
    detail: str = ""
    took: timedelta | None = None


def read_page(body: object) -> Answer:
    """Return what a status page's JSON says; an open incident is trouble whatever its impact, a strange shape is unknown."""
    if not isinstance(body, dict):
        return Answer(verdict="unknown", detail="not a status page")
    status, page = body.get("status"), body.get("page")
    if isinstance(status, dict) and isinstance(status.get("indicator"), str):
        return _verdict(status["indicator"] == "none", body.get("incidents"))
    if isinstance(page, dict) and isinstance(page.get("status"), str):
        return _verdict(page["status"] == "UP", body.get("activeIncidents"))
    return Answer(verdict="unknown", detail="not a status page")


def _verdict(well: bool, incidents: object) -> Answer:  # one caller, one meaning
    count = sum(_is_open(item) for item in incidents) if isinstance(incidents, list) else 0
    if well and not count:
        return Answer(verdict="ok", detail="operational")
    return Answer(
        verdict="failing",
        detail=f"{count} open {'incident' if count == 1 else 'incidents'}" if count else "not operational",
    )


def _is_open(incident: object) -> bool:
    """Say whether an incident counts: some pages list those that are over too."""
    return not isinstance(incident, dict) or str(incident.get("status", "")).lower() not in ("resolved", "postmortem")


def combined(probe: Answer, page: Answer) -> str:
    """Return one verdict of our own probe and the page: the probe decides, the page can only make it worse."""
    if probe.verdict == "failing" or (page.verdict == "failing" and probe.verdict == "unknown"):
        return "failing"
    return probe.verdict


def worst(verdicts: Collection[str]) -> str:
    """Return one verdict of several vendors: well only where every one is."""
    return next((word for word in ("failing", "unknown") if word in verdicts), "ok")


def good_in_a_row(
    probes: Sequence[Sequence[str]],
    *,
    within: timedelta,
    now: datetime,
    fresh: timedelta,
    needed: int = GOOD_IN_A_ROW,
) -> int:
    """Return how many of the newest probes were good without a break, counted only once they span the time needed.

    The newest must be good and fresh: silence after good answers is no good answer.
    """
    if not probes or probes[-1][1] != "ok" or now - datetime.fromisoformat(probes[-1][0]) >= fresh:
        return 0
    good: list[datetime] = []
    for moment, verdict in reversed(list(probes)):
        if verdict == "unknown":
            continue
        if verdict != "ok":
            break
        good.append(datetime.fromisoformat(moment))
    if len(good) >= needed and good[0] - good[-1] < within:
        return needed - 1
    return min(len(good), needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What speaks for a vendor's failing."""

    failed_jobs: int | None
    """None: what they said cannot be seen."""
    finished_jobs: int | None
    log_lines: int | None
    """None: they could not be read."""
    probe: Answer
    page: Answer
    stopped: str = ""
    """Why a resume was stopped, while the endpoint has not answered well three times since."""


def judge(found: Evidence, *, least: int) -> tuple[str, str]:
    """Return (status, reason): bad when enough of our own calls failed, half of them at least, or the probe fails; never proof."""
    failed, finished = found.failed_jobs, found.finished_jobs or 0
    if found.stopped:
        return "bad", f"the resume was stopped: {found.stopped}"
    if failed is not None and failed >= least and failed >= finished:
        return "bad", f"{failed} of {failed + finished} calls failed, consistent with an outage"
    if found.log_lines is not None and found.log_lines >= least:
        return "bad", f"{found.log_lines} log lines consistent with an outage"
    if found.probe.verdict == "failing":
        return "bad", f"the probe fails: {found.probe.detail}"
    seen_well = found.probe.verdict == "ok" or (failed is not None and finished > failed)
    if found.page.verdict == "failing" and not seen_well:
        return "bad", f"its status page says: {found.page.detail}"
    if found.log_lines is None:
        return "unknown", "the logs cannot be read"
    if failed is None:
        return "unknown", "what our jobs say cannot be seen"
    return ("ok", "no sign of an outage") if seen_well else ("unknown", found.probe.detail or "nothing to judge by")


def as_evidence(found: Evidence) -> Mapping[str, Any]:
    """Return the evidence as an alert keeps it; jobs that cannot be seen by that word, which a card can show."""
    unseen = found.failed_jobs is None
    return {
        "failed_jobs": UNSEEN if unseen else found.failed_jobs,
        "finished_jobs": "" if unseen else found.finished_jobs,
        "log_lines": found.log_lines,
        "probe": found.probe.detail or found.probe.verdict,
        "page": found.page.detail or found.page.verdict,
    }
