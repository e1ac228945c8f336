"""Import an answer of the bank, and say what it did."""

from __future__ import annotations

from django.utils.translation import gettext

from users.models.events import By
from wallets.admin.closing import finish_paid
from wallets.bank import answers
from wallets.bank.answers import Imported


def import_answer(content: bytes, by: By) -> Imported:
    """Import an answer of the bank; users who were to be closed when they are paid are closed."""
    imported = answers.import_status(content=content, by=by)
    finish_paid(imported.user_ids, by)
    return imported


def imported_in_words(imported: Imported) -> str:
    """What an answer did."""
    if not imported.is_new:
        return gettext("It was imported before; nothing has changed.")
    report = imported.report
    text = gettext(
        "Settled: %(settled)d. Rejected: %(rejected)d. Noted: %(noted)d. "
        "Contradictions: %(conflicts)d."
    )
    return text % report.counts
