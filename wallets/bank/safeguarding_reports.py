"""Reports of safeguarding: one for each day, a file with its figures, and two signatures."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from django.db import IntegrityError, connection, transaction

from iocash import errors, money
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users.approvals.second import NOBODY, require_two_people
from users.models.clients import HAS_NOT_MOVED
from users.models.events import By
from wallets.bank import unexplained
from wallets.bank.apart import ApartSum
from wallets.bank.safeguarding import (
    Balance,
    SafeguardingPosition,
    Unmatched,
    fetch_rows,
    safeguarding_positions,
)
from wallets.models import BankAccount, SafeguardingReport, SafeguardingSignature

FIGURES: Final = (
    "wallets",
    "suspense",
    "returned",
    "setApart",
    "opening",
    "walletsAtBeginning",
    "ownFundsAtBeginning",
    "missingBeforeFirstStatement",
    "missingForWhatIsSetApart",
    "mustBeInBank",
    "inBank",
    "difference",
)
"""The figures of a position, in the order of the files."""

ELSEWHERE: Final = f"""
    SELECT wallet.currency, sum(wallet.balance)::bigint FROM wallets_wallet AS wallet
    WHERE wallet.balance > 0 AND wallet.{HAS_NOT_MOVED} AND NOT EXISTS (
        SELECT FROM wallets_bankaccount AS account
        JOIN wallets_bankaccount_clients AS held ON held.bankaccount_id = account.id
        WHERE account.purpose = 'SAFEGUARDING' AND account.currency = wallet.currency
          AND held.client_id = wallet.client_id
    )
    GROUP BY wallet.currency ORDER BY wallet.currency
"""  # noqa: S608 (a constant)
"""What wallets have whose money no safeguarding account holds, by currency."""


def make_report() -> SafeguardingReport | None:
    """Make the report of this day, once; None if it is made, or there is no safeguarding account.

    It is made of one snapshot: the statements of an import are in it as a whole, and a movement is
    in all of its figures or in none. Inside a transaction it is the snapshot of that one.
    """
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        now = clock.now()
        day = now.date()
        if SafeguardingReport.objects.filter(day=day).exists():
            return None
        if not BankAccount.objects.safeguarding().exists():
            return None
        swept = unexplained.sweep()
        found = safeguarding_positions(swept)
        elsewhere = fetch_rows(ELSEWHERE)
        content = json.dumps(
            {
                "day": day.isoformat(),
                "madeAt": now.isoformat(),
                "positions": [position_as_json(each, now) for each in found],
                "walletsWithoutAccount": [
                    {"currency": currency, "balance": money.to_text(balance, currency)}
                    for currency, balance in elsewhere
                ],
            },
            indent=2,
            ensure_ascii=False,
        )
        return SafeguardingReport.objects.create(
            day=day,
            is_right=all(each.is_right(now) for each in found) and not elsewhere,
            content=content,
            sha256=sha256(content.encode()).digest(),
            swept_until=swept,
        )


def position_as_json(position: SafeguardingPosition, now: datetime) -> dict[str, Any]:
    """A position as JSON; amounts are decimal texts."""

    def text(minor: int | None) -> str | None:
        return None if minor is None else money.to_text(minor, position.currency)

    suspense, returned = position.oldest_suspense, position.oldest_returned
    return {
        "currency": position.currency,
        "isRight": position.is_right(now),
        "wallets": text(position.wallets),
        "suspense": text(position.suspense),
        "oldestSuspense": suspense.isoformat() if suspense else None,
        "returned": text(position.returned),
        "oldestReturned": returned.isoformat() if returned else None,
        "setApart": text(position.apart),
        "movementsWithoutLine": [
            {"type": each.type, **sum_as_json(each, position.currency)}
            for each in position.unmatched
        ],
        "movementsSetApart": [
            {"reason": each.reason, **sum_as_json(each, position.currency)}
            for each in position.movements_apart
        ],
        "missingForWhatIsSetApart": text(position.uncovered),
        "opening": text(position.opening),
        "walletsAtBeginning": text(position.before),
        "ownFundsAtBeginning": text(position.own_at_beginning),
        "missingBeforeFirstStatement": text(position.shortfall),
        "mustBeInBank": text(position.held),
        "inBank": text(position.banked),
        "difference": text(position.difference),
        "accounts": [balance_as_json(each, now) for each in position.balances],
    }


def sum_as_json(movements: Unmatched | ApartSum, currency: str) -> dict[str, Any]:
    """The sum of some movements as JSON, their number, and when the oldest settled."""
    return {
        "amount": money.to_text(movements.amount, currency),
        "count": movements.count,
        "oldest": movements.oldest.isoformat(),
    }


def balance_as_json(balance: Balance, now: datetime) -> dict[str, Any]:
    """The balances of an account as JSON; amounts are decimal texts."""

    def text(minor: int | None) -> str | None:
        return None if minor is None else money.to_text(minor, balance.account.currency)

    return {
        "iban": balance.account.iban,
        "openingBalance": text(balance.account.opening),
        "closingBalance": text(balance.closing),
        "statementDay": balance.day.isoformat() if balance.day else None,
        "withoutStatementSince": balance.silent_since.isoformat() if balance.is_late(now) else None,
        "linesAddUpTo": text(balance.lines),
        "notInStatementYet": text(balance.unconfirmed),
        "missingInStatement": text(balance.missing),
    }


def as_csv(report: SafeguardingReport) -> str:
    """A report as CSV: one row for each figure of each position."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["day", "currency", "accounts", "figure", "amount"])
    for each in json.loads(report.content)["positions"]:
        accounts = " ".join(account["iban"] for account in each["accounts"])
        pairs = [(name, each[name]) for name in FIGURES]
        pairs += [
            (f"movementsWithoutLine {found['type']}", found["amount"])
            for found in each["movementsWithoutLine"]
        ]
        pairs += [
            (f"movementsSetApart {found['reason']}", found["amount"])
            for found in each["movementsSetApart"]
        ]
        for name, amount in pairs:
            rows.writerow([report.day.isoformat(), each["currency"], accounts, name, amount])
    return out.getvalue()


def sign_report(report: SafeguardingReport, by: By) -> SafeguardingSignature:
    """Sign a report off: two different people do.

    Raises:
        InvalidFields: this person has signed it, or two others have.
        PermissionDenied: the two are not independent, or one is no active member of staff any more.
    """
    signers = [each.actor for each in report.signatures.order_by("place")]
    if by.actor not in signers:
        require_two_people(signers[0] if signers else NOBODY, by.actor)
    place = len(signers) + 1
    try:
        with single_transaction():
            return SafeguardingSignature.objects.create(report=report, place=place, actor=by.actor)
    except IntegrityError:
        words = "This report is signed by two people, or you have signed it."
        raise errors.InvalidFields(
            errors.FieldError("report", "refused", errors.Message(words))
        ) from None
