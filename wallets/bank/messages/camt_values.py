"""The values of camt messages: amounts, signs, dates and texts, read leniently but exactly."""

from __future__ import annotations

import re
from datetime import date
from typing import Final, NamedTuple

from iocash import money
from iocash.errors import Message
from wallets.bank.messages.xml import Element, Unreadable

MISSING: Final = frozenset(
    {"NOTPROVIDED", "NOT PROVIDED", "NOTAVAILABLE", "NONREF", "UNKNOWN", "NONE", "N/A", "NA"}
)
"""What banks write where a reference is required and there is none; or only zeros and signs."""

SAYS_SOMETHING: Final = re.compile(r"[^\W0_]")

AMOUNT: Final = re.compile(r"\+?([0-9]{1,18})(?:\.([0-9]{0,18}))?|\.[0-9]{1,18}")
SPACE: Final = re.compile(r"\s+")
SIGNS: Final = {"CRDT": 1, "DBIT": -1}

LONGEST_REFERENCE: Final = 70
LONGEST_NAME: Final = 140
LONGEST_TEXT: Final = 1_000


class StatedAmount(NamedTuple):
    """An amount in minor units, and its currency."""

    minor: int
    currency: str


def read_amount(element: Element | None) -> StatedAmount:
    """Read an amount: not negative, with as many decimals as the currency has, or with zeros.

    Raises:
        Unreadable: there is none, or its currency is missing or unknown, or it is not exact.
    """
    if element is None:
        raise Unreadable(Message("An amount is missing."))
    currency = (element.get("Ccy") or "").strip()
    if not currency:
        raise Unreadable(Message("The currency of an amount is missing."))
    try:
        places = money.decimals(currency)
    except ValueError:
        words = Message("{currency} is not a currency of wallets.", currency=currency[:10])
        raise Unreadable(words) from None
    text = (element.text or "").strip()
    if not text:
        raise Unreadable(Message("An amount is missing."))
    if not AMOUNT.fullmatch(text):
        words = Message("{amount} is not an amount: digits, with a point.", amount=text[:30])
        raise Unreadable(words)
    whole, _, fraction = text.lstrip("+").partition(".")
    if fraction[places:].strip("0"):
        words = Message(
            "The amount {amount} has more than {places} decimals, which {currency} does not have.",
            amount=text[:40],
            places=places,
            currency=currency,
        )
        raise Unreadable(words)
    minor = int((whole or "0") + fraction[:places].ljust(places, "0") or "0")
    if minor >= 10**money.MAX_DIGITS:
        words = Message("The amount {amount} is too large for a wallet.", amount=text[:40])
        raise Unreadable(words)
    return StatedAmount(minor, currency)


def read_sign(element: Element) -> int:
    """Read whether an element is a credit (1) or a debit (-1).

    Raises:
        Unreadable: it does not say so.
    """
    return sign_of_text(read_text(element, "CdtDbtInd"))


def sign_of_text(text: str) -> int:
    """Read CRDT (1) or DBIT (-1).

    Raises:
        Unreadable: it is neither.
    """
    try:
        return SIGNS[text]
    except KeyError:
        words = Message("An amount is neither a credit (CRDT) nor a debit (DBIT).")
        raise Unreadable(words) from None


def read_text(element: Element, *paths: str, longest: int = LONGEST_NAME) -> str:
    """The text at the first of these paths that has one, on one line; blank: none has."""
    for path in paths:
        if text := squeeze(element.findtext(path) or ""):
            return text[:longest].rstrip()
    return ""


def squeeze(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


def read_reference(element: Element, *paths: str) -> str:
    """The first reference at these paths; what banks write instead of one is none."""
    for path in paths:
        text = read_text(element, path, longest=LONGEST_REFERENCE)
        if SAYS_SOMETHING.search(text) and text.upper().replace("_", " ") not in MISSING:
            return text
    return ""


def read_account(element: Element | None) -> str:
    """The IBAN or other number of an account, without spaces; blank: it has none."""
    if element is None:
        return ""
    paths = "Id/IBAN", "IBAN", "Id/Othr/Id", "Id/PrtryAcct/Id", "Id/BBAN", "Id/UPIC"
    return compact_account(read_text(element, *paths, longest=60))[:34]


def compact_account(account: str) -> str:
    """The number of an account as it is stored: without spaces, in capitals."""
    return SPACE.sub("", account).upper()


def read_date(element: Element | None, *paths: str) -> date | None:
    """The first date or time at these paths; what is not one is skipped."""
    if element is None:
        return None
    for path in paths:
        for each in (f"{path}/Dt", f"{path}/DtTm", path):
            try:
                return date.fromisoformat((element.findtext(each) or "").strip()[:10])
            except ValueError:
                continue
    return None


def is_true(element: Element, path: str) -> bool:
    """Whether a flag is set."""
    return read_text(element, path).lower() in {"true", "1"}
