"""Movements and holds are found by pairs of their metadata."""

from __future__ import annotations

from typing import Any

import pytest

from iocash.http import pages
from tests.support import people
from tests.support.people import Api, cash, to

pytestmark = pytest.mark.django_db


@pytest.fixture
def things(api, alices, bobs) -> dict[str, Any]:
    """A transfer, a cash-in, its reversal and three holds; most have metadata."""
    wallet = f"wallets/{alices.id}"
    movements = f"{wallet}/movements"
    hold = {"targetWalletId": str(bobs.id)}
    pairs = {"order": "17", "shop": "Madrid"}
    api.post(movements, to(bobs, "1") | {"metadata": pairs})
    made = api.post(movements, cash("2") | {"metadata": {"order": "17"}, "reference": "R"})
    api.post(f"{movements}/{made.json['id']}/reversal", {"metadata": {"order": "18"}})
    for amount, metadata in (("3", pairs), ("4", {"shop": "17"}), ("5", None)):
        api.post(f"{wallet}/holds", hold | {"amount": amount, "metadata": metadata})
    return {"alices": alices.id, "bobs": bobs.id}


def amounts(api: Api, path: str) -> list[str]:
    answer = api.get(path)
    assert answer.status == 200, answer.json
    (rows,) = answer.json["_embedded"].values()
    return [each["amount"] for each in rows]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("movements?metadata[order]=17", ["2.00", "1.00", "1.00"]),
        ("movements?metadata[order]=17&metadata[shop]=Madrid", ["1.00", "1.00"]),
        ("movements?metadata[order]=18&metadata[shop]=Madrid", []),
        ("movements?metadata[order]=1", []),
        ("movements?metadata[order]=17&walletId={bobs}", ["1.00"]),
        ("movements?metadata[order]=17&direction=IN", ["2.00", "1.00"]),
        ("movements?metadata[order]=17&type=CASH_IN,REVERSAL", ["2.00"]),
        ("movements?metadata[order]=17&reference=R", ["2.00"]),
        ("movements?metadata[order]=18&reference=R", ["2.00"]),
        ("movements?metadata[shop]=Madrid&reference=R", []),
        ("movements?metadata[order]=17&idempotencyKey=x", []),
        ("movements?metadata[order]=17&minAmount=2&currency=EUR", ["2.00"]),
        ("wallets/{alices}/movements?metadata[order]=17", ["2.00", "1.00"]),
        ("wallets/{bobs}/movements?metadata[order]=17", ["1.00"]),
        ("holds?metadata[order]=17", ["3.00"]),
        ("holds?metadata[shop]=17", ["4.00"]),
        ("holds?metadata[shop]=17&status=OPEN", ["4.00"]),
        ("holds?metadata[shop]=17&targetWalletId={alices}", []),
        ("wallets/{alices}/holds?metadata[shop]=17", ["4.00"]),
        ("wallets/{bobs}/holds?metadata[shop]=17", []),
    ],
)
def test_movements_and_holds_are_found_by_pairs(api, things, query, found):
    assert amounts(api, query.format(**things)) == found


@pytest.mark.parametrize("path", ["movements", "holds"])
def test_pairs_find_nothing_of_other_clients(stranger, things, path):
    assert amounts(stranger, f"{path}?metadata[order]=17") == []


@pytest.mark.slow
@pytest.mark.parametrize("path", ["movements", "wallets/{alices}/movements", "holds"])
def test_search_by_pairs_scans_a_bounded_range(api, alices, bobs, things, path, monkeypatch):
    monkeypatch.setattr(pages, "SCANNED", 2)
    for _ in range(3):
        people.transfer(alices, bobs, 1)
        people.place(alices, bobs, 1)
    page = api.get(f"{path.format(**things)}?metadata[order]=17").json
    (rows,) = page["_embedded"].values()
    assert (rows, "next" in page["_links"]) == ([], True)
    found = 0
    while "next" in page["_links"]:
        assert "metadata%5Border%5D=17" in page["_links"]["next"]["href"]
        page = api.get(page["_links"]["next"]["href"]).json
        found += sum(map(len, page["_embedded"].values()))
    assert found == {"movements": 3, "holds": 1}.get(path, 2)


def test_wrong_pairs_are_named(api, things):
    for path in ("movements", "holds", "wallets/{alices}/movements", "wallets/{alices}/holds"):
        answer = api.get(f"{path.format(**things)}?metadata=1&metadata[a]=1&metadata[a]=2")
        wrong = {"metadata": "invalid", "metadata[a]": "repeated_parameter"}
        assert (answer.code, answer.wrong) == ("invalid_parameters", wrong)
