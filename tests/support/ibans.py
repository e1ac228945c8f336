"""IBANs of other banks, with right check digits."""

import schwifty

IBAN = "ES9121000418450200051332"
OTHER_IBAN = "DE89370400440532013000"


def an_iban(number: int) -> str:
    """The IBAN of the account with this number at some German bank."""
    account = str(number)
    return str(schwifty.IBAN.generate("DE", bank_code="37040044", account_code=account))
