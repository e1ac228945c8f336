"""Entering and leaving groups of clients."""

from __future__ import annotations

from threading import Thread

import pytest
from django.db import connection, connections, transaction

from iocash import errors
from iocash.db import groups
from iocash.db.transactions import as_array, fetch, single_transaction
from tests.support.embedded_postgres import eventually
from tests.support.groups import west_beside_home
from users.models import Client

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def west():
    with west_beside_home():
        yield


LEFT = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)"


def database() -> str:
    return str(fetch("SELECT current_database()", ())[0][0])


def test_one_group_is_home_and_current():
    assert (groups.names(), groups.current(), groups.are_several()) == (("home",), "home", False)


@pytest.mark.slow
def test_entered_group_is_used_by_orm_and_own_statements(west):
    home = database()
    with groups.entered("west"):
        client = Client.objects.create(name="Of the west")
        assert (groups.current(), database() != home) == ("west", True)
        with single_transaction():
            assert Client.objects.get() == client
    assert (groups.current(), database()) == ("home", home)
    assert not Client.objects.exists()


def test_group_is_left_after_an_exception(west):
    with pytest.raises(ZeroDivisionError), groups.entered("west"):
        raise ZeroDivisionError
    assert groups.current() == "home"


def test_group_entered_within_a_block_is_left_with_it(west):
    with groups.entered("home"):
        groups.enter("west")
        assert groups.current() == "west"
    assert groups.current() == "home"


@pytest.mark.slow
@pytest.mark.parametrize("begin", [transaction.atomic, single_transaction])
def test_group_is_not_entered_within_a_transaction_of_another(west, begin):
    with begin(), pytest.raises(errors.Inconsistent), groups.entered("west"):
        pass
    assert groups.current() == "home"
    with begin(), groups.entered("home"):
        assert groups.current() == "home"


@pytest.mark.slow
def test_left_transaction_is_rolled_back(west):
    def leave_open() -> None:
        with groups.entered("west"):
            transaction.atomic().__enter__()
            Client.objects.create(name="Alice")

    with pytest.raises(errors.Inconsistent):
        leave_open()
    assert groups.current() == "home"
    with groups.entered("west"):
        assert not Client.objects.exists()


@pytest.mark.slow
def test_unknown_group_is_inconsistent(west):
    with pytest.raises(errors.Inconsistent):
        groups.enter("east")


def test_other_threads_stay_at_home(west):
    found: list[str] = []

    def look() -> None:
        found.append(groups.current())
        connections.close_all()

    with groups.entered("west"):
        thread = Thread(target=look)
        thread.start()
        thread.join()
    assert found == ["home"]


@pytest.mark.slow
def test_connections_of_groups_are_kept_apart(west):
    (home,) = fetch("SELECT pg_backend_pid()", ())[0]
    with groups.entered("west"):
        (first,) = fetch("SELECT pg_backend_pid()", ())[0]
    with groups.entered("west"):
        assert fetch("SELECT pg_backend_pid()", ()) == [(first,)]
    assert fetch("SELECT pg_backend_pid()", ()) == [(home,)]
    assert connection.connection.info.backend_pid == home != first


@pytest.mark.slow
def test_thread_closes_its_connections_of_all_groups_when_it_ends(west):
    pids: list[int] = []

    def work() -> None:
        for name in groups.names():
            with groups.entered(name):
                pids.extend(fetch("SELECT pg_backend_pid()", ())[0])

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert len({*pids}) == 2
    eventually(lambda: fetch(LEFT, [as_array(pids)]) == [(0,)])
