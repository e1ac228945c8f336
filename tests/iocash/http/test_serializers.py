"""Fields together: every wrong one is named at once, and an object is shown."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from iocash.http import fields, problems
from iocash.http.parsing import Number
from iocash.http.serializers import reader
from tests.support.fields import ID, Kind

PHONE = "+34600000000"


class Iban(fields.Serializer):
    account_number = fields.Text(34)


class Item(fields.Serializer):
    amount = fields.Amount()
    target_wallet_id = fields.Id()


class Everything(fields.Serializer):
    id = fields.Id(read_only=True)
    user_name = fields.Text(10)
    bank_account = Iban(required=False)
    old_name = fields.Text(5, source="alias", required=False, allow_null=True)
    kind = fields.Choice(Kind, default=Kind.NATURAL)
    movements = Item(many=True, required=False, max_length=3)  # type: ignore[call-arg]
    created_at = fields.Moment(read_only=True)
    shown_to = serializers.SerializerMethodField()

    def get_shown_to(self, thing: Any) -> str:
        return str(self.context.get("reader"))

    def validate_user_name(self, value: str) -> str:
        if value == "root":
            raise ValidationError("This name is taken by the house.", "reserved")
        return value


def errors_of(data: Any, **kwargs: Any) -> dict[str, str]:
    serializer = Everything(data=data, **kwargs)
    assert not serializer.is_valid()
    return {error.field: error.code for error in problems.flatten(serializer.errors)}


def valid(data: Any, **kwargs: Any) -> Any:
    serializer = Everything(data=data, **kwargs)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def test_names_are_camel_case_outside_and_snake_case_inside() -> None:
    sent = {"userName": "alice", "bankAccount": {"accountNumber": "ES1"}, "oldName": "x"}
    assert valid(sent) == {
        "user_name": "alice",
        "bank_account": {"account_number": "ES1"},
        "alias": "x",
        "kind": Kind.NATURAL,
    }


def test_all_wrong_fields_are_named_together() -> None:
    sent = {
        "id": ID,
        "bankAccount": {"accountNumber": True, "bic": "x"},
        "oldName": "too long",
        "kind": "OTHER",
        "movements": [
            {"amount": "1", "targetWalletId": ID},
            {"amount": "0", "targetWalletId": "x"},
            "x",
        ],
        "user_name": "snake",
        "extra": None,
    }
    assert errors_of(sent) == {
        "id": "unknown_field",
        "userName": "required",
        "bankAccount.accountNumber": "invalid",
        "bankAccount.bic": "unknown_field",
        "oldName": "max_length",
        "kind": "invalid_choice",
        "movements[1].amount": "min_value",
        "movements[1].targetWalletId": "invalid",
        "movements[2]": "invalid",
        "user_name": "unknown_field",
        "extra": "unknown_field",
    }


@pytest.mark.parametrize("value", [Number("1"), "x", {}, True])
def test_list_field_refuses_other_types(value: Any) -> None:
    assert errors_of({"userName": "a", "movements": value}) == {"movements": "not_a_list"}


def test_list_has_a_maximum_length() -> None:
    item = {"amount": "1", "targetWalletId": ID}
    assert errors_of({"userName": "a", "movements": [item] * 4}) == {"movements": "max_length"}


def test_nested_object_refuses_other_types() -> None:
    assert errors_of({"userName": "a", "bankAccount": []}) == {"bankAccount": "invalid"}
    assert errors_of({"userName": "a", "bankAccount": None}) == {"bankAccount": "null"}


def test_serializer_runs_its_own_field_validators() -> None:
    assert errors_of({"userName": "root"}) == {"userName": "reserved"}


class Person(fields.Serializer):
    kind = fields.Choice(Kind)
    first_name = fields.Text(5, required=False)
    company_name = fields.Text(5, required=False)
    mobile_phone = fields.Phone()

    default_error_messages = {"foreign": "This is not for this kind."}

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if values.get("kind") is not Kind.NATURAL:
            return {}
        missing = {} if "first_name" in values else {"first_name": "required"}
        return missing | ({"company_name": "foreign"} if "company_name" in values else {})


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        (
            {"kind": "NATURAL", "companyName": "x", "mobilePhone": "1"},
            {"firstName": "required", "companyName": "foreign", "mobilePhone": "invalid"},
        ),
        (
            {"kind": "NATURAL", "firstName": "", "mobilePhone": "+34600000000"},
            {"firstName": "blank"},
        ),
        ({"kind": "x", "companyName": "x"}, {"kind": "invalid_choice", "mobilePhone": "required"}),
        ({"kind": "NATURAL", "firstName": "A", "mobilePhone": PHONE}, {}),
    ],
)
def test_cross_field_errors_are_named_with_other_errors(
    sent: dict[str, Any], wrong: dict[str, str]
) -> None:
    person = Person(data=sent)
    person.is_valid()
    assert {error.field: error.code for error in problems.flatten(person.errors)} == wrong


def test_partial_reads_only_sent_fields_without_defaults() -> None:
    assert valid({"oldName": None}, partial=True) == {"alias": None}
    assert errors_of({"bankAccount": {}}, partial=True) == {"bankAccount.accountNumber": "required"}


@dataclass
class Thing:
    id: UUID
    user_name: str
    bank_account: dict[str, str] | None
    alias: str | None
    kind: str
    movements: list[dict[str, Any]]
    created_at: datetime


THING = Thing(UUID(ID), "alice", None, None, "NATURAL", [], datetime(2026, 1, 1, tzinfo=UTC))
SHOWN: dict[str, Any] = {
    "id": UUID(ID),
    "userName": "alice",
    "bankAccount": None,
    "oldName": None,
    "kind": "NATURAL",
    "movements": [],
    "createdAt": "2026-01-01T00:00:00.000Z",
    "shownTo": "Bob",
}


def test_object_is_serialized() -> None:
    assert Everything(THING, context={"reader": "Bob"}).data == SHOWN


def test_each_serialization_has_its_own_context() -> None:
    shown = [Everything(THING, context={"reader": who}).data["shownTo"] for who in ("A", "B")]
    assert shown == ["A", "B"]
    many = Everything([THING, THING], many=True, context={"reader": "C"}).data
    assert [row["shownTo"] for row in many] == ["C", "C"]


class Shelf(fields.Serializer):
    first = Everything(read_only=True)
    rest = Everything(many=True, read_only=True)


def test_nested_serializer_has_the_context_of_its_parent() -> None:
    shelf = Shelf({"first": THING, "rest": [THING]}, context={"reader": "Bob"}).data
    assert shelf == {"first": SHOWN, "rest": [SHOWN]}
    assert Shelf({"first": None, "rest": []}).data == {"first": None, "rest": []}


def test_dict_is_serialized_as_an_object() -> None:
    assert Everything(vars(THING), context={"reader": "Bob"}).data == SHOWN


def test_example_of_a_body_is_valid() -> None:
    item = Item(data=Item().get_initial())
    assert item.is_valid()


def test_shared_reader_keeps_no_state() -> None:
    first = reader(Everything).run_validation({"userName": "alice", "oldName": "al"})
    with pytest.raises(ValidationError):
        reader(Everything).run_validation({"userName": 1})
    assert reader(Everything).run_validation({"userName": "bob"})["user_name"] == "bob"
    assert (first["user_name"], first["alias"]) == ("alice", "al")


def test_partial_reader_is_separate_from_the_full_one() -> None:
    assert reader(Everything, is_partial=True).run_validation({"kind": "JURIDICAL"}) == {
        "kind": Kind.JURIDICAL
    }
    with pytest.raises(ValidationError):
        reader(Everything).run_validation({"kind": "JURIDICAL"})
