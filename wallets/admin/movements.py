"""The pages of movements."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from iocash import money
from users.actions import Acting, Action, Facts, Searched, address_of, done
from wallets.admin.forms import RejectForm, ReverseForm, WalletMovementForm
from wallets.admin.orders import about_movement, give_back, submitted
from wallets.admin.wallets import WalletAdmin, shown
from wallets.models import Movement
from wallets.orders import MarkCashOutSent, RejectCashOut, SettleCashOut

ADD_MOVEMENT = WalletAdmin.page_actions[0]
REVERSIBLE = (Movement.Type.CASH_IN, Movement.Type.TRANSFER)


def waits(movement: Movement) -> bool:
    return movement.status == Movement.Status.PENDING


@admin.register(Movement)
class MovementAdmin(Searched, Acting):
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
            do=submitted(give_back, "Movement reversed."),
            is_available=lambda movement: movement.type in REVERSIBLE,
            warning="The money goes back to the payer. It must still be available in the wallet.",
        ),
        Action(
            name="send",
            label="Mark as sent",
            permission="wallets.send_cash_out",
            do=submitted(
                about_movement(MarkCashOutSent),
                "Marked as sent. The client can no longer cancel it.",
            ),
            is_available=lambda movement: waits(movement) and movement.sent_at is None,
            warning="Do this after you have sent the transfer to the bank.",
        ),
        Action(
            name="settle",
            label="Settle",
            permission="wallets.settle_cash_out",
            do=submitted(about_movement(SettleCashOut), "Settled. The amount was deducted."),
            is_available=lambda movement: waits(movement) and movement.sent_at is not None,
            warning="Do this after the bank has paid.",
        ),
        Action(
            name="reject",
            label="Reject",
            permission="wallets.settle_cash_out",
            form=RejectForm,
            do=submitted(about_movement(RejectCashOut), "Rejected. The amount is available again."),
            is_available=waits,
            warning="The held amount becomes available again.",
        ),
    )

    @admin.display(description="amount", ordering="amount")
    def shown_amount(self, movement: Movement) -> str:
        return shown(movement)

    @admin.display(description="balance after")
    def shown_balance_after(self, movement: Movement) -> str:
        if movement.balance_after is None:
            return "-"
        return money.to_text(movement.balance_after, movement.currency)

    def facts(self, thing: Any) -> Facts:
        other = "From or to" if thing.counterparty_id else "To the account"
        facts = [
            ("Amount", f"{shown(thing)} {thing.currency}"),
            ("Wallet", thing.wallet_id),
            (other, thing.iban or thing.counterparty_id),
            ("Concept", thing.concept),
        ]
        return [(name, value) for name, value in facts if value]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("wallets.add_cash_in")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The cash-in and adjustment screen, for a wallet that is named in the form."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = WalletMovementForm(request.POST or None, user=request.user)
        if request.method == "POST" and form.is_valid():
            wallet = form.cleaned_data["wallet"]
            if done(request, ADD_MOVEMENT, wallet, form):
                return HttpResponseRedirect(address_of(wallet))
        return self.act_page(request, ADD_MOVEMENT, None, form)
