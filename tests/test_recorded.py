"""The examples in the OpenAPI document are what the server answered.

`RECORD=1 python -m pytest tests/test_recorded.py` records them anew, in docs/examples.json; then
`manage.py write_docs` writes the document.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from iocash.docs import examples
from tests.support import openapi, people, published_story, story
from tests.support.story import LIMITS, Recorder
from users.models import Client


@pytest.fixture
def told(client_demo: Client, settings: Any) -> Any:
    settings.KYC_LIMITS = LIMITS
    api = Recorder(people.a_key(client_demo))
    stranger = Recorder(people.a_key(people.a_client("Another")), api.kept)
    reader = Recorder(people.a_key(client_demo, "wallets:read"), api.kept)
    told = story.tell(api, stranger, reader)
    other = Recorder(people.a_key(people.a_client("Published")))
    told["operations"] |= published_story.tell(other)["operations"]
    return told


def test_examples_equal_the_servers_answers(told):
    if os.environ.get("RECORD"):
        text = json.dumps(told, indent=1, ensure_ascii=False)
        examples.FILE.write_text(text + "\n")
        examples.recorded_examples.cache_clear()
    assert examples.recorded_examples() == told, "RECORD=1 python -m pytest tests/test_recorded.py"


def operations() -> list[tuple[str, Any]]:
    """Every operation but that which answers the document itself."""
    paths = json.loads(openapi.written())["paths"]
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if path != "/api/schema"
    ]


@pytest.mark.parametrize(("name", "operation"), operations(), ids=lambda each: str(each)[:60])
def test_every_operation_has_examples_of_its_body_and_successes(name, operation):
    body = operation.get("requestBody")
    assert body is None or body["content"]["application/json"]["examples"], name
    for status, response in operation["responses"].items():
        if status < "300":
            assert response["content"]["application/json"]["examples"], (name, status)


def test_every_example_matches_its_schema():
    for _, operation in operations():
        for status, response in operation["responses"].items():
            if status < "300":
                content = response["content"]["application/json"]
                for example in content["examples"].values():
                    if "$ref" in content["schema"]:
                        reference = content["schema"]["$ref"].removeprefix("#")
                        openapi.check_shape(reference, example["value"])
    for example in openapi.document()["components"]["examples"].values():
        openapi.check_shape("/components/schemas/Error", example["value"])


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


def test_refusal_has_an_example_of_each_of_its_codes():
    assert set(examples.recorded_examples()["refusals"]) >= COMMON
    document = json.loads(openapi.written())
    for response in document["components"]["responses"].values():
        content = response["content"]["application/json"]
        codes = set(content["schema"]["allOf"][1]["properties"]["code"]["enum"])
        known = codes & set(examples.recorded_examples()["refusals"])
        assert set(content.get("examples", {})) == known
