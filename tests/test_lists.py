"""A list asks the same number of questions however long it is."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.support import people
from tests.support.cash_outs import a_cash_out
from tests.support.people import Api
from wallets import posting
from wallets.models import Wallet
from wallets.orders.external_accounts import AddExternalAccount

pytestmark = pytest.mark.django_db

IBANS = ("ES9121000418450200051332", "DE89370400440532013000", "GB29NWBK60161331926819")


def asked(api: Api, address: str) -> int:
    """How many questions the database was asked for a page."""
    with CaptureQueriesContext(connection) as questions:
        page = api.get(address)
    assert page.status == 200
    return len(questions)


@pytest.mark.parametrize(
    "path",
    [
        "users",
        "users?q=ali",
        "users/{user}/wallets",
        "wallets",
        "wallets/{wallet}/movements",
        "movements",
        "movements?userId={user}",
    ],
)
def test_list_runs_the_same_number_of_queries_for_few_and_many_rows(api, client_demo, alices, path):
    path = path.format(wallet=alices.id, user=alices.user_id)
    address = f"{path}{'&' if '?' in path else '?'}size=100"
    few = asked(api, address)
    for number in range(4):
        names = {"user_name": f"alice{number}", "mobile_phone": f"+3460000001{number}"}
        people.a_user(client_demo, people.ALICE | names)
        people.a_wallet(alices.user)
        a_cash_out(alices, 1_00)
    assert asked(api, address) == few <= 3


def more_holds(alices: Wallet, bobs: Wallet) -> None:
    for amount in range(1, 5):
        hold = people.place(alices, bobs, amount)
        people.execute(hold, 1)


def more_accounts(alices: Wallet, bobs: Wallet) -> None:
    for iban in IBANS:
        posting.submit(AddExternalAccount(**people.about(alices), iban=iban))


def more_movements(alices: Wallet, bobs: Wallet) -> None:
    for amount in range(1, 5):
        people.transfer(alices, bobs, amount)


@pytest.mark.parametrize(
    ("path", "more", "most"),
    [
        ("holds", more_holds, 3),
        ("holds?status=EXPIRED", more_holds, 3),
        ("movements?type=TRANSFER&idempotencyKey=k", more_movements, 4),
        ("external-accounts", more_accounts, 3),
        ("statement", more_movements, 10),
        ("balance", more_movements, 6),
    ],
)
def test_wallet_lists_run_the_same_number_of_queries_for_few_and_many_rows(
    api: Api,
    alices: Wallet,
    bobs: Wallet,
    path: str,
    more: Callable[[Wallet, Wallet], None],
    most: int,
) -> None:
    address = f"wallets/{alices.id}/{path}"
    few = asked(api, address)
    more(alices, bobs)
    assert asked(api, address) == few <= most


def test_middle_page_runs_as_many_queries_as_the_first(api, alices, bobs):
    more_movements(alices, bobs)
    more_holds(alices, bobs)
    for name in ("movements", "holds", "statement"):
        address = f"wallets/{alices.id}/{name}?size=1"
        first = asked(api, address)
        for _ in range(2):
            address = api.get(address).json["_links"]["next"]["href"]
        assert asked(api, address) == first
