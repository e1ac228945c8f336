"""Which entries of a statement are stored already, and which only look like it.

Only the bank's own reference identifies an entry across statements. All else is chosen by payers:
an entry without such a reference is known if the same statement is sent again, or if a camt.053
states what a camt.054 had. An equal entry of another statement is stored, and waits for people.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from wallets.bank.messages.camt_entries import BookedEntry
from wallets.models import BankAccount, BankLine, BankOutcome, BankStatement
from wallets.models.bank_lines import Suspense

Identity = tuple[str, date, int, int, int]
Undated = tuple[str, int, int]

NEAR: Final = timedelta(days=10)
"""How far apart a camt.054 and a camt.053 can date the same payment."""

RESTATED_WITHIN: Final = timedelta(days=31)
"""How far apart two files can date the same statement."""


@dataclass(slots=True)
class StoredEntries:
    """The first lines of stored entries, by all that identifies an entry but its index and date."""

    found: dict[Undated, list[BankLine]] = field(default_factory=lambda: defaultdict(list))
    used: set[Identity] = field(default_factory=set)

    def of(self, entry: BookedEntry) -> list[BankLine]:
        """Those that `entry` can be: of its date, unless one of the two has none of its own."""
        return [
            line
            for line in self.found[entry.reference, entry.amount, entry.sign]
            if line.booking_date == entry.booking_date
            or not entry.is_dated
            or line.reason == Suspense.UNDATED
        ]


def new_and_known(
    statement: BankStatement, entries: Sequence[BookedEntry]
) -> tuple[list[BookedEntry], list[Identity]]:
    """The entries of a statement that are new, with free indexes; and the stored ones."""
    stored = stored_entries(statement.account, entries)
    new: list[BookedEntry] = []
    known: list[Identity] = []
    counts: Counter[tuple[str, date, int, int]] = Counter()
    for entry in entries:
        line = known_line(statement, entry, stored)
        if line is not None:
            stored.used.add(identity_of_line(line))
            known.append(identity_of_line(line))
            continue
        taken = [each.index for each in stored.of(entry) if is_of_day(each, entry)]
        first = max(taken, default=-1) + 1
        new.append(entry.numbered(first + counts[entry.identity]))
        counts[entry.identity] += 1
    return new, known


def is_of_day(line: BankLine, entry: BookedEntry) -> bool:
    return line.booking_date == entry.booking_date


def stored_entries(account: BankAccount, entries: Sequence[BookedEntry]) -> StoredEntries:
    """The stored entries that these can be."""
    days = {each.booking_date for each in entries}
    undated = {each.reference for each in entries if not each.is_dated}
    rows = BankLine.objects.filter(
        Q(booking_date__in=days) | Q(reference__in=undated) | Q(reason=Suspense.UNDATED),
        account=account,
        part=1,
        parent=None,
    )
    stored = StoredEntries()
    for line in rows.select_related("statement", "confirmed_by").order_by("index", "id"):
        stored.found[line.reference, line.entry_amount, line.sign].append(line)
    return stored


def known_line(
    statement: BankStatement, entry: BookedEntry, stored: StoredEntries
) -> BankLine | None:
    """The line of another file that an entry is; each is used once."""
    others = [each for each in stored.of(entry) if each.statement.file_id != statement.file_id]
    if entry.is_named:
        return others[entry.index] if entry.index < len(others) else None
    for line in others:
        is_used = identity_of_line(line) in stored.used
        if not is_used and is_stated_again(statement, line, entry):
            return line
    return None


def is_stated_again(statement: BankStatement, line: BankLine, entry: BookedEntry) -> bool:
    """Whether a statement states a line without a reference of the bank again.

    It does if it is the same statement, or if one of the two is a camt.054, and the other a
    camt.053, and no other camt.053 has the entry.
    """
    for other in filter(None, (line.statement, line.confirmed_by)):
        is_near = not entry.is_dated or statement.day == other.day
        if is_near and is_same_statement(statement, other):
            return True
    if statement.is_booked:
        return line.confirmed_by is None
    return line.statement.is_booked


def is_same_statement(one: BankStatement, other: BankStatement) -> bool:
    """Whether a bank has sent a statement again, perhaps as another file."""
    return bool(one.name) and names_of_statement(one) == names_of_statement(other)


def was_sent_before(statement: BankStatement) -> bool:
    """Whether another file has this statement: its account, kind, Id, number and page.

    Some banks have one Id for all statements, and some begin to count again each year: so it is of
    the same day, or has a number and is of nearly the same time.
    """
    if not statement.name:
        return False
    far = RESTATED_WITHIN if statement.number else timedelta(0)
    others = BankStatement.objects.filter(
        kind=statement.kind,
        name=statement.name,
        number=statement.number,
        page=statement.page,
        account=statement.account_id,
        day__range=(statement.day - far, statement.day + far),
    )
    return others.exclude(file=statement.file_id).exists()


def names_of_statement(statement: BankStatement) -> tuple[object, ...]:
    return statement.kind, statement.name, statement.number, statement.page, statement.account_id


def identity_of_line(line: BankLine) -> Identity:
    return line.reference, line.booking_date, line.entry_amount, line.sign, line.index


# --- The same payment with another reference ------------------------------------------------------


def twins(line: BankLine) -> QuerySet[BankLine]:
    """The lines that can be the payment of a line: of its account, amount, sign, and near date."""
    rows = payments_of_their_own().filter(
        account=line.account_id,
        amount=line.amount,
        sign=line.sign,
        booking_date__range=(line.booking_date - NEAR, line.booking_date + NEAR),
    )
    return rows.exclude(id=line.id)


def rivals(line: BankLine) -> QuerySet[BankLine]:
    """The twins that are the payment of a line, or of which the bank has not sent the other half.

    A line of a statement can be one that was only notified until now. A notified line can be one
    that a statement has, no notification had, and no line was paired with.
    """
    if line.confirmed_by_id is not None:
        return twins(line).filter(confirmed_by=None)
    return unpaired(twins(line)).filter(confirmed_by__isnull=False, reason=Suspense.NOT_NOTIFIED)


def unpaired(lines: QuerySet[BankLine]) -> QuerySet[BankLine]:
    """Those of which no other line is the same."""
    paired = BankOutcome.objects.filter(pair=OuterRef("pk"), status=BankOutcome.Status.SAME)
    return lines.filter(~Exists(paired))


def payments_of_their_own() -> QuerySet[BankLine]:
    """The lines that are not the same as others."""
    same = BankOutcome.objects.filter(line=OuterRef("pk"), status=BankOutcome.Status.SAME)
    return BankLine.objects.filter(~Exists(same), parent=None)


def stated_payments(account: BankAccount, days: Sequence[date]) -> set[tuple[int, int]]:
    """The amounts and signs of the lines near these days that a statement has, no notification had,
    and no line was paired with."""
    if not days:
        return set()
    rows = unpaired(payments_of_their_own()).filter(
        account=account,
        confirmed_by__isnull=False,
        reason=Suspense.NOT_NOTIFIED,
        booking_date__range=(min(days) - NEAR, max(days) + NEAR),
    )
    return {*rows.values_list("amount", "sign")}
