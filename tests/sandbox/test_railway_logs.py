"""Logs belong to a deployment and an instance; they are bounded, filtered, and one more than asked for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.sandbox.railway.log_filter import parse
from bot.sandbox.railway.refusal import Refusal
from tests.sandbox.test_railway_support import ENFORCEMENT, INGEST, Railway, railway


def write(world: Railway, count: int, worker: str = "ingest-a") -> None:
    for number in range(count):
        world.server.log(INGEST, worker, f"line {number}")


def messages(lines: Any) -> list[str]:
    return [each["message"] for each in lines]


def test_one_line_more_than_the_limit_comes() -> None:
    """The newest ones, oldest first; fewer when there are fewer."""
    with railway() as world:
        write(world, 10)
        latest = world.latest()["id"]
        some = world.data("RuntimeLogs", deploymentId=latest, limit=3)
        every = world.data("RuntimeLogs", deploymentId=latest, limit=100)

    assert messages(some) == ["line 6", "line 7", "line 8", "line 9"]
    assert len(every) == 10
    stamps = [each["timestamp"] for each in every]
    assert stamps == sorted(set(stamps)) and len(stamps[0]) == len("2026-11-21T23:48:42.311000000Z")


def test_a_line_says_where_it_came_from() -> None:
    """Deployment, service, environment, and Railway's own id of the instance; the lines of one text are several."""
    with railway() as world:
        world.server.log(INGEST, "ingest-a", "Traceback\n  MemoryError", "error")
        latest = world.latest()
        first, second = world.data("RuntimeLogs", deploymentId=latest["id"], limit=10)

    assert (first["message"], second["message"], second["severity"]) == ("Traceback", "  MemoryError", "error")
    assert first["tags"] == {
        "deploymentId": latest["id"],
        "deploymentInstanceId": latest["instances"][0]["id"],
        "serviceId": world.where["serviceId"],
        "environmentId": world.where["environmentId"],
    }


def test_only_the_newest_lines_of_an_instance_are_kept() -> None:
    """Another instance's lines are not pushed out."""
    with railway(log_lines=3) as world:
        world.server.log(INGEST, "ingest-b", "still here")
        write(world, 10)
        lines = world.data("RuntimeLogs", deploymentId=world.latest()["id"], limit=100)

    assert messages(lines) == ["still here", "line 7", "line 8", "line 9"]


def test_lines_of_a_new_deployment_are_its_own() -> None:
    """What was written before stays with the old one; a banner written while it starts is the new one's."""
    with railway() as world:
        old = world.latest()["id"]
        world.server.log(INGEST, "ingest-a", "before")
        world.processes.during = lambda: world.server.log(INGEST, "ingest-2", "starting")
        world.data("Redeploy", id=old)
        new = world.until(lambda each: each["id"] != old and each["status"] == "SUCCESS")
        world.server.log(INGEST, "ingest-2", "after")
        of_old = world.data("RuntimeLogs", deploymentId=old, limit=10)
        of_new = world.data("RuntimeLogs", deploymentId=new["id"], limit=10)

    assert messages(of_old) == ["before"] and messages(of_new) == ["starting", "after"]
    assert of_new[0]["tags"]["deploymentInstanceId"] in {each["id"] for each in new["instances"]}


def test_a_span_of_time_bounds_the_lines() -> None:
    """`startDate` and `endDate`; a time that is none is a problem."""
    with railway() as world:
        write(world, 3)
        latest = world.latest()["id"]
        hour = timedelta(hours=1)
        now = datetime.now(UTC)
        late = world.data("RuntimeLogs", deploymentId=latest, startDate=(now + hour).isoformat())
        early = world.data("RuntimeLogs", deploymentId=latest, endDate=(now - hour).isoformat())
        within = world.data("RuntimeLogs", deploymentId=latest, startDate=(now - hour).isoformat())
        assert world.refusal("RuntimeLogs", deploymentId=latest, startDate="today") == "Problem processing request"

    assert (len(late), len(early), len(within)) == (0, 0, 3)


def test_the_environments_lines_are_those_of_every_service() -> None:
    """`beforeLimit` alone is the last so many before now; build logs are left out; an anchor splits."""
    with railway() as world:
        write(world, 2)
        world.server.log(ENFORCEMENT, "enforcement-a", "other")
        environment = world.where["environmentId"]
        last = world.data("EnvLogs", environmentId=environment, beforeLimit=2)
        mine = world.data("EnvLogs", environmentId=environment, filter=f"@service:{world.where['serviceId']}")
        start = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        span = {"anchorDate": last[0]["timestamp"], "beforeDate": start, "afterLimit": 0}
        until_anchor = world.data("EnvLogs", environmentId=environment, **span)
        after = world.data("EnvLogs", environmentId=environment, anchorDate=start, beforeLimit=0, afterLimit=1)
        old = world.latest()["id"]
        world.data("Redeploy", id=old)
        new = world.until(lambda each: each["id"] != old and each["status"] == "SUCCESS")["id"]
        assert len(world.data("BuildLogs", deploymentId=new, limit=9)) == 2
        every = world.data("EnvLogs", environmentId=environment, beforeLimit=100)

    assert messages(last) == ["line 1", "other"] and messages(mine) == ["line 0", "line 1"]
    assert messages(until_anchor)[0] == "line 0" and "other" not in messages(until_anchor)
    assert messages(after) == ["line 0"] and len(every) == 3


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", True),
        ("killed", True),
        ('"was Killed"', True),
        ('"Killed was"', False),
        ("worker killed", True),
        ("worker AND oom", False),
        ("oom OR killed", True),
        ("-oom", True),
        ("-killed", False),
        ("(oom OR killed) @level:error", True),
        ("@level:info", False),
        ("@level:error -@level:error", False),
        ('@LEVEL:"error"', True),
        ("replica:r-1", True),
        ("replica:r-2", False),
        ("worker -(oom OR killed)", False),
    ],
)
def test_a_filter_asks(text: str, wanted: bool) -> None:
    """Words, phrases, attributes, AND, OR, minus and parentheses."""
    match = parse(text)

    assert match("the worker was killed", {"level": "error", "replica": "r-1"}) is wanted


@pytest.mark.parametrize("text", ["(", "a OR", ")", "AND a", '"open'])
def test_a_filter_that_cannot_be_read_is_refused(text: str) -> None:
    """A problem, not everything."""
    with pytest.raises(Refusal):
        parse(text)


def test_memory_is_a_curve_of_each_instance() -> None:
    """Usage and limit by deployment and instance; a kill for want of memory stands at the limit."""
    with railway() as world:
        world.server.memory(INGEST, "ingest-a", 0.2)
        world.server.memory(INGEST, "ingest-b", 0.1)
        world.server.crashed(INGEST, "ingest-b", oom=True)
        start = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        curves = world.data("MemoryCurve", **world.where, startDate=start)
        coarse = world.data("MemoryCurve", **world.where, startDate=start, sampleRateSeconds=100_000)
        instances = [each["id"] for each in world.latest()["instances"]]

    used = {
        each["tags"]["deploymentInstanceId"]: [value["value"] for value in each["values"]]
        for each in curves
        if each["measurement"] == "MEMORY_USAGE_GB"
    }
    assert used[instances[0]] == [0.2] and used[instances[1]][-1] == 0.5
    assert {value["value"] for each in curves if "LIMIT" in each["measurement"] for value in each["values"]} == {0.5}
    assert all(len(each["values"]) == 1 for each in coarse)
