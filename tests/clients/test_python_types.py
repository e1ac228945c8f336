"""The Python client has every operation, field and code of the OpenAPI document."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest
from iocash_client import UNSET, Client, Money, errors, models
from iocash_client.engine import problem_of
from iocash_client.generated.errors import BY_CODE
from iocash_client.models import HoldChange, MovementStatus, TransferBody
from iocash_client.problems import BY_STATUS
from iocash_client.shapes import Body, Shape, WrongShape, decode, encode, fields_of
from iocash_client.transport import Response

from dev import ROOT

DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
GENERATOR = ROOT / "clients" / "python" / "generate.py"
NOT_CALLED = {"get_schema", "get_published_schema"}
"""Operations that return the document: the client has it already."""
NAMES = {"ClientAnswer": "ClientDetails", "UserChangeOrEnd": "UserChange"}
BY_HAND = {"Error", "FieldError", "Conflict", "Link", "Links", "PageLinks", "EventPageLinks"}


def operations() -> Iterator[dict[str, Any]]:
    for methods in DOCUMENT["paths"].values():
        yield from (facts for method, facts in methods.items() if method != "parameters")


def objects() -> dict[str, type[Shape]]:
    """The schemas of objects that the client has a class for, with the class."""
    found = {}
    for name, schema in SCHEMAS.items():
        is_list = name.endswith("Page") or name.startswith("Embedded")
        is_list |= name in ("Movements", "Totals", "DryRunMovements", "Nothing")
        if "properties" in schema and not is_list and name not in BY_HAND:
            found[name] = getattr(models, NAMES.get(name, name.removesuffix("Answer")))
    return found


def properties(schema: dict[str, Any]) -> dict[str, Any]:
    """The fields of a schema; those in `_embedded` are its own."""
    own = dict(schema["properties"])
    if embedded := own.pop("_embedded", None):
        own |= SCHEMAS[embedded["$ref"].split("/")[-1]]["properties"]
    return own


def test_generated_files_are_current():
    ran = subprocess.run(
        [sys.executable, str(GENERATOR), "--check"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr


def test_client_has_a_method_for_each_operation():
    names = {facts["operationId"] for facts in operations()} - NOT_CALLED
    assert [name for name in names if not callable(getattr(Client, name, None))] == []


@pytest.mark.parametrize(("schema", "shape"), objects().items(), ids=objects())
def test_class_has_the_fields_of_its_schema(schema: str, shape: type[Shape]):
    given = SCHEMAS[schema]
    fields = {field.json: field for field in fields_of(shape)}
    assert fields.keys() == properties(given).keys()
    required = set(given.get("required", ()))
    if "_embedded" in required:
        inner = given["properties"]["_embedded"]["$ref"].split("/")[-1]
        required = required - {"_embedded"} | set(SCHEMAS[inner]["required"])
    consts = {
        name
        for name, facts in given["properties"].items()
        if "const" in facts and issubclass(shape, Body)
    }
    links = {"_links"} & fields.keys()
    needed = {name for name, field in fields.items() if not field.has_default}
    assert needed - links == required - consts - links


def test_each_code_has_an_exception_of_its_status():
    assert BY_CODE.keys() == set(SCHEMAS["ErrorCode"]["x-extensible-enum"])
    for response in DOCUMENT["components"]["responses"].values():
        (status,) = {
            base
            for code in response["x-codes"]
            for base in BY_CODE[code].__mro__[:2]
            if base in KINDS
        }
        assert response["description"].startswith(KINDS[status])


def test_exceptions_are_in_one_module():
    classes = {*BY_CODE.values(), *BY_STATUS.values()}
    assert [each for each in classes if getattr(errors, each.__name__, None) is not each] == []


KINDS = {class_: HTTPStatus(status).phrase for status, class_ in BY_STATUS.items()}


def test_client_reads_each_error_of_the_document():
    count = 0
    for problem in map(resolved, DOCUMENT["components"]["examples"].values()):
        if "code" in problem:
            error = problem_of(Response(problem["status"], {}, json.dumps(problem).encode()))
            assert error is not None
            assert type(error) is BY_CODE[problem["code"]]
            assert (error.code, error.detail) == (problem["code"], problem["detail"])
            assert isinstance(error.conflict, Shape | None)
            count += 1
    assert count > 20


def resolved(example: dict[str, Any]) -> Any:
    if "$ref" in example:
        example = DOCUMENT["components"]["examples"][example["$ref"].split("/")[-1]]
    return example["value"]


def answers() -> Iterator[tuple[str, Any]]:
    """The examples of successful answers, each with its schema."""
    for facts in operations():
        for status, response in facts["responses"].items():
            content = response.get("content", {}).get("application/json", {})
            schema = content.get("schema", {}).get("$ref", "").split("/")[-1]
            if status < "3" and schema and not schema.endswith("Page"):
                for example in content.get("examples", {}).values():
                    yield schema, resolved(example)


def test_client_reads_each_example_of_the_document():
    shapes, count = objects(), 0
    for schema, example in answers():
        answer = decode(shapes[schema], json.loads(json.dumps(example), parse_float=Decimal))
        for field in fields_of(type(answer)):
            assert not isinstance(getattr(answer, field.name), float)
        count += 1
    assert count > 40


def test_new_value_of_a_newer_server_is_read():
    status = MovementStatus("PAUSED")
    assert isinstance(status, MovementStatus)
    assert status == "PAUSED"
    assert status != MovementStatus.PENDING


def test_wrong_answer_names_the_field():
    with pytest.raises(WrongShape, match=r"Link|Movement.id is missing"):
        decode(models.Movement, {})


@pytest.mark.parametrize("amount", [0.1, 1e3])
def test_float_is_no_amount(amount: Any):
    with pytest.raises(TypeError):
        TransferBody(target_wallet_id="0", amount=amount)
    with pytest.raises(TypeError):
        Money(amount, "EUR")


def test_decimal_is_sent_without_an_exponent():
    body = TransferBody(target_wallet_id="0", amount=Decimal("1E+2"))
    assert encode(body) == {"type": "TRANSFER", "targetWalletId": "0", "amount": "100"}


def test_money_sends_its_currency():
    body = TransferBody(target_wallet_id="0", amount=Money("1.50", "USD"))
    assert encode(body)["currency"] == "USD"
    with pytest.raises(ValueError, match="not in EUR"):
        encode(TransferBody(target_wallet_id="0", amount=Money("1.50", "USD"), currency="EUR"))


def test_money_of_two_currencies_is_not_added():
    assert Money("0.10", "EUR") + Money("0.20", "EUR") == Money("0.30", "EUR")
    with pytest.raises(ValueError, match="different currencies"):
        Money(1, "EUR") + Money(1, "USD")


def test_none_is_sent_and_unset_is_not():
    assert encode(HoldChange(expiration=None)) == {"expiration": None}
    assert HoldChange(status="RELEASED").expiration is UNSET
    assert encode(HoldChange(status="RELEASED")) == {"status": "RELEASED"}


def test_time_without_a_zone_is_not_sent():
    with pytest.raises(ValueError, match="no time zone"):
        encode(HoldChange(expiration=datetime(2030, 1, 1)))  # noqa: DTZ001
    assert encode(HoldChange(expiration=datetime(2030, 1, 1, tzinfo=UTC))) == {
        "expiration": "2030-01-01T00:00:00+00:00"
    }


def test_unknown_field_is_an_error():
    with pytest.raises(TypeError, match="no colour"):
        HoldChange(colour="red")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="needs amount"):
        TransferBody(target_wallet_id="0")  # type: ignore[call-arg]


def test_body_does_not_change():
    body = HoldChange(status="RELEASED")
    with pytest.raises(AttributeError):
        body.status = "RELEASED"  # type: ignore[misc]
