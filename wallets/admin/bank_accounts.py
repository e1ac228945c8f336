"""The pages of the institution's bank accounts."""

from __future__ import annotations

import re
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from iocash import money
from iocash.http import fields
from users import menu
from users.actions import Action, ActionForm, Facts, WithActions
from users.approvals.pages import require_approval
from users.change_lists.columns import NAMES
from users.change_lists.exports import amount
from users.history import actor_name, name_actors
from users.manual import MANUAL
from users.models import Client
from wallets.admin.amounts import refused_texts
from wallets.admin.approvals.bank_accounts import ask_to_add, ask_to_change, ask_to_close
from wallets.admin.facts import with_currency
from wallets.models import BankAccount

NAMES["wallets.bankaccount"] = str
ADD_ACCOUNT, CHANGE_ACCOUNT = "wallets.add_bankaccount", "wallets.change_bankaccount"
BIC: Final = re.compile(r"[A-Z0-9]{8}(?:[A-Z0-9]{3})?")


class HolderForm(ActionForm):
    """What can be changed of an account."""

    holder_name = forms.CharField(label=_("Account holder"), max_length=70)
    bic = forms.CharField(
        label=_("BIC"),
        max_length=11,
        required=False,
        help_text=_("8 or 11 characters, or nothing."),
    )
    booked_by = forms.ChoiceField(
        label=_("Lines are booked by"),
        choices=BankAccount.BookedBy.choices,
        initial=BankAccount.BookedBy.STATEMENT,
    )
    clients = forms.ModelMultipleChoiceField(
        Client.objects.order_by("name"),
        label=_("Clients"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Those whose money it holds. An account with own funds holds no client's."),
    )

    def offer(self, obj: Any) -> None:
        if obj:
            self.fields["holder_name"].initial = obj.holder_name
            self.fields["bic"].initial = obj.bic
            self.fields["booked_by"].initial = obj.booked_by
            self.fields["clients"].initial = list(obj.clients.values_list("pk", flat=True))

    def clean_bic(self) -> str:
        bic: str = self.cleaned_data["bic"].upper().replace(" ", "")
        if bic and not BIC.fullmatch(bic):
            raise forms.ValidationError(gettext("A BIC has 8 or 11 letters and digits."))
        return bic

    def is_of_own_funds(self, values: dict[str, Any]) -> bool:
        return values.get("purpose") == BankAccount.Purpose.OWN_FUNDS

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if self.is_of_own_funds(values) and values.get("clients"):
            self.add_error("clients", _("An account with own funds holds no client's money."))
        return values


class ChangeForm(HolderForm):
    def offer(self, obj: Any) -> None:
        super().offer(obj)
        self.purpose = obj.purpose if obj else ""

    def is_of_own_funds(self, values: dict[str, Any]) -> bool:
        return bool(self.purpose == BankAccount.Purpose.OWN_FUNDS)


class AccountForm(HolderForm):
    iban = forms.CharField(label="IBAN", max_length=42, help_text=_("With or without spaces."))
    currency = forms.ChoiceField(
        label=_("Currency"), choices=[(code, code) for code in money.currencies()], initial="EUR"
    )
    purpose = forms.ChoiceField(label=_("Purpose"), choices=BankAccount.Purpose.choices)
    field_order = ("iban", "bic", "holder_name", "currency", "purpose", "booked_by", "clients")

    def clean_iban(self) -> str:
        try:
            return str(fields.Iban().to_internal_value(self.cleaned_data["iban"]))
        except ValidationError as error:
            raise forms.ValidationError(refused_texts(error)) from error

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        known = {"iban": values.get("iban"), "currency": values.get("currency")}
        if BankAccount.objects.filter(**known).exists():
            self.add_error("iban", _("This account is here already."))
        return values


ADD_ONE = Action(
    name="add",
    label=_("Add a bank account"),
    permission=ADD_ACCOUNT,
    form=AccountForm,
    do=require_approval,
    asks=ask_to_add,
)


@admin.register(BankAccount)
class BankAccountAdmin(WithActions):
    list_display = ("iban", "currency", "holder_name", "purpose_in_words", "state_of", "short")
    list_filter = ("purpose",)
    ordering = ("-id",)
    fields = (
        "iban",
        "bic",
        "holder_name",
        "currency",
        "purpose_in_words",
        "booked_by_in_words",
        "client_names",
        "opening_in_words",
        "opening_date",
        "added_by",
        "created_at",
        "closed_at",
    )
    csv_columns = (
        ("iban", "iban"),
        ("bic", "bic"),
        ("currency", "currency"),
        ("holder_name", "holder_name"),
        ("purpose", "purpose"),
        ("booked_by", "booked_by"),
        ("opening", amount("opening")),
        ("opening_date", "opening_date"),
        ("created_at", "created_at"),
        ("closed_at", "closed_at"),
    )
    page_actions = (
        Action(
            name="change",
            label=_("Change"),
            permission=CHANGE_ACCOUNT,
            form=ChangeForm,
            do=require_approval,
            asks=ask_to_change,
            is_available=lambda account: account.is_open,
        ),
        Action(
            name="close",
            label=_("Close"),
            permission=CHANGE_ACCOUNT,
            do=require_approval,
            asks=ask_to_close,
            is_available=lambda account: account.is_open,
            effect=lambda account: gettext("No file pays from this account any more."),
            is_harmful=True,
        ),
    )

    def prepare(self, rows: list[Any]) -> None:
        name_actors(rows, "actor")

    def facts(self, obj: Any) -> Facts:
        return [("IBAN", obj.iban), (_("Account holder"), obj.holder_name)]

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return {"page_actions": self.available_actions(request, obj)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ADD_ACCOUNT)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = AccountForm(request.POST or None, user=request.user)
        shown = self.answer(request, ADD_ONE, None, form)
        return shown or self.action_page(request, ADD_ONE, None, form)

    @admin.display(description=_("purpose"))
    def purpose_in_words(self, row: BankAccount) -> str:
        return row.get_purpose_display()

    @admin.display(description=_("lines are booked by"))
    def booked_by_in_words(self, row: BankAccount) -> str:
        return row.get_booked_by_display()

    @admin.display(description=_("opening balance"))
    def opening_in_words(self, row: BankAccount) -> str:
        return "-" if row.opening is None else with_currency(row.opening, row.currency)

    @admin.display(description=_("state"))
    def state_of(self, row: BankAccount) -> str:
        return gettext("Open") if row.is_open else gettext("Closed")

    @admin.display(description=_("clients"))
    def client_names(self, row: BankAccount) -> str:
        return ", ".join(row.clients.order_by("name").values_list("name", flat=True)) or "-"

    @admin.display(description=_("added by"))
    def added_by(self, row: BankAccount) -> str:
        return actor_name(row, row.actor)


menu.add(
    "Bank",
    _("Our bank accounts"),
    "wallets_bankaccount_changelist",
    permission="wallets.view_bankaccount",
    order=40,
)
menu.describe(
    {
        "wallets_bankaccount_changelist": _(
            "The accounts of the institution: where the money of the wallets is, and own funds. "
            "Two administrators add, change and close them."
        ),
    }
)
MANUAL.add(
    "bank-files",
    _("Bank files"),
    _("Make files of payments out for the bank, approve them, and import its answers."),
    covers=("wallets_bankfile", "wallets_bankaccount", "wallets_bankreport", "bank-"),
)
