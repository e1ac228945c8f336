"""What each field of a block may be: numbers, days, countries, IBANs, texts, codes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.support import sandbox
from tests.support.kyc import ADDRESS, IDENTITY, stored
from tests.support.people import Answer, Api
from users.models import KycDocument, User

pytestmark = pytest.mark.django_db

TODAY = date(2026, 3, 1)


@pytest.fixture
def on(db: None) -> Iterator[Any]:
    """Make it noon of another day."""
    with sandbox.made():
        yield lambda day: sandbox.set_clock(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))


@pytest.fixture
def show(api: Api, alice: User) -> Any:
    """Show an identity that has some other values."""

    def put(**values: Any) -> Answer:
        return api.put(f"users/{alice.id}/identity", IDENTITY | values)

    return put


# --- Numbers of documents -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "number", "nationality"),
    [
        ("DNI", "12345678Z", "ES"),
        ("DNI", "00000000T", "ES"),
        ("NIE", "X1234567L", "FR"),
        ("NIE", "Y1234567X", "FR"),
        ("NIE", "Z1234567R", "FR"),
        ("PASSPORT", "AAA123456", "ES"),
        ("PASSPORT", "L898902C3", "US"),
        ("PASSPORT", "12345", "DE"),
    ],
)
def test_valid_identity_number_is_accepted(show, kind, number, nationality):
    answer = show(identityType=kind, identityNumber=number, nationality=nationality)
    assert (answer.status, answer.json["identityNumber"]) == (201, number)


WRONG_NUMBERS = {
    "DNI": [
        *(f"12345678{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXY"),
        "12345678z",
        "12345678-Z",
        "12345678 Z",
        " 12345678Z",
        "12345678Z ",
        "12345678",
        "1234567Z",
        "012345678Z",
        "X1234567L",
        "１２３４５６７８Z",  # noqa: RUF001
        "१२३४५६७८Z",
        "12345678Ζ",  # noqa: RUF001
    ],
    "NIE": [
        *(f"X1234567{letter}" for letter in "ABCDEFGHIJKMNOPQRSTUVWXYZ"),
        "W1234567L",
        "x1234567L",
        "X1234567l",
        "X-1234567-L",
        "X12345678L",
        "X01234567L",
        "12345678Z",
        "Х1234567L",  # noqa: RUF001
        "X１２３４５６７L",  # noqa: RUF001
    ],
    "PASSPORT": [
        "AAA1",
        "AAA1234567",
        "aaa123456",
        "AAA-12345",
        "AAA 12345",
        "AAA12345<",
        "ÑAA123456",
    ],
}


@pytest.mark.parametrize(
    ("kind", "number"), [(kind, number) for kind in WRONG_NUMBERS for number in WRONG_NUMBERS[kind]]
)
def test_invalid_identity_number_is_refused(show, kind, number):
    nationality = "ES" if kind == "DNI" else "FR"
    answer = show(identityType=kind, identityNumber=number, nationality=nationality)
    assert (answer.status, answer.wrong) == (400, {"identityNumber": "invalid_number"})


def test_too_long_identity_number_is_refused(show):
    assert show(identityNumber="1" * 21).wrong == {"identityNumber": "max_length"}


@pytest.mark.parametrize("kind", ["dni", "CIF", "ID_CARD", "DNI "])
def test_unknown_identity_type_is_refused(show, kind):
    assert show(identityType=kind).wrong == {"identityType": "invalid_choice"}


def test_dni_requires_spanish_nationality(show):
    assert show(nationality="FR").wrong == {"nationality": "not_a_national"}


# --- Days -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "day", "wrong"),
    [
        (date(2008, 3, 1), TODAY, {}),
        (date(2008, 3, 2), TODAY, {"birthDate": "too_young"}),
        (date(2008, 2, 29), date(2026, 2, 28), {"birthDate": "too_young"}),
        (date(2008, 2, 29), TODAY, {}),
        (date(2008, 2, 28), date(2026, 2, 28), {}),
        (date(2010, 2, 28), date(2028, 2, 28), {}),
        (date(2010, 3, 1), date(2028, 2, 29), {"birthDate": "too_young"}),
        (date(2007, 12, 31), date(2025, 12, 31), {}),
        (date(2008, 1, 1), date(2025, 12, 31), {"birthDate": "too_young"}),
        (TODAY, TODAY, {"birthDate": "too_young"}),
        (date(2026, 3, 2), TODAY, {"birthDate": "in_the_future"}),
    ],
    ids=str,
)
def test_user_is_adult_from_the_eighteenth_birthday(show, on, born, day, wrong):
    on(day)
    issued = max(born, date(2024, 1, 1))
    found = show(birthDate=str(born), issueDate=str(min(issued, day)))
    assert (found.wrong if found.status == 400 else {}).get("birthDate") == wrong.get("birthDate")


@pytest.mark.parametrize(
    ("issued", "expires", "wrong"),
    [
        ("2026-03-01", "2026-03-02", {}),
        ("2026-02-28", "2026-03-01", {}),
        ("1990-05-17", "2026-03-01", {}),
        ("2026-03-02", "2036-03-01", {"issueDate": "in_the_future"}),
        ("2016-03-01", "2026-02-28", {"expiryDate": "expired"}),
        ("2026-03-01", "2026-03-01", {"expiryDate": "not_after"}),
        ("1990-05-16", "2036-03-01", {"issueDate": "before_birth"}),
        ("1990-05-16", "2026-02-28", {"issueDate": "before_birth"}),
    ],
)
def test_issue_and_expiry_dates_are_checked_against_birth_and_today(
    show, on, issued, expires, wrong
):
    on(TODAY)
    answer = show(issueDate=issued, expiryDate=expires)
    assert (answer.wrong if answer.status == 400 else {}) == wrong


@pytest.mark.parametrize(
    "day",
    [
        "2025-02-29",
        "2024-13-01",
        "2024-00-10",
        "2024-1-1",
        "20240301",
        "2024-W10-5",
        "0000-01-01",
        "10000-01-01",
        "2024-03-01T00:00:00Z",
        "01/03/2024",
        " 2024-03-01",
        "２０２４-０３-０１",  # noqa: RUF001
        20240301,
    ],
)
def test_invalid_date_is_refused(show, day):
    assert show(issueDate=day).wrong == {"issueDate": "invalid"}


def test_february_29_is_accepted_in_a_leap_year(show):
    assert show(issueDate="2024-02-29", expiryDate="2096-02-29").status == 201


def test_wrong_days_and_numbers_are_named_together(show, on):
    on(TODAY)
    answer = show(
        identityNumber="12345678A",
        nationality="FR",
        issueDate="2027-01-01",
        expiryDate="2020-01-01",
        birthDate="2020-01-01",
    )
    assert answer.wrong == {
        "identityNumber": "invalid_number",
        "nationality": "not_a_national",
        "issueDate": "in_the_future",
        "expiryDate": "not_after",
        "birthDate": "too_young",
    }


def test_valid_field_is_still_checked_against_others_when_some_are_invalid(show, on):
    on(TODAY)
    answer = show(birthDate="2010-01-01", issueDate="never", color="red")
    assert answer.wrong == {
        "birthDate": "too_young",
        "issueDate": "invalid",
        "color": "unknown_field",
    }


def test_replay_is_answered_after_the_document_expired(api, alice, on):
    """A replay is not validated again, so an identity that has expired since is returned."""
    path = f"users/{alice.id}/identity"
    body = IDENTITY | {"expiryDate": "2026-03-01"}
    on(TODAY)
    first = api.post(path, body, key="k")
    on(date(2026, 3, 2))
    again = api.post(path, body, key="k")
    assert (again.status, again.json) == (201, first.json)


# --- Countries ------------------------------------------------------------------------------------


NO_COUNTRIES = ["XX", "ZZ", "EU", "UK", "es", "Es", "ESP", "E", "724", "ES ", "ЕЅ", "ＥＳ"]  # noqa: RUF001


@pytest.mark.parametrize("code", NO_COUNTRIES)
def test_invalid_country_is_refused(api, alice, show, code):
    answer = api.put(f"users/{alice.id}/home-address", ADDRESS | {"countryCode": code})
    assert answer.wrong == {"countryCode": "invalid_choice"}
    answer = show(identityType="PASSPORT", identityNumber="AAA123456", nationality=code)
    assert answer.wrong == {"nationality": "invalid_choice"}


@pytest.mark.parametrize("code", ["ES", "GB", "PS", "TW", "AX"])
def test_iso_3166_country_is_accepted(api, alice, code):
    answer = api.put(f"users/{alice.id}/home-address", ADDRESS | {"countryCode": code})
    assert (answer.status, answer.json["countryCode"]) == (201, code)


# --- Addresses ------------------------------------------------------------------------------------


LENGTHS = {"address": 200, "city": 100, "postalCode": 20, "province": 100}


@pytest.mark.parametrize("name", LENGTHS)
def test_text_has_a_maximum_length(api, alice, name):
    path = f"users/{alice.id}/home-address"
    assert api.put(path, ADDRESS | {name: "á" * LENGTHS[name]}).status == 201
    answer = api.put(path, ADDRESS | {name: "á" * (LENGTHS[name] + 1)})
    assert answer.wrong == {name: "max_length"}


def test_text_is_stored_unchanged(api, alice):
    values = ADDRESS | {"address": " <b>Ñandú</b> 'x' \"y\" \\ 😀 İ ", "city": "Šibenik"}
    assert api.put(f"users/{alice.id}/home-address", values).status == 201
    assert api.get(f"users/{alice.id}/home-address").json.items() >= values.items()


# --- IBANs and codes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "iban",
    [
        "ES9121000418450200051333",
        "ES912100041845020005133",
        "ES91210004184502000513320",
        "es9121000418450200051332",
        "XX9121000418450200051332",
        "ES91-2100-0418-4502-0005-1332",
        "ES00 2100 0418 4502 0005 1332",
        "ＥＳ9121000418450200051332",  # noqa: RUF001
        "ES91２1000418450200051332",  # noqa: RUF001
        "ES91",
        "A" * 50,
    ],
)
def test_invalid_iban_is_refused(api, alice, iban):
    answer = api.put(f"users/{alice.id}/external-iban", {"externalIban": iban})
    assert answer.wrong == {"externalIban": "invalid"}


@pytest.mark.parametrize("level", ["a", "AA", "1", "Á", "Ａ", "A ", "A\u2028"])  # noqa: RUF001
def test_income_level_must_be_one_capital_letter(api, alice, level):
    answer = api.put(f"users/{alice.id}/financial-information", {"incomeLevel": level})
    assert answer.wrong == {"incomeLevel": "invalid"}


@pytest.mark.parametrize("code", ["251", "25110", "251a", "２５１１", "२५११", " 2511", "-251"])  # noqa: RUF001
def test_occupation_code_must_be_four_digits(api, alice, code):
    answer = api.put(f"users/{alice.id}/occupation", {"occupationCode": code})
    assert answer.wrong == {"occupationCode": "invalid"}
    assert not KycDocument.objects.exists()


def test_occupation_code_keeps_leading_zeros(api, alice):
    answer = api.put(f"users/{alice.id}/occupation", {"occupationCode": "0011"})
    assert answer.json["occupationCode"] == "0011"
    assert stored(alice) == [("OCCUPATION", "PENDING")]


def test_same_put_is_accepted_after_the_document_expired(api, alice, on):
    path = f"users/{alice.id}/identity"
    body = IDENTITY | {"expiryDate": "2026-03-01"}
    on(TODAY)
    first = api.put(path, body)
    on(date(2026, 3, 2))
    again = api.put(path, body)
    assert (again.status, again.json) == (200, first.json)
    answer = api.put(path, body | {"identityNumber": "87654321X"})
    assert answer.wrong == {"expiryDate": "expired"}
