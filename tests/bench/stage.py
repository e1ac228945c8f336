"""Who is there: clients with keys, and their users' wallets, each with money from the outside.

Run as a program on a migrated database: it makes them, and prints what the load must know.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

import django

LONG, LONG_WALLETS = 11, 200
"""The number of the client with a long wallet, and how many others it has."""
FIRST_MONEY = Decimal("100000.00")
AT_ONCE = 1_000

ACTIVE_USERS = """
    INSERT INTO users_user
        (id, client_id, kind, status, user_name, first_name, last_name, company_name, email,
         mobile_phone, unverified_phone, dlt_address, dlt_network, kyc_level)
    SELECT (%(user)s || lpad(n::text, 12, '0'))::uuid, %(client)s, 'JURIDICAL', 'ACTIVATED',
           'user' || n, '', '', 'Company ' || n, '', '+346' || lpad(n::text, 8, '0'), '', '', '', 2
    FROM generate_series(0, %(count)s - 1) AS n
"""
WALLETS_OF_USERS = """
    INSERT INTO wallets_wallet
        (id, client_id, user_id, currency, status, alias, dlt_address, dlt_network, balance, held,
         received, seq, head)
    SELECT (%(wallet)s || lpad(n::text, 12, '0'))::uuid, %(client)s,
           (%(user)s || lpad(n::text, 12, '0'))::uuid, 'EUR', 'READY', '', '', '', 0, 0, 0, 0, ''
    FROM generate_series(0, %(count)s - 1) AS n
"""

PAPERS = """
    INSERT INTO users_kycdocument
        (id, client_id, user_id, kind, status, facts, file, media_type, size, sha256,
         reviewed_at, reviewed_by, reason)
    SELECT md5(owner.id || paper.kind)::uuid, client_id, owner.id, paper.kind, 'APPROVED', facts,
           file, media_type, size, sha256, now(), 'system:bench', ''
    FROM users_user AS owner CROSS JOIN (VALUES
        ('HOME_ADDRESS', '{}'::jsonb, '', '', NULL::integer, NULL::bytea),
        ('EXTERNAL_IBAN', '{}', '', '', NULL, NULL),
        ('DOCUMENT_COMPANY_DEED', NULL, 'deed', 'image/png', 1, sha256('x'))
    ) AS paper (kind, facts, file, media_type, size, sha256)
    WHERE client_id = %(client)s
"""
"""What staff must have approved of a company for KYC level 2."""
APPROVALS = """
    INSERT INTO users_event
        (id, client_id, subject, subject_id, wallet_id, kind, actor, request_id, data)
    SELECT gen_random_uuid(), client_id, 'user', user_id, NULL, 'user.kyc_document_approved',
           'system:bench', '', jsonb_build_object('evidence', kind, 'id', id)
    FROM users_kycdocument WHERE client_id = %(client)s
"""
OPENINGS = """
    INSERT INTO users_event
        (id, client_id, subject, subject_id, wallet_id, kind, actor, request_id, data)
    SELECT gen_random_uuid(), client_id, 'user', id, NULL, 'user.created', 'system:bench', '',
           '{}'::jsonb
    FROM users_user WHERE client_id = %(client)s
    UNION ALL
    SELECT gen_random_uuid(), client_id, 'wallet', id, id, 'wallet.opened', 'system:bench', '',
           jsonb_build_object('user', user_id)
    FROM wallets_wallet WHERE client_id = %(client)s
"""


def prefix(client: int, thing: int = 0) -> str:
    """How the ids of a client's wallets begin; the number of the wallet follows, in 12 digits."""
    return f"0198c0de-{client:04d}-700{thing}-8000-"


def wallet_id(client: int, number: int) -> UUID:
    return UUID(f"{prefix(client)}{number:012d}")


def make_client(number: int, wallets: int) -> dict[str, Any]:
    """Make a client with a key, and users at KYC level 2 with a wallet and money each."""
    from django.db import connection

    from users.models import ApiKey, Client
    from users.models.clients import SCOPES
    from users.models.events import By
    from wallets.orders.payments import CashIn

    client = Client.objects.create(name=f"Client {number}")
    key, secret = ApiKey.issue(client=client, label="bench", scopes=list(SCOPES))
    names: dict[str, Any] = {
        "user": prefix(number, 1),
        "wallet": prefix(number),
        "client": client.id,
        "count": wallets,
    }
    with connection.cursor() as cursor:
        cursor.execute(ACTIVE_USERS, names)
        for statement in (WALLETS_OF_USERS, OPENINGS, PAPERS, APPROVALS):
            cursor.execute(statement, names)
    about: dict[str, Any] = {"client_id": client.id, "by": By("system:bench")}
    post(
        CashIn(wallet_id=wallet_id(number, each), amount=FIRST_MONEY, **about)
        for each in range(wallets)
    )
    return {
        "id": str(client.id),
        "secret": secret,
        "actor": f"key:{key.id}",
        "prefix": prefix(number),
        "wallets": wallets,
    }


def post(orders: Iterable[Any], total: int = 0) -> None:
    """Post any number of orders, many in a transaction; with a total, say how far it is."""
    from wallets.posting import group

    done, begun, waiting = 0, time.monotonic(), iter(orders)
    while some := list(islice(waiting, AT_ONCE)):
        for outcome in group.post(some):
            if isinstance(outcome, Exception):
                raise outcome
        done += len(some)
        if total and sys.stderr.isatty():
            rate = done / (time.monotonic() - begun)
            sys.stderr.write(f"\r  {done:,} of {total:,} transfers, {rate:,.0f}/s ")
    if total and sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")


def transfers(
    client: dict[str, Any], number: int, pairs: Iterable[tuple[int, int]]
) -> Iterator[Any]:
    """One transfer of 0.01 for each pair of the client's wallets, each with a key."""
    from users.models.events import By
    from wallets.orders.payments import Transfer

    about: dict[str, Any] = {"client_id": UUID(client["id"]), "by": By("system:bench")}
    for count, (source, target) in enumerate(pairs):
        yield Transfer(
            wallet_id=wallet_id(number, source),
            target_id=wallet_id(number, target),
            amount=Decimal("0.01"),
            key=f"history-{number}-{count}",
            **about,
        )


def spread(count: int, wallets: int) -> Iterator[tuple[int, int]]:
    """Pairs of wallets: each pays as often as it is paid."""
    for each in range(count):
        source = each * 7919 % wallets
        yield source, (source + 1 + each % (wallets - 1)) % wallets


def back_and_forth(count: int, wallets: int) -> Iterator[tuple[int, int]]:
    """Pairs that are all about wallet 0: it pays and is paid in turn."""
    for each in range(count):
        other = 1 + each % (wallets - 1)
        yield (0, other) if each % 2 else (other, 0)


def make(
    wallets: int, movements: int = 0, ten: bool = False, long: int = 0
) -> dict[str, list[dict[str, Any]]]:
    """Make who is asked for: a large client, whose wallets have `movements` together; `ten`
    smaller ones, with as many wallets together; one whose wallet 0 has `long` movements.
    """
    large = make_client(0, wallets)
    if count := max(0, movements - wallets) // 2:
        post(transfers(large, 0, spread(count, wallets)), count)
    made = {"large": [large]}
    if ten:
        made["ten"] = [make_client(number, max(2, wallets // 10)) for number in range(1, 11)]
    if long:
        made["long"] = [make_client(LONG, LONG_WALLETS)]
        post(transfers(made["long"][0], LONG, back_and_forth(long - 1, LONG_WALLETS)), long - 1)
    return made


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(make(**json.loads(sys.argv[1]))))
