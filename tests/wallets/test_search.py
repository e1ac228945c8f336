"""The search of the back office: what it finds, for whom, and what it shows."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from tests.support import backoffice, people
from tests.support.ibans import IBAN, OTHER_IBAN
from users import demo_documents
from users.kyc import Kind
from users.models import KycDocument, User
from users.models.searches import MOST_LETTERS, variants
from wallets.admin import search
from wallets.models import ExternalAccount, Wallet

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/search/"
GARCIA = people.ALICE | {
    "user_name": "ag77",
    "first_name": "José",
    "last_name": "García López",
    "email": "pepe@posteo.example",
    "mobile_phone": "+34611222333",
}


@pytest.fixture
def browser(staff: Any) -> Browser:
    client = Browser()
    client.force_login(staff)
    return client


@pytest.fixture
def garcia(client_demo: Any) -> User:
    return people.a_user(client_demo, GARCIA)


def found(browser: Browser, words: str) -> dict[str, list[Any]]:
    """What the page shows, by group; the only hit if it leads there."""
    answer = browser.get(ADDRESS, {"q": words})
    if answer.status_code == 302:
        return {"opened": [answer["Location"]]}
    assert answer.status_code == 200
    return {group.name: [hit.row for hit in group.hits] for group, _ in answer.context["found"]}


def address(row: Any) -> str:
    return backoffice.page_of(row)


def a_name(client: Any, first: str, last: str, number: int) -> User:
    values = {"first_name": first, "last_name": last, "user_name": f"u{number}"}
    phone = {"mobile_phone": f"+3469000{number:04}"}
    return people.a_user(client, people.ALICE | values | phone)


@pytest.mark.parametrize(
    "words",
    [
        "garcia lopez",
        "GARCÍA",
        "  lópez   josé ",
        "arci",
        "pez",
        "g77",
        "posteo",
        "611222",
        "(611) 222",
        "garcia-lopez",
        "López, José",
    ],
)
def test_user_is_found_by_parts_without_accents_and_case(words, browser, garcia, alice, bob):
    rows = found(browser, words)
    assert rows in ({"users": [garcia]}, {"opened": [address(garcia)]})


@pytest.mark.parametrize(
    "words",
    ["pepe@posteo.example", "+34 611 222 333", "0034 611-222-333", "José García López", "AG77"],
)
def test_only_hit_that_is_exact_is_opened(words, browser, garcia, alice):
    assert found(browser, words) == {"opened": [address(garcia)]}


@pytest.mark.parametrize("words", ["ar", "garcia perez", "lopezxy garcia", "rz"])
def test_every_word_must_be_there_and_short_words_as_a_whole(words, browser, garcia):
    assert found(browser, words) == {}


def test_two_exact_hits_are_listed(browser, client_demo, garcia):
    other = people.a_user(
        client_demo, GARCIA | {"user_name": "ag78", "mobile_phone": "+34611222334"}
    )
    assert found(browser, "José García López") == {"users": [other, garcia]}


@pytest.mark.parametrize("words", ["garsia", "graciá", "lopes garcia", "garciaa", "garca"])
def test_misspelled_name_is_found_if_no_name_is_equal(words, browser, garcia, alice):
    assert found(browser, words) == {"users": [garcia]}
    content = browser.get(ADDRESS, {"q": words}).content.decode()
    assert "These names are similar." in content


def test_words_of_names_are_not_taken_as_misspelled(browser, client_demo, garcia):
    a_name(client_demo, "Ana", "Garsia", 1)
    assert found(browser, "garsia lopez") == {}


@pytest.mark.parametrize("words", ["grsia", "gar cia lopez jose maria"])
def test_two_typing_errors_in_a_word_are_too_many(words, browser, garcia):
    assert found(browser, words) == {}


def test_variants_of_a_word_differ_in_one_letter():
    assert {"rojas", "roja", "orjas", "roxas", "rojxas", "xrojas", "rojasx"} <= variants("rojas")
    assert variants("li") == {"li"}


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("محمد", "العربي", "العرب"),
        ("Жанна", "Жуковская", "жуков"),
        ("小龙", "李", "小龙"),
        ("😀😀😀", "🎉", "😀😀😀"),
        ("A" * 100, "Ñ" * 100, "n" * 90),
        ("Łukasz", "Ødegård", "odegard"),
        ("D'Arcy", "O\\Brien", "O'Brien"),
    ],
)
def test_names_of_any_script_and_length_are_found(first, last, words, browser, client_demo, alice):
    user = a_name(client_demo, first, last, 1)
    assert found(browser, words) in ({"users": [user]}, {"opened": [address(user)]})


@pytest.mark.parametrize(
    "words",
    ["%", "_", "\\", "'", '"', "''':*", "a\0b", "&|!()", "x" * 5000, "zz:*", "é", "--", "1"],
)
def test_signs_and_long_texts_find_nothing(words, browser, garcia, alices):
    Wallet.objects.update(alias="Savings")
    answer = browser.get(ADDRESS, {"q": words})
    assert answer.status_code == 200
    assert answer.context["found"] == []
    assert "Nothing was found" in answer.content.decode()
    assert len(answer.context["words"]) <= MOST_LETTERS


@pytest.mark.parametrize("words", ["", "   ", "\0", "\t"])
def test_blank_words_show_the_box_and_ask_nothing(words, browser, garcia):
    with CaptureQueriesContext(connection) as captured:
        answer = browser.get(ADDRESS, {"q": words})
    assert "Find a customer" in answer.content.decode()
    assert "Nothing was found" not in answer.content.decode()
    assert not [each for each in captured if "users_found" in each["sql"]]


def test_user_is_found_by_a_document_that_is_not_replaced(browser, garcia, alice):
    demo_documents.send_samples(garcia, frozenset({Kind.IDENTITY, Kind.EXTERNAL_IBAN}), people.BY)
    for words in ("12345678Z", "12345678-z", IBAN, f"{IBAN[:4]} {IBAN[4:]}"):
        assert found(browser, words) == {"opened": [address(garcia)]}
    KycDocument.objects.update(status="REPLACED")
    assert found(browser, "12345678Z") == {}


@pytest.mark.spoils_the_books
def test_wallet_is_found_by_alias_and_by_ibans_with_its_owner(browser, alices, bobs):
    Wallet.objects.filter(id=alices.id).update(alias="Ahorro 100%", iban=IBAN)
    ExternalAccount.objects.create(client_id=bobs.client_id, wallet=bobs, iban=OTHER_IBAN)
    assert found(browser, "ahorro 100") == {"wallets": [alices]}
    assert found(browser, "Ahorro 100%") == {"opened": [address(alices)]}
    assert found(browser, IBAN.lower()) == {"users": [alices.user], "wallets": [alices]}
    assert found(browser, OTHER_IBAN) == {"users": [bobs.user], "wallets": [bobs]}


def test_movement_is_found_by_operation_reference_key_and_iban(browser, alices, bobs):
    people.cash_in(alices, 10_00, reference="INV 7/2026", key="the key")
    people.transfer(alices, bobs, 1_00)
    first, last = people.movements(alices)[-2:]
    for words in ("INV 7/2026", "the key", str(first.operation_id), str(first.id)):
        assert found(browser, words) == {"opened": [address(first)]}
    legs = found(browser, str(last.operation_id))["movements"]
    assert set(legs) == {last, last.mirror}


def test_row_is_found_by_the_beginning_of_its_id(browser, alices):
    rows = found(browser, str(alices.id)[:13])
    assert alices in rows["wallets"]
    assert found(browser, str(alices.id)[:7]) == {}


def test_eight_digits_are_both_an_id_and_a_phone_number(browser, garcia, alices):
    first = str(alices.id)[:8]
    User.objects.filter(id=garcia.id).update(mobile_phone=f"+{int(first, 16)}9")
    phone = str(int(first, 16))[:8]
    assert found(browser, phone) == {"users": [garcia]}


def test_id_of_anything_else_is_opened_with_the_permission(browser, alices, bobs):
    hold = people.place(alices, bobs, 1_00)
    assert found(browser, str(hold.id)) == {"opened": [address(hold)]}
    person = backoffice.worker()
    browser.force_login(person)
    assert found(browser, str(hold.id)) == {}
    assert found(browser, str(people.unknown_id())) == {}


def test_personal_data_need_the_permission_to_view_users(browser, alices, garcia):
    Wallet.objects.filter(id=alices.id).update(alias="Savings")
    person = backoffice.worker()
    person.user_permissions.add(Permission.objects.get(codename="view_wallet"))
    browser.force_login(person)
    for words in ("garcia", "garsia", "+34611222333", str(garcia.id)):
        assert found(browser, words) == {}
    content = browser.get(ADDRESS, {"q": "saving"}).content.decode()
    assert "Savings" in content
    assert "Alice" not in content
    listed = browser.get(backoffice.list_of(Wallet), {"q": "alice"}).content.decode()
    assert str(alices.id) not in listed


def test_erased_user_is_not_found(browser, garcia):
    demo_documents.send_samples(garcia, frozenset({Kind.IDENTITY}), people.BY)
    from wallets import erasure
    from wallets.users import change_or_close

    about = {"client_id": garcia.client_id, "user_id": garcia.id, "by": people.BY}
    change_or_close(**about, values={}, closes=True)
    assert found(browser, "garcia") == {"users": [garcia]}
    erasure.erase(user_id=garcia.id, by=people.BY, reason="USER_REQUEST")
    for words in ("garcia", "12345678Z", "611222333", "posteo", "garsia", "ag77"):
        assert found(browser, words) == {}


def test_hits_are_bounded_and_lead_to_the_list(browser, client_demo, monkeypatch):
    monkeypatch.setattr(search, "MOST_HITS", 1)
    users = [a_name(client_demo, "María", "Pérez", number) for number in (1, 2)]
    answer = browser.get(ADDRESS, {"q": "perez maria"})
    ((group, more),) = answer.context["found"]
    assert [hit.row for hit in group.hits] == users[1:]
    assert "Show all users with these words" in answer.content.decode()
    listed = browser.get(more).content.decode()
    assert all(str(user.id) in listed for user in users)


def test_number_of_statements_does_not_grow_with_the_hits(browser, client_demo):
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert found(browser, "perez")
        return len(captured)

    a_name(client_demo, "Ana", "Pérez", 0)
    browser.get(ADDRESS, {"q": "perez"})
    few = statements()
    for number in range(1, 6):
        a_name(client_demo, "Ana", "Pérez", number)
    assert statements() == few


def test_page_says_what_matched(browser, garcia, alices):
    content = browser.get(ADDRESS, {"q": "lopez"}).content.decode()
    assert "José García López" in content
    assert '<td data-label="Found by">name</td>' in content
    assert '<td data-label="Status">Active</td>' in content
    assert "ACTIVATED" not in content


def test_page_needs_a_log_in():
    assert Browser().get(ADDRESS, {"q": "garcia"}).status_code == 302
