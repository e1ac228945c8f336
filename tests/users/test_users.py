"""A user's life: what follows what, and how it begins."""

from __future__ import annotations

from itertools import product

import pytest
from django.db import IntegrityError, transaction

from iocash import errors
from tests.support import people
from tests.support.user_actions import COMPANY, change, create, kinds
from users import users
from users.models import Event, Key, User
from users.models.ids import new_id

pytestmark = pytest.mark.django_db

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


# --- The table ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "requested"), list(product(User.Status, repeat=2)))
def test_every_pair_of_statuses_is_allowed_or_refused(status, requested):
    user_id = new_id()
    if (status, requested) in ALLOWED:
        users.require_transition(status, requested, user_id)
        return
    with pytest.raises(errors.InvalidTransition) as refused:
        users.require_transition(status, requested, user_id)
    assert refused.value.facts == {"user_id": user_id, "status": status, "requested": requested}


def test_unsubscribed_status_has_no_transitions():
    assert not users.TRANSITIONS[UNSUBSCRIBED]


def test_every_status_is_in_the_table():
    assert set(users.TRANSITIONS) == set(User.Status)


# --- Creating -----------------------------------------------------------------------------------


def test_created_user_has_an_unverified_phone(client_demo):
    made = create(client_demo, people.ALICE)
    stored = User.objects.get()
    assert made == (stored, True, False)
    assert (stored.status, stored.phone_to_verify) == (CREATED, "+34600000001")
    assert stored.id.version == 7


def test_creation_sends_a_code_and_records_an_event(client_demo, codes):
    user = create(client_demo, people.ALICE).user
    assert [(sent.user_id, sent.phone) for sent in codes] == [(user.id, "+34600000001")]
    assert kinds(user) == ["user.created"]


def test_company_has_one_name(client_demo):
    company = create(client_demo, COMPANY).user
    assert (company.company_name, company.first_name) == ("Example Ltd", "")


@pytest.mark.parametrize(
    ("name", "field"), [("user_name", "userName"), ("mobile_phone", "mobilePhone")]
)
def test_duplicate_refusal_names_the_field_and_the_user(name, field, client_demo, codes):
    alice = create(client_demo, people.ALICE).user
    with pytest.raises(errors.AlreadyExists) as refused:
        create(client_demo, people.BOB | {name: people.ALICE[name]})
    assert refused.value.facts == {"field": field, "user_id": alice.id}
    assert (User.objects.count(), Event.objects.count(), len(codes)) == (1, 1, 1)


def test_duplicate_leaves_the_callers_transaction_usable(client_demo):
    with transaction.atomic():
        create(client_demo, people.ALICE)
        with pytest.raises(errors.AlreadyExists):
            create(client_demo, people.ALICE)
        create(client_demo, people.BOB)
    assert User.objects.count() == 2


def test_other_constraint_violation_is_not_reported_as_a_duplicate(client_demo):
    with pytest.raises(IntegrityError):
        create(client_demo, people.ALICE | {"first_name": ""})


def test_value_of_another_clients_user_is_no_duplicate(client_demo):
    create(client_demo, people.ALICE)
    assert create(people.a_client("Another"), people.ALICE).created


# --- Idempotency keys ---------------------------------------------------------------------------


def test_same_key_creates_one_user_and_sends_one_code(client_demo, codes):
    first = create(client_demo, people.ALICE, key="k")
    second = create(client_demo, dict(reversed(people.ALICE.items())), key="k")
    assert (second.user, second.created, second.replayed) == (first.user, False, True)
    assert (User.objects.count(), len(codes), kinds(first.user)) == (1, 1, ["user.created"])


def test_replay_returns_the_current_user(client_demo):
    user = create(client_demo, people.ALICE, key="k").user
    change(user, first_name="Alicia")
    assert create(client_demo, people.ALICE, key="k").user.first_name == "Alicia"


def test_key_reuse_with_another_order_is_refused_with_the_created_user(client_demo):
    alice = create(client_demo, people.ALICE, key="k").user
    with pytest.raises(errors.IdempotencyKeyReused) as refused:
        create(client_demo, people.BOB, key="k")
    facts = {"idempotency_key": "k", "resource": "user", "id": alice.id}
    assert refused.value.facts == facts
    assert User.objects.count() == 1


def test_refused_creation_does_not_use_its_key(client_demo):
    create(client_demo, people.ALICE)
    with pytest.raises(errors.AlreadyExists):
        create(client_demo, people.BOB | {"user_name": "alice"}, key="k")
    assert not Key.objects.exists()
    assert create(client_demo, people.BOB, key="k").created


def test_key_that_moved_money_creates_no_user(alices, bobs):
    outcome = people.transfer(alices, bobs, 1_00, key="k")
    with pytest.raises(errors.IdempotencyKeyReused) as refused:
        create(alices.client, COMPANY, key="k")
    assert refused.value.facts["resource"] == "movement"
    assert refused.value.facts["id"] == outcome.id


def test_two_clients_may_use_the_same_key(client_demo):
    create(client_demo, people.ALICE, key="k")
    assert create(people.a_client("Another"), people.BOB, key="k").created
