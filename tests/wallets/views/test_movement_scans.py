"""Filters that match rarely: a page looks at a bounded number of movements, and leads on."""

from __future__ import annotations

import pytest

from iocash.http import pages
from tests.support import people
from tests.support.statements import captured

pytestmark = pytest.mark.django_db

OLDEST, NEWEST = "sort=createdAt,asc", "sort=createdAt,desc"


@pytest.fixture
def path(alices, bobs, monkeypatch):
    """The movements of a wallet that mostly receives: one in six goes out."""
    monkeypatch.setattr(pages, "SCANNED", 4)
    for number in range(1, 13):
        people.cash_in(alices, number)
        if number % 6 == 0:
            people.transfer(alices, bobs, number)
    return f"wallets/{alices.id}/movements"


def walk(api, path: str, query: str, rel: str = "next") -> list[list[str]]:
    """The amounts on each page, from the first one on, or from the last one back."""
    answer = api.get(f"{path}?{query}")
    if rel == "prev":
        answer = api.get(answer.json["_links"]["last"]["href"])
    found = [answer]
    while link := found[-1].json["_links"].get(rel):
        found.append(api.get(link["href"]))
    return [[one["amount"] for one in each.json["_embedded"]["movements"]] for each in found]


@pytest.mark.parametrize("order", [OLDEST, NEWEST])
@pytest.mark.parametrize("rel", ["next", "prev"])
def test_walk_finds_every_match_once_and_in_order(api, path, order, rel):
    walked = walk(api, path, f"direction=OUT&size=2&{order}", rel)
    found = [amount for page in walked for amount in page]
    is_rising = (order == OLDEST) is (rel == "next")
    assert sorted(found) == ["0.06", "0.12"]
    if rel == "next":
        assert found == (["0.06", "0.12"] if is_rising else ["0.12", "0.06"])
    assert len(walked) == 4  # of fifteen movements, four a page


@pytest.mark.parametrize(
    "query",
    ["minAmount=5000", "metadata[a]=1", "direction=OUT&minAmount=1", "type=TRANSFER&direction=IN"],
)
def test_filter_without_matches_returns_linked_empty_pages(api, path, query):
    walked = walk(api, path, query)
    assert walked == [[], [], [], []]


def test_filter_without_matches_reads_a_bounded_range(api, path):
    with captured() as statements:
        answer = api.get(f"{path}?minAmount=5000")
    (read,) = (each.sql for each in statements if 'movement"."iban' in each.sql)
    assert read.count("created_at") > 3  # between the cursor and the last row to look at
    assert "next" in answer.json["_links"]


@pytest.mark.parametrize("query", ["type=REVERSAL", "status=ERROR", "type=CASH_IN&status=PENDING"])
def test_indexed_filter_without_matches_has_one_page(api, path, query):
    assert walk(api, path, query) == [[]]


def test_indexed_filter_fills_its_pages(api, path, monkeypatch):
    monkeypatch.setattr(pages, "SCANNED", 6)
    walked = walk(api, path, f"type=CASH_IN&size=5&{OLDEST}")
    assert [len(page) for page in walked] == [5, 5, 3]


def test_unfiltered_list_is_read_in_one_query(api, path):
    walked = walk(api, path, f"size=10&{OLDEST}")
    assert [len(page) for page in walked] == [10, 5]


def test_last_page_has_no_next_link_when_the_scan_limit_is_reached(api, alices, monkeypatch):
    monkeypatch.setattr(pages, "SCANNED", 1)
    assert walk(api, f"wallets/{alices.id}/movements", "direction=OUT") == [[]]
