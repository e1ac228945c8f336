"""The sums of a client's money: at an instant, over a period, by type, day and user."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from iocash import money
from iocash.db import clock
from iocash.times import add_months, to_millisecond
from tests.support import people, sandbox
from tests.support.people import Api
from tests.support.statements import captured
from tests.support.threads import Caller
from tests.support.times import stamp
from wallets import posting, statements
from wallets.models import Movement, Wallet
from wallets.orders.cash_outs import CashOut, MarkCashOutSent, SettleCashOut

pytestmark = pytest.mark.django_db

IBAN = "ES9121000418450200051332"


def get(api: Api, query: str = "") -> Any:
    answer = api.get(f"totals?{query}".rstrip("?"))
    assert answer.status == 200, answer.json
    return answer.json


def groups(shown: Any) -> list[Any]:
    return list(shown["_embedded"]["totals"])


def later() -> datetime:
    """An instant after all that was done."""
    return clock.now() + timedelta(milliseconds=1)


def pay_out(wallet: Wallet, amount: int, *, settled: bool = True) -> None:
    about = people.about(wallet)
    order = CashOut(**about, amount=people.decimal(amount), iban=IBAN)
    movement_id = posting.submit(order).id
    posting.submit(MarkCashOutSent(**about, movement_id=movement_id))
    if settled:
        posting.submit(SettleCashOut(**about, movement_id=movement_id))


@pytest.fixture
def began(alices, bobs):
    """A time before all movements but the first cash-in: Alice has 100.00 EUR then."""
    statements.wait_until(later())
    start = clock.now()
    people.transfer(alices, bobs, 10_00)
    people.cash_in(bobs, 5_00)
    pay_out(alices, 20_00)
    pay_out(alices, 1_00, settled=False)
    people.reverse(people.movements(alices)[1], 3_00)
    yen = people.a_wallet(alices.user, "JPY")
    people.cash_in(yen, 700)
    people.cash_in(people.first_wallet(people.a_user(people.a_client("Third"), people.ALICE)), 9)
    statements.wait_until(later())
    return start


def test_sum_of_the_wallets_now(api, began):
    shown = get(api)
    assert (shown["currency"], shown["openingBalance"], shown["closingBalance"]) == (
        "EUR",
        "85.00",
        "85.00",
    )
    assert shown["startDate"] == shown["endDate"]
    assert groups(shown) == []
    assert get(api, "currency=JPY")["closingBalance"] == "700"
    assert get(api, "currency=USD")["closingBalance"] == "0.00"


def test_sum_of_the_wallets_at_an_instant(api, began, alices):
    shown = get(api, f"at={stamp(began)}")
    assert (shown["closingBalance"], shown["endDate"]) == ("100.00", stamp(began))
    before = alices.created_at - timedelta(hours=1)
    assert get(api, f"at={stamp(before)}")["closingBalance"] == "0.00"


def test_totals_by_type(api, began):
    shown = get(api, f"groupBy=type&startDate={stamp(began)}")
    assert (shown["openingBalance"], shown["closingBalance"]) == ("100.00", "85.00")
    found = {
        each["type"]: (each["totalIn"], each["totalOut"], each["movementCount"])
        for each in groups(shown)
    }
    assert found == {
        "CASH_IN": ("5.00", "0.00", 1),
        "CASH_OUT": ("0.00", "20.00", 1),
        "TRANSFER": ("10.00", "10.00", 2),
        "REVERSAL": ("3.00", "3.00", 2),
    }
    (first, *_) = groups(shown)
    nothing = (first["day"], first["userId"], first["openingBalance"], first["closingBalance"])
    assert nothing == (None,) * 4


def test_totals_by_day(api, alices, bobs):
    """Days are those of UTC, and have an end: midnight belongs to the next one."""
    sandbox.make()
    days = [datetime(2031, 5, day, 23, 59, tzinfo=UTC) for day in (1, 2, 4)]
    for number, day in enumerate(days, 1):
        sandbox.set_clock(day)
        people.transfer(alices, bobs, number)
    query = "groupBy=day&startDate=2031-05-01T00:00:00Z&endDate=2031-05-04T00:00:00Z"
    found = [
        (each["day"], each["totalIn"], each["movementCount"]) for each in groups(get(api, query))
    ]
    assert found == [("2031-05-01", "0.01", 2), ("2031-05-02", "0.02", 2)]


def test_totals_by_user(api, began, alices, bobs):
    shown = get(api, f"groupBy=user&startDate={stamp(began)}")
    found = [
        [
            each[name]
            for name in ("userId", "openingBalance", "totalIn", "totalOut", "closingBalance")
        ]
        for each in groups(shown)
    ]
    assert found == [
        [str(bobs.user_id), "0.00", "15.00", "3.00", "12.00"],
        [str(alices.user_id), "100.00", "3.00", "30.00", "73.00"],
    ]
    assert (shown["openingBalance"], shown["closingBalance"]) == ("100.00", "85.00")
    assert [each["userId"] for each in groups(get(api, "groupBy=user&currency=JPY"))] == [
        str(alices.user_id)
    ]


def test_pages_of_users_keep_the_period(api, began, alices, bobs):
    first = get(api, f"groupBy=user&size=1&startDate={stamp(began)}")
    people.transfer(alices, bobs, 1_00)
    second = api.get(first["_links"]["next"]["href"]).json
    assert second["endDate"] == first["endDate"]
    assert [each["closingBalance"] for page in (first, second) for each in groups(page)] == [
        "12.00",
        "73.00",
    ]
    assert "next" not in second["_links"]
    now = get(api, "groupBy=user&size=1")
    people.transfer(alices, bobs, 1_00)
    (alice,) = groups(api.get(now["_links"]["next"]["href"]).json)
    assert alice["closingBalance"] == "72.00"


def test_period_is_half_open(api, alices, bobs):
    people.transfer(alices, bobs, 1_00)
    (paid, *_) = Movement.objects.filter(type="TRANSFER")
    start = to_millisecond(paid.created_at)
    statements.wait_until(start + timedelta(milliseconds=1))
    end = start + timedelta(milliseconds=1)
    inside = f"groupBy=type&startDate={stamp(start)}&endDate={stamp(end)}"
    before = f"groupBy=type&startDate={stamp(start - timedelta(hours=1))}&endDate={stamp(start)}"
    assert "TRANSFER" in [each["type"] for each in groups(get(api, inside))]
    assert "TRANSFER" not in [each["type"] for each in groups(get(api, before))]


def test_another_clients_money_is_not_counted(stranger, began):
    shown = get(stranger, f"groupBy=user&startDate={stamp(began)}")
    assert (shown["closingBalance"], groups(shown)) == ("0.00", [])
    assert groups(get(stranger, f"groupBy=type&startDate={stamp(began)}")) == []


def test_totals_need_the_scope_of_movements(client_demo):
    answer = Api(people.a_key(client_demo, "wallets:read")).get("totals")
    assert (answer.status, answer.code) == (403, "insufficient_scope")


@pytest.mark.parametrize("query", ["groupBy=user", "groupBy=type&startDate={yesterday}"])
def test_totals_take_the_same_number_of_statements(api, client_demo, alices, bobs, query):
    yesterday = stamp(clock.now() - timedelta(days=1))

    def asked() -> int:
        with captured() as statements:
            get(api, query.format(yesterday=yesterday))
        return len(statements)

    few = asked()
    for number in range(3):
        names = {"user_name": f"alice{number}", "mobile_phone": f"+3460000001{number}"}
        people.a_user(client_demo, people.ALICE | names)
    assert asked() == few <= 8


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_totals_equal_the_sum_of_the_wallets_under_load(api, alices, bobs):
    """What was answered while others pay is the sum of the wallets at that instant, for ever."""

    def work(source: Wallet, target: Wallet) -> None:
        for number in range(15):
            people.transfer(source, target, 10)
            people.cash_in(target, 7)
            if number % 5 == 0:
                pay_out(target, 3)

    people.cash_in(bobs, 50_00)
    payers = [Caller(partial(work, *pair)) for pair in ((alices, bobs), (bobs, alices))]
    answered = []
    while any(payer.is_alive() for payer in payers):
        answered.append(get(api, "groupBy=user"))
    assert [payer.answer for payer in payers] == [None] * 2
    assert len({each["closingBalance"] for each in answered}) > 1
    for shown in answered:
        instant = datetime.fromisoformat(shown["endDate"])
        points = [statements.before(wallet, instant) for wallet in (alices, bobs)]
        expected = money.to_text(sum(point.balance for point in points), "EUR")
        assert shown["closingBalance"] == expected
        assert [each["closingBalance"] for each in groups(shown)] == [
            money.to_text(point.balance, "EUR") for point in reversed(points)
        ]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("currency=eur", {"currency": "invalid_choice"}),
        ("groupBy=wallet", {"groupBy": "invalid_choice"}),
        ("groupBy=type", {"startDate": "required"}),
        ("groupBy=day", {"startDate": "required"}),
        ("endDate=2026-01-01T00:00:00Z", {"startDate": "required"}),
        ("at=2999-01-01T00:00:00Z", {"at": "in_the_future"}),
        (
            "startDate=2020-01-01T00:00:00Z&endDate=2999-01-01T00:00:00Z",
            {"endDate": "in_the_future"},
        ),
        (
            "at=2020-01-01T00:00:00Z&startDate=2020-01-01T00:00:00Z&endDate=2020-01-02T00:00:00Z",
            {"startDate": "one_only", "endDate": "one_only"},
        ),
        (
            "startDate=2020-01-02T00:00:00Z&endDate=2020-01-01T00:00:00Z",
            {"endDate": "invalid_range"},
        ),
        (
            "startDate=2020-01-01T00:00:00Z&endDate=2021-02-01T00:00:00.001Z",
            {"startDate": "max_period"},
        ),
        ("color=red", {"color": "unknown_parameter"}),
        ("groupBy=user&size=0", {"size": "min_value"}),
    ],
)
def test_wrong_parameter_is_named(api, query, wrong):
    answer = api.get(f"totals?{query}")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_parameters", wrong)


def test_period_of_thirteen_months_is_accepted(api):
    get(api, "startDate=2020-01-01T00:00:00Z&endDate=2021-02-01T00:00:00Z")


@pytest.mark.parametrize(
    ("end", "start"),
    [
        (datetime(2026, 3, 31, 12, tzinfo=UTC), datetime(2025, 2, 28, 12, tzinfo=UTC)),
        (datetime(2026, 1, 15, tzinfo=UTC), datetime(2024, 12, 15, tzinfo=UTC)),
        (datetime(2024, 12, 1, tzinfo=UTC), datetime(2023, 11, 1, tzinfo=UTC)),
    ],
)
def test_thirteen_months_before(end, start):
    assert add_months(end, -13) == start


def test_movements_but_cash_outs_settle_when_they_are_created(began):
    """On this the sums of a period rely."""
    others = Movement.objects.exclude(type="CASH_OUT")
    assert others.count() > 5
    assert [each for each in others if each.settled_at != each.created_at] == []
