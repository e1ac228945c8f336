"""The pages of bank lines and of the decisions about them: the workbench."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from iocash import money
from iocash.http import fields
from users import menu
from users.actions import Action, ActionForm, Facts, WithActions, by
from users.change_lists.columns import NAMES, link_to
from users.history import actor_name
from users.manual import MANUAL
from users.menu import MenuSection
from wallets.admin.amounts import in_api_form, refused_texts
from wallets.admin.facts import with_currency
from wallets.admin.forms import LedgerForm
from wallets.bank import decisions
from wallets.models import BankDecision, BankLine, BankOutcome, Movement, Wallet

ASK: Final = "wallets.add_bankdecision"
Kind = BankDecision.Kind

MANUAL.add(
    "bank",
    _("Bank"),
    _("Import statements, decide about lines in suspense, and check the safeguarding."),
    covers=("bank-", "wallets_bank", "wallets_safeguarding"),
)


def lines_in_suspense(member: Any) -> Any:
    return BankLine.objects.unexplained()


menu.add(
    MenuSection.BANK,
    _("Bank lines"),
    "wallets_bankline_changelist",
    permission="wallets.view_bankline",
    waiting=lines_in_suspense,
    order=20,
)
menu.describe(
    {
        "wallets_bankline_changelist": _(
            "What the bank has booked. Import a statement to get lines; those in suspense wait "
            "for a decision."
        ),
    }
)


def line_name(line: BankLine) -> str:
    return gettext("%(amount)s on %(date)s") % {
        "amount": with_currency(line.signed_amount, line.currency),
        "date": date_format(line.booking_date, "SHORT_DATE_FORMAT"),
    }


NAMES["wallets.bankline"] = line_name


# --- What is asked --------------------------------------------------------------------------------


class DecisionForm(LedgerForm):
    reason = forms.CharField(
        label=_("Reason"), max_length=140, help_text=_("The second person reads it.")
    )
    field_order = ("wallet", "movement", "amounts", "pair", "reason")


class AssignLineForm(DecisionForm):
    wallet = forms.CharField(
        label=_("Wallet"),
        max_length=100,
        help_text=_("The wallet's id, its own IBAN or its alias."),
    )
    movement = forms.UUIDField(
        label=_("Movement"),
        required=False,
        help_text=_("The id of the payment out or cash-in of this line, if there is one."),
    )

    def clean_wallet(self) -> Wallet:
        named = Wallet.objects.called(self.cleaned_data["wallet"])
        found = named.select_related("client", "user")[:2]
        if not found:
            raise forms.ValidationError(_("This wallet does not exist."))
        if len(found) > 1:
            raise forms.ValidationError(_("Several wallets have it. Enter the id of one."))
        return found[0]

    def clean_movement(self) -> Movement | None:
        named = self.cleaned_data["movement"]
        movement = Movement.objects.filter(id=named).first() if named else None
        if named and movement is None:
            raise forms.ValidationError(_("This movement does not exist."))
        return movement


class SplitForm(DecisionForm):
    amounts = forms.CharField(
        label=_("Amounts"),
        widget=forms.Textarea(attrs={"rows": 4, "cols": 30}),
        max_length=2_000,
        help_text=_("One on each line. They must add up to the line."),
    )

    def offer(self, obj: Any) -> None:
        self.currency = obj.currency if obj else "EUR"

    def clean_amounts(self) -> list[int]:
        found = []
        for text in filter(None, map(str.strip, self.cleaned_data["amounts"].splitlines())):
            try:
                amount: Decimal = fields.Amount().to_internal_value(in_api_form(text))
                found.append(money.to_minor(amount, self.currency))
            except ValidationError as error:
                raise forms.ValidationError(refused_texts(error)) from error
            except money.WrongAmount as error:
                raise forms.ValidationError(str(error)) from error
        return found


class PairForm(DecisionForm):
    def clean_pair(self) -> BankLine | None:
        named = self.cleaned_data["pair"]
        line = BankLine.objects.filter(id=named).first() if named else None
        if named and line is None:
            raise forms.ValidationError(_("This line does not exist."))
        return line


class ReturnForm(PairForm):
    pair = forms.UUIDField(
        label=_("Returned credit"),
        required=False,
        help_text=_("For a debit: the id of the credit that it has returned."),
    )


class SameForm(PairForm):
    pair = forms.UUIDField(
        label=_("Other line"), help_text=_("The id of the line that has this payment already.")
    )


def asking(kind: str) -> Any:
    def run(request: HttpRequest, line: BankLine, values: dict[str, Any]) -> str:
        asked = {name: value for name, value in values.items() if name != "key"}
        decisions.ask_for_decision(line, kind, by=by(request), **asked)
        return gettext("Asked. Another person must approve it before anything happens.")

    return run


def is_undecided(line: BankLine) -> bool:
    """Whether a line is in suspense, and nothing is asked about it."""
    is_explained = BankOutcome.objects.filter(line=line).exists()
    return not is_explained and not BankDecision.objects.open().filter(line=line).exists()


def decision_action(kind: str, name: str, label: Any, form: type[ActionForm]) -> Action:
    return Action(
        name=name,
        label=label,
        permission=ASK,
        form=form,
        do=asking(kind),
        is_available=is_undecided,
        effect=lambda line: gettext("Nothing happens until another person has approved it."),
    )


# --- Facts ----------------------------------------------------------------------------------------


def line_facts(line: BankLine) -> Facts:
    """What a line says."""
    return [
        (_("Bank account"), line.account),
        (_("Booked"), date_format(line.booking_date, "SHORT_DATE_FORMAT")),
        (_("Amount"), with_currency(line.signed_amount, line.currency)),
        (_("Other party"), " ".join(filter(None, [line.name, line.iban])) or "-"),
        (_("Remittance"), line.remittance or line.text or "-"),
        (_("End-to-end reference"), line.end_to_end or "-"),
        (_("In suspense because"), line.get_reason_display()),
    ]


def state_of_line(line: Any) -> str:
    """What has explained a line, or why it is in suspense."""
    outcome = next(iter(line.outcomes.all()), None)
    return str(outcome.get_status_display() if outcome else line.get_reason_display())


class SuspenseFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("open", _("In suspense")), *BankOutcome.Status.choices]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "open":
            return queryset.unexplained()
        return queryset.filter(outcomes__status=self.value()) if self.value() else queryset


@admin.register(BankLine)
class BankLineAdmin(WithActions):
    list_display = (
        "booking_date",
        "shown_amount",
        "name",
        "remittance",
        "line_state",
        "account",
        "short",
    )
    list_filter = (SuspenseFilter, "sign")
    list_select_related = ("account",)
    ordering = ("-id",)
    search_fields = ("reference", "end_to_end", "name", "iban")
    search_help_text = _("A reference of the bank or of the payment, a name or an IBAN.")
    csv_columns = (
        ("id", "id"),
        ("account", "account.iban"),
        ("booking_date", "booking_date"),
        ("amount", lambda row: money.to_text(row.signed_amount, row.currency)),
        ("currency", "currency"),
        ("reference", "reference"),
        ("end_to_end", "end_to_end"),
        ("name", "name"),
        ("remittance", "remittance"),
        ("state", state_of_line),
    )
    fields = (
        "id",
        "account",
        "statement",
        "booking_date",
        "value_date",
        "shown_amount",
        "reference",
        "end_to_end",
        "name",
        "iban",
        "remittance",
        "text",
        "line_state",
        "asked",
        "explained_by",
        "created_at",
    )
    page_actions = (
        decision_action(Kind.ASSIGN, "assign", _("Assign to a wallet"), AssignLineForm),
        decision_action(Kind.SPLIT, "split", _("Split"), SplitForm),
        decision_action(Kind.RETURN, "return", _("Return to the payer"), ReturnForm),
        decision_action(Kind.SAME, "same", _("The same as another line"), SameForm),
        decision_action(Kind.IGNORE, "set-apart", _("Set apart"), DecisionForm),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("outcomes__movement")

    def facts(self, obj: Any) -> Facts:
        return line_facts(obj)

    @admin.display(description=_("amount"))
    def shown_amount(self, line: BankLine) -> str:
        return with_currency(line.signed_amount, line.currency)

    @admin.display(description=_("state"))
    def line_state(self, line: BankLine) -> str:
        return state_of_line(line)

    @admin.display(description=_("waits for a decision"))
    def asked(self, line: BankLine) -> Any:
        """The decision that another person has to answer."""
        found = BankDecision.objects.open().filter(line=line).select_related("line")
        return link_to(found.first()) or "-"

    @admin.display(description=_("explained by"))
    def explained_by(self, line: BankLine) -> Any:
        outcome = next(iter(line.outcomes.all()), None)
        if outcome is None:
            return "-"
        who = actor_name(outcome, outcome.actor)
        words = filter(None, [who, outcome.reason, link_to(outcome.movement)])
        return format_html_join(" ", "{}", ((each,) for each in words))
