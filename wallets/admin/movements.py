"""The pages of movements."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from iocash import money
from users.actions import Action, Facts, Searched, WithActions, address_of, perform
from users.change_lists.columns import linked_user
from users.change_lists.exports import amount
from users.templatetags.office import shown_amount as with_currency
from users.templatetags.words import code_in_words
from wallets.admin.forms import RejectForm, ReverseForm, WalletMovementForm
from wallets.admin.submit import cash_out_order, reversal, submitted
from wallets.admin.wallets import ADD_MOVEMENT, amount_of
from wallets.models import Movement
from wallets.orders.cash_outs import MarkCashOutSent, RejectCashOut, SettleCashOut

REVERSIBLE = (Movement.Type.CASH_IN, Movement.Type.TRANSFER)
SETTLE = "wallets.settle_cash_out"
"""The permission to settle and reject cash-outs."""


def is_pending(movement: Movement) -> bool:
    return movement.status == Movement.Status.PENDING


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
        "status",
        "reason",
        "shown_amount",
        "currency",
        "shown_balance_after",
        "seq",
        "hold",
        "reversal_of",
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
            label="Reverse",
            permission="wallets.reverse_movement",
            form=ReverseForm,
            do=submitted(reversal, "Movement reversed."),
            is_available=lambda movement: movement.type in REVERSIBLE,
            warning="The money goes back to the payer. It must still be available in the wallet.",
        ),
        Action(
            name="send",
            label="Mark as sent",
            permission="wallets.send_cash_out",
            do=submitted(
                cash_out_order(MarkCashOutSent),
                "Marked as sent. The client can no longer cancel it.",
            ),
            is_available=lambda movement: is_pending(movement) and movement.sent_at is None,
            warning="Do this after you have sent the payment to the bank.",
        ),
        Action(
            name="settle",
            label="Settle",
            permission=SETTLE,
            do=submitted(cash_out_order(SettleCashOut), "Settled. The amount was deducted."),
            is_available=lambda movement: is_pending(movement) and movement.sent_at is not None,
            warning="Do this after the bank has paid.",
        ),
        Action(
            name="reject",
            label="Reject",
            permission=SETTLE,
            form=RejectForm,
            do=submitted(cash_out_order(RejectCashOut), "Rejected. The amount is available again."),
            is_available=is_pending,
            warning="The held amount becomes available again.",
        ),
    )

    @admin.display(description=_("type"))
    def type_in_words(self, movement: Movement) -> Any:
        return code_in_words(movement.type)

    @admin.display(description=_("from or to"))
    def other(self, movement: Movement) -> Any:
        """The owner of the other wallet, or the IBAN of a payment out."""
        if movement.counterparty is None:
            return movement.iban or ""
        return linked_user(movement.counterparty.user)

    @admin.display(description=_("amount"), ordering="amount")
    def shown_money(self, movement: Movement) -> Any:
        return with_currency(movement.amount, movement.currency)

    @admin.display(description="amount", ordering="amount")
    def shown_amount(self, movement: Movement) -> str:
        return amount_of(movement)

    @admin.display(description="balance after")
    def shown_balance_after(self, movement: Movement) -> str:
        if movement.balance_after is None:
            return "-"
        return money.to_text(movement.balance_after, movement.currency)

    def facts(self, obj: Any) -> Facts:
        other = "From or to" if obj.counterparty_id else "To the account"
        facts = [
            ("Amount", f"{amount_of(obj)} {obj.currency}"),
            ("Wallet", obj.wallet_id),
            (other, obj.iban or obj.counterparty_id),
            ("Concept", obj.concept),
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
        if request.method == "POST" and form.is_valid():
            wallet = form.cleaned_data["wallet"]
            if perform(request, ADD_MOVEMENT, wallet, form):
                return HttpResponseRedirect(address_of(wallet))
        return self.action_page(request, ADD_MOVEMENT, None, form)
