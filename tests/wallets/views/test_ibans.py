"""IBANs: valid, of the institution's range, and given once."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from schwifty import IBAN

from iocash import errors
from tests.support import people
from tests.support.threads import at_once
from wallets import posting
from wallets.books.ibans import make
from wallets.models import Wallet
from wallets.orders.base import Order
from wallets.orders.ibans import CreateIban

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(alices: Wallet) -> str:
    return f"wallets/{alices.id}/create-iban"


def an_order(wallet: Wallet, **values: Any) -> Order:
    return CreateIban(**people.about(wallet, **values))


def test_a_wallet_gets_a_valid_iban_of_the_institution(api, alices, path, settings):
    answer = api.post(path)
    assert answer.status == 201
    assert answer.headers["Location"].endswith(f"wallets/{alices.id}")
    assert answer.json == api.get(f"wallets/{alices.id}").json
    iban = IBAN(answer.json["iban"], validate_bban=True)
    assert (iban.country_code, iban.bank_code, iban.branch_code) == (
        settings.IBAN_COUNTRY,
        settings.IBAN_BANK_CODE,
        settings.IBAN_BRANCH_CODE,
    )


@pytest.mark.parametrize(
    ("country", "bank", "branch"),
    [
        ("DE", "37040044", ""),
        ("FR", "30006", "00001"),
        ("NL", "ABNA", ""),
        ("GB", "NWBK", "601613"),
    ],
)
def test_the_institution_may_be_in_any_country(settings, country, bank, branch):
    settings.IBAN_COUNTRY, settings.IBAN_BANK_CODE = country, bank
    settings.IBAN_BRANCH_CODE = branch
    made = {make(number) for number in (1, 2, 31_415_926)}
    assert len(made) == 3
    assert all(IBAN(iban).country_code == country for iban in made)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("IBAN_COUNTRY", "QQ", "Unknown country-code 'QQ'."),
        ("IBAN_COUNTRY", "US", "Unknown country-code 'US'."),
        ("IBAN_BANK_CODE", "99999", "Bank code exceeds maximum size 4."),
        ("IBAN_BRANCH_CODE", "x", "make no IBAN: "),
    ],
)
def test_server_does_not_start_when_no_iban_can_be_made(settings, name, value, words):
    setattr(settings, name, value)
    with pytest.raises(ImproperlyConfigured) as refused:
        apps.get_app_config("wallets").ready()
    assert "IBAN_COUNTRY, IBAN_BANK_CODE and IBAN_BRANCH_CODE make no IBAN" in str(refused.value)
    assert words in str(refused.value)


def test_second_iban_of_a_wallet_gets_409(api, alices, path):
    iban = api.post(path).json["iban"]
    again = api.post(path)
    assert (again.status, again.code) == (409, "already_exists")
    assert again.json["conflict"] == {
        "field": "iban",
        "walletId": str(alices.id),
        "iban": iban,
    }
    assert api.get(f"wallets/{alices.id}").json["iban"] == iban


def test_a_key_replays_the_iban(api, alices, path):
    first, again = api.post(path, key="k"), api.post(path, key="k")
    assert (first.status, again.status) == (201, 201)
    assert again.json["iban"] == first.json["iban"]
    assert again.headers["Idempotent-Replayed"] == "true"
    other = api.post(f"wallets/{people.a_wallet(alices.user).id}/create-iban", key="k")
    assert other.code == "idempotency_key_reused"


def test_wallet_is_found_by_its_iban_with_and_without_spaces(api, alices, bobs, path):
    iban = api.post(path).json["iban"]
    api.post(f"wallets/{bobs.id}/create-iban")
    spaced = " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
    for written in (iban, spaced):
        found = api.get(f"wallets?iban={written}").json["_embedded"]["wallets"]
        assert [wallet["id"] for wallet in found] == [str(alices.id)]
    wrong = api.get("wallets?iban=ES00")
    assert (wrong.status, set(wrong.wrong)) == (400, {"iban"})


def test_iban_of_a_closed_wallet_is_refused(api, bobs):
    people.close(bobs)
    answer = api.post(f"wallets/{bobs.id}/create-iban")
    assert (answer.status, answer.code) == (409, "wallet_not_ready")


def test_unauthorized_and_invalid_iban_requests_are_refused(
    api, stranger, nobody, client_demo, path
):
    reader = people.Api(people.a_key(client_demo, "wallets:read", "movements:write"))
    assert stranger.post(path).status == 404
    assert nobody.post(path).status == 401
    assert reader.post(path).status == 403
    assert api.get(path).code == "method_not_allowed"
    assert api.post("wallets/x/create-iban").status == 404
    assert api.post(path, {"iban": "ES91"}).wrong == {"iban": "unknown_field"}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_give_each_wallet_one_iban(alice):
    wallets = [people.first_wallet(alice), *(people.a_wallet(alice) for _ in range(4))]
    answers = at_once(
        *[lambda wallet=wallet: posting.submit(an_order(wallet)) for wallet in wallets * 10]
    )
    refused = [answer for answer in answers if isinstance(answer, errors.AlreadyExists)]
    assert len(refused) == 45
    given = list(Wallet.objects.values_list("iban", flat=True))
    assert len(set(given)) == 5
    assert None not in given
