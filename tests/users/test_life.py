"""A user's life: what follows what, and the verbs that need no wallet."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from iocash import errors
from tests import cast, together
from users import life
from users.models import Client, Event, Key, Otp, User
from users.models.clients import new_id
from wallets import posting
from wallets.life import Unsubscribe

pytestmark = pytest.mark.django_db

COMPANY = {
    "kind": "JURIDICAL",
    "user_name": "example-ltd",
    "company_name": "Example Ltd",
    "mobile_phone": "+34600000003",
}
CREATED, VERIFIED, ACTIVATED, BLOCKED, UNSUBSCRIBED = User.Status
ALLOWED = {
    (CREATED, VERIFIED),
    (CREATED, UNSUBSCRIBED),
    (VERIFIED, ACTIVATED),
    (VERIFIED, UNSUBSCRIBED),
    (ACTIVATED, BLOCKED),
    (ACTIVATED, UNSUBSCRIBED),
    (BLOCKED, ACTIVATED),
    (BLOCKED, UNSUBSCRIBED),
}


def create(client: Client, values: dict[str, Any], **kwargs: Any) -> life.Made:
    return life.create(client_id=client.id, values=values, by=cast.BY, **kwargs)


def replace(client: Client, user_id: Any, values: dict[str, Any]) -> life.Made:
    return life.replace(client_id=client.id, user_id=user_id, values=values, by=cast.BY)


def change(user: User, **values: Any) -> User:
    return life.change(client_id=user.client_id, user_id=user.id, values=values, by=cast.BY)


def kinds(user: User) -> list[str]:
    return [event.kind for event in Event.objects.about(user.id)]


# --- The table ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "requested"), list(product(User.Status, repeat=2)))
def test_every_pair_of_statuses_is_allowed_or_refused(status, requested):
    user_id = new_id()
    if (status, requested) in ALLOWED:
        life.require_transition(status, requested, user_id)
        return
    with pytest.raises(errors.InvalidTransition) as refused:
        life.require_transition(status, requested, user_id)
    assert refused.value.facts == {"user_id": user_id, "status": status, "requested": requested}


def test_the_end_is_final():
    assert not life.TRANSITIONS[UNSUBSCRIBED]


def test_every_status_is_in_the_table():
    assert set(life.TRANSITIONS) == set(User.Status)


# --- Creating -----------------------------------------------------------------------------------


def test_a_created_user_waits_for_its_phone_to_be_verified(client_demo):
    made = create(client_demo, cast.ALICE)
    stored = User.objects.get()
    assert made == (stored, True, False)
    assert (stored.status, stored.phone_to_verify) == (CREATED, "+34600000001")
    assert stored.id.version == 7


def test_creating_sends_a_code_and_records_it(client_demo, codes):
    user = create(client_demo, cast.ALICE).user
    assert [(sent.user_id, sent.phone) for sent in codes] == [(user.id, "+34600000001")]
    assert kinds(user) == ["user.created"]


def test_a_company_has_one_name(client_demo):
    company = create(client_demo, COMPANY).user
    assert (company.company_name, company.first_name) == ("Example Ltd", "")


@pytest.mark.parametrize(
    ("name", "field"), [("user_name", "userName"), ("mobile_phone", "mobilePhone")]
)
def test_a_duplicate_is_refused_naming_the_field_and_the_user(name, field, client_demo, codes):
    alice = create(client_demo, cast.ALICE).user
    with pytest.raises(errors.AlreadyExists) as refused:
        create(client_demo, cast.BOB | {name: cast.ALICE[name]})
    assert refused.value.facts == {"field": field, "user_id": alice.id}
    assert (User.objects.count(), Event.objects.count(), len(codes)) == (1, 1, 1)


def test_a_duplicate_leaves_the_callers_transaction_usable(client_demo):
    with transaction.atomic():
        create(client_demo, cast.ALICE)
        with pytest.raises(errors.AlreadyExists):
            create(client_demo, cast.ALICE)
        create(client_demo, cast.BOB)
    assert User.objects.count() == 2


def test_another_violation_is_a_bug_and_is_not_called_a_duplicate(client_demo):
    with pytest.raises(IntegrityError):
        create(client_demo, cast.ALICE | {"first_name": ""})


def test_what_another_client_has_is_no_duplicate(client_demo):
    create(client_demo, cast.ALICE)
    assert create(cast.a_client("Another"), cast.ALICE).created


# --- Idempotency keys ---------------------------------------------------------------------------


def test_the_same_key_makes_one_user_and_sends_one_code(client_demo, codes):
    first = create(client_demo, cast.ALICE, key="k")
    second = create(client_demo, dict(reversed(cast.ALICE.items())), key="k")
    assert (second.user, second.created, second.replayed) == (first.user, False, True)
    assert (User.objects.count(), len(codes), kinds(first.user)) == (1, 1, ["user.created"])


def test_a_replay_shows_the_user_as_it_is_now(client_demo):
    user = create(client_demo, cast.ALICE, key="k").user
    change(user, first_name="Alicia")
    assert create(client_demo, cast.ALICE, key="k").user.first_name == "Alicia"


def test_a_key_with_another_order_is_refused_naming_what_it_made(client_demo):
    alice = create(client_demo, cast.ALICE, key="k").user
    with pytest.raises(errors.IdempotencyKeyReused) as refused:
        create(client_demo, cast.BOB, key="k")
    facts = {"idempotency_key": "k", "resource": "user", "id": alice.id}
    assert refused.value.facts == facts
    assert User.objects.count() == 1


def test_a_refused_creation_leaves_its_key_free(client_demo):
    create(client_demo, cast.ALICE)
    with pytest.raises(errors.AlreadyExists):
        create(client_demo, cast.BOB | {"user_name": "alice"}, key="k")
    assert not Key.objects.exists()
    assert create(client_demo, cast.BOB, key="k").created


def test_a_key_that_moved_money_creates_no_user(alices, bobs):
    outcome = cast.transfer(alices, bobs, 1_00, key="k")
    with pytest.raises(errors.IdempotencyKeyReused) as refused:
        create(alices.client, COMPANY, key="k")
    assert refused.value.facts["resource"] == "movement"
    assert refused.value.facts["id"] == outcome.id


def test_two_clients_may_use_the_same_key(client_demo):
    create(client_demo, cast.ALICE, key="k")
    assert create(cast.a_client("Another"), cast.BOB, key="k").created


# --- At the same instant ------------------------------------------------------------------------


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


# --- Replacing ----------------------------------------------------------------------------------


def test_a_put_creates_under_the_callers_id(client_demo, codes):
    user_id = new_id()
    made = replace(client_demo, user_id, cast.ALICE)
    assert made.created
    assert User.objects.get().id == user_id
    assert len(codes) == 1


def test_a_put_sets_every_field_and_blanks_what_it_leaves_out(newcomer):
    change(newcomer, email="alice@example.com")
    User.objects.update(dlt_address="0x1", dlt_network="main")
    made = replace(newcomer.client, newcomer.id, cast.ALICE | {"first_name": "Alicia"})
    stored = User.objects.get()
    assert not made.created
    assert (stored.first_name, stored.email, stored.dlt_address) == ("Alicia", "", "")
    assert stored.dlt_network == ""


def test_a_put_of_what_is_there_already_changes_nothing(newcomer, codes):
    before = kinds(newcomer)
    made = replace(newcomer.client, newcomer.id, cast.ALICE)
    assert not made.created
    assert kinds(newcomer) == before
    assert not codes


def test_a_put_at_another_clients_id_finds_nothing(newcomer):
    with pytest.raises(errors.NotFound):
        replace(cast.a_client("Another"), newcomer.id, cast.BOB)
    assert User.objects.get().user_name == "alice"


def test_the_kind_never_changes(newcomer):
    with pytest.raises(errors.Immutable) as refused:
        replace(newcomer.client, newcomer.id, COMPANY)
    assert refused.value.facts == {"field": "kind", "user_id": newcomer.id}


def test_a_put_under_a_new_id_is_refused_for_a_duplicate(newcomer):
    with pytest.raises(errors.AlreadyExists) as refused:
        replace(newcomer.client, new_id(), cast.ALICE)
    assert refused.value.facts == {"field": "userName", "user_id": newcomer.id}


# --- Changing -----------------------------------------------------------------------------------


def test_a_change_sets_what_it_names_and_nothing_else(newcomer):
    change(newcomer, first_name="Alicia", email="alice@example.com")
    stored = User.objects.get()
    assert (stored.first_name, stored.last_name) == ("Alicia", "Example")
    assert stored.email == "alice@example.com"


def test_a_change_is_recorded_by_the_names_of_its_fields(newcomer):
    change(newcomer, first_name="Alicia", email="alice@example.com", last_name="Example")
    event = Event.objects.about(newcomer.id).last()
    assert event
    assert (event.kind, event.data) == (
        "user.changed",
        {"fields": "first_name,email"},
    )


def test_a_change_to_the_same_changes_nothing(newcomer):
    change(newcomer, **{name: cast.ALICE[name] for name in ("user_name", "mobile_phone")})
    assert kinds(newcomer) == ["user.created"]


def test_a_change_keeps_what_somebody_else_changed_meanwhile(newcomer):
    User.objects.update(email="alice@example.com")
    change(newcomer, first_name="Alicia")
    assert User.objects.get().email == "alice@example.com"


@pytest.mark.parametrize("name", ["user_name", "mobile_phone"])
def test_a_change_to_what_another_user_has_is_refused(name, newcomer, bob):
    with pytest.raises(errors.AlreadyExists) as refused:
        change(newcomer, **{name: cast.BOB[name]})
    assert refused.value.facts["user_id"] == bob.id
    assert getattr(User.objects.get(id=newcomer.id), name) == cast.ALICE[name]


def test_a_user_of_another_client_is_not_found(newcomer):
    newcomer.client_id = cast.a_client("Another").id
    with pytest.raises(errors.NotFound):
        change(newcomer, first_name="Alicia")


def test_staff_change_the_user_of_any_client(newcomer):
    values = {"first_name": "Alicia"}
    life.change(client_id=None, user_id=newcomer.id, values=values, by=cast.BY)
    assert User.objects.get().first_name == "Alicia"


@pytest.mark.parametrize(
    ("values", "names", "wrong"),
    [
        (cast.ALICE, {"company_name": "Example Ltd"}, ["companyName"]),
        (COMPANY, {"first_name": "Alice", "last_name": "X"}, ["firstName", "lastName"]),
    ],
)
def test_the_names_of_the_other_kind_are_unknown(values, names, wrong, client_demo):
    user = create(client_demo, values).user
    with pytest.raises(errors.InvalidFields) as refused:
        change(user, **names)
    assert [(each.field, each.code) for each in refused.value.errors] == [
        (name, "unknown_field") for name in wrong
    ]


def test_an_ended_user_never_changes(alice):
    posting.submit(Unsubscribe(client_id=alice.client_id, by=cast.BY, user_id=alice.id))
    with pytest.raises(errors.UserNotActive) as refused:
        change(alice, first_name="Alicia")
    assert refused.value.facts == {"user_id": alice.id, "status": "UNSUBSCRIBED"}


# --- Phone numbers ------------------------------------------------------------------------------


def test_a_new_number_of_a_user_without_a_verified_one_takes_its_place(newcomer, codes):
    user = change(newcomer, mobile_phone="+34600000009")
    assert (user.mobile_phone, user.unverified_phone) == ("+34600000009", "")
    assert [sent.phone for sent in codes] == ["+34600000009"]


def test_a_verified_number_holds_until_the_new_one_is_verified(alice, codes):
    user = change(alice, mobile_phone="+34600000009")
    assert (user.mobile_phone, user.unverified_phone) == ("+34600000001", "+34600000009")
    assert [sent.phone for sent in codes] == ["+34600000009"]


def test_the_number_that_waits_is_sent_nothing_twice(alice, codes):
    change(alice, mobile_phone="+34600000009")
    change(alice, mobile_phone="+34600000009")
    assert len(codes) == 1


def test_a_refused_number_is_sent_nothing(newcomer, bob, codes):
    with pytest.raises(errors.AlreadyExists):
        change(newcomer, mobile_phone=cast.BOB["mobile_phone"])
    assert not codes


def test_a_change_back_to_the_verified_number_forgets_the_one_that_waited(alice):
    change(alice, mobile_phone="+34600000009")
    change(alice, mobile_phone="+34600000001")
    assert User.objects.get().unverified_phone == ""


# --- Asking for another code --------------------------------------------------------------------


def request_otp(user: User) -> User:
    return life.request_otp(client_id=user.client_id, user_id=user.id, by=cast.BY)


def test_another_code_goes_to_the_number_that_waits(newcomer, codes, clock):
    clock.go(61)
    request_otp(newcomer)
    assert [sent.phone for sent in codes] == ["+34600000001"]
    assert kinds(newcomer)[-1] == "user.otp_sent"


def test_the_number_that_waits_is_the_new_one(alice, codes, clock):
    change(alice, mobile_phone="+34600000009")
    clock.go(61)
    request_otp(alice)
    assert [sent.phone for sent in codes] == ["+34600000009"] * 2


def test_nothing_is_sent_to_a_verified_user(alice, codes):
    with pytest.raises(errors.AlreadyVerified) as refused:
        request_otp(alice)
    assert refused.value.facts == {"user_id": alice.id, "status": "ACTIVATED"}
    assert not codes


def test_a_code_for_another_clients_user_is_not_found(newcomer):
    newcomer.client_id = cast.a_client("Another").id
    with pytest.raises(errors.NotFound):
        request_otp(newcomer)


@pytest.mark.django_db(transaction=True)
def test_of_requests_at_once_one_code_is_sent(codes, clock):
    user = create(cast.a_client(), cast.ALICE).user
    clock.go(61)
    results = together.at_once(*[lambda: request_otp(user)] * 6)
    names = sorted(type(result).__name__ for result in results)
    assert names == ["OtpTooSoon"] * 5 + ["User"]
    assert (len(codes), Otp.objects.count()) == (2, 1)
