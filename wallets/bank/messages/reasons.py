"""Codes with which banks reject payments (ISO 20022, ExternalStatusReason1Code), in words."""

from __future__ import annotations

from typing import Final

REASONS: Final = {
    "AC01": "The account number is wrong.",
    "AC03": "The account number of the payee is wrong.",
    "AC04": "The account is closed.",
    "AC06": "The account is blocked.",
    "AC07": "The account of the payee is closed.",
    "AG01": "Payments are not allowed on this account.",
    "AG02": "The bank does not support this kind of payment.",
    "AM02": "The amount is not allowed.",
    "AM04": "The account of the institution has insufficient funds.",
    "AM09": "The amount is wrong.",
    "AM10": "The control sum is wrong.",
    "BE01": "The name of the payee does not match the account.",
    "BE04": "The address of the payee is missing.",
    "CUST": "Cancelled at the request of the institution.",
    "DT01": "The date is wrong.",
    "FF01": "The file has a wrong format.",
    "MD07": "The payee has died.",
    "MS02": "The payee's side gave no reason.",
    "MS03": "The bank gave no reason.",
    "RC01": "The bank of the payee was not found.",
    "RR01": "Data of the payer's account are missing.",
    "RR02": "The name or address of the payer is missing.",
    "RR03": "The name or address of the payee is missing.",
    "RR04": "Regulatory reason.",
    "TM01": "The file came too late.",
}

DUPLICATES: Final = frozenset({"AM05", "DU01", "DU02", "DU03", "DU04", "DU05", "DUPL"})
"""The bank has it already. It says nothing of what became of the first one."""


def reason_in_words(code: str) -> str:
    """The reason of a rejection, for the client: the code with its meaning, if it is known."""
    if not code:
        return "Rejected by the bank."
    return f"{code}: {REASONS[code]}" if code in REASONS else code
