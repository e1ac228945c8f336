"""What orders declare that they refuse, their docstrings, and what they do refuse."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from iocash import errors
from iocash.http.openapi.facts import OF_ITEMS
from tests.support import order_guard
from tests.support.books import ALICES, open_books, transfer
from wallets.orders.base import Order
from wallets.orders.cash_outs import CashOut
from wallets.orders.payments import CashIn, Transfer

ORDERS = order_guard.concrete()
ENTRY = re.compile(r"^    ([A-Z]\w+(?:, [A-Z]\w+)*):", re.MULTILINE)
"""An entry of `Raises:` begins with one or more names of errors."""


def documented(kind: type[Order]) -> set[str]:
    """The names of the errors under `Raises:`."""
    raises = inspect.cleandoc(vars(kind)["__doc__"]).partition("Raises:\n")[2]
    return {name for names in ENTRY.findall(raises) for name in names.split(", ")}


def test_orders_are_found():
    assert len(ORDERS) >= 20


@pytest.mark.parametrize("kind", ORDERS)
def test_declared_refusals_equal_the_docstrings_raises(kind):
    assert {each.__name__ for each in kind.refuses} == documented(kind)


@pytest.mark.parametrize("kind", ORDERS)
def test_order_declares_each_refusal_once(kind):
    assert len({*kind.refuses}) == len(kind.refuses)


def test_undeclared_refusal_of_an_order_is_found(monkeypatch: Any):
    monkeypatch.setattr(Transfer, "refuses", (errors.NotFound,))
    with pytest.raises(errors.InvalidFields):
        transfer(ALICES, ALICES, "1").check_shape(open_books())
    assert order_guard.findings == ["Transfer does not declare InvalidFields"]
    order_guard.findings.clear()


def test_document_lists_the_refusals_of_an_item():
    found = {kind for order in (Transfer, CashIn, CashOut) for kind in order.refuses}
    kinds = {kind for kind in found if issubclass(kind, errors.Conflict | errors.Missing)}
    assert {*OF_ITEMS} == kinds - {errors.NotFound} | {errors.SourceWalletNotFound}
