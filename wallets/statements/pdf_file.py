"""Statements as PDF: tagged, PDF/UA-1 and PDF/A-2a. A process with limits makes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, override

from iocash import money
from iocash.processes import Job
from users.documents import processes
from wallets.models import Movement
from wallets.statements.content import (
    StatementContent,
    account_of_other,
    name_of_other,
    settled_at,
)

LOOK: Final = Path(__file__).with_name("page.typ")
"""The beginning of every template: the page, the fonts, and the tables of facts."""
TEMPLATE: Final = Path(__file__).with_name("statement.typ")
BREAK: Final = "\u200b"
"""A place where a line may be broken: it is not visible."""
LONG_WORD: Final = re.compile(r"(\S{24})(?=\S{8})")
GROUP: Final = re.compile(r"([.,\u00a0\u202f ])(?=\d{3})")
LONGEST_AMOUNT: Final = 18
"""Characters of an amount that fit into a column; longer ones are broken between groups."""


class PdfFailed(Exception):
    """The process made no PDF: it took too much time or memory."""


def write_pdf(content: StatementContent, job: Job) -> bytes:
    """The whole file, in the language of the file.

    Raises:
        PdfFailed: the process failed, or exceeded its limits.
        Overloaded: too many documents are being processed.
    """
    with override(content.file.language):
        data = pdf_data(content)
    return typeset_with_look(TEMPLATE, data, content.file.created_at, job)


def typeset_with_look(template: Path, data: dict[str, Any], at: datetime, job: Job) -> bytes:
    """A PDF of a template that begins as all do; `at` is the time of the document.

    Raises:
        PdfFailed: the process failed, or exceeded its limits.
        Overloaded: too many documents are being processed.
    """
    source = LOOK.read_text() + template.read_text()
    made = processes.typeset(source, data, int(at.timestamp()), job)
    if not made:
        raise PdfFailed
    return made


def pdf_data(content: StatementContent) -> dict[str, Any]:
    """What the template shows, in the active language."""
    statement, wallet = content.statement, content.wallet
    amounts = [
        (gettext("Opening balance"), statement.opening.balance),
        (gettext("Money in"), statement.total_in),
        (gettext("Money out"), -statement.total_out),
        (gettext("Closing balance"), statement.closing.balance),
    ]
    return {
        "language": content.file.language,
        "title": gettext("Statement of a wallet"),
        "issuer": content.issuer,
        "footer": gettext("Wallet %(wallet)s") % {"wallet": wallet.id},
        "words": {
            "balances": gettext("Balances"),
            "movements": gettext("Movements"),
            "none": gettext("No movements."),
            "verify": gettext("How to verify this statement"),
            "columns": [
                gettext("Date (UTC)"),
                gettext("Movement"),
                gettext("Amount"),
                gettext("Balance"),
            ],
        },
        "facts": [*fact_pairs(content)],
        "balances": [(name, formatted_amount(each, wallet.currency)) for name, each in amounts],
        "rows": [pdf_row(movement) for movement in content.lines],
        "proof": how_to_verify(),
        "digests": [
            (gettext("Head before the period"), statement.opening.hex or "-"),
            (gettext("Head after the period"), statement.closing.hex or "-"),
        ],
    }


def fact_pairs(content: StatementContent) -> Iterator[tuple[str, str]]:
    """The lines above the balances; there is none for what was erased."""
    wallet, statement = content.wallet, content.statement
    if content.holder:
        yield gettext("Holder"), breakable(content.holder)
    yield gettext("Wallet"), str(wallet.id)
    if wallet.iban:
        yield "IBAN", wallet.iban
    yield gettext("Currency"), wallet.currency
    yield gettext("Issued for"), breakable(content.issuer)
    yield gettext("From (included)"), shown_time(statement.start)
    yield gettext("Until (not included)"), shown_time(statement.end)
    yield gettext("Issued"), shown_time(content.file.created_at)
    yield gettext("Number of movements"), number_format(statement.count, force_grouping=True)


def pdf_row(movement: Movement) -> list[Any]:
    """The cells of a movement: time, kind, lines of text, amount, balance."""
    lines = (
        name_of_other(movement),
        account_of_other(movement),
        movement.concept,
        movement.reference,
    )
    at = settled_at(movement)
    day = date_format(at.date(), "SHORT_DATE_FORMAT")
    return [
        f"{day} {at:%H:%M:%S}",
        str(movement.get_type_display()),
        [breakable(line) for line in lines if line],
        formatted_amount(movement.amount, movement.currency),
        formatted_amount(movement.balance_after or 0, movement.currency),
    ]


def formatted_amount(minor: int, currency: str) -> str:
    """An amount in the active language, exact, which can be broken if it is long."""
    places = money.decimals(currency)
    exact = Decimal(money.to_text(minor, currency))
    shown = number_format(exact, decimal_pos=places, use_l10n=True, force_grouping=True)
    return GROUP.sub(rf"\1{BREAK}", shown) if len(shown) > LONGEST_AMOUNT else shown


def shown_time(at: datetime) -> str:
    in_utc = at.astimezone(UTC)
    return f"{date_format(in_utc.date(), 'DATE_FORMAT')}, {in_utc:%H:%M:%S} UTC"


def breakable(text: str) -> str:
    """A text whose long words can be broken."""
    return LONG_WORD.sub(rf"\1{BREAK}", text)


def how_to_verify() -> str:
    return gettext(
        "Each movement has a digest (SHA-256) that links it to the one before. The head after the "
        "period covers all movements up to its end: if one of them is changed or left out, the "
        "head differs. The application that gave you this statement can request the same head "
        "with GET /wallets/{id}/statement or GET /wallets/{id}/balance, and a proof for each "
        "movement, which can be verified offline."
    )
