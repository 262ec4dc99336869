"""The product's own Railway client against the simulated Railway: what it sees, what it changes, what it is refused."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.platform import Deployment, ServiceState
from bot.errors import OutcomeUnknown, TargetRefused, TargetUnavailable
from bot.sandbox.railway.faults import Fault, FaultKind
from bot.targets.railway import Railway as Client
from tests.sandbox.test_railway_support import INGEST, Railway, railway
from tests.support.waiting import eventually

Change = Callable[[Client, ServiceState], None]
CHANGES: tuple[Change, ...] = (
    lambda client, state: client.restart(running(state).id),
    lambda client, state: client.set_variable(state.service_id, "MODE", "offline"),
)


@contextmanager
def clients(*, token: str = "", **settings: Any) -> Iterator[tuple[Railway, Client]]:
    """Give a simulated Railway and the product's client, which has the project token."""
    with railway(**settings) as world:
        client = Client(world.server.url, token or world.settings.project_token, is_project_token=True)
        with closing(client._client):
            yield world, client


def running(state: ServiceState) -> Deployment:
    """The deployment that a restart would restart."""
    assert state.running is not None
    return state.running


def asked(world: Railway, operation: str) -> int:
    """How many requests of an operation reached Railway."""
    return sum(operation in call.names for call in world.server.calls)


def test_the_state_of_a_service_is_found_by_its_name() -> None:
    """Its id, its deployment, its two instances and a link; the token says which environment."""
    with clients() as (world, client):
        state = client.state(INGEST)
        again = client.state(INGEST, state.service_id)

    assert state.service_id == world.where["serviceId"] and state.replicas == 2
    assert [status for _, status in running(state).instances] == ["RUNNING", "RUNNING"]
    assert state.latest == state.running and again == state
    assert state.url == (
        f"https://railway.com/project/{world.where['projectId']}/service/{state.service_id}"
        f"?environmentId={world.where['environmentId']}"
    )
    assert asked(world, "projectToken") == 1


def test_a_service_that_is_not_there_is_refused() -> None:
    """An unknown name by us, an unknown id by Railway; neither is guessed."""
    with clients() as (world, client):
        with pytest.raises(TargetRefused, match="knows no service 'payments' here"):
            client.state("payments")
        with pytest.raises(TargetRefused, match="not in this environment"):
            client.state(INGEST, world.where["projectId"])


def test_the_newest_lines_come_oldest_first() -> None:
    """As many as asked for, although Railway gives one more; each with its time and its instance."""
    with clients() as (world, client):
        for number in range(5):
            world.server.log(INGEST, "ingest-a", f"line {number}")
        deployment = running(client.state(INGEST))
        lines = client.logs(deployment.id, 3)
        later = client.logs(deployment.id, 3, since=lines[-1].at + timedelta(hours=1))

    assert [line.text for line in lines] == ["line 2", "line 3", "line 4"] and later == ()
    assert {line.instance for line in lines} <= {name for name, _ in deployment.instances}
    assert all(line.at.tzinfo for line in lines)


def test_a_diagnosis_is_there_after_an_oom_kill() -> None:
    """Before: none; the instance is seen to have crashed."""
    with clients(retry_seconds=30.0) as (world, client):
        deployment = running(client.state(INGEST))
        before = client.diagnosis(deployment.id)
        world.server.crashed(INGEST, "ingest-a", oom=True)
        assert client.diagnosis(deployment.id) and not before
        assert "CRASHED" in [status for _, status in running(client.state(INGEST)).instances]


def test_a_restart_keeps_the_deployment_and_changes_its_instances() -> None:
    """Its instances tell; the processes were asked once."""
    with clients() as (world, client):
        before = running(client.state(INGEST))
        client.restart(before.id)
        changed = eventually(lambda: _anew(client, before))
        assert changed is not None

    assert changed.id == before.id and changed.instance_ids != before.instance_ids
    assert world.processes.asked == [("restart", INGEST)]


def _anew(client: Client, before: Deployment) -> Deployment | None:
    """Return the running deployment when none of its instances was there before, and all of them run."""
    found = running(client.state(INGEST))
    all_run = {status for _, status in found.instances} == {"RUNNING"}
    return (
        found
        if all_run and not {name for name, _ in found.instances} & {name for name, _ in before.instances}
        else None
    )


def test_a_variable_is_read_set_and_reaches_new_processes() -> None:
    """Railway deploys anew, under another id, with the new value and all others as they were."""
    with clients() as (world, client):
        before = running(client.state(INGEST))
        service_id = world.where["serviceId"]
        assert client.variable(service_id, "MODE") == "online" and client.variable(service_id, "NONE") is None
        client.set_variable(service_id, "MODE", "offline")
        assert client.variable(service_id, "MODE") == "offline"
        after = eventually(lambda: _other(client, before))
        assert after is not None
        [(_, _, variables)] = world.processes.asked

    assert after.id != before.id
    assert isinstance(variables, dict) and (variables["MODE"], variables["KEY"]) == ("offline", "hush")


def _other(client: Client, before: Deployment) -> Deployment | None:
    """Return the deployment that runs when it is another than before."""
    found = running(client.state(INGEST))
    return found if found.id != before.id and found.status == "SUCCESS" else None


def test_a_variable_for_every_service_cannot_be_expressed() -> None:
    """Without a service nothing is sent."""
    with clients() as (world, client):
        with pytest.raises(TargetRefused, match="every service"):
            client.set_variable("", "MODE", "offline")
        assert asked(world, "variableUpsert") == 0


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Not Authorized", "the token is not taken"),
        ("ServiceInstance not found", "not in this environment"),
        ("Service deployment rate limit exceeded", "too many deployments"),
        ("Deploys have been paused due to an upstream issue", "paused deployments"),
        ("DATABASE_URL=postgres://owner:hush@db is wrong", "no reason that is known here"),
    ],
)
@pytest.mark.parametrize("change", CHANGES)
def test_errors_under_200_are_a_refusal(change: Change, message: str, said: str) -> None:
    """Nothing was done; our own sentence stands for the vendor's, which may quote what was sent."""
    with clients() as (world, client):
        state = client.state(INGEST)
        for operation in ("deploymentRestart", "variableUpsert"):
            world.server.faults.script(Fault(kind=FaultKind.REFUSED, operation=operation, message=message))
        with pytest.raises(TargetRefused, match=said) as refused:
            change(client, state)
        assert world.processes.asked == []

    assert "hush" not in str(refused.value) and world.settings.project_token not in str(refused.value)


def test_an_unknown_token_is_refused_without_being_named() -> None:
    """Railway says Not Authorized to everything."""
    token = "5f0d6b0e-0000-4c0b-9d2b-7a3f1f4e9c11"
    with clients(token=token) as (_, client), pytest.raises(TargetRefused, match="the token is not taken") as refused:
        client.state(INGEST)

    assert token not in str(refused.value)


@pytest.mark.parametrize("change", CHANGES)
def test_a_rate_limit_says_how_long(change: Change) -> None:
    """429: nothing was done, and nothing is sent again by the client."""
    with clients() as (world, client):
        state = client.state(INGEST)
        sent = len(world.server.calls)
        world.server.faults.script(Fault(kind=FaultKind.RATE_LIMITED, seconds=7))
        with pytest.raises(TargetUnavailable, match="for 7 s; nothing was done"):
            change(client, state)
        assert len(world.server.calls) == sent + 1

    assert world.processes.asked == []


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("cut_after", [0.05, 0.0])
def test_no_answer_after_accepting_is_unknown(
    change: Change, cut_after: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is cut, or our patience ends: it may have happened, it did, and it was sent once."""
    monkeypatch.setattr("bot.targets.railway.CHANGE_SECONDS", 0.5)
    with clients() as (world, client):
        state = client.state(INGEST)
        sent = len(world.server.calls)
        world.server.faults.script(Fault(kind=FaultKind.NO_ANSWER, seconds=cut_after))
        with pytest.raises(OutcomeUnknown):
            change(client, state)
        assert len(world.server.calls) == sent + 1
        eventually(lambda: world.processes.asked)

    assert len(world.processes.asked) == 1


@pytest.mark.parametrize("change", CHANGES)
def test_a_page_instead_of_an_answer_is_unknown(change: Change) -> None:
    """A gateway's 502 does not say whether Railway had taken it."""
    with clients() as (world, client):
        state = client.state(INGEST)
        world.server.faults.script(Fault(kind=FaultKind.ERROR, status=502))
        with pytest.raises(OutcomeUnknown, match="answered 502"):
            change(client, state)


@pytest.mark.parametrize("kind", [FaultKind.DOWN, FaultKind.ERROR, FaultKind.NO_ANSWER, FaultKind.SLOW])
def test_a_read_that_fails_is_not_available(kind: FaultKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it fails; the next one, on a good day, is answered."""
    with clients() as (world, client):
        world.server.faults.script(Fault(kind=kind, seconds=1.0))
        with monkeypatch.context() as hasty:
            hasty.setattr("bot.targets.railway.READ_SECONDS", 0.3)
            with pytest.raises(TargetUnavailable):
                client.state(INGEST)
        world.server.faults.clear()
        assert client.state(INGEST).service == INGEST


def test_a_railway_that_is_gone_took_nothing() -> None:
    """No connection: nothing was sent, and it says so."""
    with clients() as (world, client):
        state = client.state(INGEST)
        world.server.stop()
        for change in CHANGES:
            with pytest.raises(TargetUnavailable, match="nothing was sent"):
                change(client, state)
