"""The pages of bank files: the list, a file with its payments, and the actions on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.http import problems
from users import menu, pages
from users.actions import Action, Facts, Searched, WithActions, address_of, by
from users.approvals.pages import require_approval
from users.approvals.second import actors_dependent_on
from users.change_lists.columns import NAMES
from users.change_lists.exports import amount
from users.history import actor_name, name_actors
from users.models.ids import as_id
from wallets.admin.approvals.bank_files import ask_to_take_back
from wallets.admin.facts import with_currency
from wallets.admin.forms import LedgerForm
from wallets.admin.refusals import explain_refusal
from wallets.admin.states import state_of
from wallets.bank import files
from wallets.models import BankFile, BankPayment

APPROVE, SEND_FILE, BUILD_FILE = (
    "wallets.approve_bankfile",
    "wallets.send_bankfile",
    "wallets.add_bankfile",
)
PAYMENTS_OF_A_PAGE: Final = 200
OF_SOME_STATES: Final = {
    "reason": "reason",
    "approved_by_name": "approved_by",
    "approved_at": "approved_at",
    "sent_by_name": "sent_by",
    "sent_at": "sent_at",
}
"""The fields of files that have come so far, and the columns that say so."""


def bank_file_name(file: BankFile) -> str:
    """The number and the sum of the payments of a file, and the day on which it was built."""
    text = ngettext(
        "%(count)d payment out, %(sum)s, %(day)s",
        "%(count)d payments out, %(sum)s, %(day)s",
        file.count,
    )
    return text % {
        "count": file.count,
        "sum": with_currency(file.control_sum, file.currency),
        "day": date_format(localtime(file.created_at), "SHORT_DATE_FORMAT"),
    }


NAMES["wallets.bankfile"] = bank_file_name


class ApproveFileForm(LedgerForm):
    """The hash that the page shows: another file is not approved."""

    sha256 = forms.CharField(widget=forms.HiddenInput)

    def offer(self, obj: Any) -> None:
        self.fields["sha256"].initial = obj.hash if obj else ""


class DiscardForm(LedgerForm):
    reason = forms.CharField(label=_("Reason"), max_length=140)


@contextmanager
def explained_to_staff(request: HttpRequest) -> Iterator[None]:
    """Let a database that does not answer be a refusal, as for single orders."""
    try:
        yield
    except DatabaseError as error:
        raise problems.refusal(error, request) from error


def approve_from_page(request: HttpRequest, file: BankFile, values: dict[str, Any]) -> HttpResponse:
    """Approve a file; it is discarded instead if one of its payments can't be sent."""
    with explained_to_staff(request):
        file = files.approve_file(file_id=file.id, sha256=values["sha256"], by=by(request))
    if file.state == BankFile.State.DISCARDED:
        text = gettext("The file was discarded: %(reason)s. Its payments are in the queue again.")
        messages.error(request, text % {"reason": file.reason})
    else:
        messages.success(request, gettext("Approved. Its payments are sent; take it to the bank."))
    return HttpResponseRedirect(address_of(file))


def discard_from_page(request: HttpRequest, file: BankFile, values: dict[str, Any]) -> str:
    with explained_to_staff(request):
        files.discard_file(file_id=file.id, reason=values["reason"], by=by(request))
    return gettext("Discarded. Its payments are in the queue again.")


def rehearse_approval(request: HttpRequest, file: BankFile, values: dict[str, Any]) -> Facts:
    """What is confirmed: the account, the sum, the hash, and who has built it."""
    files.require_other_builder(file, by(request))
    if values["sha256"] != file.hash:
        raise files.file_refusal(files.OTHER_FILE)
    text = gettext("All its payments are sent. Their clients can't cancel them any more.")
    return [*file_facts(file), (_("What will happen"), text)]


def file_facts(file: BankFile) -> list[tuple[Any, object]]:
    return [
        (_("Pays from"), f"{file.account.iban} {file.account.holder_name}"),
        (_("Payments"), file.count),
        (_("Sum"), with_currency(file.control_sum, file.currency)),
        (_("Execution date"), file.execution_date),
        (_("Built by"), actor_name(file, file.created_by)),
        ("SHA-256", file.hash),
    ]


@admin.register(BankFile)
class BankFileAdmin(Searched, WithActions):
    list_display = (
        "created_at",
        "state_of",
        "count",
        "sum_of",
        "account",
        "built_by",
        "approved_by_name",
        "short",
    )
    list_filter = ("state",)
    list_select_related = ("account",)
    search_fields = ("id",)
    search_help_text = _("The message id of a file, or the id of a payment out.")
    ordering = ("-id",)
    change_form_template = "admin/bank_file.html"
    fields = (
        "state_of",
        "reason",
        "message_id",
        "account",
        "count",
        "sum_of",
        "execution_date",
        "sha256_of",
        "built_by",
        "created_at",
        "approved_by_name",
        "approved_at",
        "sent_by_name",
        "sent_at",
        "in_the_folder",
    )
    csv_columns = (
        ("message_id", "message_id"),
        ("created_at", "created_at"),
        ("state", "state"),
        ("iban", "account.iban"),
        ("count", "count"),
        ("control_sum", amount("control_sum")),
        ("currency", "currency"),
        ("execution_date", "execution_date"),
        ("sha256", "hash"),
        ("built_by", lambda row: actor_name(row, row.created_by)),
        ("approved_by", lambda row: actor_name(row, row.approved_by)),
        ("sent_at", "sent_at"),
    )
    page_actions = (
        Action(
            name="approve",
            label=_("Approve"),
            permission=APPROVE,
            form=ApproveFileForm,
            do=approve_from_page,
            rehearse=rehearse_approval,
            is_available=lambda file: file.is_built,
            is_for=lambda member, file: file.created_by not in actors_dependent_on(member),
        ),
        Action(
            name="discard",
            label=_("Discard"),
            permission=BUILD_FILE,
            form=DiscardForm,
            do=discard_from_page,
            is_available=lambda file: file.is_built,
            effect=lambda file: gettext("Its payments return to the queue."),
            is_harmful=True,
        ),
        Action(
            name="take-back",
            label=_("Take back"),
            permission=APPROVE,
            form=LedgerForm,
            do=require_approval,
            asks=ask_to_take_back,
            is_available=lambda file: file.state == BankFile.State.APPROVED,
            effect=lambda file: gettext(
                "Its payments return to the queue, and are not sent any more, when somebody else "
                "has approved it."
            ),
            is_harmful=True,
        ),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without what did not happen to this file yet."""
        empty = {name for name, each in OF_SOME_STATES.items() if obj and not getattr(obj, each)}
        return [name for name in super().get_fields(request, obj) if name not in empty]

    def prepare(self, rows: list[Any]) -> None:
        name_actors(rows, "created_by", "approved_by", "sent_by")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the contents, which can be large."""
        return super().get_queryset(request).select_related("account").defer("content")

    def named(self, queryset: Any, words: str) -> Any:
        found = as_id(words)
        if found is None:
            return queryset.none()
        of_movement = BankPayment.objects.filter(movement=found).values("file")
        return queryset.filter(id=found) | queryset.filter(id__in=of_movement)

    def facts(self, obj: Any) -> Facts:
        return file_facts(obj)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        payments = BankPayment.objects.of(obj).select_related("movement__wallet__user")
        paginator = Paginator(payments, PAYMENTS_OF_A_PAGE)
        shown = paginator.get_page(request.GET.get("payments"))
        may_take = can_be_taken(obj) and request.user.has_perm(SEND_FILE)
        return {
            "page_actions": self.available_actions(request, obj),
            "payments": [(each, state_of(each.movement)) for each in shown],
            "shown": shown,
            "states": states_of(obj),
            "reports": list(obj.reports.order_by("-id")),
            "download": reverse("admin:bank-file-download", args=[obj.pk]) if may_take else "",
        }

    @admin.display(description=_("state"))
    def state_of(self, row: BankFile) -> str:
        return row.get_state_display()

    @admin.display(description=_("sum"))
    def sum_of(self, row: BankFile) -> str:
        return with_currency(row.control_sum, row.currency)

    @admin.display(description="SHA-256")
    def sha256_of(self, row: BankFile) -> str:
        return row.hash

    @admin.display(description=_("built by"))
    def built_by(self, row: BankFile) -> str:
        return actor_name(row, row.created_by)

    @admin.display(description=_("approved by"))
    def approved_by_name(self, row: BankFile) -> str:
        return actor_name(row, row.approved_by) if row.approved_by else "-"

    @admin.display(description=_("sent by"))
    def sent_by_name(self, row: BankFile) -> str:
        return actor_name(row, row.sent_by) if row.sent_by else "-"

    @admin.display(description=_("folder of the bank"))
    def in_the_folder(self, row: BankFile) -> str:
        if row.lost_at is not None:
            return gettext(
                "The worker did not find the file that it was about to put there. Ask the bank "
                "whether it has it. If not, download it."
            )
        if row.dropped_at is not None:
            return gettext("The worker has put it there.")
        return "-"


def can_be_taken(file: BankFile) -> bool:
    """Whether staff can download it: not what the worker hands over, unless that was lost."""
    if not file.approved_by or file.state == BankFile.State.TAKEN_BACK:
        return False
    return file.sent_by != files.WORKER or file.lost_at is not None


def states_of(file: BankFile) -> list[tuple[Any, int]]:
    """How many payments of a file have which state; none while they wait for its approval."""
    found = BankPayment.objects.filter(file=file)
    rows: Iterable[Any] = found.values_list("movement__status", "movement__sent_at")
    sent = gettext("Sent, no answer")
    names = {"SUCCESS": gettext("Settled"), "ERROR": gettext("Rejected")}
    counts = Counter(names.get(status, sent) for status, at in rows if at)
    return sorted(counts.items())


@pages.page("bank-files/<uuid:file_id>/download/", name="bank-file-download", permission=SEND_FILE)
def download(request: HttpRequest, file_id: Any) -> HttpResponse:
    """The file for the bank; from the first download on it is sent."""
    page = HttpResponseRedirect(reverse("admin:wallets_bankfile_change", args=[file_id]))
    if request.method != "POST":
        return page
    try:
        with explained_to_staff(request):
            file, content = files.take_file(file_id=file_id, by=by(request))
    except errors.InvalidFields as refused:
        for wrong in refused.errors:
            messages.error(request, errors.translated(wrong.detail, gettext))
        return page
    except errors.Refused as refused:
        messages.error(request, explain_refusal(refused)[1])
        return page
    response = HttpResponse(content, content_type="application/xml")
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


def files_to_approve(member: Any) -> Any:
    """Files that wait for this member: others have built them, of whom the member does not
    depend."""
    if not member.has_perm(APPROVE):
        return BankFile.objects.none()
    return BankFile.objects.built().exclude(created_by__in=actors_dependent_on(member))


menu.add(
    "Bank",
    _("Bank files"),
    "wallets_bankfile_changelist",
    permission="wallets.view_bankfile",
    waiting=files_to_approve,
    order=10,
    counts_for="approvals",
    since="created_at",
)
menu.describe(
    {
        "wallets_bankfile_changelist": _(
            "Files of payments out for the bank. Select payments under “Payments out”, and make a "
            "file of them."
        ),
    }
)
