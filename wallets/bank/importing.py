"""Store the files of banks and their lines. What explains the lines is found afterwards.

A file is stored with all its lines in one transaction, under the lock of its bank accounts. Stored
lines are booked in batches (`wallets.bank.booking`); whoever is killed in between leaves lines that
the next import, or the worker, books.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet

from iocash.db import clock
from iocash.errors import Message
from wallets.bank import openings
from wallets.bank.messages import camt
from wallets.bank.messages.camt_entries import BookedEntry, Detail
from wallets.bank.messages.xml import Unreadable
from wallets.bank.repeated import Identity, new_and_known, stated_payments, was_sent_before
from wallets.models import (
    BankAccount,
    BankLine,
    BankPayment,
    BankStatement,
    BankStatementFile,
    BankUpload,
)
from wallets.models.bank_lines import Suspense

BATCH: Final = 1_000
"""The most lines of one INSERT."""

BATCH_ID: Final = re.compile(r"[0-9A-Fa-f]{30}-1")
"""The reference of the only batch of our file, made of its message id."""

AHEAD: Final = timedelta(days=1)
BOOKED_AHEAD: Final = timedelta(days=7)
"""How far in the future a statement, and an entry, can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """What an import has stored. `is_known`: the same file was stored before, and nothing now."""

    file: BankStatementFile
    is_known: bool
    accounts: frozenset[Any]
    lines: int = 0
    known_lines: int = 0


def store_file(
    content: bytes,
    *,
    name: str,
    actor: str,
    upload: BankUpload | None = None,
    read: Sequence[camt.ReadStatement] | None = None,
) -> StoredFile:
    """Store a file with its statements and lines; what was stored before is not stored again.

    `upload` is a file that staff have uploaded and released: the database requires it of staff.
    `read` are its statements, if they were read before: reading in a transaction would idle in it.

    Raises:
        Unreadable: it can't be read, is of the future, is about an account that is not the
            institution's, or would rewrite what an account had before its first statement.
        Overloaded: other files are being read.
    """
    digest = sha256(content).digest()
    statements = camt.read_statements(content) if read is None else read
    require_past(statements)
    with transaction.atomic():
        accounts = lock_accounts(statements)
        if known := BankStatementFile.objects.filter(sha256=digest).first():
            ids = frozenset(each.id for each in accounts.values())
            return StoredFile(file=known, is_known=True, accounts=ids)
        file = BankStatementFile.objects.create(
            name=name[-200:],
            content=content,
            sha256=digest,
            statement_count=len(statements),
            actor=actor,
            upload=upload,
        )
        new, known_lines = store_statements(by_day(statements, file, accounts))
    ids = frozenset(each.id for each in accounts.values())
    return StoredFile(file=file, is_known=False, accounts=ids, lines=new, known_lines=known_lines)


def store_statements(rows: Iterable[tuple[BankStatement, camt.ReadStatement]]) -> tuple[int, int]:
    """Store statements with their lines; return the numbers of new and known lines.

    Raises:
        Unreadable: one would rewrite what an account had before its first statement.
    """
    new, known = 0, 0
    for row, each in rows:
        openings.require_opening_kept(row)
        store_with_lines(row, each)
        openings.note_opening(row)
        new, known = new + row.new_entries, known + row.known_entries
    return new, known


def by_day(
    statements: Sequence[camt.ReadStatement],
    file: BankStatementFile | None,
    accounts: dict[tuple[str, str], BankAccount],
) -> list[tuple[BankStatement, camt.ReadStatement]]:
    """The statements of a file by their days, not saved: banks write them in any order."""
    rows = [
        (statement_of(file, place, each, accounts[each.account, each.currency]), each)
        for place, each in enumerate(statements)
    ]
    return sorted(rows, key=lambda row: (openings.first_day_of(row[0]), row[0].page, row[0].place))


def require_past(statements: Sequence[camt.ReadStatement]) -> None:
    """Require that no statement is of a day after tomorrow: it would be the latest one for ever.

    An entry can be booked for the next day on which the bank works.

    Raises:
        Unreadable: one is, or an entry is booked too far in the future.
    """
    today = clock.today()
    for each in statements:
        said = each.end or each.created
        if said and said > today + AHEAD:
            raise Unreadable(Message("The statement is of the future: {day}.", day=str(said)))
        booked = max((entry.booking_date for entry in each.entries), default=today)
        if booked > today + BOOKED_AHEAD:
            raise Unreadable(Message("An entry is booked in the future: {day}.", day=str(booked)))


def lock_accounts(statements: Sequence[camt.ReadStatement]) -> dict[tuple[str, str], BankAccount]:
    """Lock the bank accounts of the statements, in the order of their ids: imports take turns.

    Raises:
        Unreadable: an account is not the institution's.
    """
    rows = BankAccount.objects.order_by("id").select_for_update(no_key=True)
    return accounts_of(statements, rows)


def accounts_of(
    statements: Sequence[camt.ReadStatement], rows: QuerySet[BankAccount]
) -> dict[tuple[str, str], BankAccount]:
    """The bank accounts of the statements, among these.

    Raises:
        Unreadable: an account is not the institution's.
    """
    named = {(each.account, each.currency) for each in statements}
    found = {
        (row.iban, row.currency): row for row in rows.filter(iban__in=[iban for iban, _ in named])
    }
    for iban, currency in sorted(named - found.keys()):
        words = "The institution has no bank account {account} in {currency}. Add it first."
        raise Unreadable(Message(words, account=iban, currency=currency))
    return {name: found[name] for name in named}


def statement_of(
    file: BankStatementFile | None, place: int, read: camt.ReadStatement, account: BankAccount
) -> BankStatement:
    """What a file says about one account, without its lines; not saved."""
    booked = [each.booking_date for each in read.entries]
    return BankStatement(
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


def store_with_lines(statement: BankStatement, read: camt.ReadStatement) -> None:
    """Store a statement with the lines that are new, and count them in it."""
    if not brings_lines(statement):
        statement.save(force_insert=True)
        return
    new, known = new_and_known(statement, read.entries)
    lines = lines_of_entries(statement, new)
    statement.new_entries, statement.new_lines = len(new), len(lines)
    statement.new_total = sum(line.signed_amount for line in lines)
    statement.known_entries = len(known)
    statement.known_total = sum(sign * amount for _, _, amount, sign, _ in known)
    statement.save(force_insert=True)
    BankLine.objects.bulk_create(lines, batch_size=BATCH)
    if statement.is_booked:
        confirm_lines(statement, known)


def brings_lines(statement: BankStatement) -> bool:
    """Whether lines are read from it: a camt.054 only if it books, and a camt.052 never."""
    account = statement.account
    if account.purpose != BankAccount.Purpose.SAFEGUARDING:
        return False
    return statement.is_booked or is_notice(statement)


def is_notice(statement: BankStatement) -> bool:
    """Whether it is a camt.054 of an account that is booked by them."""
    notifies = statement.account.booked_by == BankAccount.BookedBy.NOTIFICATION
    return notifies and statement.kind == BankStatement.Kind.NOTIFICATION


def lines_of_entries(statement: BankStatement, entries: Sequence[BookedEntry]) -> list[BankLine]:
    """The lines of new entries; not saved. They say what keeps them from being booked at once.

    A camt.053 has lines that no camt.054 had, or the other way round: they can be the same
    payment with another reference, so two people look at the later one. They also look at entries
    that are new in a statement which was sent before.
    """
    account, stated = statement.account, set[tuple[int, int]]()
    default = Suspense.RESTATED if entries and was_sent_before(statement) else Suspense.NEW
    notifies = account.booked_by == BankAccount.BookedBy.NOTIFICATION
    if is_notice(statement):
        stated = stated_payments(account, [each.booking_date for each in entries])
    found = []
    for each in entries:
        reason = default if each.is_dated else Suspense.UNDATED
        if each.is_dated and notifies and statement.is_booked:
            reason = Suspense.NOT_NOTIFIED
        for line in lines_of_entry(statement, each, reason):
            if not line.reason and (line.amount, line.sign) in stated:
                line.reason = Suspense.REPEATED
            found.append(line)
    return found


def confirm_lines(statement: BankStatement, entries: Sequence[Identity]) -> None:
    """Note on the lines of known entries which camt.053 has them."""
    wanted = set(entries)
    days = sorted({booked for _, booked, *_ in wanted})
    rows = BankLine.objects.filter(
        account=statement.account, booking_date__in=days, parent=None, confirmed_by=None
    )
    names = "id", "reference", "booking_date", "entry_amount", "sign", "index"
    ids = [pk for pk, *identity in rows.values_list(*names) if tuple(identity) in wanted]
    BankLine.objects.locked_in_order(ids)
    BankLine.objects.filter(id__in=ids, confirmed_by=None).update(confirmed_by=statement)


def lines_of_entry(statement: BankStatement, entry: BookedEntry, reason: str) -> Iterator[BankLine]:
    """The lines of an entry: one for each detail, or one for the whole."""
    details = entry.details or (Detail(amount=entry.amount, payment=entry.batch),)
    if entry.sign < 0 and len(details) == 1 and not details[0].end_to_end:
        details = paid_by_file(statement.account, details[0]) or details
    for part, detail in enumerate(details, start=1):
        yield BankLine(
            account=statement.account,
            statement=statement,
            confirmed_by=statement if statement.is_booked else None,
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
        named = name.replace("-", "").lower()
        is_it = Q(file__message_id=named)
        if BATCH_ID.fullmatch(name):
            is_it |= Q(file__message_id__startswith=name[:30].lower())
        payments = BankPayment.objects.filter(is_it, file__account=account)
        found = payments.exclude(status="RJCT").order_by("number")
        details = [Detail(amount=each.amount, end_to_end=each.end_to_end_id) for each in found]
        if sum(each.amount for each in details) == detail.amount:
            return tuple(details)
    return ()
