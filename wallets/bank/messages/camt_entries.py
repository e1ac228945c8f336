"""The entries of camt messages: what a bank has booked on an account, and whom it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Final

from iocash.errors import Message
from wallets.bank.messages.camt_values import (
    LONGEST_TEXT,
    StatedAmount,
    is_true,
    read_account,
    read_amount,
    read_date,
    read_reference,
    read_sign,
    read_text,
    squeeze,
)
from wallets.bank.messages.xml import Element, Unreadable

BOOKED: Final = "BOOK"
PARTIES: Final = {1: ("Dbtr", "DbtrAcct"), -1: ("Cdtr", "CdtrAcct")}
"""The other party of a credit is its debtor; that of a debit its creditor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What is known of a payment: of an entry, or of one of several that it sums up.

    `amount` is in minor units, above 0. `target` is the account that was credited, as the payer
    named it: it can be the IBAN of a wallet.
    """

    amount: int
    end_to_end: str = ""
    payment: str = ""
    """The reference of the batch that the debtor has instructed (PmtInfId)."""
    message: str = ""
    """The id of the file that the debtor has instructed (MsgId)."""
    name: str = ""
    iban: str = ""
    target: str = ""
    remittance: str = ""
    is_return: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedEntry:
    """A booked entry: `amount` is in minor units, above 0; `sign` is 1 for a credit, else -1.

    `reference` is the bank's own (`is_named`), or a digest of all that tells the payment from
    others. An entry that is not `is_dated` has the date of its statement.

    `details` are empty unless they add up to the entry. `index` tells entries apart that are equal
    in all that identifies them.
    """

    reference: str
    booking_date: date
    value_date: date | None
    amount: int
    sign: int
    currency: str
    index: int
    is_reversal: bool
    text: str
    batch: str
    """The reference of the batch, or the id of the file, of which it is the sum."""
    details: tuple[Detail, ...]
    is_named: bool = True
    is_dated: bool = True
    has_more: bool = False
    """Whether it has details that don't add up, so they are ignored."""

    @property
    def identity(self) -> tuple[str, date, int, int]:
        return self.reference, self.booking_date, self.amount, self.sign

    def numbered(self, index: int) -> BookedEntry:
        return replace(self, index=index)


def entry_or_none(element: Element, default: date | None) -> BookedEntry | None:
    """Read an entry; None if it moves no money: it is not booked, or its amount is zero.

    `default` is the date of an entry without one. What is not booked may be wrong in any way.

    Raises:
        Unreadable: its amount, currency, sign or date is missing or wrong.
    """
    if entry_status(element) != BOOKED:
        return None
    amount, sign = read_amount(element.find("Amt")), read_sign(element)
    if not amount.minor:
        return None
    dated = read_date(element, "BookgDt", "ValDt")
    booked = dated or default
    if booked is None:
        raise Unreadable(Message("An entry has no date."))
    found = [*element.findall("NtryDtls/TxDtls"), *element.findall("TxDtls")]
    details = details_of(found, amount, sign)
    text = squeeze(element.findtext("AddtlNtryInf") or "")[:LONGEST_TEXT]
    reference = own_reference(element, found)
    return BookedEntry(
        reference=reference or digest_of_texts(found, text),
        booking_date=booked,
        value_date=read_date(element, "ValDt"),
        amount=amount.minor,
        sign=sign,
        currency=amount.currency,
        index=0,
        is_reversal=is_true(element, "RvslInd"),
        text=text,
        batch=read_reference(element, *(f"NtryDtls/Btch/{name}" for name in ("PmtInfId", "MsgId"))),
        details=details,
        is_named=bool(reference),
        is_dated=dated is not None,
        has_more=bool(found) and not details,
    )


def entry_status(element: Element) -> str:
    """The status of an entry: BOOK moves money; PDNG, INFO, FUTR and others don't."""
    return read_text(element, "Sts/Cd", "Sts/Prtry", "Sts").upper()


def own_reference(element: Element, details: list[Element]) -> str:
    """The reference that the bank has given to an entry, or to its only payment; blank: none.

    Payers choose all other references, and can choose the same one.
    """
    if reference := read_reference(element, "AcctSvcrRef"):
        return reference
    return read_reference(details[0], "Refs/AcctSvcrRef") if len(details) == 1 else ""


def digest_of_texts(details: list[Element], text: str) -> str:
    """A digest of what tells payments apart, for entries without a reference of the bank."""
    words = [text, *(word for each in details for word in telling_texts(each))]
    return f"sha256:{sha256('|'.join(words).encode()).hexdigest()[:32]}" if any(words) else ""


def telling_texts(detail: Element) -> Iterator[str]:
    """The texts by which a payment can be told from another."""
    for name in ("TxId", "EndToEndId", "InstrId"):
        yield read_reference(detail, f"Refs/{name}")
    for names in PARTIES.values():
        for name in names:
            party = detail.find(f"RltdPties/{name}")
            yield read_account(party)
            yield "" if party is None else read_text(party, "Nm", "Pty/Nm")
    yield remittance_of(detail)


def details_of(found: list[Element], amount: StatedAmount, sign: int) -> tuple[Detail, ...]:
    """The details of an entry, if they add up to it; else none.

    A single one without an amount has that of the entry. All must have its sign and currency.
    """
    amounts = [detail_amount(each, amount.currency) for each in found]
    if len(found) == 1 and found[0].find("Amt") is None and amounts[0] is None:
        amounts = [amount.minor]
    signs = {read_sign(each) for each in found if each.find("CdtDbtInd") is not None}
    if None in amounts or signs - {sign} or sum(filter(None, amounts)) != amount.minor:
        return ()
    pairs = zip(found, amounts, strict=True)
    return tuple(detail_of(each, minor, sign) for each, minor in pairs if minor)


def detail_amount(element: Element, currency: str) -> int | None:
    """The amount of a payment in the currency of its entry; None: it has none."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"):
        try:
            amount = read_amount(element.find(path))
        except Unreadable:
            continue
        if amount.currency == currency:
            return amount.minor
    return None


def detail_of(element: Element, amount: int, sign: int) -> Detail:
    """Read a payment of `amount`."""
    parties, returned = element.find("RltdPties"), element.find("RtrInf")
    party, account = PARTIES[sign]
    name = iban = target = ""
    if parties is not None:
        name = read_text(parties, f"{party}/Nm", f"{party}/Pty/Nm")
        iban = read_account(parties.find(account))
        target = read_account(parties.find("CdtrAcct")) if sign > 0 else ""
    return Detail(
        amount=amount,
        end_to_end=read_reference(element, "Refs/EndToEndId"),
        payment=read_reference(element, "Refs/PmtInfId"),
        message=read_reference(element, "Refs/MsgId"),
        name=name,
        iban=iban,
        target=target,
        remittance=remittance_of(element),
        is_return=returned is not None,
        reason="" if returned is None else read_text(returned, "Rsn/Cd", "Rsn/Prtry", "RtrRsn/Cd"),
    )


def remittance_of(element: Element) -> str:
    """What the payer wrote: free texts, then structured references, then the bank's words."""
    info = element.find("RmtInf")
    words = [squeeze(element.findtext("AddtlTxInf") or "")]
    if info is not None:
        names = "Strd/CdtrRefInf/Ref", "Strd/CdtrRefInf/CdtrRef", "Strd/AddtlRmtInf"
        found = [*info.findall("Ustrd"), *(each for name in names for each in info.findall(name))]
        words = [*(squeeze(each.text or "") for each in found), *words]
    return " ".join(filter(None, words))[:LONGEST_TEXT]
