"""IBANs of other banks, with right check digits."""

from schwifty import IBAN as Iban

IBAN = "ES9121000418450200051332"
OTHER_IBAN = "DE89370400440532013000"


def an_iban(number: int) -> str:
    """The IBAN of the account with this number at some German bank."""
    return str(Iban.generate("DE", bank_code="37040044", account_code=str(number)))
