"""Statements of banks are read leniently, and refused only where money could change."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.support.camt import DAY, IBAN, Line, Part, Statement, incoming, outgoing
from wallets.bank.messages import camt
from wallets.bank.messages.camt_entries import BookedEntry
from wallets.bank.messages.xml import Unreadable


def read_one(*lines: Line, **fields: Any) -> camt.ReadStatement:
    return camt.read_statements(Statement(lines=lines, **fields).xml())[0]


def read_entry(line: Line) -> BookedEntry:
    return read_one(line).entries[0]


@pytest.mark.parametrize("kind", ["camt.052", "camt.053", "camt.054"])
@pytest.mark.parametrize("version", ["001.01", "001.02", "001.04", "001.08", "001.13"])
def test_each_kind_and_version_is_read(kind, version):
    statement = read_one(
        incoming("12.50", "REF-1", name="Alice", iban="es12 3456", end_to_end="E2E-1"),
        kind=kind,
        version=version,
        opening="100.00",
        closing="112.50",
    )
    entry = statement.entries[0]
    assert (statement.kind, statement.version) == (kind, f"{kind}.{version}")
    assert (statement.account, statement.currency, statement.number) == (IBAN, "EUR", "1")
    assert (statement.opening, statement.closing, statement.total) == (100_00, 112_50, 12_50)
    assert (entry.reference, entry.amount, entry.sign) == ("REF-1", 12_50, 1)
    assert entry.booking_date == date.fromisoformat(DAY)
    detail = entry.details[0]
    assert (detail.name, detail.iban, detail.end_to_end) == ("Alice", "ES123456", "E2E-1")
    assert not statement.warnings


def test_status_of_old_versions_is_read():
    assert len(read_one(Line(amount="1.00", status="BOOK")).entries) == 1


@pytest.mark.parametrize("status", ["<Cd>PDNG</Cd>", "INFO", "<Cd>FUTR</Cd>", "<Prtry>X</Prtry>"])
def test_only_booked_entries_move_money(status):
    statement = read_one(Line(amount="1.00", status=status), Line(amount="2.00"))
    assert [each.amount for each in statement.entries] == [2_00]
    assert statement.not_booked == 1


def test_pending_entry_may_be_wrong():
    assert not read_one(Line(amount="x", status="<Cd>PDNG</Cd>", sign="")).entries


def test_entry_of_zero_moves_no_money():
    assert not read_one(Line(amount="0.00")).entries


def test_old_form_of_details_is_read():
    content = Statement(lines=(incoming("5.00", "R", remittance="Rent"),)).xml()
    old = content.replace(b"<NtryDtls>", b"").replace(b"</NtryDtls>", b"")
    assert camt.read_statements(old)[0].entries[0].details[0].remittance == "Rent"


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("8.85000", "EUR", 8_85),
        ("8.8", "EUR", 8_80),
        ("+8", "EUR", 8_00),
        (".5", "EUR", 50),
        ("007.10", "EUR", 7_10),
        ("100.00000", "JPY", 100),
        ("1.234", "KWD", 1_234),
        (" 3.00 ", "EUR", 3_00),
    ],
)
def test_amount_is_exact(text, currency, minor):
    statement = read_one(Line(amount=text, currency=currency), currency=currency)
    assert statement.entries[0].amount == minor


@pytest.mark.parametrize(
    "text",
    ["", "8.85001", "-8.85", "8,85", "1e3", "NaN", "0x10", "1 000.00", "1.2.3", "٣", "9" * 16],
)
def test_wrong_amount_refuses_the_file(text):
    with pytest.raises(Unreadable, match=r"^Entry 2: "):
        read_one(Line(amount="1.00"), Line(amount=text))


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ((b' Ccy="EUR"', b""), "The currency of an amount is missing"),
        ((b' Ccy="EUR"', b' Ccy="XAU"'), "not a currency of wallets"),
        ((b"<CdtDbtInd>CRDT</CdtDbtInd>", b""), "neither a credit"),
        ((b"CRDT", b"CREDIT"), "neither a credit"),
        ((f"<IBAN>{IBAN}</IBAN>".encode(), b""), "does not name its account"),
        ((b"<Ccy>EUR</Ccy>", b"<Ccy>USD</Ccy>"), "currency of its account"),
        ((b"BkToCstmrStmt", b"CstmrPmtStsRpt"), ""),
        ((b"Stmt>", b"PmtInf>"), "not a statement"),
    ],
)
def test_what_changes_money_refuses_the_file(broken, why):
    content = Statement(lines=(Line(amount="1.00"),)).xml().replace(*broken)
    if not why:
        assert camt.read_statements(content)
        return
    with pytest.raises(Unreadable, match=why):
        camt.read_statements(content)


def test_entry_without_any_date_is_refused():
    content = Statement(lines=(Line(amount="1.00", day=""),)).xml()
    assert camt.read_statements(content)[0].entries[0].booking_date == date.fromisoformat(DAY)
    with pytest.raises(Unreadable, match="no date"):
        camt.read_statements(content.replace(b"CreDtTm", b"Created"))


def test_entries_of_two_currencies_are_refused():
    with pytest.raises(Unreadable, match="currency of its account"):
        read_one(Line(amount="1.00"), Line(amount="1.00", currency="USD"), currency="")


def test_same_statement_twice_is_refused():
    twice = Statement(statements=(Statement(),))
    with pytest.raises(Unreadable, match="the same statement twice"):
        camt.read_statements(twice.xml())
    other = Statement(statements=(Statement(name="STATEMENT-2"),))
    assert len(camt.read_statements(other.xml())) == 2


@pytest.mark.parametrize(
    "missing",
    ["NOTPROVIDED", "notprovided", "NOT_PROVIDED", "NONREF", "N/A", "0", "0000000000", "-", "..."],
)
def test_placeholder_is_no_reference(missing):
    line = incoming("1.00", missing, end_to_end=missing, name="Alice")
    entry = read_entry(line)
    assert entry.details[0].end_to_end == ""
    assert entry.reference.startswith("sha256:")


def test_reference_of_a_payer_does_not_identify_an_entry():
    alices = read_entry(incoming("1.00", "", end_to_end="E2E-7", name="Alice"))
    bobs = read_entry(incoming("1.00", "", end_to_end="E2E-7", name="Bob"))
    assert alices.reference.startswith("sha256:")
    assert not alices.is_named
    assert alices.reference != bobs.reference


def test_equal_entries_have_different_indexes():
    statement = read_one(*[Line(amount="5.00", text="Fee", sign="DBIT")] * 3, Line(amount="5.00"))
    assert [each.index for each in statement.entries] == [0, 1, 2, 0]
    assert len({each.identity for each in statement.entries}) == 2


def test_details_are_read_when_they_add_up():
    parts = Part(amount="3.00", end_to_end="A"), Part(amount="2.00", end_to_end="B")
    entry = read_entry(Line(amount="5.00", parts=parts))
    assert [(each.amount, each.end_to_end) for each in entry.details] == [(3_00, "A"), (2_00, "B")]


@pytest.mark.parametrize(
    "parts",
    [
        (Part(amount="3.00"), Part(amount="2.01")),
        (Part(amount="3.00"), Part()),
        (Part(amount="3.00"), Part(amount="2.00", sign="DBIT")),
        (Part(amount="3.00"), Part(amount="2.00", currency="USD")),
        (Part(amount="5.01"),),
        (Part(amount="6.00"), Part(amount="1.00", sign="DBIT")),
    ],
)
def test_details_are_ignored_when_they_do_not_add_up(parts):
    statement = read_one(Line(amount="5.00", parts=parts))
    assert (statement.entries[0].amount, statement.entries[0].details) == (5_00, ())
    assert "don't add up" in statement.warnings[0]


def test_single_detail_without_amount_has_that_of_its_entry():
    assert read_entry(Line(amount="5.00", parts=(Part(name="Bob"),))).details[0].amount == 5_00


def test_returned_payment_is_recognised():
    detail = read_entry(incoming("5.00", "R", end_to_end="E", returned="AC04")).details[0]
    assert (detail.is_return, detail.reason) == (True, "AC04")
    assert read_entry(Line(amount="5.00", is_reversal=True)).is_reversal


def test_other_party_of_a_debit_is_its_creditor():
    detail = read_entry(outgoing("5.00", "R", name="Bob", iban="ES11")).details[0]
    assert (detail.name, detail.iban, detail.target) == ("Bob", "ES11", "")


def test_credited_account_of_a_credit_is_read():
    line = incoming("5.00", "R", name="Bob", iban="ES11", target="ES 22")
    detail = read_entry(line).details[0]
    assert (detail.name, detail.iban, detail.target) == ("Bob", "ES11", "ES22")


def test_swapped_sign_is_visible_in_the_balances():
    right = {"opening": "10.00", "closing": "15.00"}
    assert not read_one(Line(amount="5.00"), **right).warnings
    assert "closing balance" in read_one(Line(amount="5.00", sign="DBIT"), **right).warnings[0]


def test_negative_balance_is_read():
    statement = read_one(Line(amount="5.00"), opening="-10.00", closing="-5.00")
    assert (statement.opening, statement.closing, statement.warnings) == (-10_00, -5_00, ())


def test_page_is_read():
    content = (
        Statement()
        .xml()
        .replace(
            b"<Acct>", b"<StmtPgntn><PgNb>2</PgNb><LastPgInd>false</LastPgInd></StmtPgntn><Acct>"
        )
    )
    statement = camt.read_statements(content)[0]
    assert (statement.page, statement.is_last_page) == (2, False)


def test_long_texts_are_cut():
    long = "x" * 5_000
    entry = read_entry(incoming("1.00", "R", name=long, remittance=long, end_to_end=long))
    detail = entry.details[0]
    assert (len(detail.name), len(detail.remittance), len(detail.end_to_end)) == (140, 1_000, 70)
