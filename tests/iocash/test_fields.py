"""Each field takes exactly its own JSON type; every wrong one is named at once."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db.models import TextChoices
from hypothesis import given
from hypothesis import strategies as some
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from iocash import failures, fields, money
from iocash.parsing import Number

PHONE = "+34600000000"
ID = "01980000-0000-7000-8000-000000000001"
OTHER_TYPES: list[Any] = [Number("1"), Number("1.5"), True, False, [], {}, ["a"], {"a": "b"}]


class Kind(TextChoices):
    NATURAL = "NATURAL"
    JURIDICAL = "JURIDICAL"


def read(field: Any, value: Any) -> Any:
    return field.run_validation(value)


def wrong(field: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        read(field, value)
    (error,) = failures.flatten(caught.value.detail)
    return error.code


# Text


def test_text_is_kept_as_it_is() -> None:
    assert read(fields.Text(10), " Ñandú 🙂 ") == " Ñandú 🙂 "


@pytest.mark.parametrize("value", OTHER_TYPES)
def test_text_is_a_string(value: Any) -> None:
    assert wrong(fields.Text(10), value) == "invalid"


@pytest.mark.parametrize("value", ["", " ", "\u2003\u00a0"])
def test_text_is_not_blank(value: str) -> None:
    assert wrong(fields.Text(10), value) == "blank"


def test_text_has_its_length() -> None:
    assert read(fields.Text(3), "🙂🙂🙂") == "🙂🙂🙂"
    assert wrong(fields.Text(3), "abcd") == "max_length"


def test_null_is_refused_unless_the_field_allows_it() -> None:
    assert wrong(fields.Text(3), None) == "null"
    assert read(fields.Text(3, allow_null=True), None) is None


# Amounts


@pytest.mark.parametrize("literal", ["1", "0.1", "10.50", "0.0001", "123456789012345", "10.00"])
def test_an_amount_is_a_string_or_a_number(literal: str) -> None:
    assert read(fields.Amount(), literal) == Decimal(literal)
    assert read(fields.Amount(), Number(literal)) == Decimal(literal)


SPELLINGS = "-1 -0 +1 --1 1e2 1E2 1.5e1 01 00.5 .5 5. 1.5.0 1,5 1_0 0x1 NaN Infinity"
AMOUNTS = {
    "invalid": [*SPELLINGS.split(), "", " ", " 5", "5 ", "1 0", "1.0\n", "1\xa0", "\u0661", "\xb9"],
    "min_value": ["0", "0.0", "0.0000"],
    "max_digits": ["1234567890123456", "12345678901234.50", "9" * 300],
    "max_decimal_places": ["0.00001", "1.00000", "1." + "0" * 300],
}


@pytest.mark.parametrize(
    ("code", "literal"), [(code, text) for code, texts in AMOUNTS.items() for text in texts]
)
def test_a_wrong_amount_has_its_code(code: str, literal: str) -> None:
    assert wrong(fields.Amount(), literal) == code
    assert wrong(fields.Amount(), Number(literal)) == code


@pytest.mark.parametrize("value", [True, False, [], {}, ["1"]])
def test_an_amount_is_nothing_else(value: Any) -> None:
    assert wrong(fields.Amount(), value) == "invalid"


@given(some.integers(1, 10**15 - 1), some.integers(0, 4))
def test_any_amount_of_minor_units_comes_back_exactly(minor: int, places: int) -> None:
    amount = Decimal(minor).scaleb(-places)
    literal = format(amount, "f")
    if len(literal.replace(".", "")) <= 15:
        assert read(fields.Amount(), literal).scaleb(places) == minor


@given(some.text(max_size=20))
def test_an_amount_is_what_json_writes_as_one_or_is_refused(text: str) -> None:
    try:
        amount = read(fields.Amount(), text)
    except ValidationError:
        return
    assert format(amount, "f") == text
    assert text.isascii()


@given(some.integers(-(10**17), 10**17), some.sampled_from(["EUR", "JPY", "KWD"]))
def test_money_out_has_the_decimals_of_its_currency(minor: int, currency: str) -> None:
    text = Purse({"balance": minor, "currency": currency}).data["balance"]
    assert Decimal(text).scaleb(money.decimals(currency)) == minor
    assert len(text.partition(".")[2]) == money.decimals(currency)


class Purse(fields.Serializer):
    balance = fields.Money()


# Instants and days


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00.5z", datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31 12:00:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456789-00:30", datetime(2026, 1, 31, 12, 30, 0, 123456, UTC)),
    ],
)
def test_an_instant_may_have_any_offset(text: str, at: datetime) -> None:
    assert read(fields.Moment(), text) == at


@pytest.mark.parametrize(
    "value",
    [
        *OTHER_TYPES,
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00Z",
        "2026-01-31T12:00:00+0200",
        "20260131T120000Z",
        "2026-01-31T12:00:00Z ",
        "\u0662026-01-31T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_what_is_no_instant_is_refused(value: Any) -> None:
    assert wrong(fields.Moment(), value) == "invalid"


def test_an_instant_is_written_in_utc_with_milliseconds() -> None:
    at = datetime(2026, 1, 31, 12, 0, 0, 5_999, timezone(timedelta(hours=2)))
    assert fields.Moment().to_representation(at) == "2026-01-31T10:00:00.005Z"


@given(some.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=some.just(UTC)))  # noqa: DTZ001
def test_an_instant_comes_back_to_the_millisecond(at: datetime) -> None:
    field = fields.Moment()
    again = read(field, field.to_representation(at))
    assert again == at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_a_subclass_reads_other_spellings() -> None:
    class Published(fields.Moment):
        def read(self, text: str) -> datetime:
            return super().read(text + ":00")

    assert read(Published(), "2026-01-31T12:00:00+02") == datetime(2026, 1, 31, 10, tzinfo=UTC)


def test_a_day_is_a_date() -> None:
    assert read(fields.Day(), "2024-02-29") == date(2024, 2, 29)
    assert fields.Day().to_representation(date(2024, 2, 29)) == "2024-02-29"


@pytest.mark.parametrize(
    "value", [*OTHER_TYPES, "2023-02-29", "20240229", "2024-2-9", "0000-01-01"]
)
def test_what_is_no_day_is_refused(value: Any) -> None:
    assert wrong(fields.Day(), value) == "invalid"


# Ids, words, flags, numbers


def test_an_id_is_a_uuid() -> None:
    assert read(fields.Id(), ID) == UUID(ID)
    assert fields.Id().to_representation(UUID(ID)) == ID


@pytest.mark.parametrize(
    "value",
    [*OTHER_TYPES, "", ID.upper().replace("0", "A"), ID.replace("-", ""), f"{{{ID}}}", f"{ID}\n"],
)
def test_an_id_is_spelled_one_way(value: Any) -> None:
    assert wrong(fields.Id(), value) == "invalid"


def test_a_choice_is_spelled_exactly() -> None:
    assert read(fields.Choice(Kind), "NATURAL") is Kind.NATURAL
    assert read(fields.Choice(("a", "b")), "b") == "b"
    assert fields.Choice(Kind).to_representation(Kind.NATURAL) == "NATURAL"


@pytest.mark.parametrize("value", [*OTHER_TYPES, "", "natural", "NATURAL ", "0"])
def test_what_is_no_choice_is_refused(value: Any) -> None:
    assert wrong(fields.Choice(Kind), value) == "invalid_choice"


def test_a_flag_is_true_or_false() -> None:
    assert read(fields.Flag(), True) is True
    assert read(fields.Flag(), False) is False


@pytest.mark.parametrize("value", [Number("1"), Number("0"), "true", "", [], {}])
def test_nothing_else_is_a_flag(value: Any) -> None:
    assert wrong(fields.Flag(), value) == "invalid"


def test_a_whole_number_has_its_range() -> None:
    assert read(fields.Whole(1, 100), Number("100")) == 100
    assert wrong(fields.Whole(1, 100), Number("0")) == "min_value"
    assert wrong(fields.Whole(1, 100), Number("101")) == "max_value"


@pytest.mark.parametrize(
    "value", ["5", True, None, [], Number("5.0"), Number("5e0"), Number("9" * 30)]
)
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    assert wrong(fields.Whole(1, 100), value) in {"invalid", "null"}


def test_a_currency_is_one_that_money_is_held_in() -> None:
    assert read(fields.Currency(), "EUR") == "EUR"


@pytest.mark.parametrize("value", [*OTHER_TYPES, "", "eur", "XAU", "XXX", "EURO", "978"])
def test_what_is_no_currency_is_refused(value: Any) -> None:
    assert wrong(fields.Currency(), value) == "invalid_choice"


# Phones, addresses, the caller's own pairs


@pytest.mark.parametrize("text", ["+34600000000", "+34 600 00 00 00", "+34 (600) 000-000"])
def test_a_phone_number_is_kept_as_e_164(text: str) -> None:
    assert read(fields.Phone(), text) == "+34600000000"


@pytest.mark.parametrize(
    "value",
    [
        *OTHER_TYPES,
        "",
        "600000000",
        "0034600000000",
        "+34 6000",
        "+999 600000000",
        "+34600000000 ext. 5",
        "+34600FLOWERS",
        "+\u0663\u0664600000000",
        "+" + "6" * 400,
    ],
)
def test_what_is_no_phone_number_is_refused(value: Any) -> None:
    assert wrong(fields.Phone(), value) == "invalid"


def test_an_e_mail_address_is_one() -> None:
    assert read(fields.Email(), "alice@example.com") == "alice@example.com"
    for value in (*OTHER_TYPES, "alice", "alice@", "a b@example.com", "alice@example.com\n"):
        assert wrong(fields.Email(), value) == "invalid"
    assert wrong(fields.Email(), "a" * 250 + "@example.com") == "max_length"


def test_metadata_is_pairs_of_strings() -> None:
    pairs = {f"key{n}": "x" * 500 for n in range(20)}
    assert read(fields.StringMap(), pairs) == pairs
    assert read(fields.StringMap(), {"a": ""}) == {"a": ""}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], "invalid"),
        ("a", "invalid"),
        ({f"key{n}": "" for n in range(21)}, "max_pairs"),
        ({"k" * 41: ""}, "key"),
        ({"": ""}, "key"),
        ({"a": "x" * 501}, "max_length"),
        ({"a": Number("1")}, "not_a_string"),
        ({"a": None}, "not_a_string"),
        ({"a": {"b": "c"}}, "not_a_string"),
    ],
)
def test_other_metadata_is_refused(value: Any, code: str) -> None:
    assert wrong(fields.StringMap(), value) == code


# Serializers


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
    return {error.field: error.code for error in failures.flatten(serializer.errors)}


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


def test_every_wrong_field_is_named_at_once() -> None:
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
def test_a_list_is_a_list(value: Any) -> None:
    assert errors_of({"userName": "a", "movements": value}) == {"movements": "not_a_list"}


def test_a_list_has_its_length() -> None:
    item = {"amount": "1", "targetWalletId": ID}
    assert errors_of({"userName": "a", "movements": [item] * 4}) == {"movements": "max_length"}


def test_an_object_is_an_object() -> None:
    assert errors_of({"userName": "a", "bankAccount": []}) == {"bankAccount": "invalid"}
    assert errors_of({"userName": "a", "bankAccount": None}) == {"bankAccount": "null"}


def test_a_serializer_checks_its_own_fields() -> None:
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
def test_what_is_wrong_beside_others_is_named_at_once_too(
    sent: dict[str, Any], wrong: dict[str, str]
) -> None:
    person = Person(data=sent)
    person.is_valid()
    assert {error.field: error.code for error in failures.flatten(person.errors)} == wrong


def test_partial_takes_what_is_there_and_no_defaults() -> None:
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
    "id": ID,
    "userName": "alice",
    "bankAccount": None,
    "oldName": None,
    "kind": "NATURAL",
    "movements": [],
    "createdAt": "2026-01-01T00:00:00.000Z",
    "shownTo": "Bob",
}


def test_an_object_is_shown() -> None:
    assert Everything(THING, context={"reader": "Bob"}).data == SHOWN


def test_each_reader_has_a_context_of_their_own() -> None:
    shown = [Everything(THING, context={"reader": who}).data["shownTo"] for who in ("A", "B")]
    assert shown == ["A", "B"]
    many = Everything([THING, THING], many=True, context={"reader": "C"}).data
    assert [row["shownTo"] for row in many] == ["C", "C"]


class Shelf(fields.Serializer):
    first = Everything(read_only=True)
    rest = Everything(many=True, read_only=True)


def test_what_is_nested_has_the_context_of_the_whole() -> None:
    shelf = Shelf({"first": THING, "rest": [THING]}, context={"reader": "Bob"}).data
    assert shelf == {"first": SHOWN, "rest": [SHOWN]}
    assert Shelf({"first": None, "rest": []}).data == {"first": None, "rest": []}


def test_a_dict_is_shown_like_an_object() -> None:
    assert Everything(vars(THING), context={"reader": "Bob"}).data == SHOWN


def test_the_example_of_a_body_is_valid() -> None:
    item = Item(data=Item().get_initial())
    assert item.is_valid()
