"""Lists are compiled: each filter, in both orders, finds what its queryset finds."""

from __future__ import annotations

from typing import Any

import pytest

from iocash.db import shapes
from iocash.http import pages
from tests.support import people
from tests.support.ibans import IBAN
from tests.support.people import Api
from users.models import User
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

PERIOD = "startDate=2020-01-01&endDate=2099-01-01"
OF_MOVEMENTS = (
    "",
    PERIOD,
    "type=CASH_IN",
    "type=TRANSFER,CASH_OUT&status=PENDING,SUCCESS",
    "status=PENDING",
    "status=SUCCESS&direction=IN",
    "direction=OUT",
    "reference=lunch",
    f"iban={IBAN}",
    "counterpartyWalletId={bobs}",
    "operationId={bobs}",
    "holdId={bobs}",
    "reversalOf={bobs}",
)
OF_HOLDS = ("", PERIOD, "status=OPEN", "status=EXPIRED,RELEASED", "reference=lunch")
AMOUNTS = "minAmount=1.00&maxAmount=20.00"
ACROSS = ("userId={alice}", "walletId={alices},{bobs}", "currency=EUR", f"{AMOUNTS}&currency=EUR")
LISTS: dict[str, tuple[str, ...]] = {
    "users": ("", "q=ali", "userName=alice", "status=ACTIVATED", "kind=NATURAL"),
    "wallets": ("", "userId={alice}", "status=READY", "currency=EUR"),
    "users/{alice}/wallets": ("", "status=READY,BLOCKED"),
    "movements": (*OF_MOVEMENTS, *ACROSS),
    "wallets/{alices}/movements": (*OF_MOVEMENTS, AMOUNTS),
    "holds": (*OF_HOLDS, *ACROSS, "targetWalletId={bobs}"),
    "wallets/{alices}/holds": (*OF_HOLDS, AMOUNTS),
    "external-accounts": ("", "status=ACTIVE", f"iban={IBAN}", "userId={alice}"),
    "wallets/{alices}/external-accounts": ("", "status=ACTIVE,REMOVED", f"iban={IBAN}"),
}


@pytest.fixture
def selected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, list[Any]]]:
    """Each statement of a list that was read, and what its queryset finds."""
    found: list[tuple[Any, list[Any]]] = []

    def noting(ask: Any, plan: Any, values: Any) -> Any:
        statement = shapes.compiled(ask, plan, values)
        found.append((statement, [*ask(plan, values)]))
        return statement

    monkeypatch.setattr(pages, "compiled", noting)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("sort", [pages.NEWEST_FIRST, pages.OLDEST_FIRST])
@pytest.mark.parametrize("path", LISTS)
def test_compiled_list_returns_the_rows_of_its_queryset(
    api: Api,
    alices: Wallet,
    bobs: Wallet,
    alice: User,
    selected: list[Any],
    path: str,
    sort: str,
) -> None:
    for number in range(2):
        people.transfer(alices, bobs, 1_00 + number, reference="lunch")
        people.place(alices, bobs, 1_00 + number)
    things = {"alice": alice.id, "alices": alices.id, "bobs": bobs.id}
    for query in LISTS[path]:
        follow(api, f"{path}?size=2&sort={sort}&{query}".format(**things).rstrip("&"), selected)


def follow(api: Api, address: str, selected: list[Any]) -> None:
    """Compare each page of a list with its queryset."""
    while address:
        page = api.get(address)
        assert page.status == 200, page.json
        rows = next(iter(page.json["_embedded"].values()))
        statement, expected = selected.pop()
        assert statement is not None, address
        assert [row["id"] for row in rows] == [str(row.id) for row in expected[:2]], address
        selected.clear()
        address = page.json["_links"].get("next", {}).get("href", "")
