"""Safeguarding: the money of the wallets is in the bank accounts, to the cent.

For the accounts of a currency that hold the money of the same clients:

    wallets + suspense + returned + set apart + own funds at the beginning
        - movements since the beginning without a line - movements set apart
        = closing balance + lines that no statement has yet

The beginning is the first day of the first statement. The opening balance that each account has
stored (`wallets.bank.openings`) had to cover the wallets then:

    own funds at the beginning = opening balances - wallets at the beginning

Both are constants, so this surplus explains no later loss. What is set apart changes the own money:

    own money = own funds at the beginning + lines set apart - movements set apart

If it is below zero, money of the wallets is missing, whatever it went for: a fee, or a transfer to
another account. Only own money that is paid in later and set apart covers it. Movements from before
the beginning that a line of the first PATIENCE days explains were in transit: they are not in the
wallets at the beginning. A later line can't explain such a movement without a difference.

An account whose last camt.053 is older than PATIENCE is wrong: nobody would contradict a forged
one. So is an account that never had one, after that time. A closed account without money is not.

A notified line counts as money in the bank until the statement of its day: if that does not have
it, the equation is wrong until people have found out why.

Pending cash-outs are in the wallets until they settle. Settled cash-outs without a debit, and all
other movements from or to the outside without a line, are counted and dated by their type. A
movement that was reversed as a whole adds up to 0 with its reversals. While none of them has a line
they are not late: nothing is missing in the bank, and a line for one of them makes the others late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from wallets.bank import unexplained
from wallets.bank.apart import SET_APART, ApartSum
from wallets.bank.unexplained import WITHOUT_LINE
from wallets.models import BankAccount, BankStatement

PATIENCE: Final = timedelta(days=5)
"""A movement without a line, a line in suspense, or a last statement that is older makes a report
wrong."""

NEVER: Final = date(9999, 1, 1)
"""The beginning while there is no statement."""

LINES: Final = """
    SELECT 'suspense' AS state, sum(line.sign * line.amount)::bigint,
           min(line.booking_date)::timestamp AT TIME ZONE 'UTC'
    FROM wallets_bankline AS line
    WHERE line.account_id = ANY(%(accounts)s) AND line.is_open AND NOT EXISTS (
        SELECT FROM wallets_bankoutcome AS outcome WHERE outcome.line_id = line.id
    )
    HAVING count(*) > 0
    UNION ALL
    SELECT CASE outcome.status WHEN 'RETURNED' THEN 'returned' ELSE 'apart' END,
           sum(line.sign * line.amount)::bigint,
           min(outcome.created_at) FILTER (
               WHERE outcome.status = 'RETURNED' AND line.sign > 0 AND NOT EXISTS (
                   SELECT FROM wallets_bankoutcome AS debit
                   WHERE debit.pair_id = line.id AND debit.status = 'RETURNED'
               )
           )
    FROM wallets_bankoutcome AS outcome JOIN wallets_bankline AS line ON line.id = outcome.line_id
    WHERE outcome.decision_id IS NOT NULL AND outcome.status IN ('RETURNED', 'IGNORED')
      AND line.account_id = ANY(%(accounts)s)
    GROUP BY outcome.status
"""
"""Lines in suspense, and what staff have decided: indexes have them without all other lines. And
since when the oldest waits: one in suspense since the bank has booked it, and a credit to return
since that was decided."""

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
BEFORE: Final = """
    WITH past AS (
        SELECT amount FROM wallets_movement
        WHERE settled_at < %(begin)s AND counterparty_id IS NULL AND status = 'SUCCESS'
          AND client_id = ANY(%(clients)s) AND currency = %(currency)s
    ), early AS MATERIALIZED (
        SELECT outcome.movement_id AS id, outcome.client_id
        FROM wallets_bankaccount AS account
        JOIN wallets_bankline AS line
            ON line.account_id = account.id AND line.booking_date <= %(in_transit)s
        JOIN wallets_bankoutcome AS outcome ON outcome.line_id = line.id
        WHERE outcome.client_id = ANY(%(clients)s) AND outcome.movement_id IS NOT NULL
    ), in_transit AS (
        SELECT movement.amount
        FROM early JOIN wallets_movement AS movement
            ON movement.id = early.id AND movement.client_id = early.client_id
        WHERE movement.settled_at < %(begin)s AND movement.currency = %(currency)s
          AND movement.counterparty_id IS NULL AND movement.status = 'SUCCESS'
    )
    SELECT (coalesce((SELECT sum(amount) FROM past), 0)
            - coalesce((SELECT sum(amount) FROM in_transit), 0))::bigint
"""
"""What the wallets had at the beginning, without what was in transit then."""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The movements of a type since the beginning without a line: their sum, their number, and the
    time of the oldest. `waiting_since` is that of the oldest that was not reversed as a whole."""

    type: str
    amount: int
    count: int
    oldest: datetime
    waiting_since: datetime | None


@dataclass(frozen=True, slots=True)
class Balance:
    """An account: the stored opening balance and its day, the closing balance and its day, and what
    its lines add up to.

    `last_day` is that of its last camt.053, also of one without balances. `unconfirmed` are
    notified lines that a statement can still have. `missing` are those of a day whose statement
    does not have them: they are not in the bank. `oldest_unconfirmed` is when the first of both was
    imported.
    """

    account: BankAccount
    last_day: date | None
    closing: int | None
    day: Any
    lines: int
    unconfirmed: int
    missing: int = 0
    oldest_unconfirmed: datetime | None = None

    @property
    def opening(self) -> int:
        return self.account.opening or 0

    @property
    def is_right(self) -> bool:
        """Whether its statements and its lines agree; a new account has neither."""
        if self.last_day is None:
            return not self.lines and not self.missing
        is_known = self.account.opening is not None
        return is_known and self.closing == self.opening + self.lines and not self.missing

    @property
    def silent_since(self) -> date:
        """The day of its last camt.053; of an account that never had one, when it was added."""
        return self.last_day or self.account.created_at.date()

    def is_late(self, now: datetime) -> bool:
        """Whether its last camt.053 is older than PATIENCE, so nothing contradicts what it says."""
        is_empty = self.closing == 0 or (self.last_day is None and not self.lines)
        is_over = is_empty and not self.account.is_open
        return not is_over and now.date() - self.silent_since > PATIENCE


@dataclass(frozen=True, slots=True)
class SafeguardingPosition:
    """The equation of some accounts. Amounts are in signed minor units."""

    currency: str
    balances: tuple[Balance, ...]
    wallets: int
    before: int
    suspense: int
    returned: int
    apart: int
    oldest_suspense: datetime | None
    unmatched: tuple[Unmatched, ...]
    oldest_returned: datetime | None = None
    movements_apart: tuple[ApartSum, ...] = ()

    @property
    def held(self) -> int:
        """What must be in the bank."""
        without = sum(each.amount for each in self.unmatched)
        without += sum(each.amount for each in self.movements_apart)
        other = self.suspense + self.returned + self.apart + self.opening - self.before
        return self.wallets + other + self.shortfall - without

    @property
    def opening(self) -> int:
        """What the accounts had before their first statements."""
        return sum(each.opening for each in self.balances)

    @property
    def own_at_beginning(self) -> int:
        """What the accounts had at the beginning beside the money of the wallets: own funds."""
        return max(0, self.opening - self.before)

    @property
    def missing(self) -> int:
        """What no own money covers of the money of the wallets."""
        added = sum(each.amount for each in self.movements_apart)
        return max(0, self.before - self.opening - self.apart + added)

    @property
    def shortfall(self) -> int:
        """What was missing at the beginning, and no own money that came later covers.

        The opening balance is what the bank says: it must cover what the wallets had.
        """
        return min(self.missing, max(0, self.before - self.opening))

    @property
    def uncovered(self) -> int:
        """What is missing because of lines and movements that are set apart: fees that the bank
        took, and what wallets got. The institution has not paid it in."""
        return self.missing - self.shortfall

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
        waiting += filter(None, (self.oldest_suspense, self.oldest_returned))
        waiting += [each.oldest_unconfirmed for each in self.balances if each.oldest_unconfirmed]
        is_late = any(now - each > PATIENCE for each in waiting)
        is_late |= any(each.is_late(now) for each in self.balances)
        is_whole = not self.difference and not self.missing
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
    first = min(filter(None, (each.opening_date for each in accounts)), default=NEVER)
    about = {"clients": [*clients], "currency": currency, "swept": swept}
    about |= {"begin": datetime.combine(first, time.min, UTC), "in_transit": first + PATIENCE}
    ((before,),) = fetch_rows(BEFORE, about)
    return SafeguardingPosition(
        currency=currency,
        balances=balances,
        wallets=wallets,
        before=before,
        suspense=sums.get("suspense", 0),
        returned=sums.get("returned", 0),
        apart=sums.get("apart", 0),
        oldest_suspense=lines["suspense"][1] if "suspense" in lines else None,
        unmatched=tuple(Unmatched(*row) for row in fetch_rows(WITHOUT_LINE, about)),
        oldest_returned=lines["returned"][1] if "returned" in lines else None,
        movements_apart=tuple(ApartSum(*row) for row in fetch_rows(SET_APART, about)),
    )


def bank_balance(account: BankAccount) -> Balance:
    """The latest closing balance of an account, and what its lines add up to."""
    statements = BankStatement.objects.of_account(account).filter(closing__isnull=False)
    latest = statements.first()
    last = BankStatement.objects.of_account(account).values_list("day", flat=True).first()
    closing, day = (latest.closing, latest.day) if latest else (None, None)
    values = {"account": account.id, "until": day or date.min}
    ((lines, unconfirmed, missing, oldest),) = fetch_rows(BOOKED, values)
    return Balance(account, last, closing, day, lines, unconfirmed, missing, oldest)


def fetch_rows(
    statement: str, values: Sequence[Any] | Mapping[str, Any] = ()
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
