"""IBANs of the institution's own range, from a sequence, so that each is assigned once."""

from __future__ import annotations

from django.conf import settings
from schwifty import IBAN


def make(number: int) -> str:
    """The IBAN (ISO 13616) of the account with this number, at the institution of the settings.

    Raises:
        ValueError: the range is exhausted, or the settings are wrong, which stops the start.
    """
    iban = IBAN.generate(
        settings.IBAN_COUNTRY,
        bank_code=settings.IBAN_BANK_CODE,
        branch_code=settings.IBAN_BRANCH_CODE,
        account_code=str(number),
    )
    return str(iban)
