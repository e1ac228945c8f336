"""How the books are opened, written back and committed."""

from __future__ import annotations

import dataclasses
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from iocash import errors
from iocash.db import clock
from iocash.db.backend.base import DatabaseWrapper
from iocash.db.pipeline import Pipeline
from tests.support import people
from users.models import Event, Key
from users.models.idempotency import UsedKey
from wallets import posting
from wallets.books import Books
from wallets.books.rows import LockedAccount
from wallets.models import Movement, Wallet
from wallets.orders.base import Order, Outcome
from wallets.orders.batch import Batch
from wallets.posting import group, opening, read, write

pytestmark = pytest.mark.django_db


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Broken(Order):
    """An order that the database refuses when it is written back."""

    made = "account"

    def apply(self, books: Books) -> Outcome:
        unknown = people.unknown_id()
        books.insert(LockedAccount(unknown, self.client_id, unknown, "ES91", "UNKNOWN"))
        return Outcome("account", unknown, 201)


def broken(wallet: Wallet) -> Broken:
    return Broken(client_id=wallet.client_id, by=people.BY)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Crashing(Order):
    """An order with a bug."""

    made = "movement"

    def apply(self, books: Books) -> Outcome:
        raise ZeroDivisionError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Orphan(Order):
    """An order that breaks a foreign key, at which the database looks when it commits."""

    made = "movement"

    def apply(self, books: Books) -> Outcome:
        unknown = people.unknown_id()
        books.used_keys.append(UsedKey(unknown, "k", None, b"", "movement", unknown, 201))
        return Outcome("movement", people.unknown_id(), 201)


# --- Batches -------------------------------------------------------------------------------------


def test_each_order_of_a_group_has_its_own_outcome(alices, bobs):
    paid, refused, back = group.post(
        [
            people.a_transfer(alices, bobs, 60_00),
            people.a_transfer(alices, bobs, 60_00),
            people.a_transfer(bobs, alices, 10_00),
        ]
    )
    assert isinstance(paid, Outcome)
    assert isinstance(refused, errors.InsufficientFunds)
    assert isinstance(back, Outcome)
    assert people.balances(alices, bobs) == [50_00, 50_00]


def test_orders_of_a_group_are_checked_in_sequence(alices, bobs):
    orders = [people.a_transfer(bobs, alices, 1_00), people.a_transfer(alices, bobs, 1_00)]
    early, paid, late = group.post([*orders, orders[0]])
    assert isinstance(early, errors.InsufficientFunds)
    assert not isinstance(paid, errors.Refused)
    assert not isinstance(late, errors.Refused)


def test_movements_of_a_group_have_increasing_times(bobs):
    group.post([people.a_cash_in(bobs, 1)] * 5)
    movements = people.movements(bobs)
    assert [movement.seq for movement in movements] == [1, 2, 3, 4, 5]
    times = [movement.settled_at for movement in movements if movement.settled_at]
    assert len(times) == 5
    assert times == sorted(set(times))


def test_repeated_key_in_a_group_moves_money_once(alices, bobs):
    order = people.a_transfer(alices, bobs, 1_00, key="k")
    other = people.a_transfer(alices, bobs, 2_00, key="k")
    first, again, reused = group.post([order, order, other])
    assert isinstance(first, Outcome)
    assert isinstance(again, Outcome)
    assert (again.id, again.replayed) == (first.id, True)
    assert isinstance(reused, errors.IdempotencyKeyReused)
    assert people.balances(bobs) == [1_00]


def test_group_of_several_clients_keeps_them_separate(alices, bobs):
    another = people.a_client("Another")
    theirs = dataclasses.replace(people.a_cash_in(bobs, 1_00), client_id=another.id)
    refused, made = group.post([theirs, people.a_cash_in(bobs, 2_00)])
    assert isinstance(refused, errors.NotFound)
    assert isinstance(made, Outcome)
    assert people.balances(bobs) == [2_00]


def test_empty_group_has_no_outcomes(db):
    assert group.post([]) == []


# --- What is written -----------------------------------------------------------------------------


def test_key_is_stored_with_the_id_of_its_movement(bobs):
    order = people.a_cash_in(bobs, 1_00, key="k")
    made = group.post([order])[0]
    assert isinstance(made, Outcome)
    key = Key.objects.get(client=bobs.client_id, key="k")
    assert (key.made, key.made_id, key.status) == ("movement", made.id, 201)
    assert key.used.is_of(order.digest())


def test_returned_leg_equals_the_stored_movement(bobs):
    made = group.post([people.a_cash_in(bobs, 1_00, concept="a", metadata={"b": "c"})])[0]
    assert isinstance(made, Outcome)
    stored: dict[str, Any] = dict(Movement.objects.filter(id=made.id).values().get())
    for item in dataclasses.fields(made.legs[0]):
        value = stored[item.name]
        value = bytes(value) if isinstance(value, memoryview) else value
        assert value == getattr(made.legs[0], item.name), item.name


def test_wallet_row_matches_its_last_movement(alices, bobs):
    people.transfer(alices, bobs, 1_00)
    last = people.movements(alices)[-1]
    alices.refresh_from_db()
    assert (alices.balance, alices.seq) == (last.balance_after, last.seq)
    assert alices.settled_at == last.settled_at
    assert bytes(alices.head) == bytes(last.digest or b"")


def test_event_contains_no_texts(alices, bobs):
    people.transfer(
        alices, bobs, 1_00, concept="Secret", metadata={"secret": "secret"}, key="secret"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM users_event AS e WHERE e::text ILIKE '%secret%'")
        assert cursor.fetchone() == (0,)


def test_a_refused_order_writes_nothing(alices, bobs):
    before = (Movement.objects.count(), Event.objects.count())
    refused = group.post([people.a_transfer(alices, bobs, 100_01, key="k")])[0]
    assert isinstance(refused, errors.InsufficientFunds)
    assert (Movement.objects.count(), Event.objects.count()) == before
    assert not Key.objects.exists()


def ahead(monkeypatch: pytest.MonkeyPatch, interval: str) -> None:
    """Let the clock of the database and that of the server be ahead by so much, both."""
    monkeypatch.setattr(read, "READ_CLOCK", f"{read.READ_CLOCK} + interval '{interval}'")


def wrong(interval: str) -> str:
    """Read the clock of a database whose machine is so far ahead of this one."""
    return read.READ_CLOCK.replace("timestamp()", f"timestamp() + interval '{interval}'")


def test_settled_at_increases_when_the_clock_was_set_back(alices, bobs, monkeypatch):
    """As after the clock was set back by less than a second."""
    with monkeypatch.context() as patch:
        ahead(patch, "900 ms")
        people.cash_in(bobs, 1_00)
    people.transfer(alices, bobs, 1_00)
    first, second = (movement.settled_at for movement in people.movements(bobs))
    assert first is not None
    assert second == first + timedelta(microseconds=1)
    assert people.movements(alices)[-1].settled_at == second


@pytest.mark.spoils_the_books
def test_wallet_with_a_future_settled_at_refuses_movements(alices, bobs, monkeypatch, caplog):
    """As after the clock was a day ahead: nobody else is drawn along, and the log names it."""
    with monkeypatch.context() as patch:
        ahead(patch, "1 day")
        made = people.cash_in(bobs, 1_00, key="k")
    orders = [
        people.a_transfer(alices, bobs, 1_00),
        people.a_transfer(bobs, alices, 1_00),
        people.a_cash_in(bobs, 1_00),
        Batch(**people.about(alices), items=(people.a_transfer(alices, bobs, 1_00),)),
    ]
    assert [type(answer) for answer in group.post(orders)] == [errors.DatabaseUnavailable] * 4
    assert f"wallet {bobs.id} settled at" in caplog.text
    again, other, hold = group.post(
        [
            people.a_cash_in(bobs, 1_00, key="k"),
            people.a_cash_in(alices, 1_00),
            people.a_hold(bobs, alices, 1_00),
        ]
    )
    assert isinstance(again, Outcome)
    assert (again.id, again.replayed) == (made.id, True)
    assert isinstance(other, Outcome)
    assert isinstance(hold, Outcome)
    assert not Movement.objects.filter(wallet=alices.id, settled_at__gt=clock.now()).exists()


@pytest.mark.parametrize("interval", ["-61 s", "61 s"])
def test_orders_are_refused_when_the_clocks_differ(interval, alices, bobs, monkeypatch, caplog):
    """No hold expires either: it would be by the wrong clock."""
    people.place(alices, bobs, 1_00, expires_at=clock.now() + timedelta(seconds=1))
    monkeypatch.setattr(read, "READ_CLOCK", wrong(interval))
    before = Event.objects.count()
    with pytest.raises(errors.DatabaseUnavailable, match="clock"):
        posting.submit(people.a_cash_in(alices, 1_00))
    assert (Event.objects.count(), people.balances(alices)) == (before, [100_00])
    assert "orders are refused" in caplog.text


@pytest.mark.spoils_the_books
def test_different_clocks_are_accepted_without_a_tolerance(bobs, monkeypatch, settings):
    settings.CLOCK_TOLERANCE = 0
    monkeypatch.setattr(read, "READ_CLOCK", wrong("1 hour"))
    people.cash_in(bobs, 1_00)
    assert people.balances(bobs) == [1_00]


@pytest.mark.django_db(transaction=True)
def test_connection_time_counts_towards_the_deadline(bobs, monkeypatch, settings):
    """A caller waits for a slow connection and for the trips on it, all together, so long."""
    settings.DATABASE_PATIENCE = 12.0
    real, late, until = time.monotonic, [0.0], list[float]()
    opened, connect = opening.open_books, DatabaseWrapper.get_new_connection

    def connect_slowly(*given: Any) -> Any:
        late[0] = 10.0
        return connect(*given)

    def note(pipeline: Pipeline, *given: Any, **more: Any) -> Books:
        assert pipeline.until is not None
        until.append(pipeline.until - time.monotonic())
        return opened(pipeline, *given, **more)

    monkeypatch.setattr(time, "monotonic", lambda: real() + late[0])
    monkeypatch.setattr(DatabaseWrapper, "get_new_connection", connect_slowly)
    monkeypatch.setattr(group, "open_books", note)
    connection.close()
    group.post([people.a_cash_in(bobs, 1_00)])
    assert until[0] < 3


# --- Transactions --------------------------------------------------------------------------------


def test_group_is_posted_in_the_callers_transaction(alices, bobs):
    with transaction.atomic():
        people.transfer(alices, bobs, 1_00)
        assert people.balances(alices, bobs) == [99_00, 1_00]
        transaction.set_rollback(True)
    assert people.balances(alices, bobs) == [100_00, 0]


def test_broken_order_keeps_the_callers_transaction_intact(alices, bobs):
    with transaction.atomic():
        people.transfer(alices, bobs, 1_00)
        with pytest.raises(DatabaseError):
            group.post([broken(alices)])
        people.transfer(alices, bobs, 1_00)
    assert people.balances(alices, bobs) == [98_00, 2_00]


@pytest.mark.django_db(transaction=True)
def test_post_commits_when_no_transaction_is_open(alices, bobs):
    group.post([people.a_transfer(alices, bobs, 1_00)])
    assert connection.get_autocommit()
    connection.close()
    assert people.balances(alices, bobs) == [99_00, 1_00]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        write.INSERT_RESOURCES[LockedAccount],
        "SELECT length(%s) / 0",
        "SELECT nothing, %s",
    ],
)
def test_database_error_in_one_order_rolls_back_the_group(alices, bobs, statement, monkeypatch):
    monkeypatch.setitem(write.INSERT_RESOURCES, LockedAccount, statement)
    with pytest.raises(DatabaseError):
        group.post([people.a_transfer(alices, bobs, 1_00, key="k"), broken(alices)])
    assert connection.get_autocommit()
    assert people.balances(alices, bobs) == [100_00, 0]
    assert not Key.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_crash_rolls_back_the_group_and_keeps_the_connection_usable(alices, bobs):
    crashing = Crashing(client_id=alices.client_id, by=people.BY)
    with pytest.raises(ZeroDivisionError):
        group.post([people.a_transfer(alices, bobs, 1_00), crashing])
    assert connection.get_autocommit()
    assert people.balances(alices, bobs) == [100_00, 0]
    people.transfer(alices, bobs, 1_00)


@pytest.mark.django_db(transaction=True)
def test_constraint_error_at_commit_rolls_back_the_group(bobs):
    orphan = Orphan(client_id=bobs.client_id, by=people.BY)
    with pytest.raises(IntegrityError):
        group.post([people.a_cash_in(bobs, 1_00), orphan])
    assert connection.get_autocommit()
    assert people.balances(bobs) == [0]
