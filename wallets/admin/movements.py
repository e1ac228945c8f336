"""The pages of movements."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from iocash import money
from users.actions import Action, Facts, Searched, WithActions, address_of, perform
from wallets.admin import notes
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
    list_display = ("created_at", "type", "shown_amount", "currency", "status", "wallet_id")
    list_filter = ("status", "type")
    search_fields = ("id",)
    search_help_text = "The id of a movement, operation or wallet, an IBAN, or an idempotency key."
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
        notes.ADD,
    )

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return super().page(request, obj) | notes.notes_on(request, obj)

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
