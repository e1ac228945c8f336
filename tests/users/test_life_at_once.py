"""A user's life, lived by several callers at the same instant."""

from __future__ import annotations

from typing import Any

import pytest

from iocash import errors
from tests import cast, together
from tests.users.verbs import a_newcomer, change, create, kinds, replace, request_otp
from users import life
from users.models import Otp, User
from users.models.clients import new_id

pytestmark = pytest.mark.django_db


def outcomes(results: list[Any]) -> tuple[list[life.Made], list[errors.Refused]]:
    """Sort what the calls came to; anything but users and refusals is a failure."""
    made = [result for result in results if isinstance(result, life.Made)]
    refused = [result for result in results if isinstance(result, errors.Refused)]
    assert len(made) + len(refused) == len(results), results
    return made, refused


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("name", "field"), [("user_name", "userName"), ("mobile_phone", "mobilePhone")]
)
def test_of_duplicates_at_once_one_is_made_and_the_others_refused(name, field, codes):
    client = cast.a_client()

    def one(number: int) -> life.Made:
        own = {"user_name": f"user{number}", "mobile_phone": f"+3460000010{number}"}
        return create(client, cast.ALICE | own | {name: cast.ALICE[name]})

    made, refused = outcomes(together.at_once(*[lambda n=n: one(n) for n in range(8)]))
    winner = User.objects.get()
    assert [(each.user, each.created) for each in made] == [(winner, True)]
    assert [type(each) for each in refused] == [errors.AlreadyExists] * 7
    assert all(each.facts == {"field": field, "user_id": winner.id} for each in refused)
    assert len(codes) == 1


@pytest.mark.django_db(transaction=True)
def test_one_key_many_times_at_once_makes_one_user(codes):
    client = cast.a_client()
    calls = [lambda: create(client, cast.ALICE, key="k")] * 8
    made, refused = outcomes(together.at_once(*calls))
    user = User.objects.get()
    assert not refused
    assert {each.user.id for each in made} == {user.id}
    assert sorted(each.replayed for each in made) == [False] + [True] * 7
    assert (len(codes), kinds(user)) == (1, ["user.created"])


@pytest.mark.django_db(transaction=True)
def test_one_key_with_two_orders_at_once_makes_one_user():
    client = cast.a_client()
    made, refused = outcomes(
        together.at_once(
            lambda: create(client, cast.ALICE, key="k"), lambda: create(client, cast.BOB, key="k")
        )
    )
    assert [type(each) for each in refused] == [errors.IdempotencyKeyReused]
    assert refused[0].facts["id"] == made[0].user.id == User.objects.get().id


@pytest.mark.django_db(transaction=True)
def test_a_put_of_one_id_many_times_at_once_makes_one_user(codes):
    client, user_id = cast.a_client(), new_id()
    calls = [lambda: replace(client, user_id, cast.ALICE)] * 8
    made, refused = outcomes(together.at_once(*calls))
    assert not refused
    assert sorted(each.created for each in made) == [False] * 7 + [True]
    assert User.objects.get().id == user_id
    assert len(codes) == 1


@pytest.mark.django_db(transaction=True)
def test_a_put_of_one_id_by_two_clients_at_once_belongs_to_one():
    clients, user_id = [cast.a_client(name) for name in ("One", "Two")], new_id()
    calls = [lambda c=client: replace(c, user_id, cast.ALICE) for client in clients]
    made, refused = outcomes(together.at_once(*calls))
    assert [type(each) for each in refused] == [errors.NotFound]
    assert made[0].user.client_id == User.objects.get().client_id


@pytest.mark.django_db(transaction=True)
def test_two_users_never_get_one_number_by_changes_at_once():
    client = cast.a_client()
    users = [create(client, values).user for values in (cast.ALICE, cast.BOB)]
    calls = [lambda u=user: change(u, mobile_phone="+34600000009") for user in users]
    results = together.at_once(*calls)
    assert sorted(type(result).__name__ for result in results) == ["AlreadyExists", "User"]
    assert User.objects.filter(mobile_phone="+34600000009").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_requests_at_once_one_code_is_sent(codes, clock):
    user = a_newcomer(cast.a_client())
    clock.go(61)
    results = together.at_once(*[lambda: request_otp(user)] * 6)
    names = sorted(type(result).__name__ for result in results)
    assert names == ["OtpTooSoon"] * 5 + ["User"]
    assert (len(codes), Otp.objects.count()) == (2, 1)
