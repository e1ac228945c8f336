"""A user's life: replaced, changed, and reached at another number."""

from __future__ import annotations

import pytest

from iocash import errors
from tests.support import people
from tests.support.user_actions import (
    COMPANY,
    change,
    create,
    kinds,
    replace,
    request_otp,
    validate,
)
from tests.support.user_bodies import NEW
from users import users
from users.models import Event, User
from users.models.ids import new_id
from wallets import posting
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db


# --- Replacing ----------------------------------------------------------------------------------


def test_put_creates_under_the_callers_id(client_demo, codes):
    user_id = new_id()
    made = replace(client_demo, user_id, people.ALICE)
    assert made.created
    assert User.objects.get().id == user_id
    assert len(codes) == 1


def test_put_sets_every_field_and_clears_missing_ones(newcomer):
    change(newcomer, email="alice@example.com")
    User.objects.update(dlt_address="0x1", dlt_network="main")
    made = replace(newcomer.client, newcomer.id, people.ALICE | {"first_name": "Alicia"})
    stored = User.objects.get()
    assert not made.created
    assert (stored.first_name, stored.email, stored.dlt_address) == ("Alicia", "", "")
    assert stored.dlt_network == ""


def test_same_put_changes_nothing(newcomer, codes):
    before = kinds(newcomer)
    made = replace(newcomer.client, newcomer.id, people.ALICE)
    assert not made.created
    assert kinds(newcomer) == before
    assert not codes


def test_put_at_another_clients_id_is_not_found(newcomer):
    with pytest.raises(errors.NotFound):
        replace(people.a_client("Another"), newcomer.id, people.BOB)
    assert User.objects.get().user_name == "alice"


def test_kind_never_changes(newcomer):
    with pytest.raises(errors.Immutable) as refused:
        replace(newcomer.client, newcomer.id, COMPANY)
    assert refused.value.facts == {"field": "kind", "user_id": newcomer.id}


def test_put_under_a_new_id_with_duplicate_values_is_refused(newcomer):
    with pytest.raises(errors.AlreadyExists) as refused:
        replace(newcomer.client, new_id(), people.ALICE)
    assert refused.value.facts == {"field": "userName", "user_id": newcomer.id}


# --- Changing -----------------------------------------------------------------------------------


def test_change_sets_only_the_named_fields(newcomer):
    change(newcomer, first_name="Alicia", email="alice@example.com")
    stored = User.objects.get()
    assert (stored.first_name, stored.last_name) == ("Alicia", "Example")
    assert stored.email == "alice@example.com"


def test_change_event_lists_the_changed_fields(newcomer):
    change(newcomer, first_name="Alicia", email="alice@example.com", last_name="Example")
    event = Event.objects.about(newcomer.id).last()
    assert event
    assert (event.kind, event.data) == (
        "user.changed",
        {"fields": "first_name,email"},
    )


def test_change_to_the_same_value_changes_nothing(newcomer):
    change(newcomer, **{name: people.ALICE[name] for name in ("user_name", "mobile_phone")})
    assert kinds(newcomer) == ["user.created"]


def test_change_keeps_a_concurrent_change_of_another_field(newcomer):
    User.objects.update(email="alice@example.com")
    change(newcomer, first_name="Alicia")
    assert User.objects.get().email == "alice@example.com"


@pytest.mark.parametrize("name", ["user_name", "mobile_phone"])
def test_change_to_a_value_of_another_user_is_refused(name, newcomer, bob):
    with pytest.raises(errors.AlreadyExists) as refused:
        change(newcomer, **{name: people.BOB[name]})
    assert refused.value.facts["user_id"] == bob.id
    assert getattr(User.objects.get(id=newcomer.id), name) == people.ALICE[name]


def test_user_of_another_client_is_not_found(newcomer):
    newcomer.client_id = people.a_client("Another").id
    with pytest.raises(errors.NotFound):
        change(newcomer, first_name="Alicia")


def test_staff_change_the_user_of_any_client(newcomer):
    values = {"first_name": "Alicia"}
    users.update(client_id=None, user_id=newcomer.id, values=values, by=people.BY)
    assert User.objects.get().first_name == "Alicia"


@pytest.mark.parametrize(
    ("values", "names", "wrong"),
    [
        (people.ALICE, {"company_name": "Example Ltd"}, ["companyName"]),
        (COMPANY, {"first_name": "Alice", "last_name": "X"}, ["firstName", "lastName"]),
    ],
)
def test_name_fields_of_the_other_kind_are_unknown(values, names, wrong, client_demo):
    user = create(client_demo, values).user
    with pytest.raises(errors.InvalidFields) as refused:
        change(user, **names)
    assert [(each.field, each.code) for each in refused.value.errors] == [
        (name, "unknown_field") for name in wrong
    ]


def test_unsubscribed_user_can_not_be_changed(alice):
    posting.submit(UnsubscribeUser(client_id=alice.client_id, by=people.BY, user_id=alice.id))
    with pytest.raises(errors.UserNotActive) as refused:
        change(alice, first_name="Alicia")
    assert refused.value.facts == {"user_id": alice.id, "status": "UNSUBSCRIBED"}


# --- Phone numbers ------------------------------------------------------------------------------


def test_new_number_replaces_an_unverified_one(newcomer, codes):
    user = change(newcomer, mobile_phone="+34600000009")
    assert (user.mobile_phone, user.unverified_phone) == ("+34600000009", "")
    assert [sent.phone for sent in codes] == ["+34600000009"]


def test_verified_number_stays_until_the_new_one_is_verified(alice, codes):
    user = change(alice, mobile_phone="+34600000009")
    assert (user.mobile_phone, user.unverified_phone) == ("+34600000001", "+34600000009")
    assert [sent.phone for sent in codes] == ["+34600000009"]


def test_same_unverified_number_is_sent_one_code(alice, codes):
    change(alice, mobile_phone="+34600000009")
    change(alice, mobile_phone="+34600000009")
    assert len(codes) == 1


def test_refused_number_is_sent_no_code(newcomer, bob, codes):
    with pytest.raises(errors.AlreadyExists):
        change(newcomer, mobile_phone=people.BOB["mobile_phone"])
    assert not codes


def test_change_of_another_field_keeps_the_unverified_number(alice, codes):
    change(alice, mobile_phone=NEW)
    assert change(alice, email="alice@example.com").unverified_phone == NEW
    assert validate(alice, codes[-1].code).mobile_phone == NEW


def test_change_back_to_the_verified_number_clears_the_unverified_one(alice):
    change(alice, mobile_phone="+34600000009")
    change(alice, mobile_phone="+34600000001")
    assert User.objects.get().unverified_phone == ""


# --- Asking for another code --------------------------------------------------------------------


def test_second_code_is_sent_to_the_unverified_number(newcomer, codes, clock):
    clock.go(61)
    request_otp(newcomer)
    assert [sent.phone for sent in codes] == ["+34600000001"]
    assert kinds(newcomer)[-1] == "user.otp_sent"


def test_second_code_is_sent_to_the_new_number(alice, codes, clock):
    change(alice, mobile_phone="+34600000009")
    clock.go(61)
    request_otp(alice)
    assert [sent.phone for sent in codes] == ["+34600000009"] * 2


def test_verified_user_is_sent_no_code(alice, codes):
    with pytest.raises(errors.AlreadyVerified) as refused:
        request_otp(alice)
    assert refused.value.facts == {"user_id": alice.id, "status": "ACTIVATED"}
    assert not codes


def test_code_for_another_clients_user_is_not_found(newcomer):
    newcomer.client_id = people.a_client("Another").id
    with pytest.raises(errors.NotFound):
        request_otp(newcomer)
