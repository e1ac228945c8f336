"""The pages of bank statements, and the one that uploads a file."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users import menu, pages
from users.actions import WithActions, address_of
from users.change_lists.columns import NAMES
from users.menu import MenuSection
from wallets.admin.bank_uploads import uploaded_or_refused
from wallets.admin.facts import with_currency
from wallets.bank.messages.xml import MOST_BYTES
from wallets.models import BankStatement, BankUpload

IMPORT: Final = "wallets.import_statement"
Kind = BankUpload.Kind

menu.add(
    MenuSection.BANK,
    _("Bank statements"),
    "wallets_bankstatement_changelist",
    permission="wallets.view_bankstatement",
    order=10,
)
menu.add(MenuSection.BANK, _("Upload a statement"), "bank-import", permission=IMPORT, order=15)
menu.describe(
    {
        "wallets_bankstatement_changelist": _(
            "The statements of banks that were imported. Upload a file to add one."
        )
    }
)


def statement_name(statement: BankStatement) -> str:
    return gettext("%(kind)s of %(date)s") % {
        "kind": statement.get_kind_display(),
        "date": date_format(statement.day, "SHORT_DATE_FORMAT"),
    }


NAMES["wallets.bankstatement"] = statement_name
NAMES["wallets.bankaccount"] = str


@admin.register(BankStatement)
class BankStatementAdmin(WithActions):
    list_display = (
        "day",
        "kind_shown",
        "number",
        "entries",
        "opening_shown",
        "closing_shown",
        "remarks",
        "account",
        "created_at",
    )
    list_filter = ("kind",)
    list_select_related = ("account", "file")
    ordering = ("-id",)
    csv_columns = (
        ("id", "id"),
        ("day", "day"),
        ("kind", "kind"),
        ("account", "account.iban"),
        ("number", "number"),
        ("entries", "entries"),
        ("file", "file.name"),
    )
    fields = (
        "id",
        "file_shown",
        "kind_shown",
        "account",
        "name",
        "number",
        "day",
        "opening_shown",
        "closing_shown",
        "lines_shown",
        "not_booked",
        "remarks",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """With what the statement before ended with; without the contents of the files, which can
        be large."""
        rows = super().get_queryset(request).select_related("account", "file")
        earlier = BankStatement.objects.of_account(OuterRef("account"))
        before = earlier.filter(day__lt=OuterRef("day"), closing__isnull=False).values("closing")
        return rows.defer("file__content").annotate(closing_before=Subquery(before[:1]))

    @admin.display(description=_("kind"))
    def kind_shown(self, statement: BankStatement) -> str:
        return str(statement.get_kind_display())

    @admin.display(description=_("opening balance"))
    def opening_shown(self, statement: BankStatement) -> str:
        return shown_balance(statement, statement.opening)

    @admin.display(description=_("closing balance"))
    def closing_shown(self, statement: BankStatement) -> str:
        return shown_balance(statement, statement.closing)

    @admin.display(description=_("file"))
    def file_shown(self, statement: BankStatement) -> str:
        digest = bytes(statement.file.sha256).hex()
        return f"{statement.file.name} (SHA-256 {digest})"

    @admin.display(description=_("entries"))
    def lines_shown(self, statement: BankStatement) -> Any:
        query = urlencode({"statement__id__exact": statement.pk})
        address = f"{reverse('admin:wallets_bankline_changelist')}?{query}"
        return format_html('<a href="{}">{}</a>', address, statement.entries)

    @admin.display(description=_("remarks"))
    def remarks(self, statement: BankStatement) -> Any:
        """What is wrong with it, and whether it follows the one before."""
        texts = [errors.translated(each, gettext) for each in statement.messages]
        if gap := gap_before(statement):
            texts.append(gap)
        return format_html_join("; ", "{}", ((each,) for each in texts)) or "-"


def shown_balance(statement: BankStatement, balance: int | None) -> str:
    return "-" if balance is None else with_currency(balance, statement.account.currency)


def gap_before(statement: Any) -> str:
    """Whether the opening balance is another than the closing balance of the statement before."""
    if statement.kind != BankStatement.Kind.STATEMENT or statement.opening is None:
        return ""
    closing = statement.closing_before
    if closing is None or closing == statement.opening:
        return ""
    return gettext("The statement before it ends with %(closing)s.") % {
        "closing": shown_balance(statement, closing)
    }


class ImportForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        max_length=200,
        help_text=_("A statement (camt.053), notification (camt.054) or report (camt.052)."),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(
                gettext("The file is larger than {limit} MiB.").format(limit=MOST_BYTES // 2**20)
            )
        return file


@pages.page("bank/import/", name="bank-import", permission=IMPORT)
def statement_import_page(request: HttpRequest) -> HttpResponse:
    """The form for a file, which waits for a second person."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = uploaded_or_refused(request, form.cleaned_data["file"], Kind.STATEMENT)
        if upload:
            return HttpResponseRedirect(address_of(upload))
        return HttpResponseRedirect(request.path)
    return pages.render(
        request,
        "admin/bank_upload.html",
        title=gettext("Upload a statement"),
        effect=gettext(
            "Nothing is booked until another person has released the file. Lines that name no "
            "wallet wait in suspense."
        ),
        form=form,
    )
