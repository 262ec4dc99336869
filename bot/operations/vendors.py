"""A vendor: what our own question finds, what its page says, what our jobs and logs are consistent with."""

from datetime import datetime, timedelta

from bot.domain.configuration import Vendor
from bot.domain.messages import Message, ProbeReport
from bot.domain.params import not_known
from bot.domain.platform import matches
from bot.domain.vendor import GOOD_IN_A_ROW, KEPT, Answer, Evidence, combined, good_in_a_row
from bot.errors import StoreError, TargetError
from bot.operations.services import Services
from bot.store import pauses
from bot.store.db import Tx
from bot.targets.queue import SQL as QUEUE

_LINES = 200
_KINDS = 500
"""Different errors that are looked at; where there are more, the others are taken to be like these."""


def known_vendor(services: Services, word: str) -> Vendor:
    """Return the vendor that a word means; the only one, where none is named.

    Raises:
        InvalidCommand: none is called so; the known ones are named.
    """
    found = services.config.vendor(word)
    if found is None:
        raise not_known("probe", "vendor", word, [item.name for item in services.config.vendors])
    return found


def ask(services: Services, vendor: Vendor) -> tuple[Answer, Answer]:
    """Ask a vendor's endpoint and read its status page, now."""
    if services.vendor_probe is None:
        nothing = Answer(verdict="unknown", detail="not asked from here")
        return nothing, nothing
    return services.vendor_probe.ask(vendor.endpoint), services.vendor_probe.status_page(vendor.status_page)


def behind(services: Services, pause: pauses.Pause) -> tuple[Vendor, ...]:
    """Return the vendors whose jobs a pause holds."""
    return tuple(item for item in services.config.vendors if set(item.job_types) & set(pause.job_types))


def asked(services: Services, pause: pauses.Pause) -> tuple[Vendor, ...]:
    """Return those of them that can be asked; a resume waits for every one."""
    return tuple(item for item in behind(services, pause) if item.endpoint)


def note(tx: Tx, pause: pauses.Pause, verdict: str) -> list[list[str]]:
    """Keep an answer with the pause that waits for it, and return the newest ones."""
    probes = [*pause.probes, [tx.now.isoformat(), verdict]][-KEPT:]
    pauses.set_probes(tx, pause.id, probes)
    return probes


def probe(services: Services, word: str) -> Message:
    """Return what a vendor's endpoint and page say; with the database away they are asked all the same."""
    vendor = known_vendor(services, word)
    answer, page = ask(services, vendor)
    verdict = combined(answer, page)
    try:
        good = _count(services, vendor, verdict)
    except StoreError:
        good = None
    return ProbeReport(
        env=services.config.env,
        as_of=services.clock.now(),
        vendor=vendor.name,
        title=vendor.title,
        verdict=verdict,
        endpoint=answer.detail or answer.verdict,
        took=answer.took,
        status_page=page.detail or page.verdict,
        good_in_a_row=good,
        contact=vendor.contact,
    )


def _count(services: Services, vendor: Vendor, verdict: str) -> int:
    """Let an answer count towards the resume that waits for this vendor alone; return how many in a row were good."""
    timing = services.config.timing
    with services.db.write() as tx:
        pause = pauses.open_one(tx)
        probes = note(tx, pause, verdict) if pause and asked(services, pause) == (vendor,) else []
        return good_in_a_row(probes, within=timing.probe_span, now=tx.now, fresh=timing.probe_fresh)


def evidence(services: Services, vendor: Vendor, answer: Answer, page: Answer) -> Evidence:
    """Return everything that speaks for or against a vendor's failing, each "consistent with" only."""
    with services.db.read() as tx:
        failed, finished = _jobs(services, tx, vendor)
        since = tx.now - services.config.timing.vendor_window
        stopped = _stopped(services, tx, vendor)
    return Evidence(
        failed_jobs=failed,
        finished_jobs=finished,
        log_lines=_log_lines(services, vendor, since),
        probe=answer,
        page=page,
        stopped=stopped,
    )


def _stopped(services: Services, tx: Tx, vendor: Vendor) -> str:
    """Return why the resume of a vendor's jobs was stopped, until it may be tried again; or nothing."""
    pause, timing = pauses.open_one(tx), services.config.timing
    if pause is None or vendor not in behind(services, pause):
        return ""
    good = good_in_a_row(pause.probes, within=timing.probe_span, now=tx.now, fresh=timing.probe_fresh)
    return pause.errors_returned if good < GOOD_IN_A_ROW else ""


def complaints(services: Services, tx: Tx, vendor: Vendor, window: timedelta) -> int | None:
    """Return how many of a vendor's jobs said of late what its patterns are about; None = that cannot be seen."""
    catalog = services.catalog.get(tx)
    if not catalog.features >= {"updated_at", "last_error"} or catalog.hidden:
        return None
    seconds, types = window.total_seconds(), list(vendor.job_types)
    rows = tx.records(QUEUE["complaints"], catalog.features, now=tx.now, seconds=seconds, job_types=types, most=_KINDS)
    found: int = sum(row["jobs"] for row in rows if matches(vendor.patterns, (row["last_error"],)))
    seen = sum(row["jobs"] for row in rows)
    if not rows or seen == rows[0]["total"]:
        return found
    return round(found * rows[0]["total"] / seen) or None


def _jobs(services: Services, tx: Tx, vendor: Vendor) -> tuple[int | None, int | None]:
    catalog = services.catalog.get(tx)
    if "updated_at" not in catalog.features or catalog.hidden:
        return None, None
    window = services.config.timing.vendor_window
    done = tx.records(QUEUE["finished"], now=tx.now, seconds=window.total_seconds())
    finished = sum(row["jobs"] for row in done if row["job_type"] in vendor.job_types)
    return complaints(services, tx, vendor, window), finished


def _log_lines(services: Services, vendor: Vendor, since: datetime) -> int | None:
    """Return how many lines of the vendor's services match its patterns; None = some could not be read."""
    if services.platform is None:
        return 0
    found = 0
    for word in vendor.services:
        service = services.config.service(word)
        if service is None:
            continue
        try:
            running = services.platform.state(service.name, service.service_id).running
            lines = services.platform.logs(running.id, _LINES, since) if running else ()
        except TargetError:
            return None
        found += matches(vendor.patterns, (line.text for line in lines))
    return found
