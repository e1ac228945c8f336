"""Reports of safeguarding as PDF, as statements are made: tagged, PDF/UA-1 and PDF/A-2a."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from django.utils.formats import date_format
from django.utils.translation import get_language, gettext, pgettext

from iocash import money
from iocash.processes import Job
from users.documents.processes import TYPESET
from wallets.models import SafeguardingReport
from wallets.statements.pdf_file import formatted_amount, shown_time, typeset_with_look

TEMPLATE: Final = Path(__file__).with_name("safeguarding.typ")

Pairs = Sequence[tuple[str, str]]
"""Labels with their texts."""


def write_report_pdf(
    report: SafeguardingReport,
    signers: Pairs,
    figures_of: Callable[[dict[str, Any]], Pairs],
    job: Job = TYPESET,
) -> bytes:
    """A report in the active language. `signers` are the names of those who signed it, with the
    times; `figures_of` labels the figures of a position.

    Raises:
        PdfFailed: the process failed, or exceeded its limits.
        Overloaded: too many documents are being processed.
    """
    data = report_data(report, signers, figures_of)
    return typeset_with_look(TEMPLATE, data, report.created_at, job)


def result_in_words(report: SafeguardingReport) -> str:
    return pgettext("result", "Right") if report.is_right else pgettext("result", "Wrong")


def report_data(
    report: SafeguardingReport, signers: Pairs, figures_of: Callable[[dict[str, Any]], Pairs]
) -> dict[str, Any]:
    """What the template shows, in the active language."""
    content = json.loads(report.content)
    return {
        "language": (get_language() or "en").partition("-")[0],
        "title": gettext("Safeguarding report"),
        "issuer": "ioCash",
        "footer": gettext("Safeguarding on %(day)s") % {"day": report.day.isoformat()},
        "words": words_of_report(),
        "facts": [
            (gettext("Day"), shown_day(report.day)),
            (gettext("Result"), result_in_words(report)),
            (gettext("Made"), shown_time(report.created_at)),
        ],
        "positions": [
            {
                "title": each["currency"],
                "figures": figures_of(each),
                "accounts": [[*account_pairs(one, each["currency"])] for one in each["accounts"]],
            }
            for each in content["positions"]
        ],
        "elsewhere": [
            (each["currency"], amount_in_report(each["balance"], each["currency"]))
            for each in content["walletsWithoutAccount"]
        ],
        "signatures": signers,
        "proof": gettext(
            "The figures are those of the report as JSON, which is never changed. Its hash is "
            "below: compare it with the hash of the file that the back office lets you download."
        ),
        "digests": [("SHA-256", report.digest)],
    }


def words_of_report() -> dict[str, str]:
    return {
        "accounts": gettext("Bank accounts"),
        "elsewhere": gettext("Wallets without a safeguarding account"),
        "signatures": gettext("Signatures"),
        "unsigned": gettext("Nobody has signed this report yet."),
        "verify": gettext("How to verify this report"),
    }


def account_pairs(account: dict[str, Any], currency: str) -> Iterator[tuple[str, str]]:
    """The lines about a bank account; there is none for what it does not have."""
    yield "IBAN", account["iban"]
    if day := account["statementDay"]:
        yield gettext("Last statement"), shown_day(date.fromisoformat(day))
    labels = (
        ("openingBalance", gettext("Opening balance")),
        ("linesAddUpTo", gettext("Sum of the lines")),
        ("closingBalance", gettext("Closing balance")),
        ("notInStatementYet", gettext("Not in a statement yet")),
        ("missingInStatement", gettext("Missing in a statement")),
    )
    for name, label in labels:
        if account[name] is not None:
            yield label, amount_in_report(account[name], currency)


def amount_in_report(text: str, currency: str) -> str:
    """A decimal amount of a report as people read it."""
    return f"{formatted_amount(money.to_minor(Decimal(text), currency), currency)} {currency}"


def shown_day(day: date) -> str:
    return date_format(day, "DATE_FORMAT")
