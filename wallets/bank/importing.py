"""Store the files of banks and their lines. What explains the lines is found afterwards.

A file is stored with all its lines in one transaction, under the lock of its bank accounts. Stored
lines are booked in batches (`wallets.bank.booking`); whoever is killed in between leaves lines that
the next import, or the worker, books.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any, Final

from django.db import transaction

from iocash.db import clock
from iocash.errors import Message
from wallets.bank.messages import camt
from wallets.bank.messages.camt_entries import BookedEntry, Detail
from wallets.bank.messages.xml import Unreadable
from wallets.models import (
    BankAccount,
    BankLine,
    BankPayment,
    BankStatement,
    BankStatementFile,
)
from wallets.models.bank_lines import Suspense

BATCH: Final = 1_000
"""The most lines of one INSERT."""

Identity = tuple[str, date, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """What an import has stored. `is_known`: the same file was stored before, and nothing now."""

    file: BankStatementFile
    is_known: bool
    accounts: frozenset[Any]
    lines: int = 0
    known_lines: int = 0


def store_file(content: bytes, *, name: str, actor: str) -> StoredFile:
    """Store a file with its statements and lines; what was stored before is not stored again.

    Raises:
        Unreadable: it can't be read, or is about an account that is not the institution's.
    """
    statements, digest = camt.read_statements(content), sha256(content).digest()
    with transaction.atomic():
        accounts = lock_accounts(statements)
        if known := BankStatementFile.objects.filter(sha256=digest).first():
            ids = frozenset(each.id for each in accounts.values())
            return StoredFile(file=known, is_known=True, accounts=ids)
        file = BankStatementFile.objects.create(
            name=name[-200:], content=content, sha256=digest, actor=actor
        )
        new, known_lines = 0, 0
        for place, each in enumerate(statements):
            account = accounts[each.account, each.currency]
            row = store_statement(file, place, each, account)
            added, found = store_lines(row, each)
            new, known_lines = new + added, known_lines + found
    ids = frozenset(each.id for each in accounts.values())
    return StoredFile(file=file, is_known=False, accounts=ids, lines=new, known_lines=known_lines)


def lock_accounts(statements: Sequence[camt.ReadStatement]) -> dict[tuple[str, str], BankAccount]:
    """Lock the bank accounts of the statements, in the order of their ids: imports take turns.

    Raises:
        Unreadable: an account is not the institution's.
    """
    named = {(each.account, each.currency) for each in statements}
    rows = BankAccount.objects.filter(iban__in=[iban for iban, _ in named])
    found = {
        (row.iban, row.currency): row for row in rows.order_by("id").select_for_update(no_key=True)
    }
    for iban, currency in sorted(named - found.keys()):
        words = "The institution has no bank account {account} in {currency}. Add it first."
        raise Unreadable(Message(words, account=iban, currency=currency))
    return {name: found[name] for name in named}


def store_statement(
    file: BankStatementFile, place: int, read: camt.ReadStatement, account: BankAccount
) -> BankStatement:
    """Store what a file says about one account, without its lines."""
    booked = [each.booking_date for each in read.entries]
    return BankStatement.objects.create(
        file=file,
        place=place,
        account=account,
        kind=read.kind,
        version=read.version,
        name=read.name,
        number=read.number,
        page=read.page,
        is_last_page=read.is_last_page,
        day=read.end or max(booked, default=None) or read.created or clock.today(),
        start=read.start,
        opening=read.opening,
        closing=read.closing,
        total=read.total,
        entries=len(read.entries),
        not_booked=read.not_booked,
        warnings=[each.pack() for each in read.warnings],
    )


def store_lines(statement: BankStatement, read: camt.ReadStatement) -> tuple[int, int]:
    """Store the lines that are new. Return how many entries were new, and how many known.

    A camt.053 confirms what it has. A camt.054 is read only if it books, and a camt.052 never.
    """
    account = statement.account
    if account.purpose != BankAccount.Purpose.SAFEGUARDING:
        return 0, 0
    notifies = account.booked_by == BankAccount.BookedBy.NOTIFICATION
    confirms = statement.kind == BankStatement.Kind.STATEMENT
    if not confirms and not (notifies and statement.kind == BankStatement.Kind.NOTIFICATION):
        return 0, 0
    known = known_entries(account, {each.booking_date for each in read.entries})
    new = [each for each in read.entries if identity_of_entry(each) not in known]
    reason = Suspense.NOT_NOTIFIED if notifies and confirms else Suspense.NEW
    lines = [line for each in new for line in lines_of_entry(statement, each, reason)]
    BankLine.objects.bulk_create(lines, batch_size=BATCH)
    if confirms:
        entries = [known[name] for name in map(identity_of_entry, read.entries) if name in known]
        confirm_lines(statement, entries)
    return len(new), len(read.entries) - len(new)


def identity_of_entry(entry: BookedEntry) -> Identity:
    return *entry.identity, entry.index


def known_entries(account: BankAccount, days: Iterable[date]) -> dict[Identity, Identity]:
    """The entries of these days that are stored, by what identifies them."""
    rows = BankLine.objects.filter(
        account=account, booking_date__in=sorted(days), part=1, parent=None
    )
    names = "reference", "booking_date", "entry_amount", "sign", "index"
    return {row: row for row in rows.values_list(*names)}


def confirm_lines(statement: BankStatement, entries: Sequence[Identity]) -> None:
    """Note on the lines of known entries which camt.053 has them."""
    wanted = set(entries)
    days = sorted({booked for _, booked, *_ in wanted})
    rows = BankLine.objects.filter(
        account=statement.account, booking_date__in=days, parent=None, confirmed_by=None
    )
    names = "id", "reference", "booking_date", "entry_amount", "sign", "index"
    ids = [pk for pk, *identity in rows.values_list(*names) if tuple(identity) in wanted]
    BankLine.objects.filter(id__in=ids, confirmed_by=None).update(confirmed_by=statement)


def lines_of_entry(statement: BankStatement, entry: BookedEntry, reason: str) -> Iterator[BankLine]:
    """The lines of an entry: one for each detail, or one for the whole."""
    confirms = statement.kind == BankStatement.Kind.STATEMENT
    details = entry.details or (Detail(amount=entry.amount, payment=entry.batch),)
    if entry.sign < 0 and len(details) == 1 and not details[0].end_to_end:
        details = paid_by_file(statement.account, details[0]) or details
    for part, detail in enumerate(details, start=1):
        yield BankLine(
            account=statement.account,
            statement=statement,
            confirmed_by=statement if confirms else None,
            reference=entry.reference,
            booking_date=entry.booking_date,
            value_date=entry.value_date,
            entry_amount=entry.amount,
            sign=entry.sign,
            index=entry.index,
            part=part,
            amount=detail.amount,
            currency=entry.currency,
            is_reversal=entry.is_reversal,
            is_return=detail.is_return,
            end_to_end=detail.end_to_end,
            payment=detail.payment,
            message=detail.message,
            name=detail.name,
            iban=detail.iban,
            target=detail.target,
            remittance=detail.remittance,
            text=entry.text,
            reason=reason,
        )


def paid_by_file(account: BankAccount, detail: Detail) -> tuple[Detail, ...]:
    """The payments of our file that a debit sums up, if they add up to it; else none."""
    for name in filter(None, (detail.payment, detail.message)):
        payments = BankPayment.objects.filter(
            file__message_id=name.replace("-", "").lower(), file__account=account
        )
        found = payments.exclude(status="RJCT").order_by("number")
        details = [Detail(amount=each.amount, end_to_end=each.end_to_end_id) for each in found]
        if sum(each.amount for each in details) == detail.amount:
            return tuple(details)
    return ()
