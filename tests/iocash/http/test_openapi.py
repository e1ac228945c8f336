"""The OpenAPI document says what the server does, and all that it can refuse."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import pytest
from django.urls import path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.docs import reference
from iocash.http import fields, health, pages, views
from iocash.http.openapi import refusals
from iocash.http.operations import operation

TEN = {"200", "201", "202", "400", "401", "403", "404", "409", "500", "503"}


class Iban(fields.Serializer):
    account_number = fields.Text(34)


class NewThing(fields.Serializer):
    """What a thing is made of."""

    amount = fields.Amount()
    iban = Iban(required=False)
    note = fields.Text(140, required=False, allow_null=True)


class Thing(fields.Serializer):
    """A thing."""

    id = fields.Id(read_only=True)
    balance_after = fields.Money(allow_null=True)
    created_at = fields.Moment(read_only=True)


class ThingQuery(pages.PageQuery):
    currency = fields.Currency(required=False)


class Guarded(views.View):
    authentication_classes = (BaseAuthentication,)
    permission_classes: Any = ()
    serializer_class = Thing


class Things(Guarded):
    """Make a thing, or list them."""

    collection = "things"

    @operation(query=ThingQuery)
    def get(self, request: Request) -> Response:
        return Response()

    @operation(body=NewThing, keyed=True, refuses=(errors.InsufficientFunds,))
    def post(self, request: Request) -> Response:
        """Make a thing."""
        return Response()


class OneThing(Guarded):
    """Read or replace a thing."""

    @operation()
    def get(self, request: Request, thing_id: Any) -> Response:
        return Response()

    @operation(
        body=NewThing,
        statuses=(HTTPStatus.OK, HTTPStatus.CREATED),
        refuses=(errors.Immutable,),
    )
    def put(self, request: Request, thing_id: Any) -> Response:
        return Response()


class Ask(Guarded):
    """Ask for something."""

    @operation(body=fields.Serializer, body_optional=True, statuses=(HTTPStatus.ACCEPTED,))
    def post(self, request: Request, thing_id: Any) -> Response:
        return Response()


urlpatterns = [
    path("livez", health.LivezView.as_view()),
    path("readyz", health.ReadyzView.as_view()),
    path("api/schema", reference.Schema.as_view(), name="schema"),
    path("api/docs", reference.Docs.as_view(), name="docs"),
    path("api/v1/things", Things.as_view()),
    path("api/v1/things/<uuid:thing_id>", OneThing.as_view()),
    path("api/v1/things/<uuid:thing_id>/ask", Ask.as_view()),
]


def generate(generator: Any = SchemaGenerator, **source: Any) -> Any:
    return generator(**source).get_schema(request=None, public=True)


@pytest.fixture
def document() -> Any:
    return generate(patterns=urlpatterns)


@pytest.fixture(params=[reference.OwnGenerator, reference.PublishedGenerator])
def served(request: pytest.FixtureRequest) -> Any:
    """Each of the documents of the real server."""
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        return generate(request.param)


@pytest.fixture
def own() -> Any:
    return generate(reference.OwnGenerator)


@pytest.fixture
def published() -> Any:
    return generate(reference.PublishedGenerator)


def operations(document: Any) -> Any:
    for address, methods in document["paths"].items():
        for method, described in methods.items():
            yield f"{method.upper()} {address}", described


def refusal(document: Any, described: Any, status: int) -> Any:
    """What the operation refers to; None when it has no such refusal."""
    if str(status) not in described["responses"]:
        return None
    name = described["responses"][str(status)]["$ref"].removeprefix("#/components/responses/")
    return document["components"]["responses"][name]


def codes(document: Any, described: Any, status: int) -> set[str]:
    response = refusal(document, described, status)
    if response is None:
        return set()
    body = response["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Error"}
    return set(response["x-codes"])


def parameters(document: Any, described: Any) -> Any:
    """What the operation takes, also what it shares with others."""
    known = document["components"]["parameters"]
    for each in described.get("parameters", []):
        name = each.get("$ref", "").removeprefix("#/components/parameters/")
        yield known[name] if name else each


# Operations


ALWAYS = {"invalid_host", "invalid_parameters", "not_acceptable"}
WITH_BODY = ALWAYS | {
    "invalid_json",
    "invalid_fields",
    "unsupported_media_type",
    "length_required",
    "body_too_large",
    "body_interrupted",
}
UNKNOWN = {
    "not_authenticated",
    "invalid_credentials",
    "credentials_expired",
    "credentials_revoked",
}
FORBIDDEN = {"client_suspended", "https_required", "insufficient_scope", "permission_denied"}
AWAY = {"database_unavailable", "lock_timeout", "rate_limited", "statement_timeout"}


def test_list_documents_its_refusals(document: Any) -> None:
    described = document["paths"]["/api/v1/things"]["get"]
    assert {
        status: codes(document, described, status) for status in (400, 401, 403, 404, 409, 500, 503)
    } == {
        400: ALWAYS,
        401: UNKNOWN,
        403: FORBIDDEN,
        404: set(),
        409: set(),
        500: {"internal_error"},
        503: AWAY,
    }


def test_creation_documents_its_refusals(document: Any) -> None:
    described = document["paths"]["/api/v1/things"]["post"]
    assert {
        status: codes(document, described, status) for status in (400, 401, 403, 404, 409, 500, 503)
    } == {
        400: WITH_BODY | {"invalid_header"},
        401: UNKNOWN,
        403: FORBIDDEN | {"csrf_failed"},
        404: set(),
        409: {"insufficient_funds", "idempotency_key_reused"},
        500: {"internal_error"},
        503: AWAY | {"outcome_unknown"},
    }


def test_path_with_an_id_documents_not_found(document: Any) -> None:
    described = document["paths"]["/api/v1/things/{thingId}"]["get"]
    assert codes(document, described, 404) == {"not_found"}
    (parameter,) = parameters(document, described)
    assert parameter["schema"] == {"type": "string", "format": "uuid"}


def test_livez_documents_few_refusals(document: Any) -> None:
    described = document["paths"]["/livez"]["get"]
    assert set(described["responses"]) == {"200", "400", "500"}
    assert codes(document, described, 400) == ALWAYS
    assert described["security"] == []


def test_readyz_documents_an_unavailable_database(document: Any) -> None:
    described = document["paths"]["/readyz"]["get"]
    assert codes(document, described, 503) == {"database_unavailable"}


def test_documented_successes_equal_the_views(document: Any) -> None:
    paths = document["paths"]

    def successes(described: Any) -> set[str]:
        return {status for status in described["responses"] if status < "300"}

    assert successes(paths["/api/v1/things"]["get"]) == {"200"}
    assert successes(paths["/api/v1/things"]["post"]) == {"201"}
    assert successes(paths["/api/v1/things/{thingId}"]["put"]) == {"200", "201"}
    assert successes(paths["/api/v1/things/{thingId}/ask"]["post"]) == {"202"}


# Headers and parameters


def test_headers_are_documented_where_they_are_sent(document: Any) -> None:
    described = document["paths"]["/api/v1/things"]["post"]
    responses = described["responses"]
    pace = {"RateLimit", "RateLimit-Policy"}
    made = {"X-Request-Id", "X-Sandbox", "Location", "Idempotent-Replayed", "X-Write-Token"}
    assert set(responses["201"]["headers"]) == made | pace
    refused = {
        status: refusal(document, described, status)["headers"] for status in (400, 401, 503)
    }
    assert set(refused[401]) == {"X-Request-Id", "X-Sandbox", "WWW-Authenticate"}
    assert set(refused[503]) == {"X-Request-Id", "X-Sandbox", "Retry-After"}
    assert set(refused[400]) == {"X-Request-Id", "X-Sandbox"}


def test_shared_refusal_is_documented_once(document: Any) -> None:
    said = {
        described["responses"]["401"]["$ref"]
        for name, described in operations(document)
        if " /api/v1" in name
    }
    assert len(said) == 1
    names = document["components"]["responses"]
    assert len(names) == len({repr(sorted(each.items())) for each in names.values()})


def test_refusal_is_named_by_its_codes_alone() -> None:
    assert refusals.refusal_name(404, ["not_found"]) == "404-not_found"
    both = refusals.refusal_name(409, ["already_exists", "immutable"])
    assert both == "409-f26ee3ef" != refusals.refusal_name(409, ["already_exists", "otp_too_soon"])


def test_post_documents_the_idempotency_key_unless_the_view_refuses_it(document: Any) -> None:
    def takes(described: Any) -> bool:
        found = parameters(document, described)
        return "Idempotency-Key" in {parameter["name"] for parameter in found}

    paths = document["paths"]
    assert takes(paths["/api/v1/things"]["post"])
    assert not takes(paths["/api/v1/things/{thingId}/ask"]["post"])
    assert not takes(paths["/api/v1/things/{thingId}"]["put"])
    assert not takes(paths["/api/v1/things"]["get"])


def test_list_documents_its_parameters(document: Any) -> None:
    described = document["paths"]["/api/v1/things"]["get"]
    found = {each["name"]: each["schema"] for each in parameters(document, described)}
    assert list(found) == ["size", "sort", "cursor", "currency"]
    size = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20, "examples": [20]}
    assert found["size"] == size
    assert found["sort"] == {"$ref": "#/components/schemas/Sort"}
    assert found["currency"] == {"$ref": "#/components/schemas/Currency"}
    assert document["components"]["schemas"]["Sort"]["default"] == "createdAt,desc"


# Components


def test_amount_is_documented_as_a_patterned_string(document: Any) -> None:
    schemas = document["components"]["schemas"]
    amount = schemas["NewThing"]["properties"]["amount"]
    assert (amount["type"], amount["examples"]) == ("string", ["10.00"])
    assert re.search(amount["pattern"], "10.50")
    assert not re.search(amount["pattern"], "1e2")
    assert schemas["Thing"]["properties"]["balanceAfter"]["type"] == ["string", "null"]
    assert schemas["NewThing"]["properties"]["note"]["type"] == ["string", "null"]


def test_body_schema_refuses_other_fields(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["NewThing"]["additionalProperties"] is False
    assert schemas["Iban"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Thing"]
    assert schemas["NewThing"]["required"] == ["amount"]


def test_page_embeds_its_collection(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["ThingPage"]["properties"] == {
        "_links": {"$ref": "#/components/schemas/PageLinks"},
        "_embedded": {"$ref": "#/components/schemas/EmbeddedThings"},
    }
    things = schemas["EmbeddedThings"]["properties"]["things"]
    assert (things["type"], things["items"]) == ("array", {"$ref": "#/components/schemas/Thing"})
    assert schemas["PageLinks"]["required"] == ["self", "first", "last"]


def test_empty_body_is_not_documented(document: Any) -> None:
    assert "requestBody" not in document["paths"]["/api/v1/things/{thingId}/ask"]["post"]


# The document of the real server


@pytest.mark.slow
def test_document_is_valid_openapi_3_1_without_warnings(served: Any) -> None:
    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache
    assert served["openapi"].startswith("3.1.")
    validate: Any = validate_schema
    validate(served)


def test_document_uses_ten_statuses_and_registered_codes_only(served: Any) -> None:
    for name, described in operations(served):
        assert set(described["responses"]) <= TEN, name
        for status in (400, 401, 403, 404, 409, 500, 503):
            for code in codes(served, described, status):
                assert errors.REGISTRY[code].status == status


def test_every_operation_has_a_unique_name_and_a_description(served: Any) -> None:
    named = [described["operationId"] for _, described in operations(served)]
    assert len(set(named)) == len(named)
    for name, described in operations(served):
        assert described.get("description"), name


@pytest.mark.slow
def test_every_operation_but_the_open_ones_needs_a_key(own: Any, published: Any) -> None:
    is_open = {name for name, described in operations(own) if described["security"] == []}
    documents = {"GET /api/schema", "GET /api/schema/published"}
    assert is_open == {"GET /livez", "GET /readyz"} | documents
    assert own["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert all(described["security"] for _, described in operations(published))


def test_every_tag_of_own_paths_is_described(own: Any) -> None:
    assert all(tag["description"] for tag in own["tags"])
    assert [tag["name"] for tag in own["tags"]][:2] == ["clients", "users"]
    used = {tag for _, described in operations(own) for tag in described["tags"]}
    assert used == {tag["name"] for tag in own["tags"]}


def test_documents_share_no_path_and_aliases_are_deprecated(own: Any, published: Any) -> None:
    assert not any("/public/" in path for path in own["paths"])
    assert all(path.startswith("/api/v1/public/") for path in published["paths"])
    assert not any(described.get("deprecated") for _, described in operations(own))
    assert all(described["deprecated"] for _, described in operations(published))


def test_operations_are_named_as_methods(own: Any) -> None:
    names = [described["operationId"] for _, described in operations(own)]
    verbs = "advance create execute find get list put reject request reverse settle sign "
    verbs += "simulate update validate verify"
    assert {re.sub(r"_[a-z_]+$", "", name) for name in names} == {*verbs.split()}


def test_only_four_methods_are_documented(served: Any) -> None:
    methods = {method for methods in served["paths"].values() for method in methods}
    assert methods <= {"get", "post", "put", "patch"}
