"""What the role that serves requests may do to the database, and what it may not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict

from tests.support import people
from tests.support.people import Api
from users import users
from users.models import Event
from wallets import posting
from wallets.models import Movement, Wallet
from wallets.orders.external_accounts import AddExternalAccount
from wallets.orders.users import UnsubscribeUser
from wallets.orders.wallets import PutWallet

ROLE = settings.DATABASE_ROLE
IBAN = "ES9121000418450200051332"
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
    " last_name, metadata, mobile_phone, status, unsubscribed_at, unverified_phone, user_name"
)
PRIVILEGES: dict[str, tuple[str, str]] = {
    "wallets_wallet": (
        KEPT,
        (
            "alias, balance, dlt_address, dlt_network, head, held, iban, metadata, next_expiry,"
            " received, seq, settled_at, status"
        ),
    ),
    "wallets_movement": (
        KEPT,
        "balance_after, digest, ended_at, reason, received_after, sent_at, seq, settled_at, status",
    ),
    "wallets_hold": (KEPT, "ended_at, expires_at, remaining, status"),
    "wallets_externalaccount": (KEPT, "status"),
    "wallets_audit": (KEPT, ""),
    "users_key": (KEPT, ""),
    "users_event": (KEPT, ""),
    "users_client": (KEPT, "name, status"),
    "users_apikey": (KEPT, "expires_at, label, revoked_at"),
    "users_signingkey": (KEPT, "expires_at, label, revoked_at"),
    "users_otp": (ERASED, "digest, expires_at, sent_at, tries"),
    "users_phoneuse": (ERASED, "asked, asked_at, sent, sent_at, tries"),
    "users_kycdocument": (ERASED, "reason, reviewed_at, reviewed_by, status"),
    "users_access": (KEPT, ""),
    "users_sandbox": (READ, "clock_offset"),
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

TABLE_PRIVILEGES = """
    SELECT relname, coalesce(string_agg(name, ', ' ORDER BY name), '')
    FROM pg_class LEFT JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE',
                                         'REFERENCES', 'TRIGGER']) AS name
        ON has_table_privilege(%s, pg_class.oid, name)
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
    GROUP BY relname
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


def test_role_owns_nothing_and_has_no_special_attributes():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,"
            " EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid),"
            " EXISTS (SELECT FROM pg_proc WHERE proowner = pg_roles.oid),"
            " EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid),"
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


OWNERS_ONLY = [
    *[
        f"{statement} {table}"
        for table in (
            "wallets_wallet",
            "wallets_movement",
            "wallets_hold",
            "wallets_externalaccount",
            "users_key",
            "users_event",
        )
        for statement in ("DELETE FROM", "TRUNCATE", "DROP TABLE", "LOCK TABLE")
    ],
    *[
        f"UPDATE wallets_movement SET {change}"
        for change in (
            "amount = amount",
            "wallet_id = wallet_id",
            "client_id = client_id",
            "counterparty_id = NULL",
            "operation_id = operation_id",
            "currency = currency",
            "type = type",
            "created_at = created_at",
            "concept = NULL",
            "metadata = NULL",
            "salt = NULL",
            "reference = NULL",
            "external_account_id = NULL",
            "details_digest = NULL",
        )
    ],
    *[
        f"UPDATE wallets_hold SET {change}"
        for change in (
            "amount = amount",
            "currency = currency",
            "wallet_id = wallet_id",
            "target_id = target_id",
            "client_id = client_id",
            "created_at = created_at",
            "concept = NULL",
            "metadata = NULL",
        )
    ],
    "UPDATE wallets_externalaccount SET iban = iban",
    "UPDATE wallets_externalaccount SET wallet_id = wallet_id",
    "UPDATE wallets_movement SET hold_id = NULL",
    "UPDATE wallets_movement SET reversal_of_id = NULL",
    *[
        f"UPDATE wallets_wallet SET {change}"
        for change in (
            "currency = currency",
            "user_id = user_id",
            "client_id = client_id",
            "created_at = created_at",
        )
    ],
    "UPDATE users_key SET fingerprint = ''",
    "UPDATE users_event SET actor = ''",
    "UPDATE users_apikey SET scopes = '{}'",
    "UPDATE users_user SET kind = kind",
    "DELETE FROM users_user",
    "DELETE FROM users_client",
    "DELETE FROM users_apikey",
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


@pytest.mark.parametrize("statement", OWNERS_ONLY)
def test_role_is_refused_statements_of_the_owner(serving, statement):
    with pytest.raises(pg.InsufficientPrivilege):
        serving.execute(statement)


# --- What it may ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_role_may_run_everything_that_serving_needs(as_serving):
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
    posting.submit(AddExternalAccount(**people.about(bobs), iban=IBAN))
    api = Api(people.a_key(client))
    assert api.get("wallets").status == 200
    for name in ("movements", "holds", "external-accounts", "balance", "statement"):
        assert api.get(f"wallets/{bobs.id}/{name}").status == 200
    assert people.seen(hold.id).status == "EXPIRED"
    assert people.balances(alices, bobs) == [0, 10_00]
    assert (Wallet.objects.count(), Movement.objects.count()) == (4, 7)
    assert Event.objects.exists()
