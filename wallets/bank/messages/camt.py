"""Read camt.052, camt.053 and camt.054 in every version: the statements of a bank.

Files are read leniently: many real ones are not valid against their own schema. A file is refused
as a whole if something is missing that changes money: an amount, its currency or sign, or the
account.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from iocash.errors import Message
from wallets.bank.messages import xml
from wallets.bank.messages.camt_entries import BookedEntry, entry_or_none
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

MOST_STATEMENTS: Final = 1_000
MOST_MONEY: Final = 10**18
"""The sum of all entries of a file, in minor units: a bigint has nine times as much."""


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
    """Read the statements of a file.

    Raises:
        Unreadable: it is not such a message; or something is missing or wrong that changes money.
    """
    root, namespace = xml.read_document(content)
    found = [*root.iter(*KINDS)]
    if not found:
        words = Message("This is not a statement of a bank (camt.052, camt.053 or camt.054).")
        raise Unreadable(words)
    if len(found) > MOST_STATEMENTS:
        raise Unreadable(Message("A file has at most {limit} statements.", limit=MOST_STATEMENTS))
    version = namespace.rpartition(":")[2]
    counts: Counter[tuple[object, ...]] = Counter()
    header = root.find(".//GrpHdr")
    group = root.makeelement("GrpHdr") if header is None else header
    statements = [read_statement(group, each, version, counts) for each in found]
    if sum(entry.amount for each in statements for entry in each.entries) >= MOST_MONEY:
        raise Unreadable(Message("The entries of the file add up to too much money."))
    names = [(each.kind, each.account, each.currency, each.name, each.page) for each in statements]
    if len({*names}) < len(names):
        raise Unreadable(Message("The file has the same statement twice."))
    return statements


def read_statement(
    group: Element, element: Element, version: str, counts: Counter[tuple[object, ...]]
) -> ReadStatement:
    """Read a statement of a file with this header; `counts` has its entries until now.

    Raises:
        Unreadable: as `read`.
    """
    account = read_account(element.find("Acct"))
    if not account:
        raise Unreadable(Message("A statement does not name its account."))
    created = read_date(element, "CreDtTm") or read_date(group, "CreDtTm")
    end = read_date(element.find("FrToDt"), "ToDtTm", "ToDt")
    elements = element.findall("Ntry")
    found = [read_entry(each, place, end or created) for place, each in enumerate(elements)]
    entries = [each for each in found if each]
    currency = currency_of(element, entries)
    entries = count_equal_entries(entries, (account, currency), counts)
    opening, _ = read_balance(element, OPENING, currency)
    closing, closed = read_balance(element, CLOSING, currency)
    statement = ReadStatement(
        kind=KINDS[str(element.tag)],
        version=version[:30],
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
        not_booked=len(elements) - len(entries),
    )
    object.__setattr__(statement, "warnings", tuple(warnings_of(statement)))
    return statement


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


def read_entry(element: Element, place: int, default: date | None) -> BookedEntry | None:
    """Read an entry; a refusal names it.

    Raises:
        Unreadable: as `entry_or_none`.
    """
    try:
        return entry_or_none(element, default)
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
