"""What the database itself refuses about the parties, and what their rows never hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, models, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from tests.support import people
from tests.support.constraints import refused_by
from users import users
from users.models import (
    Approval,
    Case,
    CaseSubject,
    Client,
    DutyState,
    Event,
    IdentityVerification,
    KycDocument,
    Note,
    Otp,
    RecoveryCode,
    RejectionReason,
    SigningKey,
    Task,
    TaskChange,
    Terms,
    TermsSignature,
    Threshold,
    User,
)
from users.models.ids import new_id
from users.models.webhooks import ALL_OF_WEBHOOKS

pytestmark = pytest.mark.django_db

INSERT_KEY = """
    INSERT INTO users_key (client_id, key, fingerprint, made, made_id, status, created_at)
    VALUES (%s, 'k', '', 'user', %s, %s, now())
"""
INSERT_OTP = """
    INSERT INTO users_otp (id, client_id, user_id, mobile_phone, tries, sent_at, expires_at)
    VALUES (%s, %s, %s, %s, 0, now(), now())
"""


# --- Every constraint by its name ---------------------------------------------------------------


@pytest.fixture
def stage(client_demo: Client) -> dict[str, User]:
    """Alice and Bob, just created."""
    make = [people.ALICE, people.BOB]
    made = [
        users.create(client_id=client_demo.id, values=values, by=people.BY).user for values in make
    ]
    return {user.user_name: user for user in made}


def break_client_status(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_client SET status = 'GONE'")


def break_scopes(users: dict[str, User]) -> str:
    people.a_key(users["alice"].client)
    return refused_by("UPDATE users_apikey SET scopes = '{users:read,everything}'")


def break_signing_scopes(users: dict[str, User]) -> str:
    SigningKey.objects.create(client=users["alice"].client, kid="demo-1", scopes=[])
    return refused_by("UPDATE users_signingkey SET scopes = '{everything}'")


def break_key_status(users: dict[str, User]) -> str:
    return refused_by(INSERT_KEY, [users["alice"].client_id, new_id(), 409])


def break_user_identity(users: dict[str, User]) -> str:
    with connection.cursor() as cursor:  # the primary key would be the first to refuse
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE users_user DROP CONSTRAINT users_user_pkey CASCADE")
    alice, bob = users.values()
    Otp.objects.all().delete()
    return refused_by("UPDATE users_user SET id = %s WHERE id = %s", [alice.id, bob.id])


def break_user_name(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_user SET user_name = 'alice'")


def break_mobile_phone(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_user SET mobile_phone = '+34600000001'")


def break_user_status(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_user SET status = 'DELETED'")


def break_names(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_user SET company_name = 'Example Ltd'")


def break_reach(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_user SET mobile_phone = '' WHERE user_name = 'alice'")


def break_end(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_user SET status = 'UNSUBSCRIBED'")


def break_erasure(users: dict[str, User]) -> str:
    blank = (
        "user_name = '', mobile_phone = '', first_name = '', last_name = '', company_name = '',"
        " email = '', unverified_phone = '', dlt_address = '', dlt_network = ''"
    )
    return refused_by(f"UPDATE users_user SET erased_at = now(), {blank}")


def break_level(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_user SET kyc_level = 3")


def break_otp_of_a_number(users: dict[str, User]) -> str:
    otp = Otp.objects.get(user=users["alice"])
    return refused_by(INSERT_OTP, [new_id(), otp.client_id, otp.user_id, otp.mobile_phone])


def break_tries(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_otp SET tries = 6")


def break_delivery(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_otp SET sealed = 'x', next_try_at = now(), digest = NULL")


def break_phone_use(users: dict[str, User]) -> str:
    same = "number, client_id, day, asked, sent, tries"
    return refused_by(f"INSERT INTO users_phoneuse ({same}) SELECT {same} FROM users_phoneuse")


def break_phone_codes(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_phoneuse SET asked = 11")


def break_phone_tries(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_phoneuse SET tries = 16")


def break_sandbox(users: dict[str, User]) -> str:
    unguarded = "ALTER TABLE users_sandbox DISABLE TRIGGER USER"
    return refused_by(f"{unguarded}; INSERT INTO users_sandbox (id, clock_offset) VALUES (2, '0')")


def break_number_of_barriers(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_barrier SET id = 2")


def break_barrier(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_barrier SET released_at = barrier_at + interval '1 second'")


def break_position_of_the_barrier(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_barrier SET released_position = barrier_position + 1")


def break_recovery_codes(users: dict[str, User]) -> str:
    member = get_user_model().objects.create_user("bob")
    code = RecoveryCode.objects.create(member=member, digest=b"1" * 32)
    return refused_by(
        "INSERT INTO users_recoverycode (member_id, digest, created_at)"
        " SELECT member_id, digest, created_at FROM users_recoverycode WHERE id = %s",
        [code.pk],
    )


def break_source_of_cash_ins(users: dict[str, User]) -> str:
    return refused_by("UPDATE users_client SET cash_ins = 'CASH'")


BREAKERS: dict[str, Callable[[dict[str, User]], str]] = {
    "client_status_is_known": break_client_status,
    "client_cash_ins_are_known": break_source_of_cash_ins,
    "api_key_scopes_are_known": break_scopes,
    "signing_key_scopes_are_known": break_signing_scopes,
    "key_status_is_a_success": break_key_status,
    "recovery_code_is_stored_once": break_recovery_codes,
    "user_is_of_one_client": break_user_identity,
    "user_name_is_taken_once": break_user_name,
    "user_mobile_phone_is_taken_once": break_mobile_phone,
    "user_status_is_known": break_user_status,
    "user_kind_has_its_names": break_names,
    "user_can_be_reached_until_erased": break_reach,
    "user_end_has_a_time": break_end,
    "user_is_erased_after_its_end": break_erasure,
    "user_kyc_level_is_known": break_level,
    "otp_of_a_number_is_one": break_otp_of_a_number,
    "otp_tries_are_few": break_tries,
    "otp_to_deliver_is_right": break_delivery,
    "database_is_one_sandbox_at_most": break_sandbox,
    "barrier_is_one_row": break_number_of_barriers,
    "barrier_is_not_before_its_release": break_barrier,
    "barrier_position_is_not_before_its_release": break_position_of_the_barrier,
    "phone_use_of_a_day_is_counted_once": break_phone_use,
    "phone_use_sends_few_codes_a_day": break_phone_codes,
    "phone_use_has_few_tries_a_day": break_phone_tries,
}


@pytest.mark.parametrize("name", BREAKERS)
def test_database_refuses_rows_that_violate_a_constraint(name, stage):
    assert BREAKERS[name](stage) == name


BROKEN_ELSEWHERE = {
    Approval,
    Case,
    CaseSubject,
    DutyState,
    KycDocument,
    IdentityVerification,
    Note,
    RejectionReason,
    Task,
    TaskChange,
    Terms,
    TermsSignature,
    Threshold,
    *ALL_OF_WEBHOOKS,
}
"""Their constraints are broken in `test_approvals`, `test_cases`, `test_duties`,
`test_kyc_documents`, `test_verifications_and_terms`, `test_notes_and_reasons`, `test_tasks` and
`test_webhooks`."""


def test_every_constraint_of_users_is_tested():
    declared = {
        constraint.name
        for model in apps.get_app_config("users").get_models()
        for constraint in model._meta.constraints
        if model not in BROKEN_ELSEWHERE
    }
    assert declared == set(BREAKERS)


@pytest.mark.parametrize(
    "names",
    [
        "first_name = ''",
        "last_name = ''",
        "first_name = '', last_name = '', company_name = 'Example Ltd'",
        "kind = 'JURIDICAL'",
        "kind = 'JURIDICAL', company_name = 'Example Ltd'",
        "kind = 'JURIDICAL', first_name = '', last_name = ''",
        "kind = 'ROBOT'",
    ],
)
def test_user_has_exactly_the_names_of_its_kind(names, stage):
    refused = refused_by(f"UPDATE users_user SET {names} WHERE user_name = 'alice'")
    assert refused == "user_kind_has_its_names"


def test_one_time_password_is_of_the_client_of_its_user(stage):
    other = people.a_client("Another")
    assert (
        refused_by(INSERT_OTP, [new_id(), other.id, stage["alice"].id, "+34600000009"])
        == "otp_is_of_the_users_client"
    )


def test_idempotency_key_is_used_once_per_client(client_demo):
    for client in (client_demo, people.a_client("Another")):
        users.create(client_id=client.id, values=people.ALICE, by=people.BY, key="k")
    assert refused_by(INSERT_KEY, [client_demo.id, new_id(), 202]) == "users_key_pkey"


def test_key_digest_is_unique(client_demo):
    people.a_key(client_demo), people.a_key(client_demo)
    assert "digest" in refused_by("UPDATE users_apikey SET digest = 'same'")


def test_client_name_is_unique(client_demo):
    people.a_client("Another")
    assert "name" in refused_by("UPDATE users_client SET name = 'Demo'")


def test_two_clients_may_have_the_same_user(client_demo):
    other = people.a_client("Another")
    for client in (client_demo, other):
        users.create(client_id=client.id, values=people.ALICE, by=people.BY)
    assert User.objects.filter(user_name="alice").count() == 2


def test_no_foreign_key_of_users_cascades():
    keys = [
        field
        for model in apps.get_app_config("users").get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey)
    ]
    assert {key.remote_field.on_delete for key in keys} == {models.PROTECT}


def test_client_with_users_is_never_deleted(stage):
    with pytest.raises(ProtectedError):
        stage["alice"].client.delete()


# --- Who owns what ------------------------------------------------------------------------------


def test_users_are_owned_by_one_client(stage):
    alice = stage["alice"]
    other = people.a_client("Another")
    assert set(User.objects.owned_by(alice.client_id)) == set(stage.values())
    assert not User.objects.owned_by(other.id).exists()
    assert set(User.objects.owned_by(None)) == set(stage.values())


# --- What is written down -----------------------------------------------------------------------


def test_save_changes_no_row_of_another_client(stage):
    alice, another = stage["alice"], people.a_client("Yet another")
    alice.client_id, alice.email = another.id, "other@example.com"
    with pytest.raises(DatabaseError, match="did not affect any rows"), transaction.atomic():
        alice.save(update_fields=["email"])
    assert User.objects.get(id=alice.id).email == ""


def test_events_contain_no_personal_text(client_demo, clock):
    user = people.a_user(client_demo, people.ALICE | {"email": "alice@example.com"})
    values = {"first_name": "Alicia", "mobile_phone": "+34600000005", "email": ""}
    users.update(client_id=client_demo.id, user_id=user.id, values=values, by=people.BY)
    clock.go(61)
    users.request_otp(client_id=client_demo.id, user_id=user.id, by=people.BY)
    written = json.dumps(list(Event.objects.values()), default=str)
    assert {event.kind for event in Event.objects.all()} >= {"user.created", "user.changed"}
    for text in ("alice", "Alice", "Alicia", "Example", "example.com", "+34", "600000"):
        assert text not in written


def test_no_row_prints_personal_text(stage):
    alice = stage["alice"]
    otp = Otp.objects.get(user=alice)
    event = Event.objects.about(alice.id)[0]
    assert str(alice) == str(alice.id)
    assert all("+34" not in str(row) and "alice" not in str(row) for row in (alice, otp, event))


def test_event_stores_its_actor(stage):
    event = Event.objects.about(stage["alice"].id).get()
    assert (event.kind, event.subject, event.actor) == ("user.created", "user", "system:tests")


def test_one_time_password_is_void_without_a_digest_or_after_expiry():
    now = timezone.now()
    assert Otp(digest=b"x", expires_at=now + timedelta(seconds=1)).is_open(now)
    assert not Otp(digest=b"x", expires_at=now).is_open(now)
    assert not Otp(digest=None, expires_at=now + timedelta(seconds=1)).is_open(now)
