"""Statements of a wallet as files, for staff: the form, the list and the download.

Each download is recorded in the log of the back office.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language, gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.db import clock
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users import pages
from users.actions import Action, ActionForm, by
from users.admin.cases import day_field
from users.admin.exports import EXPORT, FIND_ENTRY
from users.models.idempotency import staff_key
from wallets.models import StatementFile, Wallet
from wallets.statements import content, files

VIEW_MOVEMENT: Final = "wallets.view_movement"
LAST_FILES: Final = 10
DOWNLOADED: Final = gettext_noop("Downloaded a statement")


class StatementForm(ActionForm):
    """The format and the period of a statement: whole days in UTC, the last one included."""

    format = forms.ChoiceField(label=_("Format"), choices=StatementFile.Format.choices)
    first_day = day_field(_("First day"))
    last_day = day_field(_("Last day"))

    def offer(self, obj: Any) -> None:
        """Offer the last month."""
        last = clock.today().replace(day=1) - timedelta(days=1)
        self.fields["first_day"].initial = last.replace(day=1)
        self.fields["last_day"].initial = last

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        first, last = values.get("first_day"), values.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", _("The last day is before the first day."))
        if last and last >= clock.today():
            self.add_error("last_day", _("The last day must be over, in UTC."))
        return values

    def show(self, refused: errors.Refused) -> None:
        """Show a refusal of the period at the last day."""
        if isinstance(refused, errors.InvalidFields):
            for wrong in refused.errors:
                self.add_error("last_day", errors.translated(wrong.detail, gettext))
            return
        super().show(refused)


def get_statement(
    request: HttpRequest, wallet: Wallet, values: dict[str, Any]
) -> str | HttpResponse:
    """Answer with the file; a long one is made by the worker, and listed on the wallet's page."""
    start, end = (
        beginning_of(values["first_day"]),
        beginning_of(values["last_day"] + timedelta(days=1)),
    )
    requested = files.request_file(
        wallet=wallet,
        period=files.FilePeriod(files.Format(values["format"]), start, end),
        language=get_language() or "en",
        by=by(request),
        key=staff_key(values["key"]),
    )
    if requested.file.status == StatementFile.Status.READY:
        return download_response(request, requested.file)
    return gettext("The statement is being made. It appears under “Statements” on this page.")


def beginning_of(day: Any) -> datetime:
    return datetime.combine(day, time(), UTC)


ACTION: Final = Action(
    name="statement",
    label=_("Download a statement"),
    permission=VIEW_MOVEMENT,
    form=StatementForm,
    do=get_statement,
)


def statements_on(request: HttpRequest, wallet: Wallet) -> dict[str, Any]:
    """The context of the page of a wallet: its last files; nothing if there are none."""
    if not request.user.has_perm(VIEW_MOVEMENT):
        return {}
    kept = StatementFile.objects.of_wallet(wallet).exclude(status=StatementFile.Status.EXPIRED)
    return {"statement_files": kept.defer("content").order_by("-id")[:LAST_FILES]}


@pages.page("statement-files/<uuid:file_id>/", name="statement-file", permission=VIEW_MOVEMENT)
def download_statement(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """The file itself. It is recorded who downloaded it."""
    file = StatementFile.objects.filter(id=file_id, status=StatementFile.Status.READY).first()
    if file is None:
        raise Http404
    return download_response(request, file)


def download_response(request: HttpRequest, file: StatementFile) -> HttpResponse:
    record_download(request, file)
    name = content.name_of_statement(file)
    return HttpResponse(
        bytes(file.content or b""),
        content_type=content.CONTENT_TYPES[file.format],
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def record_download(request: HttpRequest, file: StatementFile) -> None:
    """Record in the log of the back office who downloaded a statement, and of which period."""
    user: Any = request.user
    period = f"{file.format}, {file.starts_at:%Y-%m-%d}, {file.ends_at:%Y-%m-%d}"
    with single_transaction():
        entry = LogEntry.objects.create(
            user=user,
            content_type=ContentType.objects.get_for_model(Wallet),
            object_id=str(file.wallet_id),
            object_repr=str(file.wallet_id),
            action_flag=EXPORT,
            change_message=f"{DOWNLOADED}: {period}.",
        )
        note_witness(Witness(FIND_ENTRY, [entry.pk]))
