"""Read camt.052, camt.053 and camt.054 in every version: the statements of a bank.

Files are read leniently: many real ones are not valid against their own schema. A file is refused
as a whole if something is missing that changes money: an amount, its currency or sign, or the
account.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any, Final

from iocash.errors import Message
from wallets.bank.messages.apart import parse_apart
from wallets.bank.messages.camt_entries import (
    BookedEntry,
    StatedPayment,
    day_of_text,
    entry_of_json,
    entry_or_none,
)
from wallets.bank.messages.camt_values import (
    StatedAmount,
    read_account,
    read_amount,
    read_date,
    read_reference,
    read_sign,
    read_text,
)
from wallets.bank.messages.xml import Element, Unreadable

KINDS: Final = {"Rpt": "camt.052", "Stmt": "camt.053", "Ntfctn": "camt.054"}
"""The kind of message by the element of a statement."""

OPENING: Final = ("OPBD", "PRCD")
CLOSING: Final = ("CLBD",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStatement:
    """A statement, report or notification about one account. Balances are signed minor units.

    `warnings` say what is wrong with it and changes no money.
    """

    kind: str
    version: str
    message: str
    name: str
    number: str
    page: int
    is_last_page: bool
    account: str
    currency: str
    created: date | None
    start: date | None
    end: date | None
    opening: int | None
    closing: int | None
    entries: tuple[BookedEntry, ...]
    not_booked: int
    warnings: tuple[Message, ...] = field(default=())

    @property
    def total(self) -> int:
        """The sum of the entries, in signed minor units."""
        return sum(each.sign * each.amount for each in self.entries)


def read_statements(content: bytes) -> list[ReadStatement]:
    """Read the statements of a file, in a process with limits.

    Raises:
        Unreadable: it is not such a message; or something is missing or wrong that changes money;
            or it is too large.
        Overloaded: other files are being read.
    """
    return [statement_of_json(each) for each in parse_apart("camt", content)]


def read_outlines(content: bytes) -> list[ReadStatement]:
    """Read the statements of a file, each with only its latest entry: that takes little memory.

    Raises:
        Unreadable: as `read_statements`.
        Overloaded: other files are being read.
    """
    return [statement_of_json(each) for each in parse_apart("outlines", content)]


def statement_of_json(values: list[Any]) -> ReadStatement:
    """A statement that the other process has packed."""
    found = dict(zip(STATEMENT, values, strict=True))
    for name in ("created", "start", "end"):
        found[name] = day_of_text(found[name])
    found["entries"] = tuple(entry_of_json(each) for each in found["entries"])
    found["warnings"] = tuple(Message.unpack(each) for each in found["warnings"])
    return ReadStatement(**found)


STATEMENT: Final = [each.name for each in fields(ReadStatement)]


# --- From elements --------------------------------------------------------------------------------


def read_statement(
    group: Element,
    element: Element,
    found: Sequence[BookedEntry | None],
    namespace: str,
    counts: Counter[tuple[object, ...]],
) -> ReadStatement:
    """Read a statement with these entries. `counts` has the entries of the file until now.

    `group` is the header of the file, if it has one. Raises Unreadable as `read_statements` does.
    """
    account = required_account(element)
    group = element.makeelement("GrpHdr") if group is None else group
    created = read_date(element, "CreDtTm") or read_date(group, "CreDtTm")
    end = read_date(element.find("FrToDt"), "ToDtTm", "ToDt")
    entries = [*dated_entries(found, end or created)]
    currency = currency_of(element, entries)
    entries = count_equal_entries(entries, (account, currency), counts)
    opening, _ = read_balance(element, OPENING, currency)
    closing, closed = read_balance(element, CLOSING, currency)
    statement = ReadStatement(
        kind=KINDS[str(element.tag)],
        version=namespace.rpartition(":")[2][:30],
        message=read_reference(group, "MsgId"),
        name=read_reference(element, "Id"),
        number=read_text(element, "ElctrncSeqNb", "LglSeqNb", longest=18),
        page=page_number(group, element),
        is_last_page=is_last_page_of(group, element),
        account=account,
        currency=currency,
        created=created,
        start=read_date(element.find("FrToDt"), "FrDtTm", "FrDt"),
        end=end or closed,
        opening=opening,
        closing=closing,
        entries=tuple(entries),
        not_booked=len(found) - len(entries),
    )
    return replace(statement, warnings=tuple(warnings_of(statement)))


def required_account(element: Element) -> str:
    """The account of a statement.

    Raises:
        Unreadable: it names none.
    """
    if account := read_account(element.find("Acct")):
        return account
    raise Unreadable(Message("A statement does not name its account."))


def dated_entries(
    found: Sequence[BookedEntry | None], default: date | None
) -> Iterator[BookedEntry]:
    """The booked entries; those without a date have this one.

    Raises:
        Unreadable: there is none.
    """
    for place, entry in enumerate(found, start=1):
        if entry is None:
            continue
        if entry.is_dated:
            yield entry
        elif default is None:
            words = Message("An entry has no date.")
            raise Unreadable(Message("Entry {number}: {why}", number=place, why=words))
        else:
            yield replace(entry, booking_date=default)


def count_equal_entries(
    entries: list[BookedEntry], account: tuple[str, str], counts: Counter[tuple[object, ...]]
) -> list[BookedEntry]:
    """Tell equal entries of an account apart: `counts` has how many of each there were."""
    found = []
    for entry in entries:
        identity = (*account, *entry.identity)
        found.append(entry.numbered(counts[identity]))
        counts[identity] += 1
    return found


def read_entry(
    element: Element, place: int, payments: Sequence[StatedPayment]
) -> BookedEntry | None:
    """Read an entry; a refusal names it.

    Raises:
        Unreadable: as `entry_or_none`.
    """
    try:
        return entry_or_none(element, payments)
    except Unreadable as unreadable:
        words = Message("Entry {number}: {why}", number=place + 1, why=unreadable.words)
        raise Unreadable(words) from None


def currency_of(element: Element, entries: list[BookedEntry]) -> str:
    """The currency of a statement.

    Raises:
        Unreadable: its entries have several, or another one than the account, or nothing has one.
    """
    own = read_text(element, "Acct/Ccy")
    found = {each.currency for each in entries}
    if len(found) > 1 or (own and found - {own}):
        words = Message("The entries of a statement are not all in the currency of its account.")
        raise Unreadable(words)
    balances = [each.get("Ccy") for each in element.findall("Bal/Amt")]
    currencies = [own, *found, *filter(None, balances)]
    currency = next(filter(None, currencies), "")
    if not currency:
        raise Unreadable(Message("A statement has no currency."))
    return currency[:3]


def read_balance(
    element: Element, codes: tuple[str, ...], currency: str
) -> tuple[int | None, date | None]:
    """The first balance of these types in the currency of the account, and its day, if any."""
    balances = element.findall("Bal")
    for code in codes:
        for each in balances:
            if read_text(each, "Tp/CdOrPrtry/Cd", "Tp/Cd") == code:
                try:
                    amount: StatedAmount = read_amount(each.find("Amt"))
                    sign = read_sign(each)
                except Unreadable:
                    continue
                if amount.currency == currency:
                    return sign * amount.minor, read_date(each, "Dt")
    return None, None


def page_number(group: Element, element: Element) -> int:
    """The number of the page of a statement; 1 if it has one page."""
    paths = "StmtPgntn/PgNb", "RptPgntn/PgNb", "NtfctnPgntn/PgNb"
    text = read_text(element, *paths) or read_text(group, "MsgPgntn/PgNb")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def is_last_page_of(group: Element, element: Element) -> bool:
    """Whether no other page follows."""
    paths = "StmtPgntn/LastPgInd", "RptPgntn/LastPgInd", "NtfctnPgntn/LastPgInd"
    text = read_text(element, *paths) or read_text(group, "MsgPgntn/LastPgInd")
    return text.lower() not in {"false", "0"}


def warnings_of(statement: ReadStatement) -> list[Message]:
    """What is wrong with a statement and changes no money."""
    warnings = []
    has_balances = statement.opening is not None and statement.closing is not None
    if has_balances and (statement.opening or 0) + statement.total != statement.closing:
        warnings.append(Message("The entries don't lead from the opening to the closing balance."))
    if ignored := sum(each.has_more for each in statement.entries):
        words = "The details of {number} entries don't add up, and are ignored."
        warnings.append(Message(words, number=ignored))
    return warnings
