"""The lists of movements, holds and external accounts across the wallets of a client."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from iocash.http import pages
from tests.support import barrier, people, replayed
from tests.support.ibans import IBAN, OTHER_IBAN
from tests.support.people import Api
from tests.support.statements import captured
from wallets import posting
from wallets.models import Movement
from wallets.orders.cash_outs import CancelCashOut, CashOut
from wallets.orders.external_accounts import AddExternalAccount, ChangeExternalAccount

pytestmark = pytest.mark.django_db

UNKNOWN = people.unknown_id()
Things = dict[str, Any]


@pytest.fixture
@replayed.step
def things(alices, bobs, account) -> Things:
    """What happened to Alice and Bob, by name; an id or a text each."""
    people.a_wallet(alices.user, "JPY")
    lunch = people.transfer(alices, bobs, 10_00, reference="INV 1", key="k")
    people.transfer(bobs, alices, 5_00)
    back = people.reverse(Movement.objects.get(id=lunch.id), 2_00)
    about = people.about(alices, amount=people.decimal(1_00))
    out = posting.submit(CashOut(**about, account_id=account.id)).id
    gone = posting.submit(CashOut(**about, iban=OTHER_IBAN)).id
    posting.submit(CancelCashOut(**people.about(alices), movement_id=gone))
    posting.submit(
        AddExternalAccount(**people.about(bobs), iban=OTHER_IBAN, metadata={"branch": "3"})
    )
    change = {"account_id": account.id, "metadata": {"branch": "2"}}
    posting.submit(ChangeExternalAccount(**people.about(alices), **change))
    hold = people.place(alices, bobs, 30_00, reference="deposit")
    people.place(bobs, alices, 1_00)
    stranger = people.first_wallet(people.a_user(people.a_client("Third"), people.ALICE))
    people.cash_in(stranger, 1_00)
    return {
        "alice": alices.user_id,
        "bob": bobs.user_id,
        "alices": alices.id,
        "bobs": bobs.id,
        "stranger": stranger.id,
        "lunch": lunch.id,
        "operation": Movement.objects.get(id=lunch.id).operation_id,
        "back": back.id,
        "out": out,
        "hold": hold.id,
        "reference": quote("INV 1"),
        "none": UNKNOWN,
    }


def listed(api: Api, path: str) -> list[Any]:
    answer = api.get(path)
    assert answer.status == 200, answer.json
    (rows,) = answer.json["_embedded"].values()
    return list(rows)


# --- Movements -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "amounts"),
    [
        ("", "100 10 10 5 5 2 2 1 1"),
        ("userId={alice}", "100 10 5 2 1 1"),
        ("walletId={bobs}", "10 5 2"),
        ("walletId={bobs},{alices}", "100 10 10 5 5 2 2 1 1"),
        ("userId={alice},{bob}&walletId={bobs}", "10 5 2"),
        ("userId={none}", ""),
        ("walletId={stranger}", ""),
        ("userId={alice}&walletId={bobs}", ""),
        ("type=CASH_IN,REVERSAL", "100 2 2"),
        ("type=CASH_OUT&walletId={alices},{bobs}", "1 1"),
        ("type=TRANSFER,CASH_IN&userId={alice}", "100 10 5"),
        ("status=PENDING", "1"),
        ("status=PENDING,CANCELLED", "1 1"),
        ("status=SUCCESS,CANCELLED&type=CASH_OUT", "1"),
        ("reference={reference}", "10 10 2 2"),
        ("reference={reference}&walletId={bobs}", "10 2"),
        ("reference=INV", ""),
        ("reversalOf={lunch}", "2"),
        ("counterpartyWalletId={bobs}", "10 5 2"),
        ("counterpartyWalletId={bobs}&walletId={bobs}", ""),
        ("counterpartyWalletId={bobs},{alices}", "10 10 5 5 2 2"),
        ("iban=" + IBAN, "1"),
        (f"iban={IBAN},{OTHER_IBAN}", "1 1"),
        (f"iban={OTHER_IBAN}&status=CANCELLED", "1"),
        ("operationId={operation}", "10 10"),
        ("idempotencyKey=k", "10 10"),
        ("direction=OUT", "10 5 2 1 1"),
        ("minAmount=5&maxAmount=10&currency=EUR", "10 10 5 5"),
        ("currency=JPY", ""),
        ("startDate=2999-01-01T00:00:00Z", ""),
    ],
)
def test_movements_are_filtered(api, things, query, amounts):
    shown = listed(api, f"movements?size=100&{query.format(**things)}".rstrip("&"))
    found = sorted((float(each["amount"]) for each in shown), reverse=True)
    assert found == [float(each) for each in amounts.split()]


def test_movements_are_newest_first_in_every_combination_of_parts(api, things):
    for query in ("", "walletId={alices},{bobs}", "type=CASH_IN,REVERSAL,CASH_OUT"):
        shown = listed(api, f"movements?size=100&{query.format(**things)}".rstrip("&"))
        times = [each["createdAt"] for each in shown]
        assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    "query", ["", "walletId={alices},{bobs}", "type=CASH_IN,CASH_OUT,REVERSAL", "direction=OUT"]
)
@pytest.mark.parametrize("scanned", [2, 5_000])
def test_pages_of_movements_contain_each_row_once(api, things, query, scanned, monkeypatch):
    monkeypatch.setattr(pages, "SCANNED", scanned)
    path = f"movements?size=2&{query.format(**things)}".rstrip("&")
    whole = [each["id"] for each in listed(api, path.replace("size=2", "size=100"))]
    if scanned == 2 and query.startswith("direction"):
        whole = [
            each["id"] for each in listed(api, "movements?size=100") if each["direction"] == "OUT"
        ]
    for rel in ("next", "prev"):
        answer = api.get(path)
        if rel == "prev":
            answer = api.get(answer.json["_links"]["last"]["href"])
        found: list[str] = []
        while True:
            ids = [each["id"] for each in answer.json["_embedded"]["movements"]]
            found = found + ids if rel == "next" else ids + found
            if rel not in answer.json["_links"]:
                break
            answer = api.get(answer.json["_links"][rel]["href"])
        assert found == whole


def test_movement_is_found_by_its_id_alone(api, things, alices):
    shown = api.get(f"movements/{things['lunch']}")
    assert shown.status == 200
    assert shown.json == api.get(f"wallets/{alices.id}/movements/{things['lunch']}").json


def test_hold_is_found_by_its_id_alone(api, things, alices):
    shown = api.get(f"holds/{things['hold']}")
    own = api.get(f"wallets/{alices.id}/holds/{things['hold']}")
    assert (shown.status, shown.json, shown.headers["ETag"]) == (200, own.json, own.headers["ETag"])


@pytest.mark.parametrize("path", ["movements/{lunch}", "holds/{hold}"])
def test_resource_of_another_client_gets_404(stranger, things, path):
    answer = stranger.get(path.format(**things))
    assert (answer.status, answer.code) == (404, "not_found")


def test_filters_across_wallets_are_filters_of_a_wallet_too(api, things, bobs):
    here = f"wallets/{bobs.id}/movements"
    for query, number in (
        ("reference={reference}", 2),
        ("counterpartyWalletId={alices}", 3),
        ("type=TRANSFER,REVERSAL&status=SUCCESS", 3),
        ("iban=" + IBAN, 0),
    ):
        assert len(listed(api, f"{here}?{query.format(**things)}")) == number, query


# --- The counterparty ----------------------------------------------------------------------------


def test_counterparty_is_shown_on_request(api, things, bobs):
    path = f"movements/{things['lunch']}"
    assert api.get(path).json["counterparty"] is None
    expected = {"walletId": str(bobs.id), "userId": str(bobs.user_id), "name": "Bob Example"}
    assert api.get(f"{path}?expand=counterparty").json["counterparty"] == expected
    shown = listed(api, "movements?size=100&expand=counterparty")
    (lunch,) = [each for each in shown if each["id"] == str(things["lunch"])]
    assert lunch["counterparty"] == expected
    (cash_in,) = [each for each in shown if each["type"] == "CASH_IN"]
    assert cash_in["counterparty"] is None


def test_counterparty_needs_the_scope_of_users(client_demo, things, alices):
    api = Api(people.a_key(client_demo, "movements:read"))
    here = f"wallets/{alices.id}/movements"
    for path in ("movements", f"movements/{things['lunch']}", here, f"{here}/{things['lunch']}"):
        assert api.get(path).status == 200
        answer = api.get(f"{path}?expand=counterparty")
        assert (answer.status, answer.code) == (403, "insufficient_scope")
        assert "users:read" in answer.json["detail"]


def test_counterparties_take_the_same_number_of_statements(api, alices, bobs):
    def asked() -> int:
        with captured() as statements:
            listed(api, "movements?expand=counterparty&size=100")
        return len(statements)

    people.transfer(alices, bobs, 1)
    few = asked()
    for _ in range(3):
        people.transfer(alices, bobs, 1)
    assert asked() == few <= 4


# --- Holds and external accounts -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "amounts"),
    [
        ("", ["1.00", "30.00"]),
        ("userId={alice}", ["30.00"]),
        ("walletId={bobs}", ["1.00"]),
        ("targetWalletId={bobs}", ["30.00"]),
        ("targetWalletId={bobs},{alices}", ["1.00", "30.00"]),
        ("targetWalletId={alices}&userId={alice}", []),
        ("reference=deposit", ["30.00"]),
        ("status=OPEN", ["1.00", "30.00"]),
        ("status=OPEN,RELEASED", ["1.00", "30.00"]),
        ("status=EXPIRED,EXECUTED", []),
        ("minAmount=2&currency=EUR", ["30.00"]),
        ("maxAmount=2&currency=EUR", ["1.00"]),
        ("currency=JPY", []),
        ("walletId={stranger}", []),
    ],
)
def test_holds_are_filtered(api, things, query, amounts):
    shown = listed(api, f"holds?{query.format(**things)}".rstrip("?"))
    assert [each["amount"] for each in shown] == amounts


@pytest.mark.parametrize(
    ("query", "ibans"),
    [
        ("", [OTHER_IBAN, IBAN]),
        ("userId={alice}", [IBAN]),
        ("walletId={bobs}", [OTHER_IBAN]),
        (f"iban={OTHER_IBAN}", [OTHER_IBAN]),
        (f"iban={OTHER_IBAN},{IBAN}&status=ACTIVE", [OTHER_IBAN, IBAN]),
        ("status=REMOVED", []),
        ("metadata[branch]=2", [IBAN]),
        ("metadata[branch]=2&userId={alice}&status=ACTIVE", [IBAN]),
        ("metadata[branch]=2&walletId={bobs}", []),
    ],
)
def test_external_accounts_are_filtered(api, things, query, ibans):
    shown = listed(api, f"external-accounts?{query.format(**things)}".rstrip("?"))
    assert [each["iban"] for each in shown] == ibans


@pytest.mark.parametrize("path", ["movements", "holds", "external-accounts"])
def test_lists_take_the_same_number_of_statements(api, alices, bobs, path):
    def asked() -> int:
        with captured() as statements:
            listed(api, f"{path}?size=100")
        return len(statements)

    people.place(alices, bobs, 1)
    few = asked()
    for _ in range(3):
        people.transfer(alices, bobs, 1)
        people.place(alices, bobs, 1)
    assert asked() == few <= 2


# --- Bounded scans --------------------------------------------------------------------------------


@pytest.mark.parametrize("more", ["walletId={alices},{bobs}", ""])
def test_scan_reads_a_bounded_range(api, things, more, monkeypatch):
    monkeypatch.setattr(pages, "SCANNED", 2)
    answer = api.get(f"movements?minAmount=5000&currency=EUR&{more.format(**things)}".rstrip("&"))
    assert answer.json["_embedded"]["movements"] == []
    assert "next" in answer.json["_links"]


@pytest.mark.parametrize("path", ["movements", "holds", "external-accounts"])
def test_list_from_old_to_new_ends_at_the_barrier(api, things, path):
    rows = listed(api, f"{path}?size=100")[::-1]
    barrier.put(barrier.NEVER)
    assert listed(api, f"{path}?sort=createdAt,asc") == []
    assert listed(api, path)[::-1] == rows
    barrier.put(barrier.ALWAYS)
    assert listed(api, f"{path}?sort=createdAt,asc") == rows


def test_filtered_page_scans_no_further_than_the_barrier(api, things, monkeypatch):
    """Where a scan ends, the next page begins: behind it, rows could still appear."""
    monkeypatch.setattr(pages, "SCANNED", 2)
    path = "movements?sort=createdAt,asc&minAmount=5000&currency=EUR"
    first, *_ = Movement.objects.order_by("created_at")
    barrier.put(first.created_at + timedelta(microseconds=1))
    assert "next" not in api.get(path).json["_links"]
    barrier.put(barrier.ALWAYS)
    assert "next" in api.get(path).json["_links"]


def test_repeated_filter_is_read_as_several_values(api, alices, bobs):
    people.transfer(alices, bobs, 1)
    page = api.get("movements?type=CASH_IN&type=TRANSFER&size=1").json
    same = api.get("movements?type=CASH_IN,TRANSFER&size=1").json
    assert page["_embedded"] == same["_embedded"] != {"movements": []}
    assert page["_links"]["next"] == same["_links"]["next"]
    assert api.get("movements?type=CASH_IN&type=").code == "invalid_parameters"
