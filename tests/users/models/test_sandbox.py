"""A sandbox: who can make one, and that its clock moves all that has a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError, ProgrammingError, connection, transaction

from iocash import errors
from iocash.db import clock
from iocash.db import sandbox as known_sandbox
from iocash.db.sandbox import KNOWN, is_known_sandbox, is_sandbox, note_sandbox
from tests.support import people, sandbox
from tests.support.limits import LEVELS
from users import otp
from users.admin.clients import offered_scopes
from users.models import ApiKey, Otp, Sandbox, SigningKey, User
from users.models.clients import SANDBOX_SCOPE
from users.models.sandbox import MAKE, advance_clock, make_sandbox

pytestmark = pytest.mark.django_db


def test_empty_database_becomes_a_sandbox():
    before = clock.now()
    make_sandbox(clock_offset=timedelta(days=3), using="default")
    assert clock.now() - before >= timedelta(days=3)
    make_sandbox(using="default")
    assert Sandbox.objects.get().clock_offset == timedelta(days=3)


def test_database_with_clients_does_not_become_a_sandbox(client_demo):
    with pytest.raises(ValueError, match="has clients"):
        make_sandbox(using="default")
    assert not Sandbox.objects.exists()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_command_refuses_a_sandbox_with_clients_and_gives_the_reason(client_demo):
    with pytest.raises(CommandError, match="Only an empty one"):
        call_command("make_sandbox")


@pytest.mark.parametrize("by", [timedelta(0), timedelta(seconds=-1)])
def test_clock_never_goes_back(by):
    sandbox.make()
    with pytest.raises(ValueError, match="only be advanced"):
        advance_clock(by)
    assert Sandbox.objects.get().clock_offset == timedelta(0)


def test_clock_of_another_database_can_not_be_advanced():
    with pytest.raises(ValueError, match="not a sandbox"):
        advance_clock(timedelta(days=1))


def test_hold_expires_when_the_clock_is_advanced(alices, bobs):
    sandbox.make()
    hold = people.place(alices, bobs, 60_00, expires_at=clock.now() + timedelta(days=5))
    advance_clock(timedelta(days=5))
    assert people.seen(hold.id).standing == "EXPIRED"
    people.transfer(alices, bobs, 100_00)
    assert people.balances(alices, bobs) == [0, 100_00]


def test_new_movement_is_dated_by_the_advanced_clock(alices, bobs):
    sandbox.make()
    real = clock.now()
    advance_clock(timedelta(days=40))
    people.transfer(alices, bobs, 1_00)
    settled_at = people.movements(alices)[-1].settled_at
    assert settled_at
    assert settled_at >= real + timedelta(days=40)


def test_cash_ins_of_thirty_days_ago_count_no_more(alice, alices, bobs, settings):
    settings.KYC_LIMITS = LEVELS
    sandbox.make()
    people.transfer(alices, bobs, 100_00)
    User.objects.filter(id=alice.id).update(kyc_level=0)
    with pytest.raises(errors.LimitExceeded):
        people.cash_in(alices, 101_00)
    advance_clock(timedelta(days=30))
    people.cash_in(alices, 101_00)


def test_one_time_password_expires_when_the_clock_is_advanced(alice):
    sandbox.make()
    alice.unverified_phone = "+34600000009"
    alice.save()
    otp.send_code(alice, alice.unverified_phone)
    advance_clock(timedelta(seconds=Otp.LIFETIME_SECONDS))
    with pytest.raises(errors.OtpExpired):
        otp.check_code(alice, "000000")


# --- It stays what it is -------------------------------------------------------------------------

BROKEN = [
    ("DELETE FROM users_sandbox", "sandbox_stays_a_sandbox"),
    (
        "UPDATE users_sandbox SET created_at = created_at + interval '1 s'",
        "sandbox_stays_a_sandbox",
    ),
    (
        "UPDATE users_sandbox SET clock_offset = clock_offset - interval '1 s'",
        "sandbox_clock_only_advances",
    ),
]


@pytest.mark.parametrize(("statement", "name"), BROKEN)
def test_row_of_a_sandbox_is_guarded(statement, name):
    make_sandbox(using="default")
    assert violated(statement) == name


def test_row_is_not_inserted_beside_clients(client_demo):
    statement = "INSERT INTO users_sandbox (id, clock_offset) VALUES (1, interval '0')"
    assert violated(statement) == "sandbox_begins_without_clients"


@pytest.mark.parametrize("statement", ["DELETE FROM users_sandbox", "TRUNCATE users_sandbox"])
def test_serving_role_removes_no_sandbox(statement):
    make_sandbox(using="default")
    assert is_denied(statement)


def test_serving_role_makes_no_sandbox():
    assert is_denied("INSERT INTO users_sandbox (id, clock_offset) VALUES (1, interval '0')")
    assert is_denied("UPDATE users_sandbox SET id = 1")
    assert is_denied(MAKE)


@pytest.mark.parametrize("table", ["users_apikey", "users_signingkey"])
def test_scope_of_sandboxes_is_given_in_sandboxes_only(table, client_demo):
    ApiKey.issue(client=client_demo, label="tests", scopes=["users:read"])
    SigningKey.objects.create(
        client=client_demo, label="tests", kid="tests", public_key="none", scopes=["users:read"]
    )
    statement = f"UPDATE {table} SET scopes = array['users:read', 'sandbox:write']"
    assert violated(statement) == "scope_sandbox_is_of_sandboxes"
    sandbox.make()
    assert violated(statement) is None


def test_command_issues_the_scope_in_sandboxes_only(capsys):
    with pytest.raises(CommandError, match="in sandboxes only"):
        call_command("issue_key", "Demo", "--scope", SANDBOX_SCOPE)
    call_command("issue_key", "Demo")
    assert SANDBOX_SCOPE not in ApiKey.objects.get().scopes
    sandbox.make()
    call_command("issue_key", "Demo")
    assert SANDBOX_SCOPE in ApiKey.objects.latest("created_at").scopes


def test_form_of_keys_offers_the_scope_in_sandboxes_only():
    assert (SANDBOX_SCOPE, SANDBOX_SCOPE) not in offered_scopes()
    sandbox.make()
    assert (SANDBOX_SCOPE, SANDBOX_SCOPE) in offered_scopes()


# --- What a process knows ------------------------------------------------------------------------


def test_database_without_clients_is_asked_again():
    note_sandbox(None)
    assert not is_sandbox()
    assert KNOWN.here.is_sandbox is None
    make_sandbox(using="default")
    assert is_sandbox()
    assert KNOWN.here.is_sandbox is True


def test_database_with_clients_is_asked_once(client_demo, monkeypatch):
    note_sandbox(None)
    assert not is_sandbox()
    monkeypatch.setattr(known_sandbox, "fetch", None)
    assert not is_sandbox()


def test_unreachable_database_is_asked_again_after_a_pause(client_demo, monkeypatch):
    asked: list[str] = []

    def fetch(statement: str, values: object) -> None:
        asked.append(statement)
        raise OperationalError

    sandbox.make()
    note_sandbox(None)
    with monkeypatch.context() as patch:
        patch.setattr(known_sandbox, "fetch", fetch)
        assert not is_known_sandbox()
        assert not is_known_sandbox()
        assert len(asked) == 1
    monkeypatch.setattr(known_sandbox, "PAUSE", 0.0)
    assert is_known_sandbox()


def violated(statement: str) -> str | None:
    """The name of the rule that refuses a statement of the owner of the tables."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except IntegrityError as error:
        return str(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]
    return None


def is_denied(statement: str) -> bool:
    """Whether the serving role lacks the privilege for a statement."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f'SET LOCAL ROLE "{settings.DATABASE_ROLE}"')
            cursor.execute(statement)
    except ProgrammingError as error:
        return type(error.__cause__).__name__ == "InsufficientPrivilege"
    return False
