"""The pages of the institution's bank accounts."""

from __future__ import annotations

import re
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from iocash import money
from iocash.db import clock
from iocash.db.transactions import single_transaction
from iocash.http import fields
from users import menu
from users.actions import Action, ActionForm, Facts, WithActions, address_of, by
from users.change_lists.columns import NAMES
from users.history import actor_name, name_actors
from users.manual import MANUAL
from users.models import Client
from users.staff.records import note_about
from wallets.admin.amounts import refused_texts
from wallets.models import BankAccount

NAMES["wallets.bankaccount"] = str
ADD_ACCOUNT, CHANGE_ACCOUNT = "wallets.add_bankaccount", "wallets.change_bankaccount"
BIC: Final = re.compile(r"[A-Z0-9]{8}(?:[A-Z0-9]{3})?")
ADDED: Final = gettext_noop("Bank account added")
CHANGED: Final = gettext_noop("Bank account changed")
CLOSED: Final = gettext_noop("Bank account closed")


class HolderForm(ActionForm):
    """What can be changed of an account."""

    holder_name = forms.CharField(label=_("Account holder"), max_length=70)
    bic = forms.CharField(
        label=_("BIC"),
        max_length=11,
        required=False,
        help_text=_("8 or 11 characters, or nothing."),
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
    field_order = ("iban", "bic", "holder_name", "currency", "purpose", "clients")

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


def add_account(request: HttpRequest, obj: Any, values: dict[str, Any]) -> HttpResponse:
    """Add an account; a form that is sent twice adds it once."""
    clients = values.pop("clients")
    account_id = values.pop("key")
    try:
        with single_transaction():
            account = BankAccount.objects.create(id=account_id, actor=by(request).actor, **values)
            account.clients.set(clients)
            note_about(account, request.user.pk, ADDED)  # type: ignore[arg-type]
    except IntegrityError:  # the same form, or the same account, at the same moment
        account = BankAccount.objects.get(iban=values["iban"], currency=values["currency"])
    return HttpResponseRedirect(address_of(account))


def change_account(request: HttpRequest, account: BankAccount, values: dict[str, Any]) -> str:
    with single_transaction():
        locked = BankAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
        locked.holder_name, locked.bic = values["holder_name"], values["bic"]
        locked.save(update_fields=["holder_name", "bic"])
        locked.clients.set(values["clients"])
        names = ", ".join(each.name for each in values["clients"])
        note_about(locked, request.user.pk, CHANGED, names=names)  # type: ignore[arg-type]
    return gettext("The account was changed.")


def close_account(request: HttpRequest, account: BankAccount, values: dict[str, Any]) -> str:
    with single_transaction():
        locked = BankAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
        if locked.is_open:
            locked.closed_at = clock.now()
            locked.save(update_fields=["closed_at"])
            note_about(locked, request.user.pk, CLOSED)  # type: ignore[arg-type]
    return gettext("The account is closed: no file pays from it any more.")


ADD_ONE = Action(
    name="add",
    label=_("Add a bank account"),
    permission=ADD_ACCOUNT,
    form=AccountForm,
    do=add_account,
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
        "client_names",
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
        ("created_at", "created_at"),
        ("closed_at", "closed_at"),
    )
    page_actions = (
        Action(
            name="change",
            label=_("Change"),
            permission=CHANGE_ACCOUNT,
            form=ChangeForm,
            do=change_account,
            is_available=lambda account: account.is_open,
        ),
        Action(
            name="close",
            label=_("Close"),
            permission=CHANGE_ACCOUNT,
            do=close_account,
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
            "An administrator adds them."
        ),
    }
)
MANUAL.add(
    "bank-files",
    _("Bank files"),
    _("Make files of payments out for the bank, approve them, and import its answers."),
    covers=("wallets_bankfile", "wallets_bankaccount", "wallets_bankreport", "bank-"),
)
