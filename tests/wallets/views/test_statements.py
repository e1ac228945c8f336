"""Statements and balances over the API: what a wallet's money was, to the millisecond."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from iocash.db import clock
from tests.support import people
from tests.support.cash_outs import a_cash_out, end
from tests.support.times import stamp
from wallets.models import Movement
from wallets.orders.cash_outs import CancelCashOut, MarkCashOutSent, SettleCashOut

pytestmark = pytest.mark.django_db

HOST = "http://testserver/api/v1"
MILLISECOND = timedelta(milliseconds=1)
LONG_AGO = "2020-01-01T00:00:00.000Z"


def pause() -> None:
    """Let the next movement be shown at another time."""
    shown = stamp(clock.now())
    while stamp(clock.now()) == shown:
        pass


@pytest.fixture
def history(alices, bobs):
    """Alice's movements, each in its own millisecond: +100.00, -10.00, +5.00, -20.00, +0.50."""
    moves = [(alices, bobs, 10_00), (bobs, alices, 5_00), (alices, bobs, 20_00), (bobs, alices, 50)]
    for move in moves:
        pause()
        people.transfer(*move)
    pause()
    return people.movements(alices)


BALANCES = ["0.00", "100.00", "90.00", "95.00", "75.00", "75.50"]


@pytest.fixture
def balance(api, wallet):
    """What the balance was, as text."""
    return lambda at: api.get(f"{wallet}/balance?at={at}").json["balance"]


@pytest.fixture
def statement(api, wallet):
    def ask(query: str = "") -> Any:
        answer = api.get(f"{wallet}/statement?{query}" if query else f"{wallet}/statement")
        assert answer.status == 200, answer.json
        return answer.json

    return ask


def settled(movement: Movement) -> datetime:
    assert movement.settled_at
    return movement.settled_at.replace(microsecond=movement.settled_at.microsecond // 1000 * 1000)


def ids(page: Any) -> list[str]:
    return [movement["id"] for movement in page["_embedded"]["movements"]]


def totals(page: Any) -> list[str]:
    names = ("openingBalance", "totalIn", "totalOut", "closingBalance")
    return [page[name] for name in names]


# --- A balance at an instant ---------------------------------------------------------------------


def test_balance_has_all_fields_and_links(api, alices, wallet, history):
    at = stamp(settled(history[1]) + MILLISECOND)
    answer = api.get(f"{wallet}/balance?at={at}")
    digest = history[1].digest
    assert digest
    assert (answer.status, answer.json) == (
        200,
        {
            "walletId": str(alices.id),
            "at": at,
            "balance": "90.00",
            "currency": "EUR",
            "movementCount": 2,
            "digest": bytes(digest).hex(),
            "_links": {
                "self": {"href": f"{HOST}/{wallet}/balance?at={at.replace(':', '%3A')}"},
                "wallet": {"href": f"{HOST}/{wallet}"},
            },
        },
    )
    assert api.get(answer.json["_links"]["self"]["href"]).json == answer.json


def test_movement_counts_after_its_displayed_time(balance, history):
    for place, movement in enumerate(history):
        assert balance(stamp(settled(movement))) == BALANCES[place]
        assert balance(stamp(settled(movement) + MILLISECOND)) == BALANCES[place + 1]


def test_instants_within_a_millisecond_have_one_balance(balance, history):
    text = stamp(settled(history[1]))
    for digits in ("000001Z", "9999Z", "999999Z"):
        assert balance(text.replace("Z", digits)) == "100.00"


def test_instant_can_have_any_utc_offset(balance, history):
    there = settled(history[1]) + MILLISECOND + timedelta(hours=2)
    assert balance(stamp(there).replace("Z", "%2B02:00")) == "90.00"
    assert balance(stamp(there).replace("Z", "+02:00")) == "90.00"


def test_balance_without_an_instant_is_the_current_one(api, alices, wallet, history):
    for amount in ("75.50", "76.50"):
        before = datetime.now(UTC) - MILLISECOND
        shown = api.get(f"{wallet}/balance").json
        assert shown["balance"] == api.get(wallet).json["balance"] == amount
        assert stamp(before) < shown["at"] <= stamp(datetime.now(UTC))
        people.cash_in(alices, 1_00)


@pytest.mark.parametrize("at", [LONG_AGO, "0001-01-01T00:00:00Z"])
def test_balance_before_the_first_movement_is_zero(api, wallet, history, at):
    shown = api.get(f"{wallet}/balance?at={at}").json
    assert (shown["balance"], shown["movementCount"], shown["digest"]) == ("0.00", 0, None)


def test_balance_includes_held_money(alices, bobs, balance, history):
    people.place(alices, bobs, 30_00)
    a_cash_out(alices, 20_00)
    pause()
    assert balance(stamp(datetime.now(UTC))) == "75.50"


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("at=2999-01-01T00:00:00Z", {"at": "in_the_future"}),
        ("at=9999-12-31T23:59:59.999999Z", {"at": "in_the_future"}),
        ("at=2026-01", {"at": "invalid"}),
        ("at=", {"at": "blank"}),
        ("at=now&size=1", {"at": "invalid", "size": "unknown_parameter"}),
        (f"at={LONG_AGO}&at={LONG_AGO}", {"at": "repeated_parameter"}),
    ],
)
def test_invalid_instant_is_reported(api, wallet, query, wrong):
    answer = api.get(f"{wallet}/balance?{query}")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_parameters", wrong)


# --- A statement over a period -------------------------------------------------------------------


def test_statement_has_all_fields_and_links(api, alices, path, statement, history):
    start, last = stamp(settled(history[1])), stamp(settled(history[4]))
    page = statement(f"startDate={start}&endDate={last}")
    links = page.pop("_links")
    opening, closing = history[0].digest, history[3].digest
    assert opening
    assert closing
    assert page == {
        "walletId": str(alices.id),
        "currency": "EUR",
        "startDate": start,
        "endDate": last,
        "openingBalance": "100.00",
        "totalIn": "5.00",
        "totalOut": "30.00",
        "closingBalance": "75.00",
        "movementCount": 3,
        "openingDigest": bytes(opening).hex(),
        "closingDigest": bytes(closing).hex(),
        "_embedded": {"movements": [api.get(f"{path}/{each.id}").json for each in history[1:4]]},
    }
    assert set(links) == {"self", "first", "last"}
    assert api.get(links["self"]["href"]).json == page | {"_links": links}


def test_full_statement_ends_at_the_head_of_the_chain(alices, statement, history):
    page = statement()
    alices.refresh_from_db()
    assert totals(page) == ["0.00", "105.50", "30.00", "75.50"]
    assert (page["openingDigest"], page["closingDigest"]) == (None, bytes(alices.head).hex())
    assert page["startDate"] == stamp(alices.created_at)
    assert ids(page) == [str(movement.id) for movement in history]


@pytest.mark.slow
def test_statement_balances_add_up_and_match_the_next_period(statement, history):
    times = [settled(movement) for movement in history]
    for first, last in combinations(range(5), 2):
        page = statement(f"startDate={stamp(times[first])}&endDate={stamp(times[last])}")
        opening, came, went, closing = map(Decimal, totals(page))
        assert opening + came - went == closing
        assert [f"{opening}", f"{closing}"] == [BALANCES[first], BALANCES[last]]
        assert page["movementCount"] == len(ids(page)) == last - first
    before = statement(f"endDate={stamp(times[2])}")
    after = statement(f"startDate={stamp(times[2])}")
    assert before["closingDigest"] == after["openingDigest"]
    assert before["closingBalance"] == after["openingBalance"]
    assert ids(before) + ids(after) == [str(movement.id) for movement in history]


@pytest.mark.parametrize("end", ["0001-01-01", "0001-01-01T00:00:00.001Z"])
def test_statement_can_end_at_the_earliest_instant(statement, history, end):
    assert totals(statement(f"endDate={end}")) == ["0.00"] * 4


def test_statement_without_movements_is_empty(statement, history):
    page = statement(f"endDate={LONG_AGO}")
    assert totals(page) == ["0.00"] * 4
    assert (page["startDate"], page["endDate"]) == ("2019-12-31T23:59:59.999Z", LONG_AGO)
    assert statement(page["_links"]["self"]["href"].partition("?")[2]) == page
    assert (page["movementCount"], ids(page), page["closingDigest"]) == (0, [], None)


def test_statement_includes_a_cash_out_after_it_settled(alices, statement, history):
    waiting = a_cash_out(alices, 20_00)
    end(CancelCashOut, a_cash_out(alices, 5_00))
    assert totals(statement()) == ["0.00", "105.50", "30.00", "75.50"]
    assert str(waiting.id) not in ids(statement())
    pause()
    done = end(SettleCashOut, end(MarkCashOutSent, waiting))
    page = statement(f"startDate={stamp(settled(done))}")
    assert (ids(page), totals(page)) == ([str(done.id)], ["75.50", "0.00", "20.00", "55.50"])


def test_a_closed_wallet_keeps_its_statement(api, bobs, history):
    people.transfer(bobs, history[0].wallet, 24_50)
    people.close(bobs)
    page = api.get(f"wallets/{bobs.id}/statement").json
    assert totals(page) == ["0.00", "30.00", "30.00", "0.00"]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("endDate=2999-01-01T00:00:00Z", {"endDate": "in_the_future"}),
        ("startDate=2999-01-01T00:00:00Z", {"startDate": "in_the_future"}),
        (
            "startDate=2020-01-02T00:00:00Z&endDate=2020-01-01T00:00:00Z",
            {"endDate": "invalid_range"},
        ),
        ("startDate=x&endDate=", {"startDate": "invalid", "endDate": "blank"}),
        ("sort=createdAt,desc&size=0", {"sort": "invalid_choice", "size": "min_value"}),
        ("type=TRANSFER&cursor=x", {"type": "unknown_parameter", "cursor": "invalid"}),
    ],
)
def test_invalid_parameter_is_reported(api, wallet, query, wrong):
    answer = api.get(f"{wallet}/statement?{query}")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_parameters", wrong)


# --- Its pages -----------------------------------------------------------------------------------


@pytest.fixture
def walk(api):
    """All pages from one on, by the links to the next."""

    def pages(page: Any, rel: str = "next") -> Iterator[Any]:
        yield page
        while rel in page["_links"]:
            page = api.get(page["_links"][rel]["href"]).json
            yield page

    return pages


SUMMARY = ("startDate", "endDate", "openingBalance", "closingBalance", "totalIn", "closingDigest")


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("sort", ["settledAt,asc", "settledAt,desc"])
def test_pages_list_each_movement_once_with_one_summary(statement, walk, history, sort, size):
    order = [str(movement.id) for movement in history][:: -1 if "desc" in sort else 1]
    pages = list(walk(statement(f"sort={sort}&size={size}")))
    assert [ids(page) for page in pages] == [order[at : at + size] for at in range(0, 5, size)]
    assert len({tuple(page[name] for name in SUMMARY) for page in pages}) == 1
    back = [ids(page) for page in walk(pages[-1], "prev")]
    assert back == [ids(page) for page in pages][::-1]


def test_last_page_has_the_last_movements(api, statement, history):
    last = api.get(statement("size=2")["_links"]["last"]["href"]).json
    assert ids(last) == [str(movement.id) for movement in history[-2:]]


def test_links_contain_the_default_period(statement, history):
    page = statement("size=2&sort=settledAt,desc")
    for link in page["_links"].values():
        query = parse_qs(urlsplit(link["href"]).query)
        query.pop("cursor", None)
        assert query == {
            "size": ["2"],
            "sort": ["settledAt,desc"],
            "startDate": [page["startDate"]],
            "endDate": [page["endDate"]],
        }


@pytest.mark.parametrize("sort", ["settledAt,asc", "settledAt,desc"])
def test_later_movement_is_on_no_page(alices, statement, walk, history, sort):
    pages = walk(statement(f"sort={sort}&size=2"))
    first = next(pages)
    people.cash_in(alices, 7_00)
    rest = list(pages)
    found = [each for page in (first, *rest) for each in ids(page)]
    assert sorted(found) == sorted(str(movement.id) for movement in history)
    assert {page["closingBalance"] for page in rest} == {"75.50"}


def test_a_cursor_of_another_list_or_order_is_refused(api, wallet, path, statement, history):
    foreign = api.get(f"{path}?size=1").json["_links"]["next"]["href"].rpartition("cursor=")[2]
    turned = statement("size=1")["_links"]["next"]["href"].rpartition("cursor=")[2]
    for query in (f"cursor={foreign}", f"sort=settledAt,desc&cursor={turned}"):
        answer = api.get(f"{wallet}/statement?{query}")
        assert (answer.status, answer.wrong) == (400, {"cursor": "invalid"})
