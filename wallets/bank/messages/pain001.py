"""Write pain.001.001.09: credit transfers, by the rules of the EPC for SCT C2B 2025.

No address is written: inside the EEA none is needed, and payments to other countries are not
written at all. No UETR is written, because it would have to be a UUID of version 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from lxml import etree

from wallets.bank.messages.characters import spell

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
VERSION: Final = "pain.001.001.09"

MOST_CHARACTERS_OF_AN_ID: Final = 35
MOST_CHARACTERS_OF_A_NAME: Final = 70
MOST_CHARACTERS_OF_A_TEXT: Final = 140

EEA: Final = frozenset(
    {
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"),
        *("IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
    }
)
"""The countries to which a payment needs no address of the payee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debtor:
    """The account that pays, and its holder."""

    name: str
    iban: str
    bic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditTransfer:
    """A payment to an account. The amount is a positive decimal with the currency's places."""

    end_to_end_id: str
    amount: Decimal
    currency: str
    execution_date: date
    name: str
    iban: str
    text: str = ""


def needs_an_address(iban: str) -> bool:
    """Whether a payment to this account needs the address of the payee, which we don't have."""
    return iban[:2] not in EEA


def write(
    *,
    message_id: str,
    created_at: datetime,
    debtor: Debtor,
    transfers: Sequence[CreditTransfer],
) -> bytes:
    """Write a message; its batches have one execution date and one currency each.

    The same arguments give the same bytes. `created_at` is aware.

    Raises:
        ValueError: there is no transfer, an id is too long, or a payee needs an address.
    """
    check_transfers(message_id, transfers)
    root = etree.Element("Document", nsmap={None: NAMESPACE})
    message = add_element(root, "CstmrCdtTrfInitn")
    head = add_element(message, "GrpHdr")
    add_element(head, "MsgId", message_id)
    add_element(head, "CreDtTm", created_at.replace(microsecond=0).isoformat())
    add_sums(head, transfers)
    add_element(add_element(head, "InitgPty"), "Nm", spelled_name(debtor.name))
    batches = groupby(sorted(transfers, key=batch_of), key=batch_of)
    for number, (_batch, some) in enumerate(batches, 1):
        add_batch(message, batch_id(message_id, number), debtor, [*some])
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return written


def batch_id(message_id: str, number: int) -> str:
    """The id of a batch of a message, which the bank repeats."""
    return f"{message_id[:30]}-{number}"


def check_transfers(message_id: str, transfers: Sequence[CreditTransfer]) -> None:
    if not transfers:
        raise ValueError("a message has transfers")
    ids = [message_id, *(each.end_to_end_id for each in transfers)]
    if wrong := [each for each in ids if not 0 < len(each) <= MOST_CHARACTERS_OF_AN_ID]:
        raise ValueError(f"ids have 1 to 35 characters: {wrong}")
    if len({*ids}) < len(ids):
        raise ValueError("an id is used twice")
    if any(needs_an_address(each.iban) for each in transfers):
        raise ValueError("a payee outside the EEA needs an address")
    if any(each.amount <= 0 for each in transfers):
        raise ValueError("amounts are positive")


def batch_of(transfer: CreditTransfer) -> tuple[date, str]:
    return transfer.execution_date, transfer.currency


def add_batch(message: Any, name: str, debtor: Debtor, transfers: list[CreditTransfer]) -> None:
    """Add a batch; each of its payments is booked by itself, so that it is found in statements."""
    day, currency = batch_of(transfers[0])
    batch = add_element(message, "PmtInf")
    add_element(batch, "PmtInfId", name)
    add_element(batch, "PmtMtd", "TRF")
    add_element(batch, "BtchBookg", "false")
    add_sums(batch, transfers)
    if currency == "EUR":
        add_element(add_element(add_element(batch, "PmtTpInf"), "SvcLvl"), "Cd", "SEPA")
    add_element(add_element(batch, "ReqdExctnDt"), "Dt", day.isoformat())
    add_element(add_element(batch, "Dbtr"), "Nm", spelled_name(debtor.name))
    account = add_element(batch, "DbtrAcct")
    add_element(add_element(account, "Id"), "IBAN", debtor.iban)
    add_element(account, "Ccy", currency)
    agent = add_element(add_element(batch, "DbtrAgt"), "FinInstnId")
    if debtor.bic:
        add_element(agent, "BICFI", debtor.bic)
    else:
        add_element(add_element(agent, "Othr"), "Id", "NOTPROVIDED")
    add_element(batch, "ChrgBr", "SLEV")
    for transfer in transfers:
        add_transfer(batch, transfer)


def add_transfer(batch: Any, transfer: CreditTransfer) -> None:
    payment = add_element(batch, "CdtTrfTxInf")
    add_element(add_element(payment, "PmtId"), "EndToEndId", transfer.end_to_end_id)
    amount = add_element(add_element(payment, "Amt"), "InstdAmt", f"{transfer.amount:f}")
    amount.set("Ccy", transfer.currency)
    add_element(add_element(payment, "Cdtr"), "Nm", spelled_name(transfer.name))
    add_element(add_element(add_element(payment, "CdtrAcct"), "Id"), "IBAN", transfer.iban)
    if text := spell(transfer.text, MOST_CHARACTERS_OF_A_TEXT):
        add_element(add_element(payment, "RmtInf"), "Ustrd", text)


def add_sums(parent: Any, transfers: Sequence[CreditTransfer]) -> None:
    add_element(parent, "NbOfTxs", str(len(transfers)))
    add_element(parent, "CtrlSum", f"{control_sum(each.amount for each in transfers):f}")


def control_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of the numbers, of whatever currencies, as the standard has it."""
    return sum(amounts, Decimal(0))


def spelled_name(name: str) -> str:
    return spell(name, MOST_CHARACTERS_OF_A_NAME) or "NOTPROVIDED"


def add_element(parent: Any, tag: str, text: str | None = None) -> Any:
    element = etree.SubElement(parent, tag)
    element.text = text
    return element
