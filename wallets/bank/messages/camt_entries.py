"""The entries of camt messages: what a bank has booked on an account, and whom it concerns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import date
from hashlib import sha256
from typing import Any, Final

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
    sign_of_text,
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


DETAIL: Final = [each.name for each in fields(Detail)]
ENTRY: Final = [each.name for each in fields(BookedEntry)]


def entry_of_json(values: list[Any]) -> BookedEntry:
    """An entry that the other process has packed."""
    found = dict(zip(ENTRY, values, strict=True))
    found["booking_date"] = date.fromisoformat(found["booking_date"])
    found["value_date"] = day_of_text(found["value_date"])
    found["details"] = tuple(
        Detail(**dict(zip(DETAIL, each, strict=True))) for each in found["details"]
    )
    return BookedEntry(**found)


def day_of_text(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


# --- From elements --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedPayment:
    """What an entry says of a payment, before it is known whether its payments add up to it."""

    amounts: tuple[StatedAmount, ...]
    """Those that can be read, the best one first."""
    has_amount: bool
    sign: str | None
    """As the file says it; None: it does not."""
    reference: str
    """The bank's own."""
    texts: tuple[str, ...]
    """All that tells it from others."""
    detail: dict[int, Detail]
    """The detail that it is, without its amount, of a credit (1) and of a debit (-1)."""

    def amount(self, currency: str) -> int | None:
        """Its amount in the currency of its entry; None: it has none."""
        return next((each.minor for each in self.amounts if each.currency == currency), None)


def entry_or_none(element: Element, found: Sequence[StatedPayment]) -> BookedEntry | None:
    """Read an entry; None if it moves no money: it is not booked, or its amount is zero.

    `found` are its payments. An entry without a date has `date.min` until its statement is read.
    What is not booked may be wrong in any way.

    Raises:
        Unreadable: its amount, currency or sign is missing or wrong.
    """
    if entry_status(element) != BOOKED:
        return None
    amount, sign = read_amount(element.find("Amt")), read_sign(element)
    if not amount.minor:
        return None
    dated = read_date(element, "BookgDt", "ValDt")
    details = details_of(found, amount, sign)
    text = squeeze(element.findtext("AddtlNtryInf") or "")[:LONGEST_TEXT]
    reference = own_reference(element, found)
    return BookedEntry(
        reference=reference or digest_of_texts(found, text),
        booking_date=dated or date.min,
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


def own_reference(element: Element, payments: Sequence[StatedPayment]) -> str:
    """The reference that the bank has given to an entry, or to its only payment; blank: none.

    Payers choose all other references, and can choose the same one.
    """
    if reference := read_reference(element, "AcctSvcrRef"):
        return reference
    return payments[0].reference if len(payments) == 1 else ""


def digest_of_texts(payments: Sequence[StatedPayment], text: str) -> str:
    """A digest of what tells payments apart, for entries without a reference of the bank."""
    words = [text, *(word for each in payments for word in each.texts)]
    return f"sha256:{sha256('|'.join(words).encode()).hexdigest()[:32]}" if any(words) else ""


def details_of(
    found: Sequence[StatedPayment], amount: StatedAmount, sign: int
) -> tuple[Detail, ...]:
    """The details of an entry, if they add up to it; else none.

    A single one without an amount has that of the entry. All must have its sign and currency.
    """
    amounts = [each.amount(amount.currency) for each in found]
    if len(found) == 1 and not found[0].has_amount and amounts[0] is None:
        amounts = [amount.minor]
    signs = {sign_of_text(each.sign) for each in found if each.sign is not None}
    if None in amounts or signs - {sign} or sum(filter(None, amounts)) != amount.minor:
        return ()
    pairs = zip(found, amounts, strict=True)
    return tuple(replace(each.detail[sign], amount=minor) for each, minor in pairs if minor)


# --- The payments of entries ----------------------------------------------------------------------


def stated_payment(element: Element) -> StatedPayment:
    """Read a payment of an entry."""
    base, parties = detail_of(element), element.find("RltdPties")
    return StatedPayment(
        amounts=tuple(stated_amounts(element)),
        has_amount=element.find("Amt") is not None,
        sign=None if element.find("CdtDbtInd") is None else read_text(element, "CdtDbtInd"),
        reference=read_reference(element, "Refs/AcctSvcrRef"),
        texts=(*telling_texts(element), base.end_to_end, base.remittance),
        detail={sign: with_party(base, parties, sign) for sign in PARTIES},
    )


def stated_amounts(element: Element) -> Iterator[StatedAmount]:
    """The amounts of a payment that can be read, the best one first."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"):
        with suppress(Unreadable):
            yield read_amount(element.find(path))


def telling_texts(detail: Element) -> Iterator[str]:
    """More texts by which a payment can be told from another."""
    for name in ("TxId", "InstrId"):
        yield read_reference(detail, f"Refs/{name}")
    for names in PARTIES.values():
        for name in names:
            party = detail.find(f"RltdPties/{name}")
            yield read_account(party)
            yield "" if party is None else read_text(party, "Nm", "Pty/Nm")


def detail_of(element: Element) -> Detail:
    """Read a payment, without its amount and its other party."""
    returned = element.find("RtrInf")
    return Detail(
        amount=0,
        end_to_end=read_reference(element, "Refs/EndToEndId"),
        payment=read_reference(element, "Refs/PmtInfId"),
        message=read_reference(element, "Refs/MsgId"),
        remittance=remittance_of(element),
        is_return=returned is not None,
        reason="" if returned is None else read_text(returned, "Rsn/Cd", "Rsn/Prtry", "RtrRsn/Cd"),
    )


def with_party(base: Detail, parties: Element | None, sign: int) -> Detail:
    """The payment of a credit (1) or of a debit (-1), with its other party."""
    if parties is None:
        return base
    party, account = PARTIES[sign]
    return replace(
        base,
        name=read_text(parties, f"{party}/Nm", f"{party}/Pty/Nm"),
        iban=read_account(parties.find(account)),
        target=read_account(parties.find("CdtrAcct")) if sign > 0 else "",
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
