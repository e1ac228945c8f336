"""Many rows of each kind, copied from one: users with names, each with a wallet, and the rest.

The copies go around the ledger: who uses them marks the test `spoils_the_books`.
"""

from __future__ import annotations

from typing import Any

from django.db import connection

from tests.support import people
from tests.support.approvals import a_request
from tests.support.bank_files import a_file
from tests.support.bank_rows import bank_rows
from tests.support.cases import a_case
from tests.support.identity import a_signature, a_verification, some_terms
from tests.support.notes import a_note
from tests.support.resources import make_each
from tests.support.staff import SUPERVISOR, a_member
from tests.support.tasks import a_task
from tests.support.webhooks import a_failed_delivery, an_attempt, an_endpoint
from users import demo_documents
from users.kyc import Kind, looks
from users.models import Access, Event, ReviewAssignment
from wallets.models import Closing, Wallet

FIRST = ("Alicia", "José", "María", "Íñigo", "Zoë", "Łukasz", "محمد", "Жанна", "小龙", "Ana")
LAST = ("García", "López", "Martínez", "Sánchez", "Pérez", "Muñoz", "Núñez", "Vidal", "Li", "Sanz")

COPY = """
    INSERT INTO {table} SELECT made.* FROM {table} AS source, generate_series(%s, %s) AS n,
    LATERAL jsonb_populate_record(source, jsonb_build_object({changes})) AS made
    WHERE source.{key} = coalesce(%s, (SELECT max({key}::text)::{type} FROM {table}))
"""
USER, WALLET, OTHER = (
    f"md5('{kind} ' || 1 + (n + {add}) %% (SELECT count(*) FROM copied))::uuid"
    for kind, add in (("user", 0), ("wallet", 0), ("wallet", 1))
)
STAFF = "'staff:' || n"
NEW_ID = {"id": "gen_random_uuid()"}
OF_USER = NEW_ID | {"user_id": USER}
OF_WALLET = NEW_ID | {"wallet_id": WALLET}
CHANGES: dict[str, dict[str, str]] = {
    "users_user": {
        "id": "md5('user ' || n)::uuid",
        "user_name": "'copy' || n",
        "first_name": "(%s::text[])[1 + n %% 10]",
        "last_name": "(%s::text[])[1 + n / 10 %% 10] || ' ' || (%s::text[])[1 + n / 100 %% 10]",
        "email": "'copy' || n || '@example.com'",
        "mobile_phone": "'+347' || lpad(n::text, 8, '0')",
    },
    "wallets_wallet": {
        "id": "md5('wallet ' || n)::uuid",
        "user_id": "md5('user ' || n)::uuid",
        "alias": "CASE n %% 3 WHEN 0 THEN 'Savings ' || n ELSE '' END",
        "iban": "'XX00' || lpad(n::text, 16, '0')",
    },
    "wallets_movement": OF_WALLET
    | {
        "counterparty_id": OTHER,
        "operation_id": "gen_random_uuid()",
        "seq": "1000 + n",
        "reference": "CASE n %% 10 WHEN 0 THEN 'INV ' || n WHEN 1 THEN 'RENT' END",
        "iban": "CASE n %% 20 WHEN 2 THEN 'XX00' || lpad((n %% 500)::text, 16, '0') END",
        "salt": "'\\\\x00'",
        "details_digest": "'\\\\x00'",
    },
    "wallets_hold": OF_WALLET | {"target_id": OTHER},
    "wallets_externalaccount": OF_WALLET,
    "users_otp": OF_USER,
    "users_identityverification": OF_USER | {"reference": "'reference ' || n"},
    "users_termssignature": OF_USER,
    "users_kycdocument": OF_USER,
    "users_note": OF_USER | {"actor": STAFF},
    "users_reviewassignment": {
        "id": "1000000 + n",
        "user_id": USER,
        "actor": STAFF,
        "member": STAFF,
    },
    "users_access": {"id": "1000000 + n", "user_id": USER, "actor": STAFF},
    "users_event": NEW_ID
    | {
        "position": "1000000 + n",
        "wallet_id": WALLET,
        "subject_id": "gen_random_uuid()",
        "actor": STAFF,
    },
    "users_client": NEW_ID | {"name": "'Client ' || n"},
    "users_case": {"id": "1000000 + n", "key": "gen_random_uuid()", "owner": STAFF},
    "users_task": OF_USER
    | {"subject": "'wallet'", "subject_id": "gen_random_uuid()", "owner": STAFF, "actor": STAFF},
    "wallets_closing": OF_USER | {"actor": STAFF},
    "users_webhookendpoint": {"id": "md5('endpoint ' || n)::uuid"},
    "users_webhookdelivery": {"id": "md5('delivery ' || n)::uuid"},
    "users_webhookattempt": {"id": "md5('attempt ' || n)::uuid"},
    "wallets_scheduledoperation": OF_WALLET,
    "wallets_scheduledrun": {"id": "md5('run ' || n)::uuid", "number": "1000 + n"},
    "wallets_bankfile": NEW_ID | {"message_id": "'M' || n"},
    "wallets_bankupload": NEW_ID
    | {
        "content": "'\\x' || lpad(to_hex(n), 8, '0')",
        "sha256": "'\\x' || encode(sha256(decode(lpad(to_hex(n), 8, '0'), 'hex')), 'hex')",
    },
    "wallets_bankstatement": NEW_ID | {"place": "1000 + n"},
    "wallets_bankline": NEW_ID | {"reference": "'REFERENCE ' || n"},
    "wallets_bankdecision": {
        "id": "md5('decision ' || n)::uuid",
        "answered_by": "'staff:1000'",
        "answered_at": "now()",
        "is_approved": "false",
    },
    "wallets_safeguardingreport": NEW_ID | {"day": "'2020-01-01'::date + n::int"},
    "users_approval": NEW_ID | {"user_id": USER},
    "users_apikey": NEW_ID | {"digest": "'\\x' || lpad(to_hex(n), 64, '0')"},
}
"""What differs between the copies, by table: SQL that knows the number `n` of the copy."""
KEYS = {
    "users_case": "bigint",
    "users_reviewassignment": "bigint",
    "users_access": "bigint",
    "users_event": "bigint",
}


def one_of_each(source: Wallet, target: Wallet) -> None:
    """Make the rows that are copied: those that the two wallets don't have yet."""
    a_file(source)
    make_each(source, target, 1_00)
    people.transfer(source, target, 1)
    bank_rows(source.client)
    some_terms()
    a_signature(source.user)
    a_verification(source.user)
    demo_documents.send_samples(source.user, frozenset({Kind.EXTERNAL_IBAN}), people.BY)
    people.a_key(source.client)
    a_request(source, 1_00, a_member(SUPERVISOR, name="asker"))
    a_note(source.user)
    a_case(source.user)
    a_task(source.user)
    event = Event.objects.filter(client=source.client).latest("position")
    endpoint = an_endpoint(source.client)
    an_attempt(endpoint, event.id)
    a_failed_delivery(endpoint, event)
    Closing.objects.create(client=source.client, user=source.user, actor="staff:1")
    ReviewAssignment.objects.create(client=source.client, user=source.user, actor="staff:1")
    looks.record_access(source.user, Access.What.REVIEW, people.BY)


def copy(
    table: str, number: int, users: int, first: int = 1, source: Any = None, **differences: str
) -> None:
    """Add `number` copies of a row, or of the last; they belong to `users` copied users, in turn.

    The copies are numbered from `first` on. `differences` are more of `CHANGES`.
    """
    changes = CHANGES[table] | differences
    key = "position" if table == "users_event" else "id"
    listed = ", ".join(f"'{name}', {value}" for name, value in changes.items())
    statement = COPY.format(
        table=table, changes=listed, key=key, type=KEYS.get(table, "uuid")
    ).replace("(SELECT count(*) FROM copied)", str(users))
    values: list[Any] = [first, first + number - 1]
    if table == "users_user":
        values += [[*FIRST], [*LAST], [*LAST]]
    values.append(source)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement, values)
        cursor.execute(f"ANALYZE {table}")
