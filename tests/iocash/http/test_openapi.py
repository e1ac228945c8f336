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
from iocash.http import fields, health, openapi, pages, views
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


def generate(**source: Any) -> Any:
    generator: Any = SchemaGenerator
    return generator(**source).get_schema(request=None, public=True)


@pytest.fixture
def document() -> Any:
    return generate(patterns=urlpatterns)


@pytest.fixture
def served() -> Any:
    """The document of the real server."""
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        return generate(urlconf="iocash.urls")


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
    assert body["allOf"][0] == {"$ref": "#/components/schemas/Error"}
    return set(body["allOf"][1]["properties"]["code"]["enum"])


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
    assert described["parameters"][0]["schema"] == {"type": "string", "format": "uuid"}


def test_livez_documents_few_refusals(document: Any) -> None:
    described = document["paths"]["/livez"]["get"]
    assert set(described["responses"]) == {"200", "400", "500"}
    assert codes(document, described, 400) == ALWAYS
    assert "security" not in described


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
    pace = {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}
    made = {"X-Request-Id", "Location", "Idempotent-Replayed"}
    assert set(responses["201"]["headers"]) == made | pace
    refused = {
        status: refusal(document, described, status)["headers"] for status in (400, 401, 503)
    }
    assert set(refused[401]) == {"X-Request-Id", "WWW-Authenticate"}
    assert set(refused[503]) == {"X-Request-Id", "Retry-After"}
    assert set(refused[400]) == {"X-Request-Id"}


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
    assert openapi.refusal_name(404, ["not_found"]) == "404-not_found"
    both = openapi.refusal_name(409, ["already_exists", "immutable"])
    assert both == "409-f26ee3ef" != openapi.refusal_name(409, ["already_exists", "otp_too_soon"])


def test_post_documents_the_idempotency_key_unless_the_view_refuses_it(document: Any) -> None:
    def takes(described: Any) -> bool:
        return "Idempotency-Key" in {found["name"] for found in described.get("parameters", [])}

    paths = document["paths"]
    assert takes(paths["/api/v1/things"]["post"])
    assert not takes(paths["/api/v1/things/{thingId}/ask"]["post"])
    assert not takes(paths["/api/v1/things/{thingId}"]["put"])
    assert not takes(paths["/api/v1/things"]["get"])


def test_list_documents_its_parameters(document: Any) -> None:
    found = document["paths"]["/api/v1/things"]["get"]["parameters"]
    named = {parameter["name"]: parameter["schema"] for parameter in found}
    assert list(named) == ["size", "sort", "cursor", "currency"]
    assert named["size"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert named["sort"]["enum"] == ["createdAt,desc", "createdAt,asc"]


# Components


def test_amount_is_documented_as_a_patterned_string_or_a_number(document: Any) -> None:
    schemas = document["components"]["schemas"]
    amount = schemas["NewThing"]["properties"]["amount"]
    assert (amount["type"], amount["example"]) == (["string", "number"], "10.00")
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
    page = document["components"]["schemas"]["ThingPage"]["properties"]
    things = {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}
    assert page["_embedded"]["properties"] == {"things": things}
    assert page["_links"]["required"] == ["self", "first", "last"]


def test_empty_body_is_not_documented(document: Any) -> None:
    assert "requestBody" not in document["paths"]["/api/v1/things/{thingId}/ask"]["post"]


# The document of the real server


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


def test_every_operation_but_the_public_ones_needs_a_key(served: Any) -> None:
    public = {name for name, described in operations(served) if not described.get("security")}
    assert public == {"GET /livez", "GET /readyz", "GET /api/schema"}
    assert served["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_own_paths_are_listed_before_the_published_paths(served: Any) -> None:
    tags = [tag["name"] for tag in served["tags"]]
    assert tags[:2] == ["clients", "users"]
    assert tags.index("published paths") > tags.index("external accounts")
    used = [described.get("tags", ["default"]) for _, described in operations(served)]
    assert {tag for each in used for tag in each} == set(tags)


def test_only_four_methods_are_documented(served: Any) -> None:
    methods = {method for methods in served["paths"].values() for method in methods}
    assert methods <= {"get", "post", "put", "patch"}
