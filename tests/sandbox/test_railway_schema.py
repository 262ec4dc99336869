"""The schema spoken here is a part of Railway's own, and has all that the product's operations need."""

import json
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    parse,
    validate,
)

from bot.sandbox.railway.graph import SCHEMA_FILE, load_schema
from bot.sandbox.railway.mutations import MUTATIONS
from bot.sandbox.railway.reads import QUERIES
from tests.sandbox.test_railway_support import OPERATIONS

VENDOR = Path(__file__).parents[2].parent / "shared" / "reference" / "railway-graphql-schema.json"
OURS = load_schema()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_of_the_product_is_valid(name: str) -> None:
    """Every text of the reference can be carried out."""
    assert validate(OURS, parse(OPERATIONS[name])) == []


def test_every_root_field_is_answered() -> None:
    """No field of the schema is without a function, and none has one too many."""
    assert OURS.query_type is not None and OURS.mutation_type is not None
    assert set(OURS.query_type.fields) == set(QUERIES)
    assert set(OURS.mutation_type.fields) == set(MUTATIONS)


@pytest.mark.skipif(not VENDOR.is_file(), reason="the vendor's schema is not at hand")
def test_it_is_the_vendors_schema() -> None:
    """Types, fields, arguments, defaults, enumerations: what is here is there, to the last `!`."""
    vendor = _vendor_types()
    for name, kind in OURS.type_map.items():
        if name.startswith("__"):
            continue
        of_vendor = vendor[name]
        if isinstance(kind, GraphQLEnumType):
            assert set(kind.values) == {each["name"] for each in of_vendor["enumValues"]}, name
        entries = _entries(kind)
        listed = of_vendor["fields"] or of_vendor["inputFields"] or []
        theirs = {each["name"]: each for each in listed}
        for entry, value in entries.items():
            assert str(value.type) == _type_text(theirs[entry]["type"]), f"{name}.{entry}"
            _same_arguments(f"{name}.{entry}", getattr(value, "args", {}), theirs[entry].get("args", []))
        if of_vendor["kind"] == "INPUT_OBJECT":
            assert set(entries) == set(theirs), name


def test_the_vendor_has_nothing_deprecated_in_use() -> None:
    """The recommended paths are used: `environment.serviceInstances`, not the deprecated ones."""
    assert "@deprecated" not in SCHEMA_FILE.read_text(encoding="utf-8")
    if VENDOR.is_file():
        vendor = _vendor_types()
        for name, kind in OURS.type_map.items():
            fields = {each["name"]: each for each in vendor.get(name, {}).get("fields") or []}
            for entry in () if name.startswith("__") else _entries(kind):
                assert not fields.get(entry, {}).get("isDeprecated"), f"{name}.{entry}"


def _entries(kind: GraphQLNamedType) -> dict[str, Any]:
    """Fields of a type or an input; none of anything else."""
    return dict(kind.fields) if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType) else {}


def _vendor_types() -> dict[str, Any]:
    raw = json.loads(VENDOR.read_text(encoding="utf-8"))
    return {each["name"]: each for each in raw.get("data", raw)["__schema"]["types"]}


def _same_arguments(place: str, ours: Any, theirs: list[Any]) -> None:
    known = {each["name"]: _type_text(each["type"]) for each in theirs}
    for name, argument in ours.items():
        assert str(argument.type) == known[name], f"{place}({name})"
    needed = {name for name, text in known.items() if text.endswith("!")}
    assert needed <= set(ours), place


def _type_text(of: Any) -> str:
    if of["kind"] == "NON_NULL":
        return f"{_type_text(of['ofType'])}!"
    return f"[{_type_text(of['ofType'])}]" if of["kind"] == "LIST" else str(of["name"])
