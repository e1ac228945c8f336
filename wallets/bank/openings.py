"""The opening balance of a bank account: what it had before its first booked statement.

It is stored when the first statement with a balance is imported, and safeguarding rests on it. An
older statement can only lead to it: what it had before, with the lines that it alone has, is the
stored opening. So nobody can explain missing money by what an account would have had before. An
earlier page of the first statement, which comes after a later one, leads to it in the same way.

A statement without an opening balance has the one that its closing balance and its entries give. A
statement without both sets no opening, and the account is wrong until one has it.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from django.db.models import F, Sum

from iocash import money
from iocash.errors import Message
from wallets.bank.messages.xml import Unreadable
from wallets.models import BankAccount, BankLine, BankStatement

REWRITTEN: Final = (
    "The statement begins on {start}, before the first statement of the account ({first}). It must "
    "end with the opening balance, {opening} {currency}, not later than that day."
)
UNEXPLAINED: Final = (
    "The statement of {start} does not lead to the opening balance of the account, {opening} "
    "{currency}: its new entries do not explain the difference to its own opening balance."
)


def first_day_of(statement: BankStatement) -> date:
    return statement.start or statement.day


def opening_by(statement: BankStatement) -> int | None:
    """The opening balance of a statement, or what its closing balance and entries give."""
    if statement.opening is not None:
        return statement.opening
    return None if statement.closing is None else statement.closing - statement.total


def closing_by(statement: BankStatement) -> int | None:
    """The closing balance of a statement, or what its opening balance and entries give."""
    if statement.closing is not None:
        return statement.closing
    return None if statement.opening is None else statement.opening + statement.total


def is_before_opening(statement: BankStatement) -> bool:
    """Whether a statement begins before the first one of its account."""
    first = statement.account.opening_date
    return first is not None and first_day_of(statement) < first


def is_earlier_page(statement: BankStatement) -> bool:
    """Whether a statement is a page of the first one of its account, before the page that has set
    the opening: pages can come in any order."""
    account = statement.account
    if first_day_of(statement) != account.opening_date:
        return False
    later = BankStatement.objects.of_account(account).filter(
        name=statement.name, number=statement.number, page__gt=statement.page
    )
    is_next = any(
        (opening_by(each), first_day_of(each)) == (account.opening, account.opening_date)
        for each in later
    )
    return is_next and closing_by(statement) == account.opening


def require_opening_kept(statement: BankStatement) -> None:
    """Require that a statement, which is not stored yet, leads to the opening of its account.

    Raises:
        Unreadable: it begins before the first statement, and does not end where that one begins.
    """
    account = statement.account
    if not sets_opening(statement) or not is_before_opening(statement):
        return
    first = account.opening_date
    if closing_by(statement) != account.opening or (first and statement.day > first):
        raise Unreadable(said_of_opening(REWRITTEN, statement))


def note_opening(statement: BankStatement) -> None:
    """Store the opening balance that a statement gives its account; both are locked and stored.

    The opening of a later statement changes nothing. An earlier page of the first statement moves
    the opening, if it leads to it.

    Raises:
        Unreadable: it begins before the first statement, and its new entries don't lead to it.
    """
    account, opening = statement.account, opening_by(statement)
    if not sets_opening(statement) or opening is None:
        return
    if account.opening is not None:
        is_before = is_before_opening(statement)
        if not is_before and not is_earlier_page(statement):
            return
        if opening + sum_of_lines(statement) != account.opening:
            if not is_before:
                return
            raise Unreadable(said_of_opening(UNEXPLAINED, statement))
    account.opening, account.opening_date = opening, first_day_of(statement)
    account.save(update_fields=["opening", "opening_date"])


def sets_opening(statement: BankStatement) -> bool:
    return statement.is_booked and statement.account.purpose == BankAccount.Purpose.SAFEGUARDING


def sum_of_lines(statement: BankStatement) -> int:
    """The sum of the lines that no other camt.053 has."""
    lines = BankLine.objects.filter(account=statement.account, confirmed_by=statement, parent=None)
    return lines.aggregate(sum=Sum(F("sign") * F("amount")))["sum"] or 0


def said_of_opening(words: str, statement: BankStatement) -> Message:
    account = statement.account
    return Message(
        words,
        start=str(first_day_of(statement)),
        first=str(account.opening_date),
        opening=money.to_text(account.opening or 0, account.currency),
        currency=account.currency,
    )
