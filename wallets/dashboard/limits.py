"""Users who have used nearly all of what their KYC level allows.

Only the users of the newest movements are compared: the cost doesn't grow with the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from iocash.db import replica
from users.models import User
from users.models.clients import HAS_NOT_MOVED
from wallets.books.limits import TOP, WINDOW, limits_of

RECENT: Final = 1_000
"""The number of newest movements whose users are compared."""
NEARLY: Final = 0.9
"""The share of a limit from which on a user is shown."""
MOST: Final = 5
"""The most users that are shown."""
NAMES: Final = {
    "balance": _("Balance"),
    "cash_in": _("Cash-ins of 30 days"),
    "cash_out": _("Payments out of 30 days"),
}
READ_NEAR: Final = f"""
    WITH recent AS MATERIALIZED (
        SELECT DISTINCT wallet.client_id, wallet.user_id
        FROM (
            SELECT client_id, wallet_id FROM wallets_movement WHERE {HAS_NOT_MOVED}
            ORDER BY id DESC LIMIT {RECENT}
        ) AS movement
        JOIN wallets_wallet AS wallet
            ON wallet.client_id = movement.client_id AND wallet.id = movement.wallet_id
    ), limited AS MATERIALIZED (
        SELECT owner.id AS user_id, wallet.currency, array_agg(wallet.id) AS wallets,
               sum(wallet.balance)::bigint AS balance, allowed.balance AS most_balance,
               allowed.cash_in AS most_cash_in, allowed.cash_out AS most_cash_out
        FROM recent
        JOIN users_user AS owner
            ON owner.client_id = recent.client_id AND owner.id = recent.user_id
        JOIN wallets_wallet AS wallet
            ON wallet.client_id = owner.client_id AND wallet.user_id = owner.id
        JOIN json_to_recordset(%s) AS allowed
                (currency text, level int, balance bigint, cash_in bigint, cash_out bigint)
            ON allowed.currency = wallet.currency AND allowed.level = CASE
                WHEN kyc_until < (iocash_now() AT TIME ZONE 'UTC')::date THEN 0 ELSE kyc_level END
        GROUP BY owner.id, wallet.currency, allowed.balance, allowed.cash_in, allowed.cash_out
    ), used AS (
        SELECT user_id, currency, name, amount, most
        FROM limited
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(amount) FILTER (WHERE type = 'CASH_IN'), 0)::bigint AS cash_in,
                   coalesce(-sum(amount) FILTER (WHERE type = 'CASH_OUT'), 0)::bigint AS cash_out
            FROM wallets_movement AS movement
            WHERE movement.wallet_id = ANY(limited.wallets)
              AND movement.type IN ('CASH_IN', 'CASH_OUT')
              AND movement.status IN ('PENDING', 'SUCCESS')
              AND movement.created_at > iocash_now() - interval '{WINDOW.days} days'
        ) AS flows
        CROSS JOIN LATERAL (VALUES
            ('balance', balance, most_balance),
            ('cash_in', cash_in, most_cash_in),
            ('cash_out', cash_out, most_cash_out)
        ) AS each (name, amount, most)
    )
    SELECT user_id, currency, name, amount, most FROM used
    WHERE amount >= most * {NEARLY} AND amount > 0
    ORDER BY amount::float / greatest(most, 1) DESC, user_id, name LIMIT {MOST + 1}
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class UsedLimit:
    """A limit of a user, and how much of it is used; amounts in minor units."""

    user: User
    currency: str
    name: Any
    used: int
    limit: int

    @property
    def percent(self) -> int:
        return 100 * self.used // max(self.limit, 1)


def nearly_used() -> list[UsedLimit]:
    """The limits that are used most, of the users of the newest movements."""
    allowed = list(allowances_of_levels())
    if not allowed:
        return []
    with replica.connection().cursor() as cursor:
        cursor.execute(READ_NEAR, [orjson.dumps(allowed).decode()])
        rows = cursor.fetchall()
    users = User.objects.in_bulk({row[0] for row in rows})
    return [
        UsedLimit(users[user_id], currency, NAMES[name], int(used), int(limit))
        for user_id, currency, name, used, limit in rows
    ]


def allowances_of_levels() -> Iterator[dict[str, Any]]:
    """The limits of the settings, in minor units; no levels without limits."""
    for currency in settings.KYC_LIMITS:
        for level in range(TOP):
            limits = limits_of(level, currency)
            if any(limit is not None for limit in limits):
                yield {"currency": currency, "level": level, **limits._asdict()}
