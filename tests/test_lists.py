"""A list asks the same number of questions however long it is."""

import re
from collections.abc import Callable

import pytest
from django.db import connection

from tests.support import barrier, people
from tests.support.cash_outs import a_cash_out
from tests.support.people import Api
from tests.support.resources import LISTS, make_each
from tests.support.schedules import a_bank_schedule, an_execution
from tests.support.statements import captured
from wallets import posting
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

PUBLISHED = "/api/v2/public"
SORTS = ("createdAt,desc", "createdAt,asc")
More = Callable[[Wallet, Wallet], None]


def asked(api: Api, address: str) -> int:
    """How many questions the database was asked for a page."""
    with captured() as questions:
        page = api.get(address)
    assert page.status == 200
    return len(questions)


@pytest.mark.parametrize("sort", SORTS)
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
        f"{PUBLISHED}/users",
        f"{PUBLISHED}/users/natural",
        f"{PUBLISHED}/wallets",
        f"{PUBLISHED}/wallets/{{wallet}}/movements",
    ],
)
def test_list_runs_the_same_number_of_queries_for_few_and_many_rows(
    api, client_demo, alices, path, sort
):
    path = path.format(wallet=alices.id, user=alices.user_id)
    address = f"{path}{'&' if '?' in path else '?'}size=100&sort={sort}"
    few = asked(api, address)
    for number in range(4):
        names = {"user_name": f"alice{number}", "mobile_phone": f"+3460000001{number}"}
        people.a_user(client_demo, people.ALICE | names)
        people.a_wallet(alices.user)
        a_cash_out(alices, 1_00)
    assert asked(api, address) == few <= 3


def rows(api: Api, address: str) -> int:
    """How many rows the page has."""
    return sum(map(len, api.get(address).json.get("_embedded", {}).values()))


def more_holds(alices: Wallet, bobs: Wallet) -> None:
    for amount in range(1, 5):
        hold = people.place(alices, bobs, amount)
        people.execute(hold, 1)


def more_movements(alices: Wallet, bobs: Wallet) -> None:
    for amount in range(1, 5):
        people.transfer(alices, bobs, amount)


def more_rows(alices: Wallet, bobs: Wallet) -> None:
    for number in range(1, 5):
        make_each(alices, bobs, number)


def more_executions(alices: Wallet, bobs: Wallet) -> None:
    """Executions of the last scheduled operation."""
    people.cash_in(alices, 10_00)
    for number in range(1, 5):
        an_execution(alices, bobs, number)


OWN: dict[str, tuple[More, int]] = {
    "holds": (more_holds, 3),
    "holds?status=EXPIRED": (more_holds, 4),
    "movements?type=TRANSFER&idempotencyKey=k": (more_movements, 4),
    "holds?sort=createdAt,asc": (more_holds, 3),
    "external-accounts?sort=createdAt,asc": (more_rows, 3),
    "scheduled-operations/{schedule}/executions": (more_executions, 3),
    "statement": (more_movements, 10),
    "statement?sort=settledAt,desc": (more_movements, 10),
    "balance": (more_movements, 6),
}
"""More of what is listed, and the most queries."""
WALLET = "wallets/{wallet}/"
BELOW = [path.removeprefix(WALLET) for path in LISTS if path.startswith(WALLET)]
CASES = dict.fromkeys(BELOW, (more_rows, 3)) | {"movements": (more_movements, 3)} | OWN


@pytest.mark.parametrize(
    ("path", "more", "most"), [(path, *case) for path, case in CASES.items()], ids=CASES
)
def test_wallet_lists_run_the_same_number_of_queries_for_few_and_many_rows(
    api: Api,
    alices: Wallet,
    bobs: Wallet,
    path: str,
    more: More,
    most: int,
) -> None:
    address = f"wallets/{alices.id}/{path}".format(schedule=a_bank_schedule(alices, bobs, 1))
    few, before = asked(api, address), rows(api, address)
    more(alices, bobs)
    assert asked(api, address) == few <= most
    assert path not in BELOW or rows(api, address) > before


def test_operation_runs_the_same_number_of_queries_for_few_and_many_movements(api, alices, bobs):
    counts = []
    for number in (1, 40):
        transfers = [people.a_transfer(alices, bobs, 1)] * number
        outcome = posting.submit(people.an_operation(*transfers))
        counts.append(asked(api, f"operations/{outcome.id}?size=100"))
    assert counts[0] == counts[1] <= 3


def test_middle_page_runs_as_many_queries_as_the_first(api, alices, bobs):
    more_movements(alices, bobs)
    more_holds(alices, bobs)
    for name in ("movements", "holds", "statement"):
        address = f"wallets/{alices.id}/{name}?size=1"
        first = asked(api, address)
        for _ in range(2):
            address = api.get(address).json["_links"]["next"]["href"]
        assert asked(api, address) == first


@pytest.mark.parametrize("name", ["favourite-external-accounts", "holds"])
@pytest.mark.parametrize("sort", SORTS)
def test_published_lists_run_the_same_number_of_queries(api, alices, bobs, name, sort):
    address = f"{PUBLISHED}/wallets/{alices.id}/{name}?sort={sort}"
    few = asked(api, address)
    more_rows(alices, bobs)
    assert asked(api, address) == few <= 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["users", "wallets"])
def test_barrier_costs_one_query_at_the_end_of_a_list(api, alices, bobs, path):
    address = f"{path}?sort=createdAt,asc&size=1"
    barrier.put(barrier.ALWAYS)
    first = api.get(address).json
    newest = asked(api, f"{path}?size=1")
    assert asked(api, address) == newest
    assert asked(api, first["_links"]["next"]["href"]) == newest + 1


@pytest.mark.parametrize(("path", "index"), [("users", "user_page"), ("wallets", "wallet_page")])
def test_list_from_old_to_new_is_read_from_its_index(api, alices, path, index):
    with captured() as questions:
        api.get(f"{path}?sort=createdAt,asc")
    (page,) = [each for each in questions if "users_barrier" in each.sql]
    with connection.cursor() as cursor:
        for way in ("seqscan", "bitmapscan", "sort"):  # good for few rows only
            cursor.execute(f"SET LOCAL enable_{way} = off")
    plan = page.explained()
    assert re.search(rf"Index Scan using {index} .*\n +Index Cond: .*created_at <", plan), plan
    assert "Sort" not in plan
