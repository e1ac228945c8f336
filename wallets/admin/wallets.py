"""The pages of wallets."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from iocash import money
from users.actions import Action, Facts, Searched, WithActions
from wallets.admin import notes
from wallets.admin.forms import BlockForm, MovementForm
from wallets.admin.submit import cash_in_or_adjustment, confirmation, submitted, wallet_order
from wallets.models import Hold, Movement, Wallet
from wallets.orders.wallets import BlockWallet, UnblockWallet

LAST_ROWS = 10
BLOCK = "wallets.block_wallet"
"""The permission to block and unblock wallets."""
ADD_MOVEMENT = Action(
    name="add-movement",
    label="Add movement",
    permission="wallets.add_cash_in",
    form=MovementForm,
    do=submitted(cash_in_or_adjustment, confirmation),
    is_available=lambda wallet: wallet.status != Wallet.Status.UNSUBSCRIBED,
)


@admin.register(Wallet)
class WalletAdmin(Searched, WithActions):
    list_display = ("id", "status", "shown_balance", "shown_held", "currency", "user", "created_at")
    list_filter = ("status", "client")
    list_select_related = ("user",)
    search_fields = ("id",)
    search_help_text = "The id of a wallet or a user, a user name, or an IBAN."
    ordering = ("-id",)
    change_form_template = "admin/wallet.html"
    fields = (
        "id",
        "client",
        "user",
        "status",
        "currency",
        "shown_balance",
        "shown_held",
        "shown_available",
        "alias",
        "iban",
        "dlt_address",
        "dlt_network",
        "metadata",
        "created_at",
    )
    page_actions = (
        ADD_MOVEMENT,
        Action(
            name="block",
            label="Block",
            permission=BLOCK,
            form=BlockForm,
            do=submitted(wallet_order(BlockWallet), "Wallet blocked."),
            is_available=lambda wallet: wallet.status == Wallet.Status.READY,
            warning="The wallet can't pay or receive.",
        ),
        Action(
            name="unblock",
            label="Unblock",
            permission=BLOCK,
            form=BlockForm,
            do=submitted(wallet_order(UnblockWallet), "Wallet unblocked."),
            is_available=lambda wallet: wallet.status == Wallet.Status.BLOCKED,
        ),
        notes.ADD,
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).seen()  # type: ignore[attr-defined]

    def facts(self, obj: Any) -> Facts:
        return [
            ("Owner", obj.user.user_name),
            ("Balance", f"{self.shown_balance(obj)} {obj.currency}"),
            ("Available", f"{self.shown_available(obj)} {obj.currency}"),
        ]

    @admin.display(description="balance", ordering="balance")
    def shown_balance(self, wallet: Wallet) -> str:
        return money.to_text(wallet.balance, wallet.currency)

    @admin.display(description="held", ordering="held")
    def shown_held(self, wallet: Wallet) -> str:
        return money.to_text(wallet.held_now, wallet.currency)

    @admin.display(description="available")
    def shown_available(self, wallet: Wallet) -> str:
        return money.to_text(wallet.available, wallet.currency)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        last = Movement.objects.filter(wallet=obj).order_by("-created_at", "-id")
        holds = Hold.objects.filter(wallet=obj).seen().standing("OPEN").order_by("created_at")
        return super().page(request, obj) | {
            **notes.notes_on(request, obj),
            "movements": [(movement, amount_of(movement)) for movement in last[:LAST_ROWS]],
            "holds": [
                (hold, money.to_text(hold.left, hold.currency)) for hold in holds[:LAST_ROWS]
            ],
        }


def amount_of(movement: Movement) -> str:
    return money.to_text(movement.amount, movement.currency)
