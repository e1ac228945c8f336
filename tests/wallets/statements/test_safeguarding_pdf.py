"""The report of safeguarding as PDF: the figures of the JSON, the accounts and the signatures."""

from __future__ import annotations

import io
import json
from typing import Any

import pikepdf
import pytest
from django.utils.translation import override

from tests.support import bank, people
from tests.support.camt import IBAN, incoming
from tests.support.statement_files import text_of
from wallets.admin.safeguarding import figures_as_texts
from wallets.bank import safeguarding_reports
from wallets.models import SafeguardingReport
from wallets.statements.safeguarding_pdf import write_report_pdf

pytestmark = pytest.mark.django_db

SIGNERS = [("alice", "18 June 2026, 09:10:00 UTC"), ("bob", "18 June 2026, 09:12:00 UTC")]


@pytest.fixture
def report(client_demo: Any, bobs: Any) -> SafeguardingReport:
    """12,345.50 EUR of Bob are in the bank, and 1.00 EUR in suspense."""
    bank.an_account(client_demo)
    iban = bank.an_iban(bobs)
    lines = incoming("12345.50", "R1", target=iban), incoming("1.00", "R2")
    bank.receive(*lines, opening="0.00", closing="12346.50")
    made = safeguarding_reports.make_report()
    assert made is not None
    return made


def drawn(report: SafeguardingReport, signers: Any = ()) -> bytes:
    return write_report_pdf(report, signers, figures_as_texts)


@pytest.mark.slow
def test_pdf_shows_figures_accounts_and_the_hash(report):
    text = text_of(drawn(report))
    for shown in ("12,345.50 EUR", "12,346.50 EUR", "1.00 EUR", IBAN, "Right"):
        assert shown in text
    assert report.digest in "".join(text.replace("\u200b", "").split())
    assert "Nobody has signed this report yet." in text


@pytest.mark.slow
def test_pdf_names_the_signers_and_their_times(report):
    text = text_of(drawn(report, SIGNERS))
    for name, at in SIGNERS:
        assert name in text
        assert at in text
    assert "Nobody has signed" not in text


@pytest.mark.slow
def test_pdf_names_wallets_without_an_account(client_demo, bobs):
    bank.an_account(client_demo)
    bank.receive(opening="0.00", closing="0.00")
    other = people.first_wallet(people.a_user(people.a_client("Another"), people.ALICE))
    people.cash_in(other, 5_00)
    report = safeguarding_reports.make_report()
    assert report is not None
    text = text_of(drawn(report))
    assert "Wallets without a safeguarding account" in text
    assert "5.00 EUR" in text
    assert "Wrong" in text


@pytest.mark.slow
def test_pdf_is_tagged_and_in_the_language_of_the_member(report):
    with override("es"):
        pdf = drawn(report)
    assert "12.345,50 EUR" in text_of(pdf)
    with pikepdf.open(io.BytesIO(pdf)) as document, document.open_metadata() as metadata:
        assert (str(document.Root.Lang), metadata["pdfuaid:part"]) == ("es", "1")
        assert metadata["dc:title"] == "Informe de salvaguarda"


@pytest.mark.slow
def test_every_label_of_the_figures_has_an_amount_in_groups(report):
    (position,) = json.loads(report.content)["positions"]
    texts = dict(figures_as_texts(position))
    assert texts["Balances of the wallets"] == "12,345.50 EUR"
    assert all(each.endswith("EUR") for each in texts.values())
