"""Limits by level, and what is left of them: no database is asked here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iocash import errors
from tests.support.books import ALICES, BOBS, NOW, USER, a_wallet, cash_in, open_books, transfer
from wallets.books import limits
from wallets.books.limits import (
    NO_LIMITS,
    NOTHING,
    WINDOW,
    Allowance,
    Limits,
    Used,
    fits_at,
    limits_of,
)
from wallets.orders.batch import Batch
from wallets.posting.group import run

LEVELS = {
    "EUR": {
        "0": {"balance": "150", "cashIn": "120.50", "cashOut": "90"},
        "1": {"balance": "2500", "cashIn": None, "cashOut": "1000"},
    },
    "JPY": {"0": {"balance": "15000", "cashIn": "0", "cashOut": "9000"}},
}
MINUTE = timedelta(minutes=1)


def an_allowance(*caps: int | None, **values: Any) -> Allowance:
    """What Alice may still do; the caps are 150, 120 and 90 euros when none are given."""
    return Allowance(USER, "EUR", Limits(*caps or (150_00, 120_00, 90_00)), **values)


def said(require: Any, amount: int) -> errors.LimitExceeded:
    with pytest.raises(errors.LimitExceeded) as refused:
        require(amount)
    return refused.value


# --- The limits of a level -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "currency", "expected"),
    [
        (0, "EUR", Limits(150_00, 120_50, 90_00)),
        (1, "EUR", Limits(2500_00, None, 1000_00)),
        (2, "EUR", NO_LIMITS),
        (3, "EUR", NO_LIMITS),
        (0, "JPY", Limits(15_000, 0, 9_000)),
        (1, "JPY", NOTHING),
        (0, "USD", NOTHING),
        (1, "USD", NOTHING),
        (2, "USD", NO_LIMITS),
    ],
)
def test_a_level_has_the_limits_of_the_settings(settings, level, currency, expected):
    settings.KYC_LIMITS = LEVELS
    assert limits_of(level, currency) == expected


def test_missing_limits_are_zero_and_null_limits_are_unlimited():
    assert NOTHING == (0, 0, 0)
    assert NO_LIMITS == (None, None, None)


def test_limit_missing_in_a_level_is_unlimited(settings):
    settings.KYC_LIMITS = {"EUR": {"0": {"balance": "150"}}}
    assert limits_of(0, "EUR") == Limits(150_00, None, None)


def test_changed_settings_apply_immediately(settings):
    settings.KYC_LIMITS = LEVELS
    assert limits_of(0, "EUR").balance == 150_00
    settings.KYC_LIMITS = {"EUR": {"0": {"balance": "10", "cashIn": "10", "cashOut": "10"}}}
    assert limits_of(0, "EUR").balance == 10_00


@pytest.mark.parametrize("amount", ["0.001", "many", "1000000000000000"])
def test_invalid_amount_in_the_settings_is_rejected(amount):
    with pytest.raises((ValueError, ArithmeticError)):
        limits.read("EUR", amount, None, None)


# --- What is left of them ------------------------------------------------------------------------


def full(**values: Any) -> list[tuple[str, Any]]:
    """Each cap of Alice's with 50.00 of it used, and what asks for more."""
    flow = [Used(NOW, 20_00), Used(NOW, 30_00)]
    return [
        ("balance", an_allowance(balance=50_00, **values).require_balance),
        ("cashIn", an_allowance(cash_ins=flow, **values).require_cash_in),
        ("cashOut", an_allowance(cash_outs=flow, **values).require_cash_out),
    ]


@pytest.mark.parametrize(("cap", "room"), [(0, 100_00), (1, 70_00), (2, 40_00)])
def test_exactly_the_limit_is_allowed_and_a_cent_more_is_not(cap, room):
    name, require = full()[cap]
    require(room)
    assert said(require, room + 1).facts["limit_type"] == name


def test_limit_of_zero_refuses_one_cent():
    allowance = an_allowance(*NOTHING)
    for require in (
        allowance.require_balance,
        allowance.require_cash_in,
        allowance.require_cash_out,
    ):
        assert said(require, 1).facts["limit"] == "0.00"


def test_without_limits_anything_is_allowed():
    allowance = an_allowance(*NO_LIMITS, balance=10**17)
    allowance.require_balance(10**17)
    allowance.require_cash_in(10**17)
    allowance.require_cash_out(10**17)


def test_each_limit_counts_only_its_own_flow():
    flow = [Used(NOW, 150_00)]
    an_allowance(balance=150_00, cash_outs=flow).require_cash_in(120_00)
    an_allowance(balance=150_00, cash_ins=flow).require_cash_out(90_00)
    an_allowance(cash_ins=flow, cash_outs=flow).require_balance(150_00)


def test_limit_refusal_has_all_facts():
    refusal = said(an_allowance(balance=140_00).require_balance, 10_01)
    assert refusal.facts == {
        "user_id": USER,
        "limit_type": "balance",
        "limit": "150.00",
        "used": "140.00",
        "requested": "10.01",
        "currency": "EUR",
        "resets_at": None,
    }


def test_refusal_amounts_have_the_decimals_of_the_currency():
    allowance = Allowance(USER, "JPY", Limits(15_000), balance=14_999)
    facts = said(allowance.require_balance, 2).facts
    assert (facts["limit"], facts["used"], facts["requested"]) == ("15000", "14999", "2")


@pytest.mark.parametrize("flow", ["cash_in", "cash_out"])
def test_flow_refusal_has_the_reset_time(flow):
    first, second = NOW - 2 * MINUTE, NOW - MINUTE
    used = [Used(second, 40_00), Used(first, 50_00)]
    allowance = an_allowance(150_00, 90_00, 90_00, **{f"{flow}s": used})
    require = getattr(allowance, f"require_{flow}")
    assert said(require, 50_00).facts["resets_at"] == first + WINDOW
    assert said(require, 50_01).facts["resets_at"] == second + WINDOW
    assert said(require, 90_00).facts["resets_at"] == second + WINDOW
    assert said(require, 90_01).facts["resets_at"] is None
    assert said(require, 50_00).facts["used"] == "90.00"


def test_cash_ins_and_cash_outs_are_counted_separately():
    allowance = an_allowance()
    allowance.count("CASH_IN", Used(NOW, 1_00))
    allowance.count("CASH_OUT", Used(NOW, 2_00))
    allowance.count("CASH_IN", Used(NOW, 4_00))
    assert (allowance.cash_in, allowance.cash_out) == (5_00, 2_00)


def test_copied_allowance_counts_separately():
    allowance = an_allowance(balance=1_00, cash_ins=[Used(NOW, 1_00)])
    copy = allowance.copy()
    assert copy == allowance
    copy.count("CASH_IN", Used(NOW, 2_00))
    copy.count("CASH_OUT", Used(NOW, 3_00))
    copy.balance += 4_00
    assert (allowance.balance, allowance.cash_in, allowance.cash_out) == (1_00, 1_00, 0)


# --- When there will be room ---------------------------------------------------------------------

INSTANTS = st.integers(0, 30 * 24 * 3600 * 10**6 - 1).map(
    lambda tick: NOW - tick * timedelta.resolution
)
FLOWS = st.lists(st.builds(Used, INSTANTS, st.integers(0, 100_00)), max_size=8)
MILLISECOND = timedelta(milliseconds=1)


def left(flow: list[Used], at: datetime) -> int:
    """What counts at an instant: what was used less than 30 days before it."""
    return sum(each.amount for each in flow if each.at > at - WINDOW)


@given(flow=FLOWS, room=st.integers(-1, 300_00))
def test_amount_fits_from_the_reset_time_and_not_before(flow, room):
    if left(flow, NOW) <= room:
        return
    at = fits_at(flow, room)
    if room < 0:
        assert at is None
        return
    assert at is not None
    assert at > NOW
    assert left(flow, at) <= room
    assert left(flow, at - MILLISECOND) > room
    assert at.microsecond % 1000 == 0


def test_amount_above_the_limit_has_no_reset_time():
    assert fits_at([Used(NOW, 1_00)], -1) is None
    assert fits_at([], -1) is None


def test_reset_time_does_not_depend_on_the_row_order():
    flow = [Used(NOW, 1_00), Used(NOW - MINUTE, 2_00), Used(NOW - 2 * MINUTE, 4_00)]
    assert fits_at(flow, 3_00) == fits_at(flow[::-1], 3_00) == NOW - 2 * MINUTE + WINDOW


# --- Parts of the books --------------------------------------------------------------------------


def limited_books() -> Any:
    books = open_books(a_wallet(ALICES, 100_00), a_wallet(BOBS))
    books.allowances[USER, "EUR"] = an_allowance(balance=100_00)
    return books


def batch(*items: Any) -> Batch:
    return Batch(client_id=items[0].client_id, by=items[0].by, wallet_id=ALICES, items=items)


def test_batch_items_update_the_allowance():
    books = limited_books()
    run(books, batch(cash_in(amount="10"), cash_in(amount="20")))
    allowance = books.allowances[USER, "EUR"]
    assert (allowance.balance, allowance.cash_in) == (130_00, 30_00)


def test_refused_batch_does_not_change_the_allowance():
    books = limited_books()
    with pytest.raises(errors.BatchRefused):
        run(books, batch(cash_in(amount="10"), transfer(amount="1000")))
    assert books.allowances == {(USER, "EUR"): an_allowance(balance=100_00)}
