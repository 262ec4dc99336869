"""Who is let in, what is refused and how, and how often one may ask."""

import uuid

import httpx
import pytest

from bot.sandbox.railway.rates import RateLimiter
from tests.sandbox.test_railway_support import ENFORCEMENT, INGEST, OPERATIONS, Railway, railway


def headers_of(world: Railway, kind: str) -> dict[str, str]:
    project, workspace = world.settings.project_token, world.settings.workspace_token
    return {
        "project": {"Project-Access-Token": project},
        "workspace": {"Authorization": f"Bearer {workspace}"},
        "none": {},
        "unknown": {"Project-Access-Token": str(uuid.uuid4())},
        "unknown bearer": {"Authorization": f"Bearer {uuid.uuid4()}"},
        "project as bearer": {"Authorization": f"Bearer {project}"},
        "workspace as project": {"Project-Access-Token": workspace},
        "both": {"Project-Access-Token": project, "Authorization": f"Bearer {workspace}"},
        "without bearer": {"Authorization": workspace},
    }[kind]


def test_a_project_token_says_what_it_is_for() -> None:
    """Its own scope needs no ids to be configured."""
    with railway() as world:
        scope = world.data("TokenScope")

    assert scope["projectId"] == scope["project"]["id"] == world.settings.project_id
    assert scope["environment"] == {"id": world.settings.environment_id, "name": "production"}


@pytest.mark.parametrize(
    "kind", ["none", "unknown", "unknown bearer", "project as bearer", "workspace as project", "both", "without bearer"]
)
def test_the_wrong_token_or_header_is_not_authorized(kind: str) -> None:
    """HTTP 200 with the one message, no data, and nothing done."""
    with railway() as world:
        live = world.server.service(INGEST).live
        assert live is not None
        answer = world.post("Restart", headers_of(world, kind), id=live.id)

    body = answer.json()
    assert answer.status_code == 200 and body["data"] is None
    [error] = body["errors"]
    assert error["message"] == "Not Authorized" and error["path"] == ["deploymentRestart"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR" and error["extensions"]["traceId"]
    assert world.processes.asked == [] and not world.server.calls[0].authorized


def test_a_project_token_sees_one_environment() -> None:
    """Another environment is not authorized; the workspace's token sees both."""
    with railway() as world:
        staging = world.settings.environment_ids["staging"]
        where = {"projectId": world.settings.project_id, "environmentId": staging}
        assert world.refusal("EnvServices", **where) == "Not Authorized"
        [own] = world.data("ProjectMap", projectId=world.settings.project_id)["environments"]["edges"]
        whole = world.post("ProjectMap", headers_of(world, "workspace"), projectId=world.settings.project_id).json()
        empty = world.post("EnvServices", headers_of(world, "workspace"), **where).json()

    assert own["node"]["name"] == "production"
    assert [each["node"]["name"] for each in whole["data"]["project"]["environments"]["edges"]] == [
        "production",
        "staging",
    ]
    assert empty["data"]["environment"]["serviceInstances"]["edges"] == []


def test_a_workspace_token_is_no_project_token() -> None:
    """`projectToken` has no answer for it."""
    with railway() as world:
        told = world.post("TokenScope", headers_of(world, "workspace")).json()

    assert told["data"] is None and told["errors"][0]["message"] == "Not Authorized"


def test_what_is_unknown_is_refused_by_message() -> None:
    """An unknown deployment is not authorized, an unknown service is not found, no id at all is a problem."""
    with railway() as world:
        nobody = str(uuid.uuid4())
        environment = world.settings.environment_id
        assert world.refusal("DeploymentById", id=nobody) == "Not Authorized"
        assert world.refusal("Restart", id=nobody) == "Not Authorized"
        assert world.refusal("DeploymentById", id="latest") == "Problem processing request"
        assert world.refusal("ServiceState", environmentId=environment, serviceId=nobody) == "ServiceInstance not found"
        assert world.refusal("ProjectMap", projectId=nobody) == "Not Authorized"


def test_services_come_in_pages() -> None:
    """`first` and `after` walk through all; a cursor that is none is refused."""
    with railway() as world:
        where = {"projectId": world.settings.project_id, "environmentId": world.settings.environment_id}
        first = world.data("EnvServices", **where, first=1)["serviceInstances"]
        cursor = first["pageInfo"]["endCursor"]
        second = world.data("EnvServices", **where, first=1, after=cursor)["serviceInstances"]
        assert world.refusal("EnvServices", **where, first=1, after="x") == "Problem processing request"

    names = [each["node"]["serviceName"] for page in (first, second) for each in page["edges"]]
    assert names == [INGEST, ENFORCEMENT]
    assert first["pageInfo"]["hasNextPage"] and not second["pageInfo"]["hasNextPage"]


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{ projectToken { id", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ me { id } }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ('mutation { deploymentRollback(id: "x") { id status } }', {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{ deployments(input: {status: {successfulOnly: true}}) { pageInfo { endCursor } } }", {}, "GRAPHQL_VALIDATION_FAILED"),
        (OPERATIONS["SetVariable"], {"input": {"name": "A", "value": True}}, "BAD_USER_INPUT"),
        (OPERATIONS["DropVariable"], {"input": {"name": "A", "skipDeploys": True}}, "BAD_USER_INPUT"),
        (OPERATIONS["Restart"], {}, "BAD_USER_INPUT"),
    ],
)  # fmt: skip
def test_what_the_schema_does_not_know_is_refused(query: str, variables: dict[str, object], code: str) -> None:
    """HTTP 400 with `errors`: the rollback has no fields, `successfulOnly` is only in the docs, true is no text."""
    with railway() as world:
        headers = headers_of(world, "project")
        answer = world.client.post(world.server.url, json={"query": query, "variables": variables}, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == code


def test_only_posted_json_is_taken() -> None:
    """405, 415 and 400; the rate limit's headers are on each of them."""
    with railway() as world:
        url, headers = world.server.url, headers_of(world, "project")
        answers = [
            world.client.get(url, headers=headers),
            world.client.post(url, headers=headers, data={"query": "{ projectToken { id } }"}),
            world.client.post(url, headers=headers | {"Content-Type": "application/json"}, content=b"{"),
            world.client.post(url, headers=headers, json={"variables": {}}),
        ]
        elsewhere = world.client.post(url, headers=headers | {"Origin": "https://example.com"}, json={})

    assert [each.status_code for each in answers] == [405, 415, 400, 400]
    assert all("X-RateLimit-Remaining" in each.headers for each in answers)
    assert elsewhere.status_code == 403


def test_the_limit_is_told_and_kept() -> None:
    """Every answer says what is left; when nothing is, 429 with whole seconds, and nothing is done."""
    with railway(requests_an_hour=2) as world:
        answers = [world.post("TokenScope") for _ in range(3)]
        other = world.post("TokenScope", headers_of(world, "none"))
        world.server.limit(an_hour=10)
        again = world.post("TokenScope")

    assert [each.status_code for each in answers] == [200, 200, 429]
    assert [each.headers["X-RateLimit-Remaining"] for each in answers] == ["1", "0", "0"]
    assert answers[0].headers["X-RateLimit-Limit"] == "2"
    assert int(answers[2].headers["Retry-After"]) > 3500
    assert "Retry-After" not in answers[0].headers
    assert other.status_code == again.status_code == 200


def test_a_burst_waits_a_second() -> None:
    """More than so many in one second are put off to the next, and only those."""
    rates = RateLimiter(an_hour=100, a_second=2)

    waits = [rates.take("a", now).retry_after_seconds for now in (0.0, 0.1, 0.2, 1.1)]

    assert waits == [0, 0, 1, 0]
    assert rates.take("a", 1.2).remaining == 96


def test_a_stopped_server_answers_nobody() -> None:
    """After the stop there is no connection; a second stop does no harm."""
    with railway() as world:
        assert world.post("TokenScope").status_code == 200
    world.server.stop()

    with pytest.raises(httpx.ConnectError):
        httpx.post(world.server.url, json={}, trust_env=False)
