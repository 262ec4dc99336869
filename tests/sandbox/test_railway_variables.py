"""Variables: what sets them deploys, what deletes them does not, and what the processes get."""

from typing import Any

from tests.sandbox.test_railway_support import ENFORCEMENT, INGEST, Railway, railway
from tests.support.waiting import eventually


def shared(world: Railway) -> dict[str, str]:
    return {name: value for name, value in world.where.items() if name != "serviceId"}


def given(world: Railway) -> list[tuple[object, dict[str, str]]]:
    """What the platform was told to start, with its variables."""
    return [(each[1], each[2]) for each in world.processes.asked if each[0] == "redeploy" and isinstance(each[2], dict)]


def test_setting_a_variable_deploys_with_it() -> None:
    """The map has the value, a newer deployment reaches SUCCESS, its snapshot has the value, and so has the process."""
    with railway() as world:
        old = world.latest()["id"]
        assert world.data("SetVariable", input=world.where | {"name": "MODE", "value": "offline"}) is True
        after = world.until(lambda each: each["id"] != old and each["status"] == "SUCCESS")
        in_map = world.data("Variables", **world.where)
        snapshot = world.data("Snapshot", deploymentId=after["id"])["variables"]
        before = world.data("Snapshot", deploymentId=old)["variables"]

    assert in_map == {"MODE": "offline", "KEY": "hush"}
    assert snapshot["MODE"] == "offline" and before["MODE"] == "online"
    [(service, variables)] = given(world)
    assert service == INGEST and variables["MODE"] == "offline" and variables["RAILWAY_SERVICE_NAME"] == INGEST


def test_skipping_deploys_leaves_the_process_alone() -> None:
    """The value is set; nothing is deployed, and a restart does not pick it up."""
    with railway() as world:
        before = world.latest()
        asked = world.where | {"name": "MODE", "value": "offline", "skipDeploys": True}
        world.data("SetVariable", input=asked)
        world.data("Restart", id=before["id"])
        after = world.until(lambda each: each["statusUpdatedAt"] != before["statusUpdatedAt"])
        rendered = world.data("RenderedVariables", **world.where)
        snapshot = world.data("Snapshot", deploymentId=after["id"])["variables"]

    assert after["id"] == before["id"] and rendered["MODE"] == "offline" and snapshot["MODE"] == "online"
    assert [each[0] for each in world.processes.asked] == ["restart"]


def test_deleting_a_variable_deploys_nothing() -> None:
    """The process keeps the old value until somebody deploys; deleting again does no harm."""
    with railway() as world:
        old = world.latest()["id"]
        for _ in range(2):
            assert world.data("DropVariable", input=world.where | {"name": "MODE"}) is True
        assert world.latest()["id"] == old and "MODE" not in world.data("Variables", **world.where)
        world.data("Redeploy", id=old)
        world.until(lambda each: each["id"] != old and each["status"] == "SUCCESS")

    [(_, variables)] = given(world)
    assert "MODE" not in variables


def test_a_forgotten_service_writes_to_every_one() -> None:
    """Without `serviceId` the variable is shared, and every service is deployed with it."""
    with railway() as world:
        world.data("SetVariable", input=shared(world) | {"name": "LEVEL", "value": "9"})
        eventually(lambda: len(given(world)) == 2)
        both = given(world)
        assert world.data("Variables", **shared(world)) == {"LEVEL": "9"}

    assert {service for service, _ in both} == {INGEST, ENFORCEMENT}
    assert all(variables["LEVEL"] == "9" for _, variables in both)


def test_a_collection_is_one_deployment() -> None:
    """Two values, one new deployment; what is not listed stays unless all are replaced."""
    with railway() as world:
        old = world.latest()["id"]
        world.data("SetVariables", input=world.where | {"variables": {"A": "1", "B": "2"}})
        new = world.until(lambda each: each["id"] != old and each["status"] == "SUCCESS")["id"]
        kept = world.data("Variables", **world.where)
        skip: dict[str, Any] = {"variables": {"C": "3"}, "replace": True, "skipDeploys": True}
        world.data("SetVariables", input=world.where | skip)
        replaced = world.data("Variables", **world.where)
        assert world.latest()["id"] == new

    assert kept == {"MODE": "online", "KEY": "hush", "A": "1", "B": "2"}
    assert replaced == {"C": "3"}
    assert len(given(world)) == 1


def test_a_value_that_is_no_text_is_refused() -> None:
    """A map with `true` in it is a problem; nothing is set."""
    with railway() as world:
        asked = world.where | {"variables": {"A": True}}
        assert world.refusal("SetVariables", input=asked) == "Problem processing request"
        assert "A" not in world.data("Variables", **world.where)


def test_a_sealed_value_is_never_given() -> None:
    """Its name is listed; the maps lack it; the process has it."""
    with railway(sealed=frozenset({"KEY"})) as world:
        page = world.data("VariableNames", environmentId=world.where["environmentId"], first=50)["variables"]
        listed = {(each["node"]["name"], each["node"]["isSealed"]) for each in page["edges"]}
        assert "KEY" not in world.data("Variables", **world.where)
        assert "KEY" not in world.data("RenderedVariables", **world.where)
        old = world.latest()["id"]
        world.data("Redeploy", id=old)
        after = world.until(lambda each: each["id"] != old and each["status"] == "SUCCESS")
        assert "KEY" not in world.data("Snapshot", deploymentId=after["id"])["variables"]

    assert {("KEY", True), ("MODE", False)} <= listed
    [(_, variables)] = given(world)
    assert variables["KEY"] == "hush"


def test_staged_changes_of_somebody_are_seen() -> None:
    """The patch and the count are there; they are not what is set."""
    with railway() as world:
        environment = world.where["environmentId"]
        assert world.data("Staged", environmentId=environment)["patch"] == {}
        world.server.stage({"services": {world.where["serviceId"]: {"variables": {"MODE": {"value": "offline"}}}}})
        staged = world.data("Staged", environmentId=environment)
        [node] = world.data("ProjectMap", projectId=world.where["projectId"])["environments"]["edges"]
        assert world.data("Variables", **world.where)["MODE"] == "online"

    assert staged["status"] == "STAGED" and "services" in staged["patch"]
    assert node["node"]["unmergedChangesCount"] == 1
