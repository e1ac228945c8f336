"""What becomes of a report of safeguarding: a file with its figures, and two signatures."""

from __future__ import annotations

import csv
import io
import json
from typing import Final

from django.db import IntegrityError

from iocash import errors
from iocash.db.transactions import single_transaction
from users.approvals.second import NOBODY, require_two_people
from users.models.events import By
from wallets.models import SafeguardingReport, SafeguardingSignature

FIGURES: Final = (
    "wallets",
    "suspense",
    "returned",
    "setApart",
    "opening",
    "walletsAtBeginning",
    "ownFundsAtBeginning",
    "missingBeforeFirstStatement",
    "missingForMovementsSetApart",
    "mustBeInBank",
    "inBank",
    "difference",
)
"""The figures of a position, in the order of the files."""


def as_csv(report: SafeguardingReport) -> str:
    """A report as CSV: one row for each figure of each position."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["day", "currency", "accounts", "figure", "amount"])
    for each in json.loads(report.content)["positions"]:
        accounts = " ".join(account["iban"] for account in each["accounts"])
        pairs = [(name, each[name]) for name in FIGURES]
        pairs += [
            (f"movementsWithoutLine {found['type']}", found["amount"])
            for found in each["movementsWithoutLine"]
        ]
        pairs += [
            (f"movementsSetApart {found['reason']}", found["amount"])
            for found in each["movementsSetApart"]
        ]
        for name, amount in pairs:
            rows.writerow([report.day.isoformat(), each["currency"], accounts, name, amount])
    return out.getvalue()


def sign_report(report: SafeguardingReport, by: By) -> SafeguardingSignature:
    """Sign a report off: two different people do.

    Raises:
        InvalidFields: this person has signed it, or two others have.
        PermissionDenied: the two are not independent, or one is no active member of staff any more.
    """
    signers = [each.actor for each in report.signatures.order_by("place")]
    if by.actor not in signers:
        require_two_people(signers[0] if signers else NOBODY, by.actor)
    place = len(signers) + 1
    try:
        with single_transaction():
            return SafeguardingSignature.objects.create(report=report, place=place, actor=by.actor)
    except IntegrityError:
        words = "This report is signed by two people, or you have signed it."
        raise errors.InvalidFields(
            errors.FieldError("report", "refused", errors.Message(words))
        ) from None
