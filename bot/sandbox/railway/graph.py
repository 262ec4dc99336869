"""GraphQL itself: a posted body is read, held against the schema, and carried out.

What is wrong with the request as such is HTTP 400 with `errors`; what goes wrong in carrying it out is HTTP 200 with
`errors`, and `data` null when the field may not be.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

from bot.sandbox.railway.mutations import MUTATIONS
from bot.sandbox.railway.reads import QUERIES, Context, Resolver
from bot.sandbox.railway.refusal import NOT_AUTHORIZED, PROBLEM, Refusal, extensions
from bot.sandbox.railway.shapes import Json

logger = logging.getLogger(__name__)
SCHEMA_FILE = Path(__file__).with_name("schema.graphql")


def load_schema() -> GraphQLSchema:
    """Return the schema that the server speaks."""
    return build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A request that may be carried out, as far as its form goes."""

    document: DocumentNode
    operation: OperationDefinitionNode
    name: str | None
    variables: Mapping[str, Any]

    @property
    def fields(self) -> tuple[FieldNode, ...]:
        """Return the fields at the root that are asked for."""
        selected = self.operation.selection_set.selections
        return tuple(each for each in selected if isinstance(each, FieldNode))

    @property
    def names(self) -> tuple[str, ...]:
        """Return every name a fault may call this request by."""
        own = self.operation.name
        return (*(each.name.value for each in self.fields), *((own.value,) if own else ()))


class Malformed(Exception):
    """The request is no GraphQL that this schema knows; carries the errors of the answer."""

    def __init__(self, code: str, *errors: GraphQLError) -> None:
        """Each error gets the code."""
        super().__init__(code)
        self.errors = [each.formatted | {"extensions": extensions(code)} for each in errors]


def read(schema: GraphQLSchema, body: bytes) -> Posted:
    """Return what was posted.

    Raises:
        Malformed: it cannot be carried out.
    """
    try:
        posted = json.loads(body)
    except ValueError:
        raise Malformed("BAD_REQUEST", GraphQLError("POST body is not JSON")) from None
    if not isinstance(posted, dict) or not isinstance(posted.get("query"), str):
        raise Malformed("BAD_REQUEST", GraphQLError("POST body misses `query`"))
    variables, name = posted.get("variables") or {}, posted.get("operationName")
    if not isinstance(variables, dict) or not isinstance(name, str | None):
        raise Malformed("BAD_REQUEST", GraphQLError("`variables` is no object or `operationName` no text"))
    try:
        document = parse(posted["query"])
    except GraphQLError as error:
        raise Malformed("GRAPHQL_PARSE_FAILED", error) from None
    errors = validate(schema, document)
    if errors:
        raise Malformed("GRAPHQL_VALIDATION_FAILED", *errors)
    operation = get_operation_ast(document, name)
    if operation is None:
        raise Malformed("OPERATION_RESOLUTION_FAILURE", GraphQLError("which operation is meant is not clear"))
    return Posted(document=document, operation=operation, name=name, variables=variables)


def run(schema: GraphQLSchema, posted: Posted, context: Context | None) -> tuple[int, Json]:
    """Return the status and the answer of a request; with no context nobody asks, and nothing is done."""
    if context is None:
        return 200, refusal(posted, NOT_AUTHORIZED)
    result = execute_sync(
        schema,
        posted.document,
        root_value=_root(context),
        variable_values=dict(posted.variables),
        operation_name=posted.name,
    )
    errors = result.errors or []
    if result.data is None and errors and all(each.path is None for each in errors):
        return 400, {"errors": Malformed("BAD_USER_INPUT", *errors).errors}
    told: Json = {"errors": [_formatted(each) for each in errors]} if errors else {}
    return 200, told | {"data": result.data}


def refusal(posted: Posted, message: str) -> Json:
    """Return the answer to a request of which nothing is done."""
    node = posted.fields[0] if posted.fields else posted.operation
    error = GraphQLError(message, [node], extensions=extensions())
    path = [posted.names[0]] if posted.fields else []
    return {"errors": [error.formatted | {"path": path}], "data": None}


def _root(context: Context) -> dict[str, Callable[..., Any]]:
    return {name: _field(context, resolver) for name, resolver in {**QUERIES, **MUTATIONS}.items()}


def _field(context: Context, resolver: Resolver) -> Callable[..., Any]:
    return lambda info, **args: resolver(context, args)


def _formatted(error: GraphQLError) -> Json:
    """Return an error of carrying out; one of our own is logged and told as Railway tells what it does not explain."""
    if isinstance(error.original_error, Refusal):
        return dict(error.formatted)
    logger.error("event=railway_request_failed path=%s", error.path, exc_info=error.original_error)
    return dict(error.formatted) | {"message": PROBLEM, "extensions": extensions()}
