"""What is done with the daily reports of safeguarding: files of them, and signatures."""

from __future__ import annotations

import csv
import io
import json

from django.db import IntegrityError

from iocash import errors
from iocash.db.transactions import single_transaction
from users.models.events import By
from wallets.models import SafeguardingReport, SafeguardingSignature


def as_csv(report: SafeguardingReport) -> str:
    """A report as CSV: one row for each figure of each position."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["day", "currency", "accounts", "figure", "amount"])
    for each in json.loads(report.content)["positions"]:
        accounts = " ".join(account["iban"] for account in each["accounts"])
        figures = "wallets", "suspense", "returned", "setApart", "opening", "mustBeInBank", "inBank"
        pairs = [(name, each[name]) for name in (*figures, "difference")]
        pairs += [
            (f"movementsWithoutLine {found['type']}", found["amount"])
            for found in each["movementsWithoutLine"]
        ]
        pairs += [
            (f"movementsSetApart {found['reason']}", found["amount"])
            for found in each.get("movementsSetApart", ())
        ]
        for name, amount in pairs:
            rows.writerow([report.day.isoformat(), each["currency"], accounts, name, amount])
    return out.getvalue()


def sign_report(report: SafeguardingReport, by: By) -> SafeguardingSignature:
    """Sign a report off: two different people do.

    Raises:
        InvalidFields: this person has signed it, or two others have.
    """
    place = report.signatures.count() + 1
    try:
        with single_transaction():
            return SafeguardingSignature.objects.create(report=report, place=place, actor=by.actor)
    except IntegrityError:
        words = "This report is signed by two people, or you have signed it."
        raise errors.InvalidFields(
            errors.FieldError("report", "refused", errors.Message(words))
        ) from None
