"""Safeguarding: the money of the wallets is in the bank accounts, to the cent.

For the accounts of a currency that hold the money of the same clients:

    wallets + suspense + returned + set apart + what was there before the first statement
        - movements without a line = closing balance + lines that no statement has yet

A notified line counts as money in the bank until the statement of its day: if that does not have
it, the equation is wrong until people have found out why.

Pending cash-outs are in the wallets until they settle. Settled cash-outs without a debit, and all
other movements from or to the outside without a line, are counted and dated by their type.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from iocash import errors, money
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users.models.events import By
from wallets.bank import unexplained
from wallets.bank.unexplained import WITHOUT_LINE
from wallets.models import (
    BankAccount,
    BankStatement,
    SafeguardingReport,
    SafeguardingSignature,
)

PATIENCE: Final = timedelta(days=5)
"""A movement without a line, or a line in suspense, that is older makes a report wrong."""

LINES: Final = """
    SELECT 'suspense' AS state, sum(line.sign * line.amount)::bigint, count(*), min(line.created_at)
    FROM wallets_bankline AS line
    WHERE line.account_id = ANY(%(accounts)s) AND line.is_open AND NOT EXISTS (
        SELECT FROM wallets_bankoutcome AS outcome WHERE outcome.line_id = line.id
    )
    HAVING count(*) > 0
    UNION ALL
    SELECT CASE outcome.status WHEN 'RETURNED' THEN 'returned' ELSE 'apart' END,
           sum(line.sign * line.amount)::bigint, count(*), min(line.created_at)
    FROM wallets_bankoutcome AS outcome JOIN wallets_bankline AS line ON line.id = outcome.line_id
    WHERE outcome.decision_id IS NOT NULL AND outcome.status IN ('RETURNED', 'IGNORED')
      AND line.account_id = ANY(%(accounts)s)
    GROUP BY outcome.status
"""
"""Lines in suspense, and what staff have decided: indexes have them without all other lines."""

BOOKED: Final = """
    WITH same AS (
        SELECT line.id, line.sign * line.amount AS amount, line.confirmed_by_id
        FROM wallets_bankoutcome AS outcome
        JOIN wallets_bankline AS line ON line.id = outcome.line_id
        WHERE outcome.decision_id IS NOT NULL AND outcome.status = 'SAME'
          AND line.account_id = %(account)s AND line.parent_id IS NULL
    ), unconfirmed AS (
        SELECT sign * amount AS amount, booking_date > %(until)s AS is_ahead, created_at
        FROM wallets_bankline WHERE account_id = %(account)s AND parent_id IS NULL
          AND confirmed_by_id IS NULL AND id NOT IN (SELECT id FROM same)
    ), confirmed AS (
        SELECT sum(sign * amount)::bigint AS amount FROM wallets_bankline
        WHERE account_id = %(account)s AND parent_id IS NULL AND confirmed_by_id IS NOT NULL
    )
    SELECT coalesce((SELECT amount FROM confirmed), 0) - coalesce(
               (SELECT sum(amount) FROM same WHERE confirmed_by_id IS NOT NULL), 0)::bigint,
           coalesce(sum(amount) FILTER (WHERE is_ahead), 0)::bigint,
           coalesce(sum(amount) FILTER (WHERE NOT is_ahead), 0)::bigint, min(created_at)
    FROM unconfirmed
"""
"""The sum of all lines comes from an index without reading the lines."""

BALANCES: Final = """
    SELECT coalesce(sum(balance), 0)::bigint FROM wallets_wallet
    WHERE client_id = ANY(%s) AND currency = %s
"""
ELSEWHERE: Final = """
    SELECT wallet.currency, sum(wallet.balance)::bigint FROM wallets_wallet AS wallet
    WHERE wallet.balance > 0 AND NOT EXISTS (
        SELECT FROM wallets_bankaccount AS account
        JOIN wallets_bankaccount_clients AS held ON held.bankaccount_id = account.id
        WHERE account.purpose = 'SAFEGUARDING' AND account.currency = wallet.currency
          AND held.client_id = wallet.client_id
    )
    GROUP BY wallet.currency ORDER BY wallet.currency
"""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The movements of a type without a line: their sum, number, and the time of the oldest.

    `waiting_since` is that of the oldest since the first statement: a line can come for it.
    `before` is the sum of those before it.
    """

    type: str
    amount: int
    count: int
    oldest: datetime
    waiting_since: datetime | None
    before: int


@dataclass(frozen=True, slots=True)
class Balance:
    """An account: the balance before its first statement, the closing balance and its day, and what
    its lines add up to.

    `unconfirmed` are notified lines that a statement can still have. `missing` are those of a day
    whose statement does not have them: they are not in the bank. `oldest_unconfirmed` is when the
    first of both was imported.
    """

    account: BankAccount
    first_day: date | None
    opening: int
    closing: int | None
    day: Any
    lines: int
    unconfirmed: int
    missing: int = 0
    oldest_unconfirmed: datetime | None = None

    @property
    def is_right(self) -> bool:
        return self.closing == self.opening + self.lines and not self.missing


@dataclass(frozen=True, slots=True)
class SafeguardingPosition:
    """The equation of some accounts. Amounts are in signed minor units."""

    currency: str
    balances: tuple[Balance, ...]
    wallets: int
    suspense: int
    returned: int
    apart: int
    oldest_suspense: datetime | None
    unmatched: tuple[Unmatched, ...]

    @property
    def held(self) -> int:
        """What must be in the bank."""
        without = sum(each.amount for each in self.unmatched)
        own = self.suspense + self.returned + self.apart + self.opening
        return self.wallets + own - without

    @property
    def opening(self) -> int:
        """What the accounts had before their first statements."""
        return sum(each.opening for each in self.balances)

    @property
    def shortfall(self) -> int:
        """What movements before the first statements have brought, and the bank did not have then.

        The opening balance is what the bank says: it must cover what the wallets had.
        """
        return max(0, sum(each.before for each in self.unmatched) - self.opening)

    @property
    def banked(self) -> int:
        """What is in the bank."""
        return sum((each.closing or 0) + each.unconfirmed for each in self.balances)

    @property
    def difference(self) -> int:
        return self.held - self.banked

    def is_right(self, now: datetime) -> bool:
        """Whether the equation holds, and nothing has waited for longer than PATIENCE."""
        waiting = [each.waiting_since for each in self.unmatched if each.waiting_since]
        waiting += [self.oldest_suspense] if self.oldest_suspense else []
        waiting += [each.oldest_unconfirmed for each in self.balances if each.oldest_unconfirmed]
        is_late = any(now - each > PATIENCE for each in waiting)
        is_whole = not self.difference and not self.shortfall
        return is_whole and not is_late and all(each.is_right for each in self.balances)


def safeguarding_positions(swept: datetime | None = None) -> list[SafeguardingPosition]:
    """The equations of all safeguarding accounts, by currency.

    `swept` is when the last sweep of movements has ended, if that is known.
    """
    until = unexplained.swept_until() if swept is None else swept
    return [position_of(group, clients, until) for group, clients in account_groups()]


def account_groups() -> Iterator[tuple[Sequence[BankAccount], Sequence[UUID]]]:
    """The accounts of a currency that hold the money of the same clients, and those clients."""
    found: list[tuple[list[BankAccount], set[UUID]]] = []
    accounts = BankAccount.objects.safeguarding().prefetch_related("clients")
    for account in accounts.order_by("currency", "iban"):
        clients = {each.id for each in account.clients.all()}
        same = [
            each for each in found if each[0][0].currency == account.currency and each[1] & clients
        ]
        merged = [other for each in same for other in each[0]], set().union(*(c for _, c in same))
        found = [each for each in found if each not in same]
        found.append(([*merged[0], account], merged[1] | clients))
    yield from ((accounts, sorted(clients)) for accounts, clients in found)


def position_of(
    accounts: Sequence[BankAccount], clients: Sequence[UUID], swept: datetime
) -> SafeguardingPosition:
    """The equation of these accounts, which hold the money of these clients."""
    currency, ids = accounts[0].currency, [each.id for each in accounts]
    lines = {row[0]: row[1:] for row in fetch_rows(LINES, {"accounts": ids})}
    sums = {state: amount for state, (amount, *_) in lines.items()}
    ((wallets,),) = fetch_rows(BALANCES, [[*clients], currency])
    balances = tuple(bank_balance(each) for each in accounts)
    first = min(filter(None, (each.first_day for each in balances)), default=date.max)
    begin = datetime.combine(first, time.min, UTC)
    about = {"clients": [*clients], "currency": currency, "begin": begin, "swept": swept}
    return SafeguardingPosition(
        currency=currency,
        balances=balances,
        wallets=wallets,
        suspense=sums.get("suspense", 0),
        returned=sums.get("returned", 0),
        apart=sums.get("apart", 0),
        oldest_suspense=lines["suspense"][2] if "suspense" in lines else None,
        unmatched=tuple(Unmatched(*row) for row in fetch_rows(WITHOUT_LINE, about)),
    )


def bank_balance(account: BankAccount) -> Balance:
    """The latest closing balance of an account, and what its lines add up to."""
    statements = BankStatement.objects.of_account(account).filter(closing__isnull=False)
    latest = statements.first()
    first = BankStatement.objects.of_account(account).order_by("day", "page", "created_at").first()
    closing, day = (latest.closing, latest.day) if latest else (None, None)
    values = {"account": account.id, "until": day or date.min}
    ((lines, unconfirmed, missing, oldest),) = fetch_rows(BOOKED, values)
    first_day, opening = (first.start or first.day, first.opening or 0) if first else (None, 0)
    about = first_day, opening, closing, day, lines, unconfirmed, missing, oldest
    return Balance(account, *about)


def fetch_rows(
    statement: str, values: Sequence[Any] | Mapping[str, Any] = ()
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


# --- Reports --------------------------------------------------------------------------------------


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

    suspense = position.oldest_suspense
    return {
        "currency": position.currency,
        "isRight": position.is_right(now),
        "wallets": text(position.wallets),
        "suspense": text(position.suspense),
        "oldestSuspense": suspense.isoformat() if suspense else None,
        "returned": text(position.returned),
        "setApart": text(position.apart),
        "movementsWithoutLine": [
            {
                "type": each.type,
                "amount": text(each.amount),
                "count": each.count,
                "oldest": each.oldest.isoformat(),
            }
            for each in position.unmatched
        ],
        "opening": text(position.opening),
        "missingBeforeFirstStatement": text(position.shortfall),
        "mustBeInBank": text(position.held),
        "inBank": text(position.banked),
        "difference": text(position.difference),
        "accounts": [balance_as_json(each) for each in position.balances],
    }


def balance_as_json(balance: Balance) -> dict[str, Any]:
    """The balances of an account as JSON; amounts are decimal texts."""

    def text(minor: int | None) -> str | None:
        return None if minor is None else money.to_text(minor, balance.account.currency)

    return {
        "iban": balance.account.iban,
        "openingBalance": text(balance.opening),
        "closingBalance": text(balance.closing),
        "statementDay": balance.day.isoformat() if balance.day else None,
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
        figures = "wallets", "suspense", "returned", "setApart", "opening", "mustBeInBank", "inBank"
        pairs = [(name, each[name]) for name in (*figures, "difference")]
        pairs += [
            (f"movementsWithoutLine {found['type']}", found["amount"])
            for found in each["movementsWithoutLine"]
        ]
        for name, amount in pairs:
            rows.writerow([report.day.isoformat(), each["currency"], accounts, name, amount])
    return out.getvalue()


def sign_report(report: SafeguardingReport, by: By) -> SafeguardingSignature:
    """Sign a report off: two different people do.

    Raises:
        InvalidFields: this person has signed it, or two others have.
    """
    place = report.signatures.count() + 1
    try:
        with single_transaction():
            return SafeguardingSignature.objects.create(report=report, place=place, actor=by.actor)
    except IntegrityError:
        words = "This report is signed by two people, or you have signed it."
        raise errors.InvalidFields(
            errors.FieldError("report", "refused", errors.Message(words))
        ) from None
