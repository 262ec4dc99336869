"""Railway's bad days: what each looks like, and whether anything was done."""

import logging
import threading
import time

import httpx
import pytest

from bot.sandbox.railway.faults import Fault, FaultKind
from tests.sandbox.test_railway_support import INGEST, railway
from tests.support.waiting import eventually


def test_a_railway_that_is_down_does_nothing() -> None:
    """The connection is closed until the fault is lifted."""
    with railway() as world:
        latest = world.latest()["id"]
        world.server.faults.script(Fault(kind=FaultKind.DOWN))
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError):
                world.post("Restart", id=latest)
        world.server.faults.clear(FaultKind.DOWN)
        assert world.latest()["id"] == latest

    assert world.processes.asked == []
    assert [each.status for each in world.server.calls if each.fault is FaultKind.DOWN] == [0, 0]


@pytest.mark.parametrize("status", [500, 502])
def test_an_error_is_no_json(status: int) -> None:
    """A page with the status; nothing is done, and the next request is answered."""
    with railway() as world:
        latest = world.latest()["id"]
        world.server.faults.script(Fault(kind=FaultKind.ERROR, status=status, requests=1))
        answer = world.post("Restart", id=latest)
        assert world.latest()["id"] == latest

    assert answer.status_code == status and "json" not in answer.headers["Content-Type"]
    assert "X-RateLimit-Limit" in answer.headers and world.processes.asked == []


def test_a_refusal_has_the_message_that_was_asked_for() -> None:
    """HTTP 200, `errors`, no data, nothing done."""
    with railway() as world:
        latest = world.latest()["id"]
        message = "Service deployment rate limit exceeded"
        world.server.faults.script(Fault(kind=FaultKind.REFUSED, message=message, requests=1))
        assert world.refusal("Restart", id=latest) == message
        assert world.refusal("Rollback", id=latest) == "Problem processing request"

    assert world.processes.asked == []


def test_an_answer_that_never_comes_was_carried_out() -> None:
    """The client gives up; the restart is made all the same, once."""
    with railway(timeout_seconds=0.5) as world:
        latest = world.latest()["id"]
        world.server.faults.script(Fault(kind=FaultKind.NO_ANSWER, operation="deploymentRestart", requests=1))
        with pytest.raises(httpx.ReadTimeout):
            world.post("Restart", id=latest)
        eventually(lambda: world.processes.asked)

    assert world.processes.asked == [("restart", INGEST)]
    [kept] = [each for each in world.server.calls if each.fault]
    assert kept.names == ("deploymentRestart", "Restart") and kept.status == 200 and kept.variables == {"id": latest}


def test_an_answer_that_never_comes_can_be_cut() -> None:
    """After so many seconds the connection is closed."""
    with railway() as world:
        world.server.faults.script(Fault(kind=FaultKind.NO_ANSWER, seconds=0.1))
        with pytest.raises(httpx.RemoteProtocolError):
            world.post("TokenScope")


def test_a_stop_does_not_wait_for_an_answer_that_never_comes(caplog: pytest.LogCaptureFixture) -> None:
    """What is owed is cut, without a word in the log."""
    lost: list[Exception] = []
    with railway() as world:
        world.server.faults.script(Fault(kind=FaultKind.NO_ANSWER))

        def ask() -> None:
            try:
                world.post("TokenScope")
            except httpx.HTTPError as error:
                lost.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        eventually(lambda: world.server.calls)
        world.server.stop()
        asking.join(5)

    assert [type(each) for each in lost] == [httpx.RemoteProtocolError]
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_a_rate_limit_can_be_scripted() -> None:
    """429 with the seconds; nothing is done."""
    with railway() as world:
        latest = world.latest()["id"]
        world.server.faults.script(Fault(kind=FaultKind.RATE_LIMITED, seconds=7, requests=1))
        answer = world.post("Restart", id=latest)

    assert answer.status_code == 429 and answer.headers["Retry-After"] == "7"
    assert world.processes.asked == []


def test_a_slow_answer_comes() -> None:
    """Later, and right."""
    with railway() as world:
        world.server.faults.script(Fault(kind=FaultKind.SLOW, seconds=0.3, requests=1))
        began = time.monotonic()
        scope = world.data("TokenScope")

    assert scope["environmentId"] == world.settings.environment_id and time.monotonic() - began >= 0.3


def test_a_fault_waits_for_its_operation() -> None:
    """By the field at the root or by the operation's name; others are answered; then it is used up."""
    with railway() as world:
        faults = world.server.faults
        faults.script(
            Fault(kind=FaultKind.ERROR, operation="serviceInstance", requests=1),
            Fault(kind=FaultKind.ERROR, operation="TokenScope", requests=2, status=503),
        )
        told = faults.describe()
        where = {name: world.where[name] for name in ("environmentId", "serviceId")}
        statuses = [world.post("Variables", **world.where).status_code]
        statuses += [world.post("ServiceState", **where).status_code for _ in range(2)]
        statuses += [world.post("TokenScope").status_code for _ in range(3)]

    assert statuses == [200, 500, 200, 503, 503, 200]
    assert told[1] == {"kind": "error", "operation": "TokenScope", "requests_left": 2}
    assert faults.describe() == []


def test_every_fault_is_lifted_at_once() -> None:
    """After `clear` the day is good."""
    with railway() as world:
        world.server.faults.script(*(Fault(kind=kind) for kind in FaultKind))
        world.server.faults.clear()

        assert world.post("TokenScope").status_code == 200
