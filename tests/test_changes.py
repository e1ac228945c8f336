"""A change of the OpenAPI document that breaks a caller is told, and any other is not."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.support.openapi_changes import incompatible

ORDER = {
    "type": "object",
    "required": ["amount"],
    "properties": {
        "amount": {"type": "string", "pattern": "^[0-9]+$"},
        "note": {"type": ["string", "null"], "maxLength": 140},
        "kind": {"type": "string", "enum": ["TRANSFER", "CASH_IN"]},
        "tags": {"type": "array", "items": {"type": "string", "minLength": 1}},
        "color": {"type": "string", "x-extensible-enum": ["RED", "BLUE"]},
        "part": {"$ref": "#/components/schemas/AnyPart"},
    },
}
THING = {
    "type": "object",
    "required": ["id", "status"],
    "properties": {
        "id": {"type": "string"},
        "status": {"type": "string", "enum": ["OPEN", "OVER"]},
        "color": {"type": "string", "x-extensible-enum": ["RED", "BLUE"]},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
    },
}
PART = {"size": {"type": "integer"}, "type": {"type": "string", "const": "SMALL"}}
PARTS = {
    "AnyPart": {
        "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("SmallPart", "LargePart")]
    },
    "SmallPart": {"type": "object", "required": ["type"], "properties": PART},
    "LargePart": {
        "type": "object",
        "required": ["type", "weight"],
        "properties": {
            "size": {"type": "integer"},
            "type": {"type": "string", "const": "LARGE"},
            "weight": {},
        },
    },
}
ERROR = {"type": "object", "properties": {"code": {"type": "string"}}}
CODES = ["not_open", "too_late"]
REFUSED = "409-refused"


def answering(schema: Any, **headers: Any) -> Any:
    return {"headers": headers, "content": {"application/json": {"schema": schema}}}


def a_document() -> Any:
    refused = answering({"$ref": "#/components/schemas/Error"}) | {"x-codes": CODES}
    post = {
        "security": [{"bearer": ["things:write"]}],
        "parameters": [
            {"in": "query", "name": "size", "schema": {"type": "integer", "maximum": 100}},
            {"in": "header", "name": "If-Match", "schema": {"type": "string"}},
            {
                "in": "header",
                "name": "If-None-Match",
                "schema": {"type": "string", "enum": ["*"]},
            },
        ],
        "requestBody": answering({"$ref": "#/components/schemas/Order"}) | {"required": False},
        "responses": {
            "201": answering({"$ref": "#/components/schemas/Thing"}, Location={}),
            "409": {"$ref": "#/components/responses/409-refused"},
        },
    }
    part = {"type": "object", "properties": {"name": {"type": "string"}}}
    return deepcopy(
        {
            "paths": {"/things": {"post": post, "get": {"responses": {}}}, "/health": {}},
            "components": {
                "schemas": {
                    "Order": ORDER,
                    "Thing": THING,
                    "Part": part,
                    "Error": ERROR,
                    **PARTS,
                },
                "responses": {REFUSED: refused},
            },
        }
    )


def changed(change: Callable[[Any], Any]) -> list[str]:
    after = a_document()
    change(after)
    return incompatible(a_document(), after)


def post(document: Any) -> Any:
    return document["paths"]["/things"]["post"]


def schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


def field(document: Any, name: str, of: str = "Order") -> Any:
    return schema(document, of)["properties"][name]


def refused(document: Any) -> Any:
    response = document["components"]["responses"][REFUSED]
    return response["x-codes"]


def a_parameter(required: bool) -> Any:
    return {"in": "query", "name": "day", "required": required, "schema": {}}


def test_same_document_is_compatible():
    assert incompatible(a_document(), a_document()) == []


BREAKING: dict[str, Callable[[Any], Any]] = {
    "/health is gone": lambda it: it["paths"].pop("/health"),
    "GET /things is gone": lambda it: it["paths"]["/things"].pop("get"),
    "POST /things: 201 is not answered any more": lambda it: post(it)["responses"].pop("201"),
    "POST /things: 201 has no header Location any more": lambda it: post(it)["responses"]["201"][
        "headers"
    ].clear(),
    "POST /things: 409.code is never 'too_late' any more": lambda it: refused(it).remove(
        "too_late"
    ),
    "POST /things: 201.color is never 'RED' any more": lambda it: field(it, "color", "Thing")[
        "x-extensible-enum"
    ].remove("RED"),
    "POST /things: the body.color may not be 'RED' any more": lambda it: field(it, "color")[
        "x-extensible-enum"
    ].remove("RED"),
    "POST /things: the body.part.size has a maximum of 5": lambda it: field(
        it, "size", "SmallPart"
    ).update(maximum=5),
    "POST /things: the body.part.size is required": lambda it: [
        schema(it, name)["required"].append("size") for name in ("SmallPart", "LargePart")
    ],
    "POST /things: the body.part.weight is not taken any more": lambda it: schema(it, "LargePart")[
        "properties"
    ].pop("weight"),
    "POST /things: the body.part.type may not be 'LARGE' any more": lambda it: field(
        it, "type", "LargePart"
    ).update(const="HUGE"),
    "POST /things: 201.id is gone": lambda it: schema(it, "Thing")["properties"].pop("id"),
    "POST /things: 201.id may be absent": lambda it: schema(it, "Thing")["required"].remove("id"),
    "POST /things: 201.parts[].name is gone": lambda it: schema(it, "Part")["properties"].clear(),
    "POST /things: 201.id is null or string": lambda it: field(it, "id", "Thing").update(
        type=["string", "null"]
    ),
    "POST /things: 201.id is integer": lambda it: field(it, "id", "Thing").update(type="integer"),
    "POST /things: 201.status is never 'OVER' any more": lambda it: field(it, "status", "Thing")[
        "enum"
    ].remove("OVER"),
    "POST /things: other credentials or scopes are needed": lambda it: post(it).pop("security"),
    "POST /things: a body is required": lambda it: post(it)["requestBody"].update(required=True),
    "POST /things: no body is taken any more": lambda it: post(it).pop("requestBody"),
    "POST /things: the body.note is required": lambda it: schema(it, "Order")["required"].append(
        "note"
    ),
    "POST /things: the body.note is not taken any more": lambda it: schema(it, "Order")[
        "properties"
    ].pop("note"),
    "POST /things: the body.note may not be null any more": lambda it: field(it, "note").update(
        type="string"
    ),
    "POST /things: the body.note has a maxLength of 100": lambda it: field(it, "note").update(
        maxLength=100
    ),
    "POST /things: the body.tags[] has a minLength of 2": lambda it: field(it, "tags")[
        "items"
    ].update(minLength=2),
    "POST /things: the body.tags has a maxItems of 5": lambda it: field(it, "tags").update(
        maxItems=5
    ),
    "POST /things: the body.amount has the pattern ^[1-9]$": lambda it: field(it, "amount").update(
        pattern="^[1-9]$"
    ),
    "POST /things: the body.kind may not be 'CASH_IN' any more": lambda it: field(it, "kind")[
        "enum"
    ].remove("CASH_IN"),
    "POST /things: the body.amount may only be one of ['1']": lambda it: field(it, "amount").update(
        enum=["1"]
    ),
    "POST /things: the query parameter size is not taken any more": lambda it: post(it)[
        "parameters"
    ].pop(0),
    "POST /things: the header parameter If-Match is required": lambda it: post(it)["parameters"][
        1
    ].update(required=True),
    "POST /things: the query parameter day is required": lambda it: post(it)["parameters"].append(
        a_parameter(required=True)
    ),
    "POST /things: the query parameter size has a maximum of 50": lambda it: post(it)["parameters"][
        0
    ]["schema"].update(maximum=50),
}


@pytest.mark.parametrize("words", BREAKING)
def test_incompatible_change_is_reported(words):
    assert changed(BREAKING[words]) == [words]


def test_new_required_field_is_reported():
    def change(document: Any) -> None:
        schema(document, "Order")["properties"]["day"] = {"type": "string"}
        schema(document, "Order")["required"].append("day")

    assert changed(change) == ["POST /things: the body.day is required"]


HARMLESS: dict[str, Callable[[Any], Any]] = {
    "a new path": lambda it: it["paths"].update({"/more": {}}),
    "a new method": lambda it: it["paths"]["/things"].update(put={"responses": {}}),
    "a new status": lambda it: post(it)["responses"].update({"202": {}}),
    "a new code": lambda it: refused(it).append("too_early"),
    "an open enumeration": lambda it: (
        field(it, "kind").pop("enum")
        and field(it, "kind").update({"x-extensible-enum": ["TRANSFER", "CASH_IN"]})
    ),
    "a variant that has more": lambda it: schema(it, "SmallPart")["properties"].update(more={}),
    "a pattern for the only value": lambda it: (
        post(it)["parameters"][2]["schema"].update(pattern=r"^\*$")
        or post(it)["parameters"][2]["schema"].pop("enum")
    ),
    "another type that is accepted": lambda it: field(it, "amount").update(
        {"x-also-accepted": "number"}
    ),
    "a new field to send": lambda it: schema(it, "Order")["properties"].update(more={}),
    "a new field to read": lambda it: schema(it, "Thing")["properties"].update(more={}),
    "a new parameter": lambda it: post(it)["parameters"].append(a_parameter(required=False)),
    "a longer text": lambda it: field(it, "note").update(maxLength=200),
    "a field left out": lambda it: schema(it, "Order")["required"].clear(),
    "a wider pattern": lambda it: field(it, "amount").update(pattern=r"^[0-9]+(\.[0-9]+)?$"),
    "another form no more": lambda it: field(it, "amount").pop("pattern"),
    "one more value": lambda it: field(it, "kind")["enum"].append("CASH_OUT"),
    "one more type": lambda it: field(it, "amount").update(type=["string", "number"]),
    "other words": lambda it: post(it).update(description="Otherwise."),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_compatible_change_is_not_reported(change):
    assert changed(change) == []


def several(document: Any, explode: bool, **bounds: Any) -> None:
    size = post(document)["parameters"][0]
    items = {**size["schema"], **bounds}
    size["schema"] = {"type": "array", "items": items, "minItems": 1, "maxItems": 20}
    size |= {"style": "form", "explode": explode}


def test_several_values_with_commas_are_compared_by_one():
    assert changed(lambda it: several(it, explode=False)) == []
    assert changed(lambda it: several(it, explode=False, maximum=50)) == [
        "POST /things: the query parameter size has a maximum of 50"
    ]


def test_several_values_in_another_form_are_reported():
    told = changed(lambda it: several(it, explode=True))
    assert "POST /things: the query parameter size may not be integer any more" in told


@pytest.mark.parametrize(
    ("bound", "told"),
    [
        ({"minProperties": 1}, []),
        ({"minProperties": 2}, ["POST /things: the body has a minProperties of 2"]),
        ({"maxProperties": 6}, []),
        ({"maxProperties": 5}, ["POST /things: the body has a maxProperties of 5"]),
    ],
)
def test_limit_on_members_is_compared_with_the_known_members(bound, told):
    before = a_document()
    schema(before, "Order")["additionalProperties"] = False
    after = deepcopy(before)
    schema(after, "Order").update(bound)
    assert incompatible(before, after) == told


def test_shared_parameter_is_compared_by_its_target():
    def change(document: Any) -> None:
        document["components"]["parameters"] = {"size": post(document)["parameters"][0]}
        post(document)["parameters"][0] = {"$ref": "#/components/parameters/size"}

    assert changed(change) == []


def test_header_that_no_response_has_any_more_is_reported_once():
    before = a_document()
    before["components"]["headers"] = {"Left": {}, "Kept": {}}
    shared = {name: {"$ref": f"#/components/headers/{name}"} for name in ("Left", "Kept")}
    for response in (post(before)["responses"]["201"], before["components"]["responses"][REFUSED]):
        response["headers"] = dict(shared)
    after = deepcopy(before)
    del after["components"]["headers"]["Left"]
    del post(after)["responses"]["201"]["headers"]["Left"]
    after["components"]["responses"][REFUSED]["headers"].clear()
    assert incompatible(before, after) == [
        "no response has the header Left any more",
        "POST /things: 409 has no header Kept any more",
    ]


def test_reference_is_compared_by_its_target():
    def change(document: Any) -> None:
        document["components"]["schemas"]["Renamed"] = schema(document, "Order")
        post(document)["requestBody"] = answering({"$ref": "#/components/schemas/Renamed"})

    assert changed(change) == []
