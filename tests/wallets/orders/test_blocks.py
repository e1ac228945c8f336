"""Blocking and unblocking of users and wallets by members of staff."""

from __future__ import annotations

from typing import Any

import pytest

from iocash import errors
from tests.support import people
from tests.support.books import about, open_books
from users.models.events import By
from users.models.ids import new_id
from wallets import posting
from wallets.models import Wallet
from wallets.orders.base import Order
from wallets.orders.users import BlockUser, UnblockUser
from wallets.orders.wallets import BlockWallet, UnblockWallet
from wallets.posting.group import run

pytestmark = pytest.mark.django_db

STAFF = By("staff:1")
ORDERS: dict[str, tuple[Any, Any]] = {
    "user": (BlockUser, UnblockUser),
    "wallet": (BlockWallet, UnblockWallet),
}
either = pytest.mark.parametrize("kind", ORDERS)


def orders(kind: str, wallet: Wallet, reason: str, by: By = STAFF) -> tuple[Order, Order]:
    """The order that blocks for a reason, and the one that unblocks."""
    block, unblock = ORDERS[kind]
    named = {"user_id": wallet.user_id} if kind == "user" else {"wallet_id": wallet.id}
    values: dict[str, Any] = {"client_id": wallet.client_id, "by": by, **named}
    return block(**values, reason=reason), unblock(**values, reason="RESOLVED")


def status_of(kind: str, wallet: Wallet) -> str:
    found = Wallet.objects.select_related("user").get(id=wallet.id)
    return str(found.user.status if kind == "user" else found.status)


@either
def test_one_member_of_staff_ends_no_block_for_fraud(kind, alices):
    block, unblock = orders(kind, alices, "SUSPECTED_FRAUD")
    posting.submit(block)
    with pytest.raises(errors.ApprovalRequired, match="suspected fraud"):
        posting.submit(unblock)
    assert status_of(kind, alices) == "BLOCKED"
    with pytest.raises(errors.ApprovalRequired):
        posting.dry_run(unblock)


@either
@pytest.mark.parametrize("by", [By("system:tests"), By("staff:1", approval=new_id())])
def test_system_and_two_people_end_a_block_for_fraud(kind, by, alices):
    posting.submit(orders(kind, alices, "SUSPECTED_FRAUD")[0])
    posting.submit(orders(kind, alices, "", by)[1])
    assert status_of(kind, alices) != "BLOCKED"


@either
def test_reason_of_the_last_block_decides(kind, alices):
    for reason in ("SUSPECTED_FRAUD", "OTHER"):
        block, unblock = orders(kind, alices, reason, people.BY)
        posting.submit(block)
        if reason == "SUSPECTED_FRAUD":
            posting.submit(unblock)
    posting.submit(orders(kind, alices, "")[1])
    assert status_of(kind, alices) != "BLOCKED"


@either
def test_unblocking_without_a_block_needs_no_approval(kind, alices):
    block, unblock = orders(kind, alices, "SUSPECTED_FRAUD", people.BY)
    posting.submit(block)
    posting.submit(unblock)
    with pytest.raises(errors.InvalidTransition):
        posting.submit(orders(kind, alices, "")[1])


def test_block_for_fraud_counts_for_orders_of_its_group():
    books = open_books()
    block, unblock = (
        kind(**about(by=STAFF, reason="SUSPECTED_FRAUD")) for kind in ORDERS["wallet"]
    )
    run(books, block)
    with pytest.raises(errors.ApprovalRequired):
        run(books, unblock)


@either
@pytest.mark.parametrize("by", [By("key:1"), By("system:tests"), By("staff:1", approval=new_id())])
def test_reason_of_the_block_is_read_only_for_one_member_of_staff(kind, by, alices):
    assert not orders(kind, alices, "", by)[1].needs.blocks
    assert not orders(kind, alices, "")[0].needs.blocks
    assert len(orders(kind, alices, "")[1].needs.blocks) == 1
