"""The open books, in memory: no database is asked here."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iocash import errors
from tests.support.books import (
    ALICES,
    ANOTHER,
    ANOTHERS,
    BOBS,
    CLIENT,
    NOW,
    USER,
    a_hold,
    a_wallet,
    cash_in,
    execute,
    open_books,
    transfer,
)
from tests.support.people import BY
from users.models.ids import new_id
from wallets.books import Books, chain
from wallets.books.rows import LockedUser
from wallets.orders.base import Order, Outcome
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import CancelCashOut
from wallets.orders.payments import CashIn, Transfer
from wallets.posting.group import run

# --- Money ---------------------------------------------------------------------------------------


def test_transfer_has_two_opposite_legs():
    books = open_books()
    outcome = run(books, transfer())
    into, out = books.legs
    assert (out.wallet_id, out.amount, out.counterparty_id) == (ALICES, -10_00, BOBS)
    assert (into.wallet_id, into.amount, into.counterparty_id) == (BOBS, 10_00, ALICES)
    assert out.operation_id == into.operation_id
    assert out.id != into.id
    assert outcome.legs == (out,)
    assert [books.wallets[name].balance for name in (ALICES, BOBS)] == [90_00, 10_00]


def test_a_cash_in_has_one_leg():
    books = open_books()
    run(books, cash_in())
    (leg,) = books.legs
    assert (leg.wallet_id, leg.amount, leg.counterparty_id) == (ALICES, 10_00, None)
    assert books.wallets[ALICES].balance == 110_00


def test_each_settled_leg_has_the_next_seq_and_the_balance_after_it():
    books = open_books(a_wallet(ALICES), a_wallet(BOBS))
    for order in (cash_in(amount="5"), cash_in(amount="7"), transfer(amount="2")):
        run(books, order)
    alices = [leg for leg in books.legs if leg.wallet_id == ALICES]
    assert [(leg.seq, leg.balance_after) for leg in alices] == [(1, 5_00), (2, 12_00), (3, 10_00)]
    assert all(leg.status == "SUCCESS" for leg in books.legs)


def test_each_settled_leg_is_chained_to_the_one_before_it():
    books = open_books()
    run(books, cash_in())
    run(books, cash_in())
    first, second = books.legs
    assert first.digest == chain.digest(b"", first)
    assert first.digest is not None
    assert second.digest == chain.digest(first.digest, second) == books.wallets[ALICES].head


def test_both_legs_have_one_time_after_the_last_of_both_wallets():
    future = NOW + timedelta(milliseconds=900)
    bobs = a_wallet(BOBS, settled_at=future, seq=4, head=b"head")
    books = open_books(a_wallet(ALICES, 100_00), bobs)
    run(books, transfer())
    assert {leg.settled_at for leg in books.legs} == {future + chain.TICK}
    assert {leg.created_at for leg in books.legs} == {future + chain.TICK}
    assert books.wallets[ALICES].settled_at == bobs.settled_at == future + chain.TICK


def test_first_movement_has_the_time_of_the_books():
    books = open_books()
    run(books, cash_in())
    assert books.legs[0].settled_at == NOW


def test_both_legs_contain_the_texts_and_their_digest():
    books = open_books()
    run(books, transfer(concept="Lunch", metadata={"order": "1"}))
    assert {leg.concept for leg in books.legs} == {"Lunch"}
    for leg in books.legs:
        assert leg.salt is not None
        assert leg.details_digest == chain.digest_details(leg.salt, "Lunch", None, {"order": "1"})


def test_each_leg_has_an_event_with_its_actor():
    books = open_books()
    run(books, transfer())
    assert [(fact.kind, fact.subject_id, fact.wallet_id, fact.by) for fact in books.facts] == [
        ("movement.settled", leg.id, leg.wallet_id, BY) for leg in books.legs
    ]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Careless(Order):
    """An order that changes the books, and then refuses."""

    made = "movement"

    def apply(self, books: Books) -> Outcome:
        books.update(a_wallet())
        raise errors.NotFound()


def test_refusal_after_a_change_raises_inconsistent():
    with pytest.raises(errors.Inconsistent, match="Careless changed the books"):
        run(open_books(), Careless(client_id=CLIENT, by=BY))


# --- Keys ----------------------------------------------------------------------------------------


def test_key_replays_its_outcome():
    books = open_books()
    first = run(books, transfer(key="k"))
    again = run(books, transfer(key="k"))
    assert again == Outcome("movement", first.id, 201, replayed=True)
    assert [(used.key, used.made_id, used.status) for used in books.used_keys] == [
        ("k", first.id, 201)
    ]
    assert len(books.legs) == 2


def test_replay_precedes_the_rules():
    books = open_books()
    first = run(books, transfer(amount="100", key="k"))
    books.wallets[BOBS].status = "UNSUBSCRIBED"
    assert run(books, transfer(amount="100", key="k")).id == first.id


def test_a_key_belongs_to_one_client():
    books = open_books(a_wallet(ALICES), a_wallet(BOBS, client_id=ANOTHER))
    first = run(books, cash_in(ALICES, key="k"))
    other = run(books, cash_in(BOBS, key="k", client_id=ANOTHER))
    assert other.id != first.id
    assert not other.replayed


def test_orders_without_a_key_are_never_replays():
    books = open_books()
    assert run(books, cash_in()).id != run(books, cash_in()).id


def test_refused_order_does_not_use_its_key():
    books = open_books()
    with pytest.raises(errors.InsufficientFunds):
        run(books, transfer(amount="100.01", key="k"))
    assert (books.used_keys, books.keys, books.legs, books.facts) == ([], {}, [], [])
    assert not any(wallet.is_changed for wallet in books.wallets.values())
    assert not run(books, transfer(amount="100", key="k")).replayed


@pytest.mark.parametrize(
    "other",
    [
        transfer(amount="10.01", key="k"),
        transfer(target=ANOTHERS, key="k"),
        transfer(source=BOBS, target=ALICES, key="k"),
        transfer(concept="Dinner", key="k"),
        transfer(metadata={"a": "1"}, key="k"),
        cash_in(key="k"),
    ],
)
def test_reused_key_is_refused_with_the_id_of_its_movement(other):
    books = open_books(a_wallet(ALICES, 100_00), a_wallet(BOBS), a_wallet(ANOTHERS))
    made = run(books, transfer(key="k"))
    with pytest.raises(errors.IdempotencyKeyReused) as refused:
        run(books, other)
    assert refused.value.facts == {
        "idempotency_key": "k",
        "resource": "movement",
        "id": made.id,
    }


def test_invalid_field_is_refused_before_the_replay():
    books = open_books()
    hold = a_hold(books)
    run(books, transfer(key="k"))
    for order in (
        transfer(amount="0.001", key="k"),
        cash_in(amount="0.001", key="k"),
        execute(hold, "0.001", key="k"),
    ):
        with pytest.raises(errors.InvalidFields):
            run(books, order)


@pytest.mark.parametrize("amount", ["1", "1.0", "1.00", "1.0000"])
def test_equal_amounts_have_one_digest(amount):
    assert cash_in(amount=amount).digest() == cash_in(amount="1").digest()


def test_amounts_are_written_without_an_exponent():
    assert cash_in(amount="1E+2").digest() == cash_in(amount="100").digest()


def test_the_order_of_metadata_does_not_matter():
    one = cash_in(metadata={"a": "1", "b": "2"})
    assert one.digest() == cash_in(metadata={"b": "2", "a": "1"}).digest()


def test_digest_does_not_depend_on_the_actor():
    one = cash_in(key="k")
    other = cash_in(key="l", client_id=ANOTHER, by=dataclasses.replace(BY, actor="staff:1"))
    assert one.digest() == other.digest()


@pytest.mark.parametrize("key", ["k", None])
def test_batch_digest_is_the_recorded_one(key):
    alices, bobs, client = (UUID(int=number) for number in (1, 2, 3))
    about: dict[str, Any] = {"client_id": client, "by": BY, "wallet_id": alices}
    pay = Transfer(target_id=bobs, amount=Decimal("1.50"), concept="Pay", **about)
    bring = CashIn(amount=Decimal(2), **about)
    batch = Batch(key=key, items=(pay, bring), **about)
    always = "70ad62a3f983438f0f3764477624283c40c5d63e3c7beec87909c0aa379b2493"
    assert batch.digest().hex() == always


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (cash_in(concept=None), cash_in(concept="None")),
        (cash_in(concept="a", metadata=None), cash_in(concept="a", metadata={"b": "c"})),
        (cash_in(metadata={"a": "1', 'b"}), cash_in(metadata={"a": "1", "b": ""})),
    ],
)
def test_different_orders_have_different_digests(one, other):
    assert one.digest() != other.digest()


# --- Finding -------------------------------------------------------------------------------------


def test_wallet_of_another_client_is_not_found():
    books = open_books(a_wallet(ALICES, client_id=ANOTHER))
    assert books.find_wallet(ALICES, CLIENT) is None
    assert books.find_wallet(BOBS, CLIENT) is None
    with pytest.raises(errors.NotFound):
        books.wallet(ALICES, CLIENT)


def test_user_of_another_client_is_not_found():
    user = LockedUser(USER, ANOTHER, "ACTIVATED", "+34600000001", "", "", "")
    books = Books(now=NOW, users={USER: user}, wallets={}, keys={})
    assert books.user(USER, CLIENT) is None
    assert books.user(USER, ANOTHER) is user


def test_wallets_of_a_user_exclude_other_users():
    bobs = a_wallet(BOBS, user_id=new_id())
    books = open_books(a_wallet(ALICES), bobs)
    assert books.wallets_of(bobs.user_id) == [bobs]


# --- Whatever happens ----------------------------------------------------------------------------

WALLETS = st.sampled_from([ALICES, BOBS, ANOTHERS, new_id()])
AMOUNTS = st.sampled_from(["0.01", "1", "9.99", "250", "0.001"])
KEYS = st.sampled_from([None, "k", "l"])
ORDERS = st.one_of(
    st.builds(cash_in, WALLETS, AMOUNTS, key=KEYS),
    st.builds(transfer, WALLETS, WALLETS, AMOUNTS, key=KEYS),
)


@given(st.lists(ORDERS, max_size=25))
def test_balances_are_never_negative_and_sum_to_the_external_movements(orders):
    rows = [a_wallet(ALICES), a_wallet(BOBS), a_wallet(ANOTHERS, status="BLOCKED")]
    books = open_books(*rows)
    for order in orders:
        before = [(row.balance, row.seq, row.head) for row in rows]
        try:
            run(books, order)
        except errors.Refused:
            assert [(row.balance, row.seq, row.head) for row in rows] == before
    outside = sum(leg.amount for leg in books.legs if leg.counterparty_id is None)
    assert sum(row.balance for row in rows) == outside
    for row in rows:
        legs = [leg for leg in books.legs if leg.wallet_id == row.id]
        assert [leg.seq for leg in legs] == list(range(1, row.seq + 1))
        assert row.balance == sum(leg.amount for leg in legs) >= 0
        times = [leg.settled_at for leg in legs if leg.settled_at]
        assert times == sorted(set(times))
    assert not rows[2].seq


# --- Whether there is anything to lose -----------------------------------------------------------


def test_books_with_only_a_key_to_write_are_not_idle():
    """What the order meant was so already; but that its key was used must be known."""
    books = open_books()
    idle = CancelCashOut(client_id=CLIENT, by=BY, wallet_id=ALICES, movement_id=new_id(), key="key")
    outcome = Outcome("movement", new_id(), 200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CancelCashOut, "apply", lambda order, books: outcome)
        assert run(books, idle) == outcome
    assert not books.is_idle


def test_books_with_only_a_corrected_next_expiry_are_idle():
    """No answer tells of it: whoever locks the wallet next can do it as well."""
    books = open_books()
    books.wallets[ALICES].is_changed = True
    assert books.is_idle
