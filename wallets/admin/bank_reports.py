"""The page where staff import the bank's answers to files: pain.002."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.http import problems
from users import menu, pages
from users.actions import address_of, by
from users.models.events import By
from wallets.admin.closing import finish_paid
from wallets.admin.refusals import explain_refusal
from wallets.bank import answers
from wallets.bank.answers import Imported
from wallets.bank.messages.xml import MOST_BYTES, Unreadable

IMPORT = "wallets.add_bankreport"


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    def clean(self, data: Any, initial: Any = None) -> Any:
        """The files, each of which is there and has a name."""
        return [super(ManyFilesField, self).clean(each, initial) for each in data or [None]]


class ReportForm(forms.Form):
    answers = ManyFilesField(
        label=_("Answers of the bank"),
        widget=ManyFilesInput(attrs={"multiple": True, "accept": ".xml,application/xml"}),
        help_text=_("Messages pain.002, one or more. The same file twice changes nothing."),
    )


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


@pages.page("bank-reports/", name="bank-report-import", permission=IMPORT)
def import_page(request: HttpRequest) -> HttpResponse:
    """Import answers; each of them is imported or refused by itself."""
    form = ReportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        found = [import_upload(request, each) for each in form.cleaned_data["answers"]]
        if len(found) == 1 and found[0]:
            return HttpResponseRedirect(address_of(found[0].report.file))
        return HttpResponseRedirect(request.path)
    return pages.render(
        request,
        "admin/bank_report_import.html",
        title=gettext("Import answers of the bank"),
        form=form,
    )


def import_upload(request: HttpRequest, upload: Any) -> Imported | None:
    """Import one file, and say what it did or why it was refused."""
    try:
        imported = import_answer(upload.read(MOST_BYTES + 1), by(request))
    except Unreadable as refused:
        messages.error(request, f"{upload.name}: {errors.translated(refused.words, gettext)}")
        return None
    except DatabaseError as error:
        words = explain_refusal(problems.refusal(error, request))[1]
        messages.error(request, f"{upload.name}: {words}")
        return None
    show = messages.warning if imported.report.conflicts else messages.success
    show(request, f"{upload.name}: {imported_in_words(imported)}")
    return imported


menu.add("Bank", _("Import answers"), "bank-report-import", permission=IMPORT, order=20)
