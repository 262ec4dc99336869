"""Restart, redeploy, roll back, stop, crash: what is seen of each, when, and what the processes get."""

import threading
from typing import Any

import pytest

from tests.sandbox.test_railway_support import INGEST, Railway, railway, states
from tests.support.waiting import eventually


def deployments(world: Railway, **wanted: Any) -> list[Any]:
    page = world.data("Deployments", input=world.where | wanted, first=50)
    return sorted((each["node"] for each in page["edges"]), key=lambda each: each["createdAt"])


def test_a_service_starts_in_its_newest_deployment() -> None:
    """It runs; older ones are there to roll back to; Railway's instance ids are not the workers' own."""
    with railway() as world:
        instance = world.instance()
        older = deployments(world, status={"in": ["REMOVED"]})

    assert instance["serviceName"] == INGEST and instance["numReplicas"] == 2
    assert instance["latestDeployment"]["status"] == "SUCCESS"
    assert states(instance["latestDeployment"]) == ["RUNNING", "RUNNING"]
    assert not {"ingest-a", "ingest-b"} & {each["id"] for each in instance["latestDeployment"]["instances"]}
    assert [each["canRollback"] for each in older] == [True, True]
    assert len({each["meta"]["commitHash"] for each in older}) == 2


def test_a_restart_is_first_only_accepted() -> None:
    """`true`, and nothing has changed; then the instances restart under SUCCESS; at last the time of status moves."""
    with railway(accept_seconds=0.4, restart_seconds=0.4) as world:
        before = world.latest()
        assert world.data("Restart", id=before["id"]) is True
        at_once = world.latest()
        meanwhile = world.until(lambda each: "RESTARTING" in states(each))
        after = world.until(lambda each: each["statusUpdatedAt"] != before["statusUpdatedAt"])

    assert at_once == before
    assert meanwhile["status"] == "SUCCESS" and meanwhile["statusUpdatedAt"] == before["statusUpdatedAt"]
    assert after["id"] == before["id"] and after["status"] == "SUCCESS" and states(after) == ["RUNNING", "RUNNING"]
    assert {each["id"] for each in after["instances"]}.isdisjoint(each["id"] for each in before["instances"])
    assert world.processes.asked == [("restart", INGEST)]


def test_a_restart_after_which_nothing_runs_has_crashed() -> None:
    """What the platform raises is a deployment that is CRASHED."""
    with railway() as world:
        world.processes.fails = True
        world.data("Restart", id=world.latest()["id"])
        after = world.until(lambda each: each["status"] == "CRASHED")

    assert states(after) == ["CRASHED", "CRASHED"]


def test_a_redeploy_is_a_new_deployment() -> None:
    """It takes its way to SUCCESS, the old one keeps running until then and is REMOVED after."""
    with railway(deploy_seconds=0.8) as world:
        old = world.latest()
        new = world.data("Redeploy", id=old["id"], sameImage=True)
        assert new["id"] != old["id"] and new["status"] == "QUEUED"
        seen = {world.latest()["status"]}

        def is_done(each: Any) -> bool:
            seen.add(each["status"])
            return bool(each["status"] == "SUCCESS")

        deploying = world.until(lambda each: seen.add(each["status"]) or each["status"] == "DEPLOYING")  # type: ignore[func-returns-value]  # a set's add
        active = world.instance()["activeDeployments"]
        after = world.until(is_done)
        was = world.data("DeploymentById", id=old["id"])
        steps = world.data("DeploymentTimeline", id=new["id"], first=10)["edges"]
        build = world.data("BuildLogs", deploymentId=new["id"], limit=10)

    assert seen >= {"QUEUED", "BUILDING", "DEPLOYING", "SUCCESS"}
    assert not deploying["canRedeploy"] and {each["id"] for each in active} == {old["id"], new["id"]}
    assert after["id"] == new["id"] and states(after) == ["RUNNING", "RUNNING"]
    assert was["status"] == "REMOVED" and was["canRollback"] and not was["canRedeploy"]
    assert [each["node"]["step"] for each in steps] == ["BUILD_IMAGE", "CREATE_CONTAINER"]
    assert all(each["node"]["completedAt"] for each in steps)
    assert len(build) == 2


def test_a_deployment_that_fails_leaves_the_old_one() -> None:
    """FAILED, with the reason in the timeline; what ran still runs."""
    with railway() as world:
        world.processes.fails = True
        old = world.latest()["id"]
        world.data("RedeployService", environmentId=world.where["environmentId"], serviceId=world.where["serviceId"])
        failed = world.until(lambda each: each["status"] == "FAILED")
        [active] = world.instance()["activeDeployments"]
        steps = world.data("DeploymentTimeline", id=failed["id"], first=10)["edges"]

    assert active["id"] == old and active["status"] == "SUCCESS" and states(active) == ["RUNNING", "RUNNING"]
    assert "RuntimeError" in steps[-1]["node"]["payload"]["error"]


def test_a_newer_deployment_supersedes_one_under_way() -> None:
    """Two redeploys in a row start the processes once."""
    with railway(deploy_seconds=0.4) as world:
        old = world.latest()["id"]
        first = world.data("Redeploy", id=old)["id"]
        second = world.data("Redeploy", id=old)["id"]
        world.until(lambda each: each["id"] == second and each["status"] == "SUCCESS")
        superseded = world.data("DeploymentById", id=first)

    assert superseded["status"] == "REMOVED" and not superseded["canRollback"]
    assert len(world.processes.asked) == 1


def test_a_rollback_restores_commit_and_variables_of_the_process() -> None:
    """A new id with the target's commit; the process has the old value, the service's setting keeps the new one."""
    with railway() as world:
        world.data("SetVariable", input=world.where | {"name": "MODE", "value": "offline", "skipDeploys": True})
        target = deployments(world, status={"in": ["REMOVED"]})[0]
        assert world.data("Rollback", id=target["id"]) is True
        after = world.until(lambda each: each["status"] == "SUCCESS" and each["createdAt"] > target["createdAt"])
        newest = deployments(world)[-1]
        set_now = world.data("Variables", **world.where)

    assert after["id"] == newest["id"] != target["id"]
    assert newest["meta"]["commitHash"] == target["meta"]["commitHash"]
    [(act, _, given)] = [each for each in world.processes.asked if len(each) == 3]
    assert act == "redeploy" and isinstance(given, dict) and given["MODE"] == "online"
    assert set_now["MODE"] == "offline"


def test_what_may_not_be_is_refused() -> None:
    """No rollback to what runs, no redeploy of what is removed, no restart of what is gone; all under HTTP 200."""
    with railway() as world:
        live = world.latest()["id"]
        gone = deployments(world, status={"in": ["REMOVED"]})[0]["id"]
        assert world.refusal("Rollback", id=live) == "Problem processing request"
        assert world.refusal("Redeploy", id=gone) == "Problem processing request"
        assert world.refusal("Restart", id=gone) == "Problem processing request"

    assert world.processes.asked == []


def test_a_stopped_deployment_still_says_success() -> None:
    """Only `deploymentStopped` tells."""
    with railway() as world:
        before = world.latest()
        world.data("Stop", id=before["id"])
        after = world.until(lambda each: each["deploymentStopped"])
        world.data("Restart", id=before["id"])
        again = world.until(lambda each: not each["deploymentStopped"])

    assert after["status"] == "SUCCESS" and states(after) == ["STOPPED", "STOPPED"]
    assert states(again) == ["RUNNING", "RUNNING"]
    assert [each[0] for each in world.processes.asked] == ["stop", "restart"]


def test_a_killed_worker_is_shown_as_success_for_a_while() -> None:
    """Its instance is CRASHED or RESTARTING; the deployment is CRASHED when no try is left for any instance."""
    with railway(retry_seconds=0.2) as world:
        for worker in ("ingest-a", "ingest-b"):
            world.server.crashed(INGEST, worker, oom=True)
        early = world.data("DeploymentById", id=world.latest()["id"])
        trying = world.until(lambda each: "RESTARTING" in states(each))
        late = world.until(lambda each: each["status"] == "CRASHED")

    assert early["status"] == "SUCCESS" and states(early) == ["CRASHED", "CRASHED"]
    assert "137" in str(early["diagnosis"])
    assert trying["status"] == "SUCCESS" and trying["statusUpdatedAt"] == early["statusUpdatedAt"]
    assert late["statusUpdatedAt"] > early["statusUpdatedAt"] and states(late) == ["CRASHED", "CRASHED"]


def test_one_crash_of_two_is_no_crashed_deployment() -> None:
    """While another instance runs the deployment stays SUCCESS."""
    with railway() as world:
        world.server.crashed(INGEST, "ingest-a", oom=False)
        used_up = eventually(
            lambda: [
                each for each in world.server.service(INGEST).deployments[-1].instances if each.retries == 3
            ]
        )  # fmt: skip
        after = world.latest()

    assert len(used_up) == 1
    assert after["status"] == "SUCCESS" and max(states(after)) == "RUNNING"


def test_a_crashed_deployment_can_be_restarted() -> None:
    """It is DEPLOYING meanwhile and SUCCESS after, under its id."""
    seen = threading.Event()
    with railway(restart_policy="NEVER") as world:
        world.processes.during = lambda: None if seen.wait(10) else pytest.fail("nobody looked")
        for worker in ("ingest-a", "ingest-b"):
            world.server.crashed(INGEST, worker, oom=False)
        crashed = world.until(lambda each: each["status"] == "CRASHED")
        world.data("Restart", id=crashed["id"])
        world.until(lambda each: each["status"] == "DEPLOYING")
        seen.set()
        after = world.until(lambda each: each["status"] == "SUCCESS")

    assert after["id"] == crashed["id"] and states(after) == ["RUNNING", "RUNNING"]


def test_what_was_brought_back_runs_again() -> None:
    """The restart policy's tries end, and the deployment does not become CRASHED after."""
    with railway(retry_seconds=0.1) as world:
        for worker in ("ingest-a", "ingest-b"):
            world.server.crashed(INGEST, worker, oom=False)
        world.server.recovered(INGEST, ["ingest-c", "ingest-d"])
        after = world.latest()
        world.server.crashed(INGEST, "ingest-a", oom=False)
        same = world.latest()

    assert after["status"] == "SUCCESS" and states(after) == ["RUNNING", "RUNNING"]
    assert same == after


def test_a_process_that_railway_ends_has_not_crashed() -> None:
    """The system sees its old processes go while a restart is under way, and says so."""
    with railway() as world:
        world.processes.during = lambda: world.server.crashed(INGEST, "ingest-a", oom=False)
        before = world.latest()
        world.data("Restart", id=before["id"])
        after = world.until(lambda each: each["statusUpdatedAt"] != before["statusUpdatedAt"])

    assert states(after) == ["RUNNING", "RUNNING"]


def test_the_order_of_deployments_is_not_to_be_relied_on() -> None:
    """The first page has the newest ones, and the newest of them is not its first."""
    with railway() as world:
        page = world.data("Deployments", input=world.where, first=2)
        rest = world.data("Deployments", input=world.where, first=2, after=page["pageInfo"]["endCursor"])
        other = world.data("Deployments", input=world.where | {"status": {"notIn": ["REMOVED"]}}, first=5)

    created = [each["node"]["createdAt"] for each in page["edges"]]
    assert created == sorted(created) and page["pageInfo"]["hasNextPage"]
    assert rest["edges"][0]["node"]["createdAt"] < created[0] and not rest["pageInfo"]["hasNextPage"]
    assert [each["node"]["status"] for each in other["edges"]] == ["SUCCESS"]
