"""Several at once, in real threads and transactions.

Where the point is the locks, orders are posted without `submit`: its retries would hide that a
lock is missing, behind a unique key of the database.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import DateTimeField, Func
from django.utils import timezone

from iocash import errors
from tests.support import people, threads
from tests.support.threads import kinds, post, waiting
from users import users
from users.models import Key, User
from wallets import posting
from wallets.models import Hold, Movement, Wallet
from wallets.orders.base import Order, Outcome
from wallets.orders.users import ActivateUser, UnsubscribeUser
from wallets.orders.wallets import ChangeWallet, OpenWallet, PutWallet
from wallets.posting import group

pytestmark = pytest.mark.django_db(transaction=True)


# --- At the same moment --------------------------------------------------------------------------


def test_opposite_transfers_never_deadlock_and_keep_all_money(alices, bobs):
    people.cash_in(bobs, 100_00)

    def pay(source: Wallet, target: Wallet) -> list[object]:
        return [post(people.a_transfer(source, target, 1_00)) for _ in range(10)]

    answers = threads.at_once(*[partial(pay, alices, bobs), partial(pay, bobs, alices)] * 4)
    assert kinds([outcome for answer in answers for outcome in answer]) == {"Outcome": 80}
    assert people.balances(alices, bobs) == [100_00, 100_00]


def test_concurrent_orders_with_one_key_move_once(alices, bobs):
    order = people.a_transfer(alices, bobs, 10_00, key="k")
    answers = threads.at_once(*[partial(posting.submit, order)] * 12)
    assert kinds(answers) == {"Outcome": 12}
    assert len({(answer.id, answer.status) for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    assert people.balances(alices, bobs) == [90_00, 10_00]


def test_concurrent_orders_of_several_wallets_with_one_key_move_once(alice, bob):
    wallets = [people.first_wallet(alice), *(people.a_wallet(alice) for _ in range(3))]
    orders = [people.a_cash_in(wallet, 1_00, key="k") for wallet in wallets]
    answers = threads.at_once(*[partial(posting.submit, order) for order in orders])
    assert kinds(answers) == {"Outcome": 1, "IdempotencyKeyReused": 3}
    (made,) = [answer for answer in answers if isinstance(answer, Outcome)]
    refused = [answer for answer in answers if isinstance(answer, errors.IdempotencyKeyReused)]
    assert all(answer.facts["id"] == made.id for answer in refused)
    assert sum(people.balances(*wallets)) == 1_00


def test_concurrent_transfers_never_exceed_the_balance(alices, bobs):
    order = people.a_transfer(alices, bobs, 15_00)
    answers = threads.at_once(*[partial(post, order)] * 16)
    assert kinds(answers) == {"Outcome": 6, "InsufficientFunds": 10}
    assert people.balances(alices, bobs) == [10_00, 90_00]


def test_concurrent_openings_of_the_last_wallet_open_one(alice):
    for _ in range(settings.MAX_WALLETS_PER_USER - 2):
        people.a_wallet(alice)
    order = OpenWallet(client_id=alice.client_id, by=people.BY, user_id=alice.id)
    answers = threads.at_once(partial(post, order), partial(post, order))
    assert kinds(answers) == {"Outcome": 1, "WalletLimitReached": 1}
    assert Wallet.objects.count() == settings.MAX_WALLETS_PER_USER


def test_concurrent_puts_of_one_wallet_create_one(alice):
    order = PutWallet(
        client_id=alice.client_id, by=people.BY, user_id=alice.id, wallet_id=people.unknown_id()
    )
    answers = threads.at_once(*[partial(posting.submit, order)] * 4)
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 201]
    assert Wallet.objects.count() == 2


def test_concurrent_puts_of_one_id_by_two_users_create_one_wallet(alice, bob):
    orders = [
        PutWallet(
            client_id=user.client_id, by=people.BY, user_id=user.id, wallet_id=people.unknown_id()
        )
        for user in (alice, bob)
    ]
    answers = threads.at_once(*[partial(posting.submit, order) for order in orders])
    assert kinds(answers) == {"Outcome": 1, "Immutable": 1}


def test_concurrent_closing_and_payment_never_both_succeed(alices, bobs):
    closing = ChangeWallet(client_id=bobs.client_id, by=people.BY, wallet_id=bobs.id, closing=True)
    paid, closed = threads.at_once(
        partial(post, people.a_transfer(alices, bobs, 1_00)), partial(post, closing)
    )
    assert isinstance(paid, Outcome) != isinstance(closed, Outcome)
    if isinstance(paid, Outcome):
        assert isinstance(closed, errors.WalletNotEmpty)
        return
    assert isinstance(paid, errors.WalletNotReady)


def a_new_user(client: object, values: dict[str, str]) -> User:
    return users.create(client_id=client.id, values=values, by=people.BY).user  # type: ignore[attr-defined]


def test_concurrent_activations_open_one_wallet(client_demo):
    user = a_new_user(client_demo, people.ALICE)
    order = ActivateUser(
        client_id=client_demo.id, by=people.BY, user_id=user.id, phone=user.mobile_phone
    )
    answers = threads.at_once(*[partial(post, order)] * 4)
    assert kinds(answers) == {"Outcome": 1, "AlreadyVerified": 3}
    assert Wallet.objects.filter(user=user).count() == 1


def test_concurrent_unsubscription_and_payment_never_both_succeed(alices, bob, bobs):
    ending = UnsubscribeUser(client_id=bob.client_id, by=people.BY, user_id=bob.id)
    paid, ended = threads.at_once(
        partial(post, people.a_transfer(alices, bobs, 1_00)), partial(post, ending)
    )
    assert isinstance(paid, Outcome) != isinstance(ended, Outcome)
    refused = ended if isinstance(paid, Outcome) else paid
    assert isinstance(refused, errors.WalletNotEmpty | errors.WalletNotReady)


def test_circular_payments_never_deadlock(alice):
    wallets = [people.first_wallet(alice), *(people.a_wallet(alice) for _ in range(3))]
    for wallet in wallets:
        people.cash_in(wallet, 10_00)
    circle = list(zip(wallets, wallets[1:] + wallets[:1], strict=True))

    def pay(turn: int) -> list[object]:
        orders = [people.a_transfer(*circle[(turn + n) % 4], 1_00) for n in range(4)]
        return [group.post(orders) for _ in range(3)]

    answers = threads.at_once(*[partial(pay, turn) for turn in range(8)])
    assert kinds(answers) == {"list": 8}
    assert people.balances(*wallets) == [10_00] * 4


# --- One waits for the other ---------------------------------------------------------------------


def test_waiting_transfer_sees_the_spent_money(alices, bobs):
    order = people.a_transfer(alices, bobs, 60_00)
    refused = waiting(order, people.a_transfer(alices, bobs, 60_00))
    assert isinstance(refused, errors.InsufficientFunds)
    assert refused.facts["available"] == "40.00"


def test_waiting_transfer_sees_the_received_money(alices, bobs):
    order = people.a_transfer(bobs, alices, 60_00)
    assert isinstance(waiting(order, people.a_transfer(alices, bobs, 60_00)), Outcome)
    assert people.balances(alices, bobs) == [100_00, 0]


def test_waiting_order_replays_its_key(alices, bobs):
    order = people.a_transfer(alices, bobs, 10_00, key="k")
    replayed = waiting(order, order)
    assert isinstance(replayed, Outcome)
    assert replayed.replayed
    assert people.balances(alices, bobs) == [90_00, 10_00]


def test_waiting_order_is_refused_when_its_key_was_used_meanwhile(alices, bobs):
    order = people.a_transfer(alices, bobs, 10_00, key="k")
    refused = waiting(order, people.a_transfer(alices, bobs, 20_00, key="k"))
    assert isinstance(refused, errors.IdempotencyKeyReused)


def test_waiting_order_is_refused_when_the_owner_was_blocked(alices, bob, bobs):
    order = people.a_transfer(alices, bobs, 10_00)
    refused = waiting(order, people.a_cash_in(bobs, 1_00), also=partial(people.block, bob))
    assert isinstance(refused, errors.UserNotActive)


def test_waiting_order_is_refused_when_the_wallet_was_closed(alices, bobs):
    closing = ChangeWallet(client_id=bobs.client_id, by=people.BY, wallet_id=bobs.id, closing=True)
    refused = waiting(people.a_transfer(alices, bobs, 10_00), closing)
    assert isinstance(refused, errors.WalletNotReady)


def test_waiting_closing_is_refused_when_money_arrived(alices, bobs):
    closing = ChangeWallet(client_id=bobs.client_id, by=people.BY, wallet_id=bobs.id, closing=True)
    refused = waiting(closing, people.a_transfer(alices, bobs, 10_00))
    assert isinstance(refused, errors.WalletNotEmpty)


def test_waiting_unsubscription_closes_a_wallet_opened_meanwhile(alice):
    opening = OpenWallet(client_id=alice.client_id, by=people.BY, user_id=alice.id)
    ending = UnsubscribeUser(client_id=alice.client_id, by=people.BY, user_id=alice.id)
    assert isinstance(waiting(ending, opening), Outcome)
    statuses = Wallet.objects.filter(user=alice).values_list("status", flat=True)
    assert list(statuses) == ["UNSUBSCRIBED"] * 2


def test_waiting_unsubscription_is_refused_when_money_arrived(alices, bob, bobs):
    ending = UnsubscribeUser(client_id=bob.client_id, by=people.BY, user_id=bob.id)
    refused = waiting(ending, people.a_transfer(alices, bobs, 10_00))
    assert isinstance(refused, errors.WalletNotEmpty)


def test_waiting_execution_is_refused_when_the_hold_expired(alices, bobs):
    """The clock is read when the wallet is locked, not when somebody began to wait for it."""
    hold = people.place(alices, bobs, 60_00, expires_at=timezone.now() + timedelta(days=1))
    this_moment = Func(function="iocash_clock", output_field=DateTimeField())
    with transaction.atomic():
        Wallet.objects.select_for_update(no_key=True).get(id=alices.id)
        caller = threads.Caller(partial(post, people.an_execution(hold)))
        threads.Caller(threads.wait_until_blocked).answer.pop()
        Hold.objects.filter(id=hold.id).update(expires_at=this_moment)
        Wallet.objects.filter(id=alices.id).update(next_expiry=this_moment)
    assert isinstance(caller.answer, errors.HoldNotOpen)
    assert people.balances(alices, bobs) == [100_00, 0]


def test_key_in_use_for_another_wallet_is_refused(alices, bobs):
    """Their wallets are not one, so the unique key decides, and a second look says why."""
    with threads.holding(people.a_cash_in(alices, 1_00, key="k")):
        caller = threads.Caller(partial(posting.submit, people.a_cash_in(bobs, 1_00, key="k")))
        threads.wait_until_blocked()
    assert isinstance(caller.answer, errors.IdempotencyKeyReused)
    assert people.balances(alices, bobs) == [101_00, 0]


def test_waiting_opening_is_refused_when_the_user_was_unsubscribed(alice):
    opening = OpenWallet(client_id=alice.client_id, by=people.BY, user_id=alice.id)
    ending = UnsubscribeUser(client_id=alice.client_id, by=people.BY, user_id=alice.id)
    assert isinstance(waiting(opening, ending), errors.UserNotActive)


@pytest.mark.parametrize("is_limited", [True, False])
def test_wallets_are_locked_in_the_order_of_their_ids(alice, bob, is_limited):
    """Also where the table has them the other way round, and is read from its beginning to end.

    Limits of the payee lock all of its wallets, by another statement; a reversal has none.
    """
    high = UUID("ffffffff-0000-7000-8000-000000000002")
    low = UUID("00000000-0000-7000-8000-000000000001")
    for wallet_id, owner in ((high, bob), (low, alice)):
        put = PutWallet(
            client_id=owner.client_id, by=people.BY, user_id=owner.id, wallet_id=wallet_id
        )
        posting.submit(put)
    first, second = (Wallet.objects.get(id=wallet_id) for wallet_id in (low, high))
    people.cash_in(first, 2_00)
    order: Order = people.a_transfer(first, second, 1_00)
    if not is_limited:
        order = people.a_reversal(Movement.objects.get(id=posting.submit(order).id))
    assert bool(order.needs.limits) == is_limited

    def read_in_physical_order() -> object:
        with connection.cursor() as cursor:
            cursor.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")
        return post(order)

    with threads.holding(people.a_cash_in(first, 1_00)):
        caller = threads.Caller(read_in_physical_order)
        threads.wait_until_blocked()
        with transaction.atomic():
            free = Wallet.objects.select_for_update(skip_locked=True).filter(id=high)
            assert [wallet.id for wallet in free] == [high]
    assert isinstance(caller.answer, Outcome)


def test_locked_wallet_does_not_block_other_wallets(alices, bobs):
    second = people.a_wallet(User.objects.get(id=bobs.user_id))
    with threads.holding(people.a_cash_in(alices, 1_00)):
        people.cash_in(bobs, 1_00)
        people.transfer(bobs, second, 1_00)
    assert people.balances(second) == [1_00]


def impatient(order: Order) -> object:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    return posting.submit(order)


def test_lock_timeout_changes_nothing(alices, bobs):
    order = people.a_transfer(bobs, alices, 1_00, key="k")
    with threads.holding(people.a_cash_in(alices, 1_00)):
        error = threads.Caller(partial(impatient, order)).answer
    assert isinstance(error, OperationalError)
    assert getattr(error.__cause__, "sqlstate", None) == "55P03"
    assert Movement.objects.count() == 2
    assert not Key.objects.exists()
