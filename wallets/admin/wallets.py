"""The pages of wallets."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from iocash import money
from users.actions import Acting, Action, Facts, Searched
from wallets.admin.forms import BlockForm, MovementForm
from wallets.admin.orders import about_wallet, add_movement, recorded, submitted
from wallets.models import Hold, Movement, Wallet
from wallets.orders import BlockWallet, UnblockWallet

LAST_ROWS = 10


@admin.register(Wallet)
class WalletAdmin(Searched, Acting):
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
        Action(
            name="add-movement",
            label="Add movement",
            permission="wallets.add_cash_in",
            form=MovementForm,
            do=submitted(add_movement, recorded),
            is_available=lambda wallet: wallet.status != Wallet.Status.UNSUBSCRIBED,
        ),
        Action(
            name="block",
            label="Block",
            permission="wallets.block_wallet",
            form=BlockForm,
            do=submitted(about_wallet(BlockWallet), "Wallet blocked."),
            is_available=lambda wallet: wallet.status == Wallet.Status.READY,
            warning="The wallet can't pay or receive.",
        ),
        Action(
            name="unblock",
            label="Unblock",
            permission="wallets.block_wallet",
            form=BlockForm,
            do=submitted(about_wallet(UnblockWallet), "Wallet unblocked."),
            is_available=lambda wallet: wallet.status == Wallet.Status.BLOCKED,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).seen()  # type: ignore[attr-defined]

    def facts(self, thing: Any) -> Facts:
        return [
            ("Owner", thing.user.user_name),
            ("Balance", f"{self.shown_balance(thing)} {thing.currency}"),
            ("Available", f"{self.shown_available(thing)} {thing.currency}"),
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

    def page(self, request: HttpRequest, thing: Any) -> dict[str, Any]:
        last = Movement.objects.filter(wallet=thing).order_by("-created_at", "-id")
        holds = Hold.objects.filter(wallet=thing).seen().standing("OPEN").order_by("created_at")
        return super().page(request, thing) | {
            "movements": [(movement, shown(movement)) for movement in last[:LAST_ROWS]],
            "holds": [
                (hold, money.to_text(hold.left, hold.currency)) for hold in holds[:LAST_ROWS]
            ],
        }


def shown(movement: Movement) -> str:
    return money.to_text(movement.amount, movement.currency)
