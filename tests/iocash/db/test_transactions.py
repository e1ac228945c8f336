"""Transactions: all or nothing, and the connection is in autocommit afterwards."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from iocash import errors
from iocash.db.transactions import pipelined_transaction, single_transaction
from users.models import Client

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("open_transaction", [single_transaction, pipelined_transaction])


def create_and_fail(open_transaction: Any) -> None:
    with open_transaction():
        Client.objects.create(name="Example")
        raise ZeroDivisionError


@both
def test_error_before_commit_rolls_back_and_restores_the_connection(open_transaction):
    with pytest.raises(ZeroDivisionError):
        create_and_fail(open_transaction)
    assert connection.get_autocommit()
    assert not Client.objects.exists()
    with open_transaction():
        Client.objects.create(name="Example")
    assert connection.get_autocommit()
    assert Client.objects.count() == 1


@both
def test_refusal_is_raised_unchanged(open_transaction):
    with pytest.raises(errors.NotFound), open_transaction():
        raise errors.NotFound()
    assert connection.get_autocommit()


# --- Nested --------------------------------------------------------------------------------------


@both
def test_outer_atomic_block_decides_about_commit(open_transaction):
    with transaction.atomic():
        with open_transaction():
            Client.objects.create(name="Example")
        transaction.set_rollback(True)
    assert not Client.objects.exists()


@both
@pytest.mark.parametrize("outer", [transaction.atomic, single_transaction])
def test_nested_transaction_is_a_savepoint(outer, open_transaction):
    with outer():
        Client.objects.create(name="Outer")
        with pytest.raises(ZeroDivisionError):
            create_and_fail(open_transaction)
        with open_transaction():
            Client.objects.create(name="Inner")
    assert connection.get_autocommit()
    assert {*Client.objects.values_list("name", flat=True)} == {"Outer", "Inner"}


@both
def test_transaction_nested_in_a_pipelined_one_is_inconsistent(open_transaction):
    """The inner COMMIT would commit half of the outer transaction."""

    @pipelined_transaction()
    def create_one_inside_another() -> None:
        Client.objects.create(name="Example")
        with open_transaction():
            Client.objects.create(name="Another")

    with pytest.raises(errors.Inconsistent):
        create_one_inside_another()
    assert connection.get_autocommit()
    assert not Client.objects.exists()


def test_savepoint_inside_a_single_transaction_survives_an_integrity_error():
    with single_transaction():
        client = Client.objects.create(name="Example")
        with pytest.raises(IntegrityError), transaction.atomic():
            Client.objects.create(id=client.id, name="Another")
    assert Client.objects.get().name == "Example"


# --- After COMMIT --------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OperationalError("of another server"), ValueError("a bug")])
def test_failed_on_commit_hook_is_logged_and_the_next_hook_runs(error, caplog):
    """The change is committed: an exception would tell the caller that it is not."""
    connection.ensure_connection()
    called, raw = [], connection.connection

    def fail() -> None:
        called.append("first")
        raise error

    with single_transaction():
        Client.objects.create(name="Example")
        transaction.on_commit(partial(fail))
        transaction.on_commit(lambda: called.append("second"))
    assert called == ["first", "second"]
    assert "a hook after COMMIT failed" in caplog.text
    assert connection.connection is raw, "an error of a hook is not a lost connection"
    assert connection.get_autocommit()
    assert Client.objects.exists()
