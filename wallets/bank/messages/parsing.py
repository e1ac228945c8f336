"""Parse messages of banks. It runs in a process with limits (`sandbox`).

Statements are read while they are parsed: of an entry, and of each of its payments, only what is
wanted stays in memory.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import Final

from iocash.errors import Message
from wallets.bank.messages import camt, pain002, trees
from wallets.bank.messages.camt import KINDS, ReadStatement
from wallets.bank.messages.camt_entries import BookedEntry, StatedPayment, stated_payment
from wallets.bank.messages.pain002 import StatusReport
from wallets.bank.messages.trees import ForeignEncoding, local_name
from wallets.bank.messages.xml import Element, Unreadable

MOST_STATEMENTS: Final = 1_000
MOST_PAYMENTS: Final = 50_000
"""The most entries of a file, and payments of its entries, together."""

MOST_MONEY: Final = 10**18
"""The sum of all entries of a file, in minor units: a bigint has nine times as much."""

WANTED: Final = ("GrpHdr", "TxDtls", "Ntry", *KINDS)


@dataclass(slots=True)
class StatementsInFile:
    """The statements of a file, as far as it is parsed."""

    header: Element = None
    statements: list[tuple[Element, str]] = field(default_factory=list)
    """With their namespaces."""
    entries: dict[Element, list[BookedEntry | None]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By their statements; None: it is not booked."""
    payments: dict[Element, list[tuple[bool, StatedPayment]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By their entries; with whether it is directly in its entry."""
    count: int = 0

    def add(self, element: Element) -> None:
        """Read an element that has ended.

        Raises:
            Unreadable: as `parse_statements`.
        """
        name = local_name(element)
        if name in KINDS:
            self.add_statement(element)
        elif name == "GrpHdr":
            trees.strip_namespaces(element)
            self.header = element if self.header is None else self.header
        elif name == "Ntry":
            self.add_entry(element)
        else:
            self.add_payment(element)

    def add_statement(self, element: Element) -> None:
        if any(local_name(each) in KINDS for each in element.iterancestors()):
            raise Unreadable(Message("A statement is inside another one."))
        self.statements.append((element, trees.strip_namespaces(element)))
        if len(self.statements) > MOST_STATEMENTS:
            words = Message("A file has at most {limit} statements.", limit=MOST_STATEMENTS)
            raise Unreadable(words)

    def add_entry(self, element: Element) -> None:
        statement = element.getparent()
        if statement is None or local_name(statement) not in KINDS:
            return
        self.count_payment()
        trees.strip_namespaces(element)
        found = sorted(self.payments.pop(element, []), key=lambda each: each[0])
        entries = self.entries[statement]
        entries.append(camt.read_entry(element, len(entries), [each for _, each in found]))
        trees.clear_read(element)

    def add_payment(self, element: Element) -> None:
        above = element.getparent()
        is_direct = above is not None and local_name(above) == "Ntry"
        if not is_direct:
            if above is None or local_name(above) != "NtryDtls":
                return
            above = above.getparent()
            if above is None or local_name(above) != "Ntry":
                return
        self.count_payment()
        trees.strip_namespaces(element)
        self.payments[above].append((is_direct, stated_payment(element)))
        trees.clear_read(element)

    def count_payment(self) -> None:
        self.count += 1
        if self.count > MOST_PAYMENTS:
            words = Message("A file has at most {limit} entries and payments.", limit=MOST_PAYMENTS)
            raise Unreadable(words)


def parse_statements(content: bytes) -> list[ReadStatement]:
    """Parse the statements of a file: see `camt.read_statements`.

    Raises:
        Unreadable: it is not such a message; or something is missing or wrong that changes money;
            or it has too many statements or payments.
    """
    content = trees.required_content(content)
    try:
        found = statements_in_file(content)
    except ForeignEncoding:
        found = statements_in_file(content, trees.FALLBACK)
    if not found.statements:
        words = Message("This is not a statement of a bank (camt.052, camt.053 or camt.054).")
        raise Unreadable(words)
    counts: Counter[tuple[object, ...]] = Counter()
    statements = [
        camt.read_statement(found.header, element, found.entries[element], namespace, counts)
        for element, namespace in found.statements
    ]
    require_sane(statements)
    return statements


def parse_outlines(content: bytes) -> list[ReadStatement]:
    """Parse the statements of a file, and keep the latest entry of each.

    Raises:
        Unreadable: as `parse_statements`.
    """
    found = parse_statements(content)
    return [
        replace(
            each, entries=tuple(sorted(each.entries, key=lambda entry: entry.booking_date)[-1:])
        )
        for each in found
    ]


def statements_in_file(content: bytes, encoding: str | None = None) -> StatementsInFile:
    found = StatementsInFile()
    for element in trees.ended_elements(content, WANTED, encoding):
        found.add(element)
    return found


def require_sane(statements: list[ReadStatement]) -> None:
    """Refuse a file with too much money, or with a statement twice.

    Raises:
        Unreadable: it has.
    """
    if sum(entry.amount for each in statements for entry in each.entries) >= MOST_MONEY:
        raise Unreadable(Message("The entries of the file add up to too much money."))
    names = [(each.kind, each.account, each.currency, each.name, each.page) for each in statements]
    if len({*names}) < len(names):
        raise Unreadable(Message("The file has the same statement twice."))


def parse_report(content: bytes) -> StatusReport:
    """Parse a status report: see `pain002.read_report`.

    Raises:
        Unreadable: it is no such message, lacks an id, or contradicts itself.
    """
    root, namespace = trees.read_document(content)
    return pain002.report_of_root(root, namespace)
