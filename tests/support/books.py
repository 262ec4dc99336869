"""The books of a database, and whether they balance: every effect has its intent and its outcome, every outcome its effect."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from bot.sandbox.slack.server import SlackServer
from bot.store import audit
from bot.store.db import Database

_WATCH = """
CREATE TABLE public.effects (job text NOT NULL, by text NOT NULL DEFAULT session_user, tx xid8 NOT NULL DEFAULT pg_current_xact_id());
CREATE FUNCTION public.note_effect() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.effects (job) VALUES (NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER note_effect AFTER UPDATE ON ops.job_queue FOR EACH ROW EXECUTE FUNCTION public.note_effect();
"""
ENDED = ("succeeded", "noop", "failed", "aborted", "reconciled_done", "reconciled_not_done")
_DONE = """
SELECT t.target_id FROM ops.chatops_plan_target AS t JOIN ops.chatops_run AS r ON r.id = t.plan_id
WHERE t.disposition IN ('reset', 'fail_exhausted', 'fail_poison') AND t.ordinal <= r.done_to AND t.ordinal <> ALL (r.moved)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One record of a run."""

    n: int
    event: str
    record: Mapping[str, Any]


class Books:
    """What the target, our tables, the record and Slack say, read by the owner."""

    def __init__(self, dsn: str, role: str, *, watch: bool = True) -> None:
        """Begin to note what `role` changes of the queue, or go on with that."""
        self.dsn, self.role = dsn, role
        self.connection = psycopg.connect(
            dsn, autocommit=True, row_factory=dict_row, options="-c statement_timeout=20s"
        )
        if watch:
            self.connection.execute(_WATCH)

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Return what a statement of the test's returns."""
        return self.connection.execute(statement.encode(), values).fetchall()

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a run as a plain read shows it, or nothing."""
        found = self.rows("SELECT * FROM ops.chatops_run WHERE id = %s", run_id)
        return found[0] if found else {}

    def events(self, run_id: str) -> list[Event]:
        """Return what the record says of a run, in order."""
        found = self.rows(
            "SELECT n, event, record FROM ops.chatops_audit WHERE record ->> 'plan' = %s ORDER BY n", run_id
        )
        return [Event(**row) for row in found]

    def effects(self) -> Counter[str]:
        """Return how often the bots changed each job."""
        return Counter(row["job"] for row in self.rows("SELECT job FROM public.effects WHERE by = %s", self.role))

    def wait_no_longer(self) -> None:
        """Let the claims of dead processes be over, as they are a minute later."""
        self.connection.execute("UPDATE ops.chatops_inbox SET claimed_until = now() WHERE state = 'pending'")
        self.connection.execute("UPDATE ops.chatops_outbox SET lease_until = now() WHERE state = 'leased'")
        self.connection.execute(
            "UPDATE ops.chatops_outbox SET next_attempt_at = now() WHERE state IN ('pending', 'ambiguous')"
        )
        self.connection.execute(
            "UPDATE ops.chatops_run SET claimed_until = now() WHERE state = 'confirmed' OR state = 'executing' AND done_to > 0"
        )

    def is_quiet(self) -> bool:
        """Say whether nothing is left to handle, to carry out or to send."""
        [row] = self.rows("""
            SELECT (SELECT count(*) FROM ops.chatops_inbox WHERE state = 'pending')
                 + (SELECT count(*) FROM ops.chatops_run WHERE state IN ('confirmed', 'executing'))
                 + (SELECT count(*) FROM ops.chatops_outbox WHERE ended_at IS NULL) AS left_over""")
        return bool(row["left_over"] == 0)

    def summary(self) -> str:
        """Return how much stands in the books."""
        found = self.rows("""
            SELECT 'run ' || state AS what, count(*) FROM ops.chatops_run GROUP BY state
            UNION ALL SELECT 'message ' || state, count(*) FROM ops.chatops_outbox GROUP BY state
            UNION ALL SELECT 'delivery ' || state, count(*) FROM ops.chatops_inbox GROUP BY state
            UNION ALL SELECT 'alert ' || event, count(*) FROM ops.chatops_alert_event GROUP BY event
            ORDER BY what""")
        return ", ".join(f"{row['count']} {row['what']}" for row in found) + f", {self.effects().total()} effects"

    def balance(self, slack: SlackServer) -> None:
        """Fail the test unless the books balance."""
        self._record_is_whole()
        for run in self.rows("SELECT * FROM ops.chatops_run"):
            self._run_is_told(run)
        assert self.effects() == Counter(row["target_id"] for row in self.rows(_DONE)), "an effect without an outcome"
        self._messages_stand_once(slack)

    def _record_is_whole(self) -> None:
        database = Database(self.dsn, size=1).open()
        try:
            with database.read(snapshot=True) as tx:
                assert audit.check(tx).broken_at is None
        finally:
            database.close()

    def _run_is_told(self, run: Mapping[str, Any]) -> None:
        """Intent first, once; at most one call begun; one outcome, the one of the row."""
        events = self.events(run["id"])
        said = [item.event for item in events if item.event.startswith("step.")]
        [intent] = [item for item in events if item.event == "confirmation.consumed"]
        assert all(item.n > intent.n for item in events if item.event.startswith("step.")), events
        assert said.count("step.started") <= 1, events
        assert said.count("step.unknown") <= 1, events
        outcomes = [item for item in events if item.event.removeprefix("step.") in ENDED]
        expected = [f"step.{run['state']}"] if run["state"] in ENDED else []
        assert [item.event for item in outcomes] == expected, (run["state"], events)
        assert run["state"] in (*ENDED, "unknown"), run
        if outcomes and "rows_affected" in outcomes[0].record:
            assert outcomes[0].record["rows_affected"] == run["rows_affected"], events

    def _messages_stand_once(self, slack: SlackServer) -> None:
        """Every message that counts as delivered stands in Slack, once; every alert that fired was posted."""
        there = Counter(
            message.metadata["event_payload"]["outbox_id"]
            for channel in slack.workspace.channels
            for message in slack.workspace.messages(channel.id)
            if message.metadata
        )
        rows = self.rows("SELECT id::text, kind, state, message_key FROM ops.chatops_outbox")
        twice = {key: count for key, count in there.items() if count > 1 and key in {row["id"] for row in rows}}
        assert not twice, twice
        lost = [row for row in rows if row["kind"] in ("post", "reply") and row["state"] == "delivered"]
        assert [row for row in lost if there[row["id"]] != 1] == []
        posted = {row["message_key"] for row in rows if row["kind"] == "post" and row["state"] == "delivered"}
        fired = self.rows("SELECT DISTINCT alert_id FROM ops.chatops_alert_event WHERE event = 'fired'")
        assert {f"alert:{row['alert_id']}" for row in fired} <= posted
