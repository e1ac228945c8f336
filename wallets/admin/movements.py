"""The pages of movements."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import money
from users.actions import Action, Facts, Searched, WithActions, by
from users.approvals.pages import require_approval
from users.change_lists.columns import linked_user
from users.change_lists.exports import amount
from users.templatetags.office import shown_amount as money_tag
from users.templatetags.words import code_in_words
from wallets.admin import cases, notes, tasks
from wallets.admin.approvals.set_apart import SET_APART
from wallets.admin.asked import ask_for_rejection, ask_for_reversal, ask_for_settlement
from wallets.admin.closing import finish_paid
from wallets.admin.facts import (
    name_of_wallet,
    owner_of,
    read_again,
    said,
    wallet_facts,
    with_currency,
)
from wallets.admin.forms import RejectForm, ReverseForm, WalletMovementForm
from wallets.admin.reversals import amount_left, reversals_in_words
from wallets.admin.states import state_of
from wallets.admin.submit import REVERSE, Submission, cash_out_order, rehearse_reversal, rejection
from wallets.admin.wallets import ADD_MOVEMENT, amount_of
from wallets.bank.answers import NEVER_SENT
from wallets.models import Movement, Wallet
from wallets.orders.cash_outs import MarkCashOutSent, SettleCashOut

SEND = "wallets.send_cash_out"
"""The permission to mark cash-outs as sent."""
SETTLE = "wallets.settle_cash_out"
"""The permission to settle and reject cash-outs."""


def cash_out_effect(text: Any) -> Any:
    """A sentence about a cash-out: its `%(amount)s`, its owner's `%(name)s`, its `%(iban)s`."""

    def of(movement: Movement) -> str:
        values = {
            "amount": with_currency(-movement.amount, movement.currency),
            "name": movement.wallet.user.display_name,
            "iban": movement.iban or gettext("an erased account"),
        }
        return str(text) % values

    return of


SETTLE_ONE = Submission(cash_out_order(SettleCashOut), _("Settled. The amount was deducted."))


def settle(request: HttpRequest, movement: Movement, values: dict[str, Any]) -> str:
    """Settle a cash-out. If it was the last one of a closing, its user is closed."""
    text = SETTLE_ONE(request, movement, values)
    if finish_paid([movement.wallet.user_id], by(request)):
        name = {"name": movement.wallet.user.display_name}
        text = f"{text} {gettext('%(name)s was paid out and is closed.') % name}"
    return text


def is_pending(movement: Movement) -> bool:
    """Whether staff decide about it by hand: of a cash-out in a file, the bank decides."""
    return movement.status == Movement.Status.PENDING and movement.bank_file_id is None


def is_in_sent_file(movement: Movement) -> bool:
    """Whether it waits for the answer to a file that the bank has: two people can end it."""
    if movement.status != Movement.Status.PENDING or movement.bank_file is None:
        return False
    return movement.bank_file.state not in NEVER_SENT


@admin.register(Movement)
class MovementAdmin(Searched, WithActions):
    list_display = (
        "created_at",
        "type_in_words",
        "shown_money",
        "state",
        "owner",
        "other",
        "short",
    )
    list_select_related = ("wallet__user", "counterparty__user", "client")
    csv_columns = (
        ("id", "id"),
        ("created_at", "created_at"),
        ("type", "type"),
        ("status", "status"),
        ("amount", amount("amount")),
        ("currency", "currency"),
        ("balance_after", amount("balance_after")),
        ("owner", "wallet.user.display_name"),
        ("wallet_id", "wallet_id"),
        ("other", "counterparty.user.display_name"),
        ("other_wallet_id", "counterparty_id"),
        ("concept", "concept"),
        ("reference", "reference"),
        ("iban", "iban"),
        ("holder_name", "holder_name"),
        ("operation_id", "operation_id"),
        ("client", "client.name"),
        ("sent_at", "sent_at"),
        ("settled_at", "settled_at"),
        ("ended_at", "ended_at"),
        ("reason", "reason"),
    )
    list_filter = ("status", "type")
    search_fields = ("id",)
    search_help_text = _(
        "The id of a movement, an operation or a wallet; an IBAN; a reference; an idempotency key."
    )
    ordering = ("-id",)
    fields = (
        "id",
        "client",
        "wallet",
        "counterparty",
        "operation_id",
        "type",
        "state",
        "reason",
        "shown_amount",
        "currency",
        "shown_balance_after",
        "seq",
        "hold",
        "reversal_of",
        "reversals",
        "concept",
        "iban",
        "holder_name",
        "metadata",
        "created_at",
        "sent_at",
        "settled_at",
    )
    page_actions = (
        Action(
            name="reverse",
            label=_("Reverse"),
            permission="wallets.reverse_movement",
            form=ReverseForm,
            do=REVERSE,
            rehearse=rehearse_reversal,
            asks=ask_for_reversal,
            is_available=lambda movement: amount_left(movement) > 0,
            warning=_("The money goes back to the payer. It must still be available."),
            is_harmful=True,
        ),
        Action(
            name="send",
            label=_("Mark as sent"),
            permission=SEND,
            do=Submission(
                cash_out_order(MarkCashOutSent),
                _("Marked as sent. The client can no longer cancel it."),
            ),
            is_available=lambda movement: is_pending(movement) and movement.sent_at is None,
            warning=_("Do this after you have sent the payment to the bank."),
            effect=cash_out_effect(
                _("%(amount)s of %(name)s is marked as sent to %(iban)s; it can't be cancelled.")
            ),
        ),
        Action(
            name="settle",
            label=_("Settle"),
            permission=SETTLE,
            do=settle,
            asks=ask_for_settlement,
            is_available=lambda movement: is_pending(movement) and movement.sent_at is not None,
            warning=_("Do this after the bank has paid."),
            effect=cash_out_effect(_("%(amount)s leaves the wallet of %(name)s for good.")),
        ),
        Action(
            name="reject",
            label=_("Reject"),
            permission=SETTLE,
            form=RejectForm,
            do=Submission(rejection, _("Rejected. The amount is available again.")),
            asks=ask_for_rejection,
            is_available=is_pending,
            effect=cash_out_effect(_("%(amount)s becomes available again to %(name)s.")),
            is_harmful=True,
        ),
        Action(
            name="end-settled",
            label=_("End as settled"),
            permission=SETTLE,
            do=require_approval,
            asks=ask_for_settlement,
            is_available=is_in_sent_file,
            warning=_("Only if the bank says that it has paid. Somebody else must approve it."),
            effect=cash_out_effect(_("%(amount)s leaves the wallet of %(name)s for good.")),
        ),
        Action(
            name="end-rejected",
            label=_("End as rejected"),
            permission=SETTLE,
            form=RejectForm,
            do=require_approval,
            asks=ask_for_rejection,
            is_available=is_in_sent_file,
            warning=_("Only if the bank says that it never pays. Somebody else must approve it."),
            effect=cash_out_effect(_("%(amount)s becomes available again to %(name)s.")),
            is_harmful=True,
        ),
        SET_APART,
        notes.ADD,
        tasks.ADD,
        cases.OPEN,
    )

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        beside = notes.notes_on(request, obj) | tasks.tasks_on(request, obj)
        return super().page(request, obj) | beside

    @admin.display(description=_("type"))
    def type_in_words(self, movement: Movement) -> Any:
        return code_in_words(movement.type)

    @admin.display(description=_("from or to"))
    def other(self, movement: Movement) -> Any:
        """The owner of the other wallet, or the IBAN of a payment out."""
        if movement.counterparty is None:
            return movement.iban or ""
        return linked_user(movement.counterparty.user)

    @admin.display(description=_("status"))
    def state(self, row: Any) -> Any:
        return state_of(row)

    @admin.display(description=_("reversals"), empty_value="-")
    def reversals(self, movement: Movement) -> Any:
        return reversals_in_words(movement)

    @admin.display(description=_("amount"), ordering="amount")
    def shown_money(self, movement: Movement) -> Any:
        return money_tag(movement.amount, movement.currency)

    @admin.display(description=_("amount"), ordering="amount")
    def shown_amount(self, movement: Movement) -> str:
        return amount_of(movement)

    @admin.display(description=_("balance after"))
    def shown_balance_after(self, movement: Movement) -> str:
        if movement.balance_after is None:
            return "-"
        return money.to_text(movement.balance_after, movement.currency)

    def name_of(self, obj: Any) -> str:
        if isinstance(obj, Wallet):  # the page to add a movement
            return name_of_wallet(obj)
        return with_currency(obj.amount, obj.currency)

    def facts(self, obj: Any) -> Facts:
        if isinstance(obj, Wallet):  # the page to add a movement
            return wallet_facts(obj)
        facts: list[tuple[Any, object]] = [
            *wallet_facts(read_again(obj.wallet_id)),
            (_("Type"), obj.get_type_display()),
            (_("Status"), state_of(obj)),
            (_("Amount"), with_currency(obj.amount, obj.currency)),
            (_("In words"), said(obj.amount, obj.currency)),
            (_("From") if obj.amount > 0 else _("To"), other_side(obj)),
            (_("Concept"), obj.concept),
            (_("Reference"), obj.reference),
        ]
        return [(name, value) for name, value in facts if value]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ADD_MOVEMENT.permission)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page to add a cash-in or an adjustment, with a field for the wallet's id."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = WalletMovementForm(request.POST or None, user=request.user)
        wallet = form.cleaned_data["wallet"] if request.POST and form.is_valid() else None
        answer = self.answer(request, ADD_MOVEMENT, wallet, form)
        return answer or self.action_page(request, ADD_MOVEMENT, wallet, form)


def other_side(movement: Movement) -> Any:
    """The other owner of a payment, or the bank account of a cash-out with its holder."""
    if movement.counterparty_id:
        return owner_of(read_again(movement.counterparty_id))
    return ", ".join(filter(None, (movement.holder_name, movement.iban)))
