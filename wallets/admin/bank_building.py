"""Make a bank file of payments out: select them in the queue, select an account, confirm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash import errors
from iocash.db import clock
from iocash.http import problems
from users import pages
from users.actions import address_of, by
from users.models.ids import as_id
from wallets.admin import bulk, payments_out, queue
from wallets.admin.bank_files import BUILD_FILE
from wallets.admin.queue import Queue
from wallets.admin.refusals import explain_refusal
from wallets.bank import files
from wallets.bank.files import LeftOut
from wallets.models import BankAccount, Movement

OWN_WORDS: Final = {
    files.OTHER_ACCOUNT: _("The account holds no money of this client, or has another currency."),
    files.NO_ADDRESS: _("Outside the EEA the bank needs an address. Send it by hand."),
    errors.CashOutInFile.code: _("It is in another file."),
    errors.UserNotActive.code: _("Its owner is not active."),
    errors.CashOutSent.code: _("It was sent meanwhile."),
    errors.MovementNotPending.code: _("It has ended meanwhile."),
}
"""Why a payment is not in a file."""


class BuildForm(forms.Form):
    """The file that is made. Its `key` becomes its id: a form that is sent twice makes one file."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    ids = forms.CharField(widget=forms.HiddenInput)
    account = forms.ModelChoiceField(
        BankAccount.objects.none(), label=_("Pays from"), empty_label=None
    )
    execution_date = forms.DateField(
        label=_("Execution date"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("The day on which the bank is asked to pay."),
    )

    def __init__(self, selected: Sequence[Movement], data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        account = self.fields["account"]
        assert isinstance(account, forms.ModelChoiceField)
        account.queryset = accounts_for(selected)

    def clean_ids(self) -> list[UUID]:
        return read_ids(self.cleaned_data["ids"].split(","))


def read_ids(texts: Sequence[str]) -> list[UUID]:
    """Read ids without duplicates.

    Raises:
        BadRequest: one is no id, or there are more than a file can have.
    """
    found = [as_id(text) for text in dict.fromkeys(texts) if text]
    if None in found or len(found) > files.MOST:
        raise BadRequest("These are no ids of payments.")
    return [each for each in found if each]


def accounts_for(selected: Sequence[Movement]) -> Any:
    """The open accounts that hold money of these clients, in these currencies."""
    clients = {each.client_id for each in selected}
    currencies = {each.currency for each in selected}
    found = BankAccount.objects.open().filter(clients__in=clients, currency__in=currencies)
    return found.distinct().order_by("purpose", "iban")


@pages.page("payments-out/file/", name="bank-file-build", permission=BUILD_FILE)
def build_page(request: HttpRequest) -> HttpResponse:
    """Ask for the account and the date of a file, and then make it."""
    shown = payments_out.queue_of(request)
    if request.method != "POST":
        return HttpResponseRedirect(shown.address)
    if "key" in request.POST:
        return build_or_ask(request, shown)
    ids = selected(request, shown)
    if not ids:
        messages.error(request, gettext("Select at least one payment."))
        return HttpResponseRedirect(shown.address)
    movements = bulk.read_cash_outs(ids)
    initial = {
        "key": uuid7(),
        "ids": ",".join(str(each.id) for each in movements),
        "execution_date": clock.today(),
    }
    return ask_for_account(request, shown, movements, BuildForm(movements, initial=initial))


def selected(request: HttpRequest, shown: Queue) -> list[UUID]:
    if request.POST.get("scope") == "all":
        return shown.first_ids(files.MOST)
    return bulk.selected_ids(request, shown)


def build_or_ask(request: HttpRequest, shown: Queue) -> HttpResponse:
    movements = bulk.read_cash_outs(read_ids(request.POST.get("ids", "").split(",")))
    form = BuildForm(movements, request.POST)
    if form.is_valid():
        try:
            return build_from_page(request, form.cleaned_data)
        except errors.InvalidFields as refused:
            for wrong in refused.errors:
                form.add_error(None, errors.translated(wrong.detail, gettext))
        except DatabaseError as error:
            form.add_error(None, explain_refusal(problems.refusal(error, request))[1])
    return ask_for_account(request, shown, movements, form)


def build_from_page(request: HttpRequest, values: dict[str, Any]) -> HttpResponse:
    built = files.build_file(
        file_id=values["key"],
        account=values["account"],
        ids=values["ids"],
        execution_date=values["execution_date"],
        by=by(request),
    )
    text = ngettext(
        "The file with %(count)d payment is built. Somebody else must approve it.",
        "The file with %(count)d payments is built. Somebody else must approve it.",
        built.file.count,
    )
    messages.success(request, text % {"count": built.file.count})
    for words in left_out_in_words(built.left_out):
        messages.warning(request, words)
    return HttpResponseRedirect(address_of(built.file))


def left_out_in_words(left_out: Sequence[LeftOut]) -> list[str]:
    """How many payments are not in the file, for each reason."""
    codes = [code for _, code in left_out]
    return [
        gettext("Left out: %(count)d. %(reason)s")
        % {"count": codes.count(code), "reason": OWN_WORDS.get(code, code)}
        for code in sorted({*codes})
    ]


def ask_for_account(
    request: HttpRequest, shown: Queue, movements: Sequence[Movement], form: BuildForm
) -> HttpResponse:
    return pages.render(
        request,
        "admin/bank_file_build.html",
        title=gettext("Make a bank file"),
        form=form,
        queue=shown,
        totals=queue.totals_of(movements),
        accounts=form.fields["account"].queryset.count(),  # type: ignore[attr-defined]
    )
