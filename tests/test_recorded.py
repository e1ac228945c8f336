"""The examples in the OpenAPI document are what the server answered.

`RECORD=1 python -m pytest tests/test_recorded.py` records them anew, in docs/examples.json; then
`manage.py write_docs` writes the document.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from iocash.docs import calls, examples
from iocash.docs.reference import OWN, PUBLISHED, Document
from iocash.http.rendering import dump_lines
from tests.support import openapi, people, published_story, sandbox, story
from tests.support.story import LIMITS, Recorder
from users.models import Client


@pytest.fixture
def told(client_demo: Client, settings: Any) -> Any:
    settings.KYC_LIMITS = LIMITS
    api = Recorder(people.a_key(client_demo))
    stranger = Recorder(people.a_key(people.a_client("Another")), api.kept)
    reader = Recorder(people.a_key(client_demo, "wallets:read"), api.kept)
    other = Recorder(people.a_key(people.a_client("Published")))
    with sandbox.made():
        told = story.tell(api, stranger, reader)
        told["operations"] |= published_story.tell(other)["operations"]
    return told


def test_examples_equal_the_servers_answers(told):
    if os.environ.get("RECORD"):
        examples.FILE.write_text(dump_lines(told) + "\n")
        examples.recorded_examples.cache_clear()
    assert examples.recorded_examples() == told, "RECORD=1 python -m pytest tests/test_recorded.py"


DOCUMENTS = ("/api/schema", "/api/schema/published")
"""The paths that answer the documents themselves."""


def operations(source: Document) -> list[tuple[str, Any]]:
    """Every operation but those which answer the documents."""
    paths = json.loads(openapi.written(source))["paths"]
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if path not in DOCUMENTS
    ]


@pytest.mark.parametrize(
    ("name", "operation"),
    [*operations(OWN), *operations(PUBLISHED)],
    ids=lambda each: str(each)[:60],
)
def test_every_operation_has_examples_of_its_body_and_successes(name, operation):
    body = operation.get("requestBody")
    assert body is None or body["content"]["application/json"]["examples"], name
    for status, response in operation["responses"].items():
        content = response.get("content", {}).get("application/json", {})
        schema = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        assert status >= "400" or "examples" in content or schema.endswith("Page"), (name, status)


@pytest.mark.parametrize("source", [OWN, PUBLISHED])
def test_page_without_example_lists_items_with_an_example(source):
    schemas = openapi.document(source)["components"]["schemas"]
    successes = [
        content
        for _, operation in operations(source)
        for status, response in operation["responses"].items()
        if status < "300"
        for content in [response["content"]["application/json"]]
    ]
    shown = {content["schema"]["$ref"] for content in successes if "examples" in content}
    bare = [content["schema"]["$ref"] for content in successes if "examples" not in content]
    for reference in bare:
        page = openapi.resolved({"$ref": reference}, source)
        embedded = openapi.resolved(page["properties"]["_embedded"], source)
        (items,) = embedded["properties"].values()
        assert items["items"]["$ref"] in shown, reference
    assert bare or not any(name.endswith("Page") for name in schemas)


def test_example_shows_few_links_of_a_resource():
    wallet = openapi.document()["components"]["examples"]["WalletAnswer"]["value"]
    recorded = examples.recorded_examples()["operations"]["GET /api/v1/wallets/{walletId}"]
    assert wallet["_links"].keys() == {"self"}
    assert recorded["answers"]["200"]["example"]["_links"].keys() > {"self"}


@pytest.mark.parametrize("source", [OWN, PUBLISHED])
def test_every_example_matches_its_schema(source):
    for _, operation in operations(source):
        for content in contents(operation):
            reference = content["schema"]["$ref"].removeprefix("#")
            for example in content.get("examples", {}).values():
                value = openapi.resolved(example, source)["value"]
                openapi.check_shape(reference, value, source)
    for response in openapi.document(source)["components"]["responses"].values():
        for example in response["content"]["application/json"].get("examples", {}).values():
            value = openapi.resolved(example, source)["value"]
            openapi.check_shape("/components/schemas/Error", value, source)


def contents(operation: Any) -> Iterator[Any]:
    """The body of an operation and its successful responses."""
    if "requestBody" in operation:
        yield operation["requestBody"]["content"]["application/json"]
    for response in calls.successes(operation).values():
        yield response["content"]["application/json"]


COMMON = {
    "not_authenticated",
    "invalid_credentials",
    "insufficient_scope",
    "invalid_json",
    "invalid_fields",
    "invalid_parameters",
    "not_found",
    "target_wallet_not_found",
    "insufficient_funds",
    "limit_exceeded",
    "already_exists",
    "idempotency_key_reused",
    "version_conflict",
    "hold_not_open",
    "batch_refused",
}


@pytest.mark.parametrize("source", [OWN, PUBLISHED])
def test_refusal_has_an_example_of_each_of_its_codes(source):
    assert set(examples.recorded_examples()["refusals"]) >= COMMON
    document = json.loads(openapi.written(source))
    for response in document["components"]["responses"].values():
        known = {*response["x-codes"]} & {*examples.recorded_examples()["refusals"]}
        assert set(response["content"]["application/json"].get("examples", {})) == known
