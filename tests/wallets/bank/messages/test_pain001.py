"""pain.001.001.09 as it is written: valid, and by the rules of the EPC."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sepaxml
from lxml import etree

from wallets.bank.messages import pain001
from wallets.bank.messages.pain001 import CreditTransfer, Debtor

SCHEMAS = Path(sepaxml.__file__).parent / "schemas"
AT = datetime(2026, 11, 27, 10, 0, 0, 123, tzinfo=UTC)
TODAY, TOMORROW = date(2026, 11, 27), date(2026, 11, 28)
DEBTOR = Debtor(name="Demo Money", iban="NL85MOCK0000000001")


@pytest.fixture(scope="module")
def schema():
    return etree.XMLSchema(etree.parse(SCHEMAS / "pain.001.001.09.xsd"))


def a_transfer(**values: Any) -> CreditTransfer:
    facts: dict[str, Any] = {
        "end_to_end_id": uuid4().hex,
        "amount": Decimal("12.50"),
        "currency": "EUR",
        "execution_date": TODAY,
        "name": "Alice Adams",
        "iban": "ES9121000418450200051332",
        "text": "Rent",
    }
    return CreditTransfer(**facts | values)


def written(*transfers: CreditTransfer, debtor: Debtor = DEBTOR, message_id: str = "0" * 32) -> Any:
    content = pain001.write(
        message_id=message_id, created_at=AT, debtor=debtor, transfers=transfers
    )
    return etree.fromstring(content)


@pytest.mark.parametrize(
    "debtor",
    [DEBTOR, Debtor(name="Ñandú & Söhne", iban="ES9121000418450200051332", bic="DEUTDEFF")],
)
@pytest.mark.parametrize("text", ["Rent", "", "Ж 小龙 <&>", "x" * 140])
@pytest.mark.parametrize("currency", ["EUR", "SEK"])
def test_message_is_valid(schema, debtor, text, currency):
    name = "Straße " * 10
    root = written(a_transfer(text=text, name=name, currency=currency), debtor=debtor)
    schema.assertValid(root)


def test_same_arguments_give_the_same_bytes():
    transfers = [a_transfer(), a_transfer()]
    values: dict[str, Any] = {
        "message_id": "m",
        "created_at": AT,
        "debtor": DEBTOR,
        "transfers": transfers,
    }
    assert pain001.write(**values) == pain001.write(**values)


def test_sums_count_all_payments():
    root = written(a_transfer(), a_transfer(amount=Decimal("0.01")))
    assert [each.text for each in root.iter("{*}CtrlSum")] == ["12.51", "12.51"]
    assert [each.text for each in root.iter("{*}NbOfTxs")] == ["2", "2"]


def test_batches_have_one_date_and_one_currency(schema):
    root = written(
        a_transfer(),
        a_transfer(execution_date=TOMORROW, amount=Decimal("2.00")),
        a_transfer(currency="SEK"),
        a_transfer(),
    )
    schema.assertValid(root)
    batches = [*root.iter("{*}PmtInf")]
    assert [each.findtext("{*}NbOfTxs") for each in batches] == ["2", "1", "1"]
    assert len({each.findtext("{*}PmtInfId") for each in batches}) == 3
    assert root.findtext("{*}CstmrCdtTrfInitn/{*}GrpHdr/{*}CtrlSum") == "39.50"


def test_no_address_and_no_uetr_are_written():
    root = written(a_transfer())
    tags = {etree.QName(each).localname for each in root.iter()}
    assert tags.isdisjoint({"PstlAdr", "AdrLine", "UETR"})


def test_each_payment_is_booked_by_itself():
    assert [each.text for each in written(a_transfer()).iter("{*}BtchBookg")] == ["false"]


def test_texts_are_cut_to_their_length():
    root = written(a_transfer(name="ß" * 70, text="y" * 200))
    assert root.find(".//{*}Cdtr/{*}Nm").text == "s" * 70
    assert root.find(".//{*}Ustrd").text == "y" * 140


def test_payee_without_a_name_in_latin_letters_has_dots():
    assert written(a_transfer(name="小龙")).find(".//{*}Cdtr/{*}Nm").text == ".."


@pytest.mark.parametrize(
    "wrong",
    [
        {"end_to_end_id": "x" * 36},
        {"end_to_end_id": ""},
        {"iban": "GB33BUKB20201555555555"},
        {"iban": "CH5604835012345678009"},
        {"amount": Decimal(0)},
        {"amount": Decimal("-1.00")},
    ],
)
def test_wrong_payment_is_not_written(wrong):
    with pytest.raises(ValueError, match=r"ids|EEA|positive"):
        written(a_transfer(), a_transfer(**wrong))


def test_id_is_written_once():
    transfer = a_transfer()
    with pytest.raises(ValueError, match="twice"):
        written(transfer, transfer)


def test_message_without_payments_is_not_written():
    with pytest.raises(ValueError, match="transfers"):
        written()
