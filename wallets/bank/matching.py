"""Find what explains the lines of statements: wallets, cash-outs, and cash-ins of clients.

A batch of lines is matched with a few queries. No lock is kept: the orders check again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from iocash import money
from users.models import Client
from users.models.events import By
from wallets.bank.repeated import NEAR
from wallets.models import BankLine, BankOutcome, Movement, Wallet
from wallets.models.bank_lines import Suspense
from wallets.orders.bank_lines import ExplainLine, key_of_line
from wallets.orders.payments import BANK

ID: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?![0-9a-f])")
IBAN_BEGINS: Final = re.compile(r"(?=([A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}))")
SHORTEST_IBAN: Final = 15
LONGEST_REFERENCE: Final = 64
MOST_CANDIDATES: Final = 200
"""The most names of a kind that one line is read for."""

Answer = ExplainLine | Suspense
"""The order that explains a line, or why it is in suspense."""


@dataclass(slots=True)
class Found:
    """What the lines of a batch name."""

    clients: dict[UUID, dict[UUID, Client]] = field(default_factory=dict)
    """The clients whose money an account holds, by the account."""
    wallets: dict[str, list[Wallet]] = field(default_factory=lambda: defaultdict(list))
    """By IBAN, and by id as hex."""
    movements: dict[str, Movement] = field(default_factory=dict)
    """The cash-outs, by id as hex."""
    cash_ins: dict[str, list[Movement]] = field(default_factory=lambda: defaultdict(list))
    """The cash-ins without a line, by reference: ordered over the API, or before the bank was the
    source of the client's cash-ins."""
    before_switch: dict[tuple[UUID, int], list[Movement]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """The cash-ins without a line of clients whose source was switched to the bank, by wallet and
    amount."""


def match(lines: Sequence[BankLine]) -> list[Answer]:
    """What explains each line. Accounts are to be read with them."""
    found = find_named(lines)
    return [answer_of(line, found) for line in lines]


def answer_of(line: BankLine, found: Found) -> Answer:
    """What explains a line: an order, or the reason why nothing does."""
    if line.index:
        return Suspense.REPEATED
    if line.sign < 0:
        return Suspense.REVERSED if line.is_reversal or line.is_return else debit(line, found)
    cash_out = named_cash_out(line, found)
    if line.is_return or line.is_reversal or cash_out:
        return returned(line, cash_out)
    return Suspense.RETURNED if tells_of_cash_out(line, found) else credit(line, found)


def debit(line: BankLine, found: Found) -> Answer:
    """Settle the cash-out that a debit names, or note which debit has settled it."""
    cash_out = named_cash_out(line, found)
    if cash_out is None:
        return Suspense.NO_CASH_OUT
    if -cash_out.amount != line.amount:
        return Suspense.OTHER_AMOUNT
    if cash_out.bank_file and cash_out.bank_file.account_id != line.account_id:
        return Suspense.OTHER_ACCOUNT
    if line.iban and cash_out.iban and line.iban not in {cash_out.iban, line.account.iban}:
        return Suspense.OTHER_PAYEE
    if cash_out.status == "PENDING":
        return explained_by(line, cash_out, settles=True) if cash_out.sent_at else Suspense.NOT_SENT
    return explained_by(line, cash_out) if cash_out.status == "SUCCESS" else Suspense.ENDED


def returned(line: BankLine, cash_out: Movement | None) -> Answer:
    """Give a returned cash-out back to its wallet. Its debit comes first, and settles it.

    Anybody can name a cash-out in a payment. So if the bank does not call it a return, it must come
    from where the cash-out went.
    """
    if cash_out is None or cash_out.status != "SUCCESS":
        return Suspense.RETURNED
    is_called_so = line.is_return or line.is_reversal
    if not is_called_so and line.iban not in {cash_out.iban, line.account.iban}:
        return Suspense.RETURNED
    return explained_by(line, cash_out, returns=True)


def credit(line: BankLine, found: Found) -> Answer:
    """The cash-in that a credit pays, if there is one; else a new one to the wallet that it names,
    unless the client orders its cash-ins over the API.

    It is in doubt if a cash-in without a line can be this credit, and it is not certain which.
    """
    clients = found.clients[line.account_id]
    named = [
        wallet
        for name in (*named_ibans(line), *named_ids(line))
        for wallet in found.wallets.get(name, ())
        if wallet.client_id in clients and wallet.currency == line.currency
    ]
    wallets = {wallet.id: wallet for wallet in named}
    if len(wallets) > 1:
        own = {each.id: each for each in found.wallets.get(line.target, ()) if each.id in wallets}
        wallets = own if len(own) == 1 else wallets
    if len(wallets) > 1:
        return Suspense.SEVERAL_WALLETS
    wallet = next(iter(wallets.values()), None)
    paid = cash_ins_like(line, found)
    certain = [each for each in paid if wallet is None or each.wallet_id == wallet.id]
    if len(certain) == 1:
        found.cash_ins[certain[0].reference or ""].remove(certain[0])
        return explained_by(line, certain[0])
    if wallet is not None and clients[wallet.client_id].cash_ins == Client.CashIns.BANK:
        is_in_doubt = paid or can_be_booked_before(line, wallet, clients[wallet.client_id], found)
        return Suspense.BOOKED_BEFORE if is_in_doubt else cash_in(line, wallet)
    has_callers = any(each.cash_ins == Client.CashIns.API for each in clients.values())
    return Suspense.NO_CASH_IN if wallet or has_callers else Suspense.NO_WALLET


def cash_ins_like(line: BankLine, found: Found) -> list[Movement]:
    """The cash-ins without a line that have a reference and the amount of a line."""
    candidates = {
        each.id: each
        for name in named_references(line)
        for each in found.cash_ins.get(name, ())
        if each.amount == line.amount
        and each.currency == line.currency
        and each.client_id in found.clients[line.account_id]
    }
    return [*candidates.values()]


def can_be_booked_before(line: BankLine, wallet: Wallet, client: Client, found: Found) -> bool:
    """Whether a cash-in of the wallet without a line, from before its client's source was switched
    to the bank, can be this credit: of its amount, and near its date.

    Staff and many clients order cash-ins without a reference.
    """
    return is_switched_since(client, line.booking_date) and any(
        abs(line.booking_date - each.created_at.date()) <= NEAR
        for each in found.before_switch.get((wallet.id, line.amount), ())
    )


def cash_in(
    line: BankLine,
    wallet: Wallet,
    *,
    by: By = BANK,
    decision_id: UUID | None = None,
    reason: str = "",
) -> ExplainLine:
    """The order that books a credit as a cash-in to a wallet."""
    reference = line.end_to_end[:LONGEST_REFERENCE]
    return ExplainLine(
        client_id=wallet.client_id,
        by=by,
        key=key_of_line(line.id),
        wallet_id=wallet.id,
        line_id=line.id,
        amount=line_amount(line),
        currency=line.currency,
        concept=line.remittance[:140].strip() or None,
        reference=reference if reference.isascii() and reference.isprintable() else None,
        decision_id=decision_id,
        reason=reason,
    )


def explained_by(
    line: BankLine,
    movement: Movement,
    *,
    settles: bool = False,
    returns: bool = False,
    by: By = BANK,
    decision_id: UUID | None = None,
    reason: str = "",
) -> ExplainLine:
    """The order that explains a line by a movement, and settles or returns it if asked."""
    return ExplainLine(
        client_id=movement.client_id,
        by=by,
        key=key_of_line(line.id),
        wallet_id=movement.wallet_id,
        line_id=line.id,
        amount=line_amount(line),
        currency=line.currency,
        movement_id=movement.id,
        settles=settles,
        returns=returns,
        decision_id=decision_id,
        reason=reason,
    )


def line_amount(line: BankLine) -> Decimal:
    return Decimal(money.to_text(line.amount, line.currency))


def named_cash_out(line: BankLine, found: Found) -> Movement | None:
    """The cash-out of a client of the account whose id is the end-to-end reference of a line."""
    movement = found.movements.get(hex_of(line.end_to_end))
    clients = found.clients[line.account_id]
    is_own = movement and movement.client_id in clients and movement.currency == line.currency
    return movement if is_own else None


def tells_of_cash_out(line: BankLine, found: Found) -> bool:
    """Whether the texts of a credit name a cash-out: the bank gives it back in its own words."""
    clients = found.clients[line.account_id]
    return any(
        found.movements[name].client_id in clients
        for name in named_ids(line)
        if name in found.movements
    )


def find_named(lines: Sequence[BankLine]) -> Found:
    """Read what a batch of lines names."""
    found = Found()
    for account in {line.account_id: line.account for line in lines}.values():
        found.clients[account.id] = {each.id: each for each in account.clients.all()}
    clients = {pk for each in found.clients.values() for pk in each}
    incoming = [line for line in lines if line.sign > 0]
    ibans = {name for line in incoming for name in named_ibans(line)}
    ids = {name for line in incoming for name in named_ids(line)}
    wallets = Wallet.objects.filter(client__in=clients)
    for wallet in wallets.filter(iban__in=ibans) if ibans else ():
        found.wallets[wallet.iban or ""].append(wallet)
    for wallet in wallets.filter(id__in=ids) if ids else ():
        found.wallets[wallet.id.hex].append(wallet)
    named = [UUID(name) for line in lines if (name := hex_of(line.end_to_end))]
    named += [UUID(name) for name in ids]
    cash_outs = Movement.objects.filter(client__in=clients, id__in=named, type="CASH_OUT")
    cash_outs = cash_outs.select_related("bank_file").defer("bank_file__content")
    found.movements = {each.id.hex: each for each in cash_outs} if named else {}
    find_cash_ins(incoming, found)
    return found


def find_cash_ins(lines: Sequence[BankLine], found: Found) -> None:
    """Read the cash-ins without a line that the credits can be."""
    clients = {pk for each in found.clients.values() for pk in each}
    names = {name for line in lines for name in named_references(line)}
    switched = wallets_switched_lately(lines, found)
    unexplained = unexplained_cash_ins(clients)
    for movement in unexplained.filter(reference__in=names) if names else ():
        found.cash_ins[movement.reference or ""].append(movement)
    amounts = {line.amount for line in lines}
    for movement in unexplained.filter(wallet__in=switched, amount__in=amounts) if switched else ():
        found.before_switch[movement.wallet_id, movement.amount].append(movement)


def wallets_switched_lately(lines: Sequence[BankLine], found: Found) -> list[UUID]:
    """The named wallets of clients whose source was switched to the bank lately; usually none.

    A cash-in that was being posted at the switch holds the lock of its wallet. So the locks are
    taken and given back: what is read afterwards has it.
    """
    first = min((line.booking_date for line in lines), default=date.max)
    named = {each.id: each.client_id for some in found.wallets.values() for each in some}
    clients = {pk: each for some in found.clients.values() for pk, each in some.items()}
    switched = [pk for pk in sorted(named) if is_switched_since(clients[named[pk]], first)]
    if switched:
        rows = Wallet.objects.filter(id__in=switched).order_by("id")
        with transaction.atomic():
            list(rows.select_for_update(no_key=True).values_list("id"))
    return switched


def is_switched_since(client: Client, day: date) -> bool:
    """Whether its source was switched to the bank not long before a day, or after it."""
    since = client.cash_ins_since if client.cash_ins == Client.CashIns.BANK else None
    return since is not None and day <= since.date() + NEAR


def unexplained_cash_ins(clients: Iterable[UUID]) -> QuerySet[Movement]:
    """The cash-ins of clients that have no line, the oldest first."""
    explained = BankOutcome.objects.filter(movement=OuterRef("pk"))
    rows = Movement.objects.filter(client__in=clients, type="CASH_IN", status="SUCCESS")
    return rows.filter(~Exists(explained)).order_by("created_at", "id")


def hex_of(text: str) -> str:
    """A reference as the hex of an id; blank: it is none."""
    found = ID.fullmatch(text.strip().lower())
    return found.group().replace("-", "") if found else ""


def named_ids(line: BankLine) -> list[str]:
    """The ids that a line names, as hex: the end-to-end reference, and in its texts.

    Banks cut texts into lines anywhere, so they are also read without spaces.
    """
    words = f"{line.end_to_end} {line.remittance} {line.text}".lower()
    found = [*ID.findall(words), *ID.findall(words.replace(" ", ""))]
    return [*dict.fromkeys(each.replace("-", "") for each in found)][:MOST_CANDIDATES]


def named_ibans(line: BankLine) -> list[str]:
    """What can be the IBAN of a wallet: the credited account, or what the texts contain."""
    text = re.sub(r"[\s\-./]", "", f"{line.remittance}|{line.text}").upper()
    found = [line.target] if line.target else []
    for begin in IBAN_BEGINS.findall(text):
        found += [begin[:length] for length in range(SHORTEST_IBAN, len(begin) + 1)]
    return found[:MOST_CANDIDATES]


def named_references(line: BankLine) -> list[str]:
    """What can be the reference of a client: references, and the words of the remittance."""
    words = [line.end_to_end, line.reference, line.remittance, *line.remittance.split()]
    names = [each[:LONGEST_REFERENCE] for each in words if each]
    return [*dict.fromkeys(names)][:MOST_CANDIDATES]
