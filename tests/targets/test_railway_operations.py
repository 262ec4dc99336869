"""Every operation sent to Railway: valid by the vendor's own schema and by ours, used, and none that can do harm."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import signature
from threading import Thread

import pytest
from graphql import (
    FieldNode,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_client_schema,
    parse,
    validate,
)

from bot.errors import OutcomeUnknown, TargetError, TargetRefused, TargetUnavailable
from bot.sandbox.railway.graph import load_schema
from bot.targets import railway
from bot.targets.railway import CHANGES, Railway, operations
from tests.project.test_imports import ROOT

VENDOR = ROOT.parent / "shared" / "reference" / "railway-graphql-schema.json"
OPERATIONS = operations()


def schemas() -> list[GraphQLSchema]:
    """Return our hand-written subset, and the vendor's own where it is at hand (it breaks a rule on deprecation itself)."""
    found = [load_schema()]
    if VENDOR.is_file():
        raw = json.loads(VENDOR.read_text(encoding="utf-8"))
        found.append(build_client_schema(raw.get("data", raw), assume_valid=True))
    return found


def definition(name: str) -> OperationDefinitionNode:
    """Return an operation's one definition."""
    [found] = parse(OPERATIONS[name]).definitions
    assert isinstance(found, OperationDefinitionNode)
    return found


def test_every_operation_is_valid() -> None:
    """By the vendor's introspected schema where present, and always by the small one."""
    for schema in schemas():
        assert {name: errors for name, text in OPERATIONS.items() if (errors := validate(schema, parse(text)))} == {}


def test_every_operation_is_named_once_and_used() -> None:
    """The file holds what the client sends and nothing else."""
    text = (ROOT / "bot/targets/railway.graphql").read_text(encoding="utf-8")
    assert len(re.findall(r"^(?:query|mutation) ", text, re.MULTILINE)) == len(OPERATIONS)
    code = (ROOT / "bot/targets/railway.py").read_text(encoding="utf-8")
    used = set(re.findall(r'self\._(?:read|change)\(\s*"(\w+)"', code))
    assert used == set(OPERATIONS)
    mutations = {name for name in OPERATIONS if definition(name).operation is OperationType.MUTATION}
    assert mutations == set(CHANGES)


def test_harm_cannot_be_expressed() -> None:
    """No upload, no deletion, no replacing of all variables, no deploy: not in a text, not by an argument."""
    asked = [field for name in CHANGES for field in definition(name).selection_set.selections]
    assert {field.name.value for field in asked if isinstance(field, FieldNode)} == {
        "deploymentRestart",
        "variableUpsert",
    }
    client = (ROOT / "bot/targets/railway.py").read_text(encoding="utf-8")
    assert not re.search(r"replace\s*[=:]|\"replace\"|skipDeploys", client)
    assert list(signature(Railway.set_variable).parameters) == ["self", "service_id", "name", "value"]
    assert {name for name in vars(Railway) if not name.startswith("_")} == {
        "close",
        "state",
        "logs",
        "diagnosis",
        "variable",
        "restart",
        "set_variable",
    }


def test_a_variable_without_a_service_cannot_be_expressed() -> None:
    """An empty id is refused before anything is sent; the read of variables needs one by its type."""
    alone = Railway("http://127.0.0.1:9/", "t", is_project_token=True, project_id="p", environment_id="e")
    with pytest.raises(TargetRefused, match="every service"):
        alone.set_variable("", "NAME", "true")
    alone.close()
    assert "$serviceId: String!" in OPERATIONS["Variables"]


@contextmanager
def answering(status: int, body: str, headers: dict[str, str] | None = None) -> Iterator[Railway]:
    """Give a client whose Railway gives this one answer to everything."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:  # noqa: ARG002  # the library's signature
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    client = Railway(url, "secret-token", is_project_token=True, project_id="p", environment_id="e")
    try:
        yield client
    finally:
        client.close()
        server.shutdown()
        server.server_close()
        thread.join(5)


def errors(message: str) -> str:
    """Return a body with one error."""
    return json.dumps({"errors": [{"message": message}], "data": None})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, '{"data": {"deploymentRestart": false}}', TargetRefused),
        (200, '{"data": {"deploymentRestart": null}}', OutcomeUnknown),
        (200, '{"data": {}}', OutcomeUnknown),
        (200, '{"data": null}', OutcomeUnknown),
        (200, "[]", OutcomeUnknown),
        (200, "<html>", OutcomeUnknown),
        (200, errors("Not Authorized"), TargetRefused),
        (200, errors("you said secret-token"), TargetRefused),
        (200, errors("Problem processing request"), OutcomeUnknown),
        (400, errors("Cannot query field"), TargetRefused),
        (502, errors("upstream timed out"), OutcomeUnknown),
        (500, errors("Not Authorized"), TargetRefused),
        (504, "", OutcomeUnknown),
        (429, errors("Too Many Requests"), TargetUnavailable),
    ],
)
def test_an_answer_to_a_change_is_classed(status: int, body: str, kind: type[TargetError]) -> None:
    """Only what certainly was not done is a refusal; all else is not known. Nothing that was sent stands in the error."""
    with answering(status, body, {"Retry-After": "secret-token"}) as client, pytest.raises(TargetError) as raised:
        client.restart("d-1")
    assert type(raised.value) is kind
    assert "secret-token" not in raised.value.message


def test_an_answer_to_a_read_is_never_unknown() -> None:
    """A read changes nothing: no answer is "not available", whatever came instead."""
    for status, body in ((200, '{"data": null}'), (502, errors("upstream timed out")), (200, "<html>")):
        with answering(status, body) as client, pytest.raises((TargetUnavailable, TargetRefused)):
            client.variable("s", "NAME")


@pytest.mark.parametrize(
    "body",
    [
        '{"data": {"deploymentLogs": [{"timestamp": "yesterday", "message": "x"}]}}',
        '{"data": {"deploymentLogs": [{"message": "x"}]}}',
        '{"data": {"deploymentLogs": {"0": "x"}}}',
        "[" * 200_000,
    ],
)
def test_an_answer_of_another_shape_is_none(body: str) -> None:
    """A moment that is none, a field that is missing, another kind, no end: not available, and no fault of ours."""
    with answering(200, body) as client, pytest.raises(TargetUnavailable):
        client.logs("d-1", 5)


def test_the_deadlines_are_the_references() -> None:
    """Reads 15 s or less, changes 60 to 90 s (reference 1.1)."""
    assert railway.READ_SECONDS <= 15.0
    assert 60.0 <= railway.CHANGE_SECONDS <= 90.0
