"""Equations about bank accounts and sources of cash-ins: two people have agreed to them."""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from typing import Final

from wallets.audit.equations import AT_ONCE, Equation

SINCE: Final = """
    SELECT coalesce(min(applied) + interval '1 day', '-infinity') FROM django_migrations
    WHERE app = 'wallets' AND name LIKE '%%\\_guard\\_bank\\_accounts'
"""
"""Since when staff need an approval to add an account. What the system has added needs none."""
AGREED: Final = """
    approval.state = 'APPROVED' AND approval.decided_by_id <> approval.asked_by_id
"""
LATER: Final = """
    EXISTS (
        SELECT FROM users_approval AS later
        WHERE later.kind = approval.kind AND later.state = 'APPROVED'
          AND later.subject_id = approval.subject_id AND later.decided_at > approval.decided_at
    )
"""
"""Whether a later approval is about the same subject."""
OPENING: Final = "coalesce(statement.opening, statement.closing - statement.total)"
FIRST_DAY: Final = "coalesce(statement.start, statement.day)"

EQUATIONS: Final = (
    Equation(
        "bank_accounts",
        "a bank account is what two people have agreed to last, and holds the money of those "
        "clients",
        AT_ONCE,
        f"""
        SELECT account.id AS account, account.approval_id AS approval, account.iban
        FROM wallets_bankaccount AS account
        LEFT JOIN users_approval AS approval
            ON approval.id = account.approval_id AND approval.kind = 'BANK_ACCOUNT' AND {AGREED}
            AND approval.subject_id = account.id::text
            AND approval.payload ->> 'iban' = account.iban
            AND approval.payload ->> 'currency' = account.currency
            AND approval.payload ->> 'bic' = account.bic
            AND approval.payload ->> 'holder_name' = account.holder_name
            AND approval.payload ->> 'purpose' = account.purpose
            AND approval.payload ->> 'booked_by' = account.booked_by
            AND (approval.payload ->> 'is_closed')::boolean = (account.closed_at IS NOT NULL)
            AND approval.payload -> 'clients' = (
                SELECT coalesce(jsonb_agg(client_id::text ORDER BY client_id::text), '[]')
                FROM wallets_bankaccount_clients WHERE bankaccount_id = account.id
            )
        WHERE CASE WHEN account.approval_id IS NOT NULL THEN approval.id IS NULL OR {LATER}
            ELSE account.actor NOT LIKE 'system:%%' AND account.created_at >= ({SINCE})
                OR EXISTS (
                    SELECT FROM users_approval AS agreed
                    WHERE agreed.kind = 'BANK_ACCOUNT' AND agreed.state = 'APPROVED'
                      AND agreed.subject_id = account.id::text
                ) END
        UNION ALL
        SELECT approval.subject_id::uuid, approval.id, approval.payload ->> 'iban'
        FROM users_approval AS approval
        WHERE approval.kind = 'BANK_ACCOUNT' AND approval.state = 'APPROVED' AND NOT EXISTS (
            SELECT FROM wallets_bankaccount AS account
            WHERE account.id::text = approval.subject_id
        )
        """,
        ("wallets_bankaccount", "users_approval"),
    ),
    Equation(
        "bank_openings",
        "the opening balance of a safeguarding account is that of its first statement",
        AT_ONCE,
        f"""
        SELECT account.id AS account, account.opening, account.opening_date
        FROM wallets_bankaccount AS account
        WHERE account.opening IS NOT NULL AND NOT EXISTS (
            SELECT FROM wallets_bankstatement AS statement
            WHERE statement.account_id = account.id AND statement.kind = 'camt.053'
              AND {FIRST_DAY} = account.opening_date AND {OPENING} = account.opening
        ) OR account.purpose = 'SAFEGUARDING' AND EXISTS (
            SELECT FROM wallets_bankstatement AS statement
            WHERE statement.account_id = account.id AND statement.kind = 'camt.053'
              AND {OPENING} IS NOT NULL
              AND (account.opening IS NULL OR {FIRST_DAY} < account.opening_date)
        )
        """,
        ("wallets_bankaccount",),
    ),
    Equation(
        "bank_sources",
        "the source of the cash-ins of a client is the one that two people have agreed to last",
        AT_ONCE,
        f"""
        SELECT client.id AS client, client.cash_ins AS source, client.cash_ins_since AS since
        FROM users_client AS client
        WHERE (client.cash_ins_since IS NOT NULL OR client.cash_ins <> 'API') AND NOT EXISTS (
            SELECT FROM users_approval AS approval
            WHERE approval.kind = 'CASH_INS_SOURCE' AND {AGREED}
              AND approval.client_id = client.id AND approval.subject_id = client.id::text
              AND approval.payload ->> 'cash_ins' = client.cash_ins
              AND client.cash_ins_since BETWEEN approval.decided_at - interval '1 minute'
                  AND approval.decided_at + interval '1 minute'
              AND NOT {LATER}
        )
        """,
        ("users_client", "users_approval"),
    ),
)
