"""The way in: what is tried again, what is not, and what is unknown."""

from __future__ import annotations

import psycopg
import pytest
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    IntegrityError,
    OperationalError,
    connection,
    connections,
    transaction,
)

from iocash import errors
from tests import cast, together
from users.models import Key
from wallets import posting, vault, writing
from wallets.models import Movement

KILL = "SELECT pg_terminate_backend(%s, 10000)"


def test_a_refusal_is_raised(alices, bobs):
    with pytest.raises(errors.InsufficientFunds):
        posting.submit(cast.a_transfer(alices, bobs, 100_01))


def test_the_same_key_moves_once(alices, bobs):
    order = cast.a_transfer(alices, bobs, 10_00, key="k")
    first, again = posting.submit(order), posting.submit(order)
    assert (again.id, again.status) == (first.id, first.status)
    assert (first.replayed, again.replayed) == (False, True)
    assert cast.balances(alices, bobs) == [90_00, 10_00]


def test_a_refused_order_may_be_tried_again_with_its_key(alices, bobs):
    order = cast.a_transfer(alices, bobs, 150_00, key="k")
    with pytest.raises(errors.InsufficientFunds):
        posting.submit(order)
    cast.cash_in(alices, 50_00)
    assert not posting.submit(order).replayed
    assert cast.balances(alices, bobs) == [0, 150_00]


# --- Connections that break ----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_connection_lost_while_waiting_for_a_lock_is_tried_again(alices, bobs):
    order = cast.a_transfer(alices, bobs, 10_00)
    with together.holding(cast.a_transfer(alices, bobs, 1_00)):
        caller = together.Caller(lambda: posting.submit(order))
        (pid,) = together.wait_until_blocked()
        with connection.cursor() as cursor:
            cursor.execute(KILL, [pid])
    assert Movement.objects.filter(id=caller.answer.id).exists()
    assert cast.balances(alices, bobs) == [89_00, 11_00]


@pytest.mark.django_db(transaction=True)
def test_a_connection_lost_while_idle_is_tried_again(alices, bobs):
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid

    def kill():
        with connection.cursor() as cursor:
            cursor.execute(KILL, [pid])

    together.at_once(kill)
    cast.transfer(alices, bobs, 10_00)
    assert cast.balances(alices, bobs) == [90_00, 10_00]


@pytest.mark.django_db(transaction=True)
def test_a_connection_lost_before_writing_is_tried_again(alices, bobs, monkeypatch):
    write_back = writing.write_back
    lost: list[object] = []

    def lose_and_write(raw, books):
        if not lost:
            lost.append(raw)
            raw.close()
        write_back(raw, books)

    monkeypatch.setattr(vault, "write_back", lose_and_write)
    cast.transfer(alices, bobs, 10_00)
    assert lost
    assert cast.balances(alices, bobs) == [90_00, 10_00]


@pytest.fixture
def dies_at_commit(transactional_db):
    """The server ends the connection while it commits a movement: nothing is committed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';"
            "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON wallets_movement"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION IF EXISTS die CASCADE")


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_at_commit_leaves_the_outcome_unknown(bobs, dies_at_commit):
    order = cast.a_cash_in(bobs, 10_00, key="k")
    with pytest.raises(errors.OutcomeUnknown):
        posting.submit(order)
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION die CASCADE")
    assert cast.balances(bobs) == [0]
    assert not posting.submit(order).replayed
    assert cast.balances(bobs) == [10_00]


@pytest.mark.django_db(transaction=True)
def test_what_was_committed_before_the_connection_broke_is_found_with_the_key(bobs, monkeypatch):
    order = cast.a_cash_in(bobs, 10_00, key="k")
    commit = connection.commit

    def commit_and_break():
        commit()
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr(connections[DEFAULT_DB_ALIAS], "commit", commit_and_break)
        with pytest.raises(errors.OutcomeUnknown):
            posting.submit(order)
    again = posting.submit(order)
    assert again.replayed
    assert cast.balances(bobs) == [10_00]
    assert [movement.id for movement in cast.movements(bobs)] == [again.id]


# --- What is worth a retry -----------------------------------------------------------------------


def wrapped(cause: Exception, error: type[DatabaseError] = OperationalError) -> DatabaseError:
    """The error as Django raises it."""
    wrapper = error("as Django says it")
    wrapper.__cause__ = cause
    return wrapper


@pytest.fixture
def failing(monkeypatch):
    """Let the next posts fail, each with the next error; return the list of what was posted."""

    def fail(*errors):
        coming, posts, post = list(errors), [], vault.post

        def failing_post(orders):
            posts.append(orders)
            if coming:
                raise coming.pop(0)
            return post(orders)

        monkeypatch.setattr(vault, "post", failing_post)
        return posts

    return fail


AGAIN = [
    wrapped(psycopg.errors.SerializationFailure()),
    wrapped(psycopg.errors.DeadlockDetected()),
    wrapped(psycopg.errors.UniqueViolation(), IntegrityError),
    wrapped(psycopg.errors.AdminShutdown()),
    wrapped(psycopg.OperationalError("the connection is lost")),
]
NEVER = [
    wrapped(psycopg.errors.LockNotAvailable()),
    wrapped(psycopg.errors.QueryCanceled()),
    wrapped(psycopg.errors.CheckViolation(), IntegrityError),
    wrapped(psycopg.errors.ReadOnlySqlTransaction()),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", AGAIN, ids=lambda error: type(error.__cause__).__name__)
def test_what_was_undone_by_chance_is_tried_again(bobs, failing, error):
    posts = failing(error, error)
    cast.cash_in(bobs, 10_00)
    assert len(posts) == 3
    assert cast.balances(bobs) == [10_00]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", AGAIN, ids=lambda error: type(error.__cause__).__name__)
def test_it_is_tried_a_few_times_and_then_raised(bobs, failing, error):
    posts = failing(*[error] * 100)
    with pytest.raises(DatabaseError) as raised:
        cast.cash_in(bobs, 10_00)
    assert raised.value is error
    assert len(posts) == 1 + posting.RETRIES


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", NEVER, ids=lambda error: type(error.__cause__).__name__)
def test_what_another_try_would_not_mend_is_raised_at_once(bobs, failing, error):
    posts = failing(error)
    with pytest.raises(DatabaseError) as raised:
        cast.cash_in(bobs, 10_00)
    assert raised.value is error
    assert len(posts) == 1


@pytest.mark.django_db(transaction=True)
def test_an_unknown_outcome_is_never_tried_again(bobs, failing):
    posts = failing(errors.OutcomeUnknown())
    with pytest.raises(errors.OutcomeUnknown):
        cast.cash_in(bobs, 10_00)
    assert len(posts) == 1


def test_inside_a_transaction_nothing_is_tried_again(bobs, failing):
    posts = failing(*AGAIN)
    with pytest.raises(OperationalError), transaction.atomic():
        cast.cash_in(bobs, 10_00)
    assert len(posts) == 1


def test_the_pauses_are_short_and_differ():
    assert all(0 < pause <= 0.04 for pause in posting.pauses())
    assert posting.pauses() != posting.pauses()


def test_nothing_is_kept_of_an_order_that_was_raised(bobs, failing):
    failing(NEVER[0])
    with pytest.raises(OperationalError):
        cast.cash_in(bobs, 10_00, key="k")
    assert not Key.objects.exists()
