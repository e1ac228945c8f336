"""A transaction of one's own: all or nothing, and the connection is as it was."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from iocash import errors
from iocash.db.transactions import durable
from users.models import Client

pytestmark = pytest.mark.django_db(transaction=True)


def make_and_fail() -> None:
    with durable():
        Client.objects.create(name="Example")
        raise ZeroDivisionError


def test_error_before_commit_rolls_back_and_restores_the_connection():
    with pytest.raises(ZeroDivisionError):
        make_and_fail()
    assert connection.get_autocommit()
    assert not Client.objects.exists()
    with durable():
        Client.objects.create(name="Example")
    assert connection.get_autocommit()
    assert Client.objects.count() == 1


def test_outer_transaction_decides_about_commit():
    with transaction.atomic():
        with durable():
            Client.objects.create(name="Example")
        transaction.set_rollback(True)
    assert not Client.objects.exists()


def test_nested_durable_transaction_is_inconsistent():
    """The inner COMMIT would make half of the outer transaction durable."""

    @durable()
    def make_one_inside_another() -> None:
        Client.objects.create(name="Example")
        with durable():
            Client.objects.create(name="Another")

    with pytest.raises(errors.Inconsistent):
        make_one_inside_another()
    assert connection.get_autocommit()
    assert not Client.objects.exists()


def test_refusal_is_raised_unchanged():
    with pytest.raises(errors.NotFound), durable():
        raise errors.NotFound()
    assert connection.get_autocommit()
