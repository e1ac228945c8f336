"""The pages of closings, and the action on a user's page that orders one."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from iocash import errors
from iocash.http import fields
from users import menu
from users.actions import Action, Facts, Searched, WithActions, by
from users.approvals.pages import answering
from users.change_lists.columns import NAMES
from users.history import actor_name, name_actors
from users.models import User
from users.models.ids import as_id
from wallets.admin import closing
from wallets.admin.amounts import refused_texts
from wallets.admin.approvals.pay_again import amounts_to_order, order_again
from wallets.admin.approvals.pay_outs import ask_to_pay_again, ask_to_pay_out
from wallets.admin.facts import named_user, user_facts
from wallets.admin.forms import LedgerForm
from wallets.admin.queue import totals_of
from wallets.admin.states import state_of
from wallets.models import Closing, ExternalAccount, Movement, Wallet

NAMES["wallets.closing"] = lambda row: row.user.display_name
OTHER_ACCOUNT: Final = ("", _("Another account, as entered below"))


class PayOutForm(LedgerForm):
    """Where the money goes."""

    account = forms.ChoiceField(label=_("Bank account"), required=False)
    iban = forms.CharField(
        label="IBAN", max_length=42, required=False, help_text=_("With or without spaces.")
    )
    holder_name = forms.CharField(label=_("Account holder"), max_length=70, required=False)

    def offer(self, obj: Any) -> None:
        account = self.fields["account"]
        assert isinstance(account, forms.ChoiceField)
        wallets = Wallet.objects.filter(user=obj).values("id")
        active = ExternalAccount.objects.filter(wallet__in=wallets, status="ACTIVE")
        self.accounts = {str(each.id): each for each in active.order_by("id")}
        account.choices = [
            OTHER_ACCOUNT,
            *((pk, f"{each.iban} {each.holder_name}") for pk, each in self.accounts.items()),
        ]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        typed = values.get("iban", "")
        if chosen := self.accounts.get(values.get("account", "")):
            if typed and typed != chosen.iban:
                self.add_error("iban", _("Select an account, or enter an IBAN; not both."))
            return values | {"iban": chosen.iban, "holder_name": chosen.holder_name}
        if not typed:
            self.add_error("iban", _("Select an account, or enter an IBAN."))
            return values
        try:
            return values | {"iban": fields.Iban().to_internal_value(typed)}
        except ValidationError as error:
            self.add_error("iban", refused_texts(error))
        return values

    def settle(self) -> None:
        """Write what was decided into the fields: the account."""
        super().settle()
        sent: Any = self.data
        data = sent.copy()
        for name in ("iban", "holder_name"):
            data[name] = self.cleaned_data[name]
        self.data = data


def pay_out(request: HttpRequest, user: User, values: dict[str, Any]) -> str:
    """
    Raises:
        ApprovalRequired: always.
    """
    raise errors.ApprovalRequired("Somebody else must approve this.")


def effect_of_pay_out(user: User) -> str:
    text = _(
        "All money of %(name)s is paid out to the account that you enter. Then the user is closed."
    )
    return str(text) % {"name": user.display_name}


def closing_under_way(user: User) -> Closing | None:
    """The closing of a user that is under way; it is read once for this instance."""
    known = vars(user)
    if "closing_under_way" not in known:
        known["closing_under_way"] = Closing.objects.of_users([user.pk]).first()
    found: Closing | None = known["closing_under_way"]
    return found


def can_be_paid_out(user: User) -> bool:
    return user.status != User.Status.UNSUBSCRIBED and closing_under_way(user) is None


PAY_OUT = Action(
    name="pay-out",
    label=_("Pay out and close"),
    permission="wallets.add_closing",
    form=PayOutForm,
    do=pay_out,
    asks=ask_to_pay_out,
    is_available=can_be_paid_out,
    effect=effect_of_pay_out,
    is_harmful=True,
)


# --- The actions on a closing ---------------------------------------------------------------------


def finish_now(request: HttpRequest, found: Closing, values: dict[str, Any]) -> str:
    closing.finish(found, by(request))
    return gettext("The user and its wallets are closed.")


def pay_again(request: HttpRequest, found: Closing, values: dict[str, Any]) -> str:
    """
    Raises:
        Refused: as `order_again`.
    """
    with answering(request):
        order_again(found, by(request))
    return gettext("What the wallets have is ordered to be paid out.")


def stop_now(request: HttpRequest, found: Closing, values: dict[str, Any]) -> str:
    closing.stop(found, by(request))
    return gettext("Stopped. Payments out that are pending stay in the queue.")


def has_money(found: Closing) -> bool:
    return any(each.balance for each in closing.open_wallets(found.user))


def can_be_ordered(found: Closing) -> bool:
    """Whether a wallet has money, and none of the closing's cash-outs of it is pending."""
    return found.is_under_way and bool(amounts_to_order(found))


@admin.register(Closing)
class ClosingAdmin(Searched, WithActions):
    list_display = ("created_at", "person", "state_of", "ordered_by", "iban", "ended_at", "short")
    list_filter = ("state",)
    list_select_related = ("user",)
    search_fields = ("id",)
    search_help_text = _("The id of a closing or of a user.")
    ordering = ("-id",)
    change_form_template = "admin/closing.html"
    fields = (
        "user",
        "state_of",
        "iban",
        "holder_name",
        "ordered_by",
        "created_at",
        "ended_at",
        "ended_by_name",
    )
    csv_columns = (
        ("created_at", "created_at"),
        ("user_id", "user_id"),
        ("user", "user.display_name"),
        ("state", "state"),
        ("ordered_by", lambda row: actor_name(row, row.actor)),
        ("iban", "iban"),
        ("ended_at", "ended_at"),
    )
    page_actions = (
        Action(
            name="finish",
            label=_("Finish"),
            permission="wallets.change_closing",
            form=LedgerForm,
            do=finish_now,
            is_available=lambda found: found.is_under_way and not has_money(found),
            effect=lambda found: (
                gettext("%(name)s and the wallets are closed for good.")
                % {"name": found.user.display_name}
            ),
        ),
        Action(
            name="again",
            label=_("Pay out again"),
            permission="wallets.change_closing",
            form=LedgerForm,
            do=pay_again,
            asks=ask_to_pay_again,
            is_available=can_be_ordered,
            effect=lambda found: (
                gettext("What the wallets of %(name)s have is paid out to %(iban)s.")
                % {"name": found.user.display_name, "iban": found.iban}
            ),
        ),
        Action(
            name="stop",
            label=_("Stop the closing"),
            permission="wallets.change_closing",
            form=LedgerForm,
            do=stop_now,
            is_available=lambda found: found.is_under_way,
            effect=lambda found: (
                gettext("%(name)s stays open. Payments out that are pending stay in the queue.")
                % {"name": found.user.display_name}
            ),
            is_harmful=True,
        ),
    )

    def prepare(self, rows: list[Any]) -> None:
        name_actors(rows, "actor", "ended_by")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user")

    def named(self, queryset: Any, words: str) -> Any:
        found = as_id(words)
        if found is None:
            return queryset.none()
        return queryset.filter(id=found) | queryset.filter(user=found)

    def name_of(self, obj: Any) -> str:
        return str(obj.user.display_name)

    def facts(self, obj: Any) -> Facts:
        return [
            *user_facts(obj.user),
            (_("Goes to"), ", ".join(filter(None, [obj.iban, obj.holder_name]))),
            (_("State"), obj.get_state_display()),
        ]

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        steps = closing.steps_of_closing(obj)
        paid = [each.movement for each in steps if each.movement]
        settled = [each for each in paid if each.status == Movement.Status.SUCCESS]
        actions = self.available_actions(request, obj)
        return {
            "page_actions": actions,
            "steps": [(each, state_of(each.movement) if each.movement else "") for each in steps],
            "totals": totals_of(settled),
            "wallets": closing.open_wallets(obj.user),
            "can_be_ordered": any(each.name == "again" for each in actions),
            "named_user": named_user(obj.user),
        }

    @admin.display(description=_("state"))
    def state_of(self, row: Closing) -> Any:
        return row.get_state_display()

    @admin.display(description=_("ordered by"))
    def ordered_by(self, row: Closing) -> str:
        return actor_name(row, row.actor)

    @admin.display(description=_("ended by"))
    def ended_by_name(self, row: Closing) -> str:
        return actor_name(row, row.ended_by)


def open_closings(member: Any) -> Any:
    return Closing.objects.under_way()


menu.add(
    "Customers",
    _("Closings"),
    "wallets_closing_changelist",
    permission="wallets.view_closing",
    waiting=open_closings,
    order=40,
)
menu.describe(
    {
        "wallets_closing_changelist": _(
            "Users who are paid out and then closed. Order it on the page of a user, "
            "with “Pay out and close”."
        ),
    }
)
