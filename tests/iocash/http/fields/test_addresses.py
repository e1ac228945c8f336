"""A phone number and an e-mail address are real ones."""

from __future__ import annotations

from typing import Any

import pytest

from iocash.http import fields
from tests.support.fields import OTHER_TYPES, read, wrong


@pytest.mark.parametrize("text", ["+34600000000", "+34 600 00 00 00", "+34 (600) 000-000"])
def test_phone_number_is_read_as_e164(text: str) -> None:
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
def test_invalid_phone_number_is_refused(value: Any) -> None:
    assert wrong(fields.Phone(), value) == "invalid"


@pytest.mark.parametrize(
    "text",
    [
        "+881612345678",  # satellite
        "+870773111632",
        "+882160000000",  # global networks
        "+883510012345",
        "+80012345678",
        "+34803123456",  # premium rate
        "+34901234567",  # shared cost
        "+34900123456",  # toll-free
        "+34701234567",  # personal
        "+18002345678",
        "+447012345678",
        "+447640123456",  # pager
        "+445512345678",
    ],
)
def test_non_personal_phone_number_is_refused(text: str) -> None:
    assert wrong(fields.Phone(), text) == "not_personal"


@pytest.mark.parametrize("text", ["+34600000000", "+34912345678", "+12015550123"])
def test_personal_phone_number_is_accepted(text: str) -> None:
    assert str(read(fields.Phone(), text)).startswith("+")


def test_email_address_is_validated() -> None:
    assert read(fields.Email(), "alice@example.com") == "alice@example.com"
    for value in (*OTHER_TYPES, "alice", "alice@", "a b@example.com", "alice@example.com\n"):
        assert wrong(fields.Email(), value) == "invalid"
    assert wrong(fields.Email(), "a" * 250 + "@example.com") == "max_length"
