"""A user's life, lived by several callers at the same instant."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection

from iocash import errors
from tests.support import people, threads
from tests.support.people import Answer, Api
from tests.support.user_actions import a_newcomer, change, create, kinds, replace, request_otp
from tests.support.user_bodies import ALICE, BOB, NEW
from users import users
from users.models import Client, Otp, User
from users.models.ids import new_id

pytestmark = pytest.mark.django_db


def a_caller(client: Client) -> Api:
    return Api(people.a_key(client))


def outcomes(results: list[Any]) -> tuple[list[users.Made], list[errors.Refused]]:
    """Sort what the calls came to; anything but users and refusals is a failure."""
    made = [result for result in results if isinstance(result, users.Made)]
    refused = [result for result in results if isinstance(result, errors.Refused)]
    assert len(made) + len(refused) == len(results), results
    return made, refused


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("name", "field"), [("user_name", "userName"), ("mobile_phone", "mobilePhone")]
)
def test_concurrent_duplicates_create_one_user(name, field, codes):
    client = people.a_client()

    def one(number: int) -> users.Made:
        own = {"user_name": f"user{number}", "mobile_phone": f"+3460000010{number}"}
        return create(client, people.ALICE | own | {name: people.ALICE[name]})

    made, refused = outcomes(threads.at_once(*[lambda n=n: one(n) for n in range(8)]))
    winner = User.objects.get()
    assert [(each.user, each.created) for each in made] == [(winner, True)]
    assert [type(each) for each in refused] == [errors.AlreadyExists] * 7
    assert all(each.facts == {"field": field, "user_id": winner.id} for each in refused)
    assert len(codes) == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_creations_with_one_key_create_one_user(codes):
    client = people.a_client()
    calls = [lambda: create(client, people.ALICE, key="k")] * 8
    made, refused = outcomes(threads.at_once(*calls))
    user = User.objects.get()
    assert not refused
    assert {each.user.id for each in made} == {user.id}
    assert sorted(each.replayed for each in made) == [False] + [True] * 7
    assert (len(codes), kinds(user)) == (1, ["user.created"])


@pytest.mark.django_db(transaction=True)
def test_concurrent_creations_with_one_key_and_two_orders_create_one_user():
    client = people.a_client()
    made, refused = outcomes(
        threads.at_once(
            lambda: create(client, people.ALICE, key="k"),
            lambda: create(client, people.BOB, key="k"),
        )
    )
    assert [type(each) for each in refused] == [errors.IdempotencyKeyReused]
    assert refused[0].facts["id"] == made[0].user.id == User.objects.get().id


@pytest.mark.django_db(transaction=True)
def test_concurrent_puts_at_one_id_create_one_user(codes):
    client, user_id = people.a_client(), new_id()
    calls = [lambda: replace(client, user_id, people.ALICE)] * 8
    made, refused = outcomes(threads.at_once(*calls))
    assert not refused
    assert sorted(each.created for each in made) == [False] * 7 + [True]
    assert User.objects.get().id == user_id
    assert len(codes) == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_puts_at_one_id_by_two_clients_accept_one():
    clients, user_id = [people.a_client(name) for name in ("One", "Two")], new_id()
    calls = [lambda c=client: replace(c, user_id, people.ALICE) for client in clients]
    made, refused = outcomes(threads.at_once(*calls))
    assert [type(each) for each in refused] == [errors.NotFound]
    assert made[0].user.client_id == User.objects.get().client_id


@pytest.mark.django_db(transaction=True)
def test_concurrent_changes_to_one_number_accept_one():
    client = people.a_client()
    users = [create(client, values).user for values in (people.ALICE, people.BOB)]
    calls = [lambda u=user: change(u, mobile_phone="+34600000009") for user in users]
    results = threads.at_once(*calls)
    assert sorted(type(result).__name__ for result in results) == ["AlreadyExists", "User"]
    assert User.objects.filter(mobile_phone="+34600000009").count() == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_code_requests_send_one_code(codes, clock):
    user = a_newcomer(people.a_client())
    clock.go(61)
    results = threads.at_once(*[lambda: request_otp(user)] * 6)
    names = sorted(type(result).__name__ for result in results)
    assert names == ["OtpTooSoon"] * 5 + ["User"]
    assert (len(codes), Otp.objects.count()) == (2, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("field", ["userName", "mobilePhone"])
@pytest.mark.parametrize("put", [False, True])
def test_concurrent_requests_with_one_name_or_number_accept_one(field, put, codes):
    api = a_caller(people.a_client())

    def one(values: dict[str, str]) -> Answer:
        body = values | {field: ALICE[field]}
        return api.put(f"users/{new_id()}", body) if put else api.post("users", body)

    answers = threads.at_once(lambda: one(ALICE), lambda: one(BOB))
    made, refused = sorted(answers, key=lambda answer: answer.status)
    assert (made.status, refused.status, refused.code) == (202, 409, "already_exists")
    assert refused.json["conflict"] == {"field": field, "userId": made.json["id"]}
    assert len(codes) == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_verifications_of_one_number_accept_one(codes, clock):
    client = people.a_client()
    api, users = (
        Api(people.a_key(client)),
        [people.a_user(client, each) for each in (people.ALICE, people.BOB)],
    )
    for user in users:
        change(user, mobile_phone=NEW)
        clock.go(61)
    sent = {each.user_id: each.code for each in codes if each.phone == NEW}
    answers = threads.at_once(
        *[
            lambda u=user: api.post(f"users/{u.id}/validate-otp", {"otp": sent[u.id]})
            for user in users
        ]
    )
    proved, refused = sorted(answers, key=lambda answer: answer.status)
    assert (proved.status, refused.status, refused.code) == (200, 409, "already_exists")
    assert refused.json["conflict"] == {"field": "mobilePhone", "userId": proved.json["id"]}
    assert User.objects.filter(mobile_phone=NEW).count() == 1


def renamed(user: User, user_name: str) -> None:
    """Somebody else gives the user another name, and commits it."""
    update = User.objects.filter(id=user.id).update
    assert threads.Caller(partial(update, user_name=user_name)).answer == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("times", [1, users.TRIES])
def test_duplicate_released_during_the_request_is_not_answered_404(times, alice, bob):
    """Bob changes his name after the database refuses it and before its owner is looked up."""
    name, left = bob.user_name, [times]

    def give_up(execute: Any, sql: str, *rest: Any) -> Any:
        if left[0] and "UPDATE" in sql:
            renamed(bob, name)
        try:
            return execute(sql, *rest)
        except IntegrityError:
            left[0] -= 1
            renamed(bob, "robert")
            raise

    about = {"client_id": alice.client_id, "user_id": alice.id, "by": people.BY}
    with connection.execute_wrapper(give_up):
        answer = outcome_of(lambda: users.update(**about, values={"user_name": name}))
    if times < users.TRIES:
        assert answer.user_name == name
    else:
        assert isinstance(answer, errors.AlreadyExists)
        assert answer.facts == {"field": "userName"}


def outcome_of(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except errors.Refused as refused:
        return refused
