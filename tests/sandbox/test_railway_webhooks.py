"""What Railway tells without being asked: the type, the ids, no signature, and no harm when nobody listens."""

import logging

import pytest

from tests.sandbox.test_railway_support import INGEST, railway, receiver
from tests.support.waiting import eventually


def test_each_thing_that_happens_is_told_in_its_order() -> None:
    """restarted, deployed, failed, oom_killed, and crashed once the restart policy is used up."""
    with receiver() as (url, taken), railway(webhook_url=url) as world:
        first = world.latest()["id"]
        world.data("Restart", id=first)
        eventually(lambda: len(taken) == 1)
        second = world.data("Redeploy", id=first)["id"]
        eventually(lambda: len(taken) == 2)
        world.processes.fails = True
        third = world.data("Redeploy", id=second)["id"]
        eventually(lambda: len(taken) == 3)
        for instance in world.server.service(INGEST).live.instances:  # type: ignore[union-attr]  # one runs
            world.server.crashed(INGEST, instance.worker, oom=True)
        eventually(lambda: len(taken) == 6)

    kinds = [(each["type"].removeprefix("Deployment."), each["resource"]["deployment"]["id"]) for each in taken]
    assert kinds == [
        ("restarted", first),
        ("deployed", second),
        ("failed", third),
        ("oom_killed", second),
        ("oom_killed", second),
        ("crashed", second),
    ]


def test_a_body_names_what_it_is_about() -> None:
    """The keys of the reference, with ids that the API knows."""
    with receiver() as (url, taken), railway() as world:
        world.server.webhook_url = url
        latest = world.latest()["id"]
        world.data("Restart", id=latest)
        [body] = eventually(lambda: taken)

    assert set(body) == {"type", "details", "resource", "severity", "timestamp"}
    assert set(body["details"]) == {
        "id", "source", "status", "branch", "commitHash", "commitAuthor", "commitMessage"
    }  # fmt: skip
    assert body["resource"]["service"] == {"id": world.where["serviceId"], "name": INGEST}
    assert body["resource"]["environment"]["id"] == world.where["environmentId"]
    assert body["resource"]["project"]["id"] == world.where["projectId"]
    assert body["details"]["id"] == latest and body["timestamp"].endswith("Z")


def test_nobody_listening_does_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    """A line in the log, and Railway goes on."""
    with receiver(status=500) as (url, taken), railway(webhook_url=url) as world:
        with caplog.at_level(logging.WARNING):
            world.data("Restart", id=world.latest()["id"])
            eventually(lambda: "event=railway_webhook_lost" in caplog.text)
        world.server.webhook_url = "http://127.0.0.1:1/"
        world.data("Restart", id=world.latest()["id"])
        eventually(lambda: caplog.text.count("event=railway_webhook_lost") == 2)
        assert world.latest()["status"] == "SUCCESS"

    assert len(taken) == 1
