"""The page where staff upload the bank's answers to files: pain.002."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users import menu, pages
from users.actions import address_of
from wallets.admin.bank_uploads import uploaded_or_refused
from wallets.models import BankUpload

Kind = BankUpload.Kind
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


@pages.page("bank-reports/", name="bank-report-import", permission=IMPORT)
def import_page(request: HttpRequest) -> HttpResponse:
    """Upload answers; each of them waits for a second person, or is refused, by itself."""
    form = ReportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        files = form.cleaned_data["answers"]
        found = [uploaded_or_refused(request, each, Kind.ANSWER) for each in files]
        if len(found) == 1 and found[0]:
            return HttpResponseRedirect(address_of(found[0]))
        return HttpResponseRedirect(request.path)
    return pages.render(
        request,
        "admin/bank_upload.html",
        title=gettext("Upload answers of the bank"),
        effect=gettext(
            "Nothing happens until another person has released the file. Then payments that the "
            "bank rejects return to the wallets of their owners; payments that it has settled "
            "leave them for good."
        ),
        form=form,
    )


menu.add("Bank", _("Upload answers"), "bank-report-import", permission=IMPORT, order=20)
