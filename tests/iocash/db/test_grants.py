"""What the role that serves requests may do to the database, and what it may not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict

from tests.support import people
from tests.support.anchors import anchored
from tests.support.people import Api
from tests.support.resources import ENDPOINTS, RESOURCES, table_of, things
from users import users
from users.models import Event
from wallets import posting
from wallets.models import Movement, Wallet
from wallets.orders.users import UnsubscribeUser
from wallets.orders.wallets import PutWallet

ROLE = settings.DATABASE_ROLE
PHONE = {"mobile_phone": "+34600000003"}

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        settings.DATABASES["default"]["USER"] == ROLE, reason="one role both owns and serves"
    ),
]

# Every table of the schema is here: what the role may do to it, and which columns it may update.
KEPT = "INSERT, SELECT"
ERASED = "DELETE, INSERT, SELECT"
FREE = "DELETE, INSERT, SELECT, UPDATE"
READ = "SELECT"
USER_COLUMNS = (
    "company_name, dlt_address, dlt_network, email, erased_at, first_name, kyc_level, kyc_until,"
    " last_name, metadata, mobile_phone, status, unsubscribed_at, unverified_phone, updated_at,"
    " user_name"
)
DUTY_COLUMNS = (
    "done, failures, last_failure, last_failure_at, last_run_at, last_success_at, lease,"
    " lease_until, next_due_at, seconds"
)
ENDPOINT_COLUMNS = (
    "description, disabled_reason, failing_since, failures, kinds, mail_due, paused_until, ping_id,"
    " secrets, secrets_until, status, updated_at, url, verified_at"
)
PRIVILEGES: dict[str, tuple[str, str]] = {
    **{table_of(resource): (KEPT, resource.updates) for resource in RESOURCES},
    "wallets_audit": (KEPT, ""),
    "wallets_clientmove": (READ, ""),
    "wallets_auditprogress": ("DELETE, INSERT, SELECT", "state"),
    "users_key": (KEPT, ""),
    "users_event": (KEPT, ""),
    "users_client": (KEPT, "cash_ins, contact, name, status"),
    "users_webhookendpoint": (KEPT, ENDPOINT_COLUMNS),
    "users_webhookstream": (KEPT, "ended_at, lease, leased_until, position"),
    "users_webhookdelivery": (
        ERASED,
        "attempts, event_id, failed_at, next_attempt_at, position, status",
    ),
    "users_webhookattempt": (ERASED, ""),
    "users_apikey": (KEPT, "expires_at, label, revoked_at, scopes"),
    "users_signingkey": (KEPT, "expires_at, label, revoked_at, scopes"),
    "users_approval": (
        KEPT,
        "code, decided_at, decided_by_id, decision, facts, made_id, payload, reason, state, texts",
    ),
    "users_threshold": (KEPT, ""),
    "users_otp": (
        ERASED,
        "about, attempts, digest, expires_at, next_try_at, sealed, sent_at, tries",
    ),
    "users_phoneuse": (ERASED, "asked, asked_at, sent, sent_at, tries"),
    "users_kycdocument": (ERASED, "reason, reviewed_at, reviewed_by, status"),
    "users_access": (KEPT, ""),
    "users_note": (ERASED, ""),
    "users_case": (
        KEPT,
        "changes, closed_at, due_on, erased_at, outcome, owner, state, text, title",
    ),
    "users_casesubject": (KEPT, ""),
    "users_caseentry": (KEPT, "text"),
    "users_task": (ERASED, "done_at, done_by, due_on, owner"),
    "users_taskchange": (ERASED, ""),
    "wallets_bankaccount": (
        KEPT,
        "approval_id, bic, booked_by, closed_at, holder_name, opening, opening_date",
    ),
    "wallets_bankaccount_clients": (ERASED, ""),
    "wallets_bankdecision": (KEPT, "answered_at, answered_by, is_approved"),
    "wallets_bankline": (KEPT, "confirmed_by_id, is_open, reason"),
    "wallets_bankoutcome": (KEPT, ""),
    "wallets_bankstatement": (KEPT, ""),
    "wallets_bankstatementfile": (KEPT, ""),
    "wallets_bankupload": (KEPT, "answered_at, answered_by, is_released"),
    "wallets_safeguardingreport": (KEPT, ""),
    "wallets_safeguardingsignature": (KEPT, ""),
    "wallets_unexplainedmovement": (ERASED, ""),
    "wallets_bankfile": (
        KEPT,
        (
            "approval_id, approved_at, approved_by, discarded_by, dropped_at, ended_at, lost_at,"
            " placed_at, reason, sent_at, sent_by, state"
        ),
    ),
    "wallets_bankpayment": (
        KEPT,
        "answered_at, conflict, information, reason_code, status, verification",
    ),
    "wallets_bankreport": (KEPT, ""),
    "wallets_closing": (KEPT, "ended_at, ended_by, holder_name, iban, state"),
    "wallets_closingpayment": (KEPT, ""),
    "wallets_dormancynotice": (KEPT, "note"),
    "wallets_statementfile": (
        KEPT,
        "attempts, closing_head, content, lease, leased_until, sha256, status",
    ),
    "users_reviewassignment": (KEPT, ""),
    "users_rejectionreason": (KEPT, "is_offered, text"),
    "users_identityverification": (
        KEPT,
        "decided_at, failure_url, names, reason, reference, status, success_url, url",
    ),
    "users_terms": (KEPT, ""),
    "users_termssignature": (KEPT, ""),
    "users_recoverycode": (ERASED, "used_at"),
    "users_sandbox": (READ, "clock_offset"),
    "users_barrier": (
        READ,
        "barrier_at, barrier_position, barrier_xid, released_at, released_position",
    ),
    "users_dutystate": (
        KEPT,
        DUTY_COLUMNS,
    ),
    "users_preferences": (ERASED, "digest, digest_date, language, time_zone"),
    "users_user": (KEPT, USER_COLUMNS),
    "auth_user": (FREE, ""),
    "auth_group": (FREE, ""),
    "auth_user_groups": (FREE, ""),
    "auth_group_permissions": (FREE, ""),
    "auth_user_user_permissions": (FREE, ""),
    "auth_permission": (READ, ""),
    "django_session": (FREE, ""),
    "axes_accessattempt": (FREE, ""),
    "axes_accessattemptexpiration": (FREE, ""),
    "axes_accessfailurelog": (FREE, ""),
    "axes_accesslog": (FREE, ""),
    "otp_totp_totpdevice": (FREE, ""),
    "django_admin_log": (KEPT, ""),
    "django_content_type": (READ, ""),
    "django_migrations": (READ, ""),
}

SEQUENCES = [("users_event_position_seq", "SELECT"), ("wallets_iban_number", "USAGE")]

TABLE_PRIVILEGES = """
    SELECT relname, coalesce(string_agg(name, ', ' ORDER BY name), '')
    FROM pg_class LEFT JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE',
                                         'REFERENCES', 'TRIGGER']) AS name
        ON has_table_privilege(%s, pg_class.oid, name)
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
    GROUP BY relname
"""
SEQUENCE_PRIVILEGES = """
    SELECT relname, name FROM pg_class, unnest(ARRAY['SELECT', 'USAGE', 'UPDATE']) AS name
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
      AND has_sequence_privilege(%s, pg_class.oid, name)
"""
UPDATABLE_COLUMNS = """
    SELECT relname, string_agg(attname, ', ' ORDER BY attname)
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
        AND NOT attisdropped
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      AND has_column_privilege(%s, pg_class.oid, attname, 'UPDATE')
      AND NOT has_table_privilege(%s, pg_class.oid, 'UPDATE')
    GROUP BY relname
"""


def test_privileges_of_the_role_are_exactly_the_listed_ones():
    with connection.cursor() as cursor:
        cursor.execute(TABLE_PRIVILEGES, [ROLE])
        tables = dict(cursor.fetchall())
        cursor.execute(UPDATABLE_COLUMNS, [ROLE, ROLE])
        columns = dict(cursor.fetchall())
    assert {name: (may, columns.get(name, "")) for name, may in tables.items()} == PRIVILEGES


def test_serving_role_has_its_privileges_on_sequences():
    with connection.cursor() as cursor:
        cursor.execute(SEQUENCE_PRIVILEGES, [ROLE])
        assert sorted(cursor.fetchall()) == SEQUENCES


def test_role_owns_nothing_and_has_no_special_attributes():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,"
            " EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid),"
            " EXISTS (SELECT FROM pg_proc WHERE proowner = pg_roles.oid),"
            " EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid"
            "         AND roleid <> 'pg_read_all_stats'::regrole),"
            " has_schema_privilege(oid, 'public', 'CREATE')"
            " FROM pg_roles WHERE rolname = %s",
            [ROLE],
        )
        assert cursor.fetchall() == [(False,) * 9]


# --- What it may not -----------------------------------------------------------------------------


@pytest.fixture
def serving(db: None) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the role to the database of the tests."""
    connection.ensure_connection()
    here = connection.connection.info
    address = conninfo_to_dict(settings.DATABASE_URL) if settings.DATABASE_URL else {}
    place = {"host": here.host, "port": here.port, "dbname": here.dbname, "user": ROLE}
    with psycopg.connect(**(address | place)) as conn:
        yield conn


def columns(table: str) -> list[str]:
    model = next(
        each for each in apps.get_models(include_auto_created=True) if each._meta.db_table == table
    )
    return [field.column for field in model._meta.fields if field.column]


OURS = [table for table in PRIVILEGES if table.startswith(("users_", "wallets_"))]
OWNERS_ONLY = [
    *(
        f"{statement} {table}"
        for table in OURS
        for statement in ("DELETE FROM", "TRUNCATE", "DROP TABLE", "LOCK TABLE")
        if PRIVILEGES[table][0] == KEPT
    ),
    *(
        f"UPDATE {table} SET {column} = {column}"
        for table in OURS
        for column in columns(table)
        if column not in PRIVILEGES[table][1].split(", ")
    ),
    "ALTER TABLE wallets_movement DISABLE TRIGGER ALL",
    "ALTER TABLE wallets_movement DISABLE TRIGGER movement_is_written_once",
    "DROP TRIGGER movement_is_written_once ON wallets_movement",
    "ALTER TABLE wallets_hold DISABLE TRIGGER hold_is_placed_once",
    "DROP TRIGGER hold_is_placed_once ON wallets_hold",
    "ALTER TABLE wallets_wallet DROP CONSTRAINT wallet_balance_covers_held",
    "ALTER TABLE wallets_movement ADD COLUMN extra int",
    "DROP FUNCTION movement_is_written_once CASCADE",
    "CREATE TRIGGER mine AFTER INSERT ON users_key EXECUTE FUNCTION movement_is_written_once()",
    "CREATE TABLE mine (id int)",
    "SET session_replication_role = 'replica'",
]


@pytest.mark.slow
@pytest.mark.parametrize("statement", OWNERS_ONLY)
def test_role_is_refused_statements_of_the_owner(serving, statement):
    with pytest.raises(pg.InsufficientPrivilege):
        serving.execute(statement)


# --- What it may ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_role_may_run_everything_that_serving_needs(as_serving, settings, tmp_path):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (ROLE,)
    client = people.a_client()
    alice, bob = people.a_user(client, people.ALICE), people.a_user(client, people.BOB)
    alices, bobs = people.first_wallet(alice), people.first_wallet(bob)
    people.cash_in(alices, 10_00, concept="Card", key="k")
    people.transfer(alices, bobs, 10_00, metadata={"a": "b"})
    values = {"email": "b@example.com", "mobile_phone": "+34600000009"}
    users.update(client_id=client.id, user_id=bob.id, values=values, by=people.BY)
    put = PutWallet(
        client_id=client.id, by=people.BY, user_id=alice.id, wallet_id=people.unknown_id()
    )
    assert [posting.submit(put).status for _ in range(2)] == [201, 200]
    posting.submit(UnsubscribeUser(client_id=client.id, by=people.BY, user_id=alice.id))
    bobs_other = people.first_wallet(
        people.a_user(client, people.BOB | {"user_name": "bob2"} | PHONE)
    )
    hold = people.place(bobs, bobs_other, 5_00, expires_at=timezone.now() + timedelta(days=1))
    paid = people.execute(hold, 1_00, keep_open=True)
    people.pass_time(timedelta(days=2))
    people.reverse(paid)
    there = things(bobs, bobs_other, 1_00)
    anchored(settings, tmp_path)
    api = Api(people.a_key(client))
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET" and "{user}" not in endpoint.path:
            assert api.get(endpoint.at(there)).status == 200
    assert people.seen(hold.id).status == "EXPIRED"
    assert people.balances(alices, bobs) == [0, 10_00]
    assert (Wallet.objects.count(), Movement.objects.count()) == (4, 9)
    assert Event.objects.exists()
