"""Integrators find each thing described in the OpenAPI documents; generators find it named."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from iocash.docs.reference import OWN, PUBLISHED, Document
from tests.support import openapi

Named = tuple[str, Any]

COMPOSED = ("object", "array")
WORDS_OF_REFERENCES = {"operations", "discriminator", "x-schemas"}


@pytest.fixture(params=[OWN, PUBLISHED], ids=["own", "published"])
def source(request: pytest.FixtureRequest) -> Document:
    source: Document = request.param
    return source


@pytest.fixture
def document(source: Document) -> Any:
    return json.loads(openapi.written(source))


def operations(document: Any) -> Iterator[Named]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def schemas(node: Any, place: str = "") -> Iterator[Named]:
    """Each schema of a document, also inside others, and the references to them.

    Whether an object may have other members than its properties is no schema.
    """
    if isinstance(node, list):
        for at, each in enumerate(node):
            yield from schemas(each, f"{place}[{at}]")
    if isinstance(node, dict):
        for name, each in node.items():
            inside = f"{place}.{name}"
            if name in ("schemas", "properties"):
                yield from ((f"{inside}.{key}", schema) for key, schema in each.items())
            elif name in ("schema", "items") or (
                name == "additionalProperties" and not isinstance(each, bool)
            ):
                yield inside, each
            elif name in ("oneOf", "allOf", "anyOf"):
                yield from ((f"{inside}[{at}]", schema) for at, schema in enumerate(each))
            if name not in ("example", "examples", "x-schemas"):
                yield from schemas(each, inside)


def properties(document: Any) -> Iterator[Named]:
    for place, schema in schemas(document):
        for name, each in schema.get("properties", {}).items():
            yield f"{place}.{name}", each


def parameters(document: Any, source: Document) -> Iterator[Named]:
    for name, operation in operations(document):
        for each in openapi.parameters(operation, source):
            yield f"{name} {each['name']}", each


# --- Descriptions --------------------------------------------------------------------------------


def described(each: Any, source: Document) -> str:
    """The description of a field, or of the named schema that it is."""
    return str(each.get("description") or openapi.resolved(each, source).get("description", ""))


def test_every_schema_and_field_is_described(document, source):
    named = [(name, each) for name, each in document["components"]["schemas"].items()]
    found = [*named, *properties(document)]
    assert len(found) > 300
    assert [place for place, each in found if not described(each, source)] == []


def test_every_parameter_and_header_is_described(document, source):
    found = [*parameters(document, source), *document["components"]["headers"].items()]
    assert len(found) > 100
    assert [place for place, each in found if not each.get("description")] == []


@pytest.mark.slow
def test_every_description_is_a_sentence(document, source):
    found = [*schemas(document), *parameters(document, source), *operations(document)]
    texts = [(place, each["description"]) for place, each in found if each.get("description")]
    assert [
        (place, text) for place, text in texts if not re.fullmatch(r"(?s)[A-Z0-9`+].*[.)…]", text)
    ] == []


def test_every_value_has_an_example_of_its_own(document, source):
    found = [(place, openapi.resolved(each, source)) for place, each in properties(document)]
    asked = [
        (place, openapi.resolved(each["schema"], source) | each)
        for place, each in parameters(document, source)
    ]
    values = [(place, each) for place, each in [*found, *asked] if is_value(each)]
    assert len(values) > 200
    shown = {"example", "examples", "const"}
    assert [place for place, each in values if not shown & each.keys()] == []
    assert [place for place, each in values if each.get("examples") in (["Text"], [""])] == []


def is_value(schema: Any) -> bool:
    kinds = schema.get("type", [])
    named = {*kinds} if isinstance(kinds, list) else {kinds}
    return not named & {*COMPOSED} and not schema.keys() & {"oneOf", "$ref"}


def test_every_amount_names_its_unit(document, source):
    found = [*properties(document), *parameters(document, source)]
    texts = [
        (place, each["description"])
        for place, each in found
        if re.search(r"(?i)(amount|balance|totalIn|totalOut|available|required)$", place)
        and is_value(each)
        and not place.startswith("PUT")
    ]
    assert len(texts) > 10
    assert [place for place, text in texts if "currency" not in text] == []


def test_every_operation_has_a_summary_and_a_description_of_its_own():
    found = dict(operations(json.loads(openapi.written())))
    for member in ("operationId", "summary", "description"):
        texts = Counter(operation[member] for operation in found.values())
        assert [text for text, count in texts.items() if count > 1] == []
    for name, operation in found.items():
        summary, description = operation["summary"], operation["description"]
        assert len(summary) <= 60, name
        assert not summary.endswith("."), name
        assert not description.startswith(summary), name


# --- Shapes --------------------------------------------------------------------------------------


def test_nothing_is_beside_a_reference(document):
    found = [(place, each) for place, each in schemas(document) if "$ref" in each]
    assert len(found) > 100
    assert [place for place, each in found if each.keys() != {"$ref"}] == []


def test_no_schema_is_a_boolean(document):
    assert [place for place, each in schemas(document) if isinstance(each, bool)] == []


def test_variants_are_complete_schemas_that_a_discriminator_tells_apart(document, source):
    found = [each for _, each in schemas(document) if "discriminator" in each]
    assert len(found) == (2 if source is OWN else 0)
    for each in found:
        assert "properties" not in each
        key, mapping = each["discriminator"]["propertyName"], each["discriminator"]["mapping"]
        assert [part["$ref"] for part in each["oneOf"]] == [*mapping.values()]
        for value, reference in mapping.items():
            variant = openapi.resolved({"$ref": reference}, source)
            assert variant["properties"][key]["const"] == value
            assert key in variant["required"]


def test_objects_and_enumerations_are_named(document):
    named = {f".components.schemas.{name}" for name in document["components"]["schemas"]}
    inline = [
        place
        for place, each in schemas(document)
        if place not in named and each.keys() & {"properties", "x-extensible-enum"}
    ]
    assert inline == [".components.schemas.Error.properties.status"]


def test_no_schema_has_keywords_that_generators_ignore(document):
    dropped = {"readOnly", "writeOnly", "allOf", "anyOf", "not", "nullable", "example"}
    assert [place for place, each in schemas(document) if each.keys() & dropped] == []


def test_dry_run_is_described_apart_from_the_responses():
    """Generators of clients take the lowest success for what is created."""
    paths = openapi.document()["paths"]
    operations = [each for methods in paths.values() for each in methods.values()]
    apart = [each for each in operations if "x-dry-run" in each]
    assert {each["operationId"] for each in apart} >= {"create_movement", "create_hold"}
    for each in apart:
        assert not each["responses"].keys() & {"200"}, each["operationId"]
        assert each["x-dry-run"]["content"]["application/json"]["schema"]["$ref"].endswith("DryRun")


# --- Parameters ----------------------------------------------------------------------------------


def test_pairs_to_search_by_are_deep_objects():
    written = json.loads(openapi.written(OWN))
    found = [each for _, each in parameters(written, OWN) if each["name"] == "metadata"]
    assert len(found) == 9
    for each in found:
        assert (each["style"], each["explode"]) == ("deepObject", True)
        assert (each["schema"]["type"], each["schema"]["maxProperties"]) == ("object", 5)
