"""An order locks what is its client's; what another client has is not there, nor waited for."""

from __future__ import annotations

import dataclasses
import re
from functools import partial

import pytest

from iocash import errors
from tests.support import people, threads
from users.models import Client
from wallets import posting
from wallets.models import Wallet
from wallets.orders.users import UnsubscribeUser
from wallets.posting import group, read

SOURCE = re.compile(
    r"FROM (?:users_user|wallets_wallet) WHERE (.*?)(?=UNION|ORDER|\)\)|$)", re.DOTALL
)


@pytest.mark.parametrize("locks", [read.LOCKS_OF_ONE, read.LOCKS_OF_SEVERAL], ids=["one", "many"])
@pytest.mark.parametrize("name", read.Locks._fields)
def test_lock_statement_filters_requested_ids_by_client(locks, name):
    """Ids that the database found by itself, in an array, are those of the client already."""
    statement = getattr(locks, name)
    named = [where for where in SOURCE.findall(statement) if "ANY(%s)" in where]
    assert named
    assert all("client_id" in where for where in named)


@pytest.fixture
def other(db) -> Client:
    return people.a_client("Another")


@pytest.fixture
def theirs(other) -> Wallet:
    return people.first_wallet(people.a_user(other, people.BOB))


@pytest.mark.django_db(transaction=True)
def test_order_does_not_wait_for_the_lock_of_another_clients_wallet(alices, theirs):
    """Neither as the target nor in the path; nor are its owner and the owner's other wallets."""
    target = people.a_transfer(alices, theirs, 1_00)
    path = dataclasses.replace(people.a_cash_in(theirs, 1_00), client_id=alices.client_id)
    user = UnsubscribeUser(client_id=alices.client_id, by=people.BY, user_id=theirs.user_id)
    with threads.holding(people.a_cash_in(theirs, 1)):
        answers = threads.at_once(*[partial(posting.submit, each) for each in (target, path, user)])
    refusals = [type(answer) for answer in answers]
    assert refusals == [errors.TargetWalletNotFound, errors.NotFound, errors.NotFound]


@pytest.mark.django_db(transaction=True)
def test_group_locks_each_wallet_only_for_an_order_of_its_client(alices, bobs, theirs, other):
    """Both name a wallet of the first client, which only its own order may lock."""
    own = people.a_transfer(alices, bobs, 1_00)
    foreign = dataclasses.replace(people.a_cash_in(alices, 1_00), client_id=other.id)
    stolen = people.a_transfer(theirs, bobs, 1_00)
    outcomes = group.post([foreign, own, stolen])
    kinds = [getattr(each, "code", "done") for each in outcomes]
    assert kinds == ["not_found", "done", "target_wallet_not_found"]
    assert people.balances(alices, bobs) == [99_00, 1_00]


@pytest.mark.django_db(transaction=True)
def test_group_does_not_wait_for_the_lock_of_another_clients_wallet(alices, theirs):
    third = people.first_wallet(people.a_user(people.a_client("Third"), people.BOB))
    foreign = dataclasses.replace(people.a_cash_in(theirs, 1_00), client_id=alices.client_id)
    with threads.holding(people.a_cash_in(theirs, 1)):
        outcomes = group.post([foreign, people.a_cash_in(third, 2_00)], is_brief=True)
    assert [getattr(each, "code", "done") for each in outcomes] == ["not_found", "done"]
