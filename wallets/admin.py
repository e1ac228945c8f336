"""The back office of money: to be looked at, for only the ledger moves it."""

from __future__ import annotations

from django.contrib import admin

from iocash import money
from users.admin import ReadOnly
from wallets.models import Movement, Wallet


@admin.register(Wallet)
class WalletAdmin(ReadOnly):
    list_display = ("id", "user", "currency", "shown_balance", "shown_held", "status", "created_at")
    list_filter = ("status", "currency", "client")
    list_select_related = ("user",)
    search_fields = ("id", "iban", "user__id", "user__user_name")
    fields = (
        "id",
        "client",
        "user",
        "currency",
        "status",
        "shown_balance",
        "shown_held",
        "alias",
        "iban",
        "dlt_address",
        "dlt_network",
        "seq",
        "created_at",
        "settled_at",
    )

    @admin.display(description="balance", ordering="balance")
    def shown_balance(self, wallet: Wallet) -> str:
        return money.to_text(wallet.balance, wallet.currency)

    @admin.display(description="held", ordering="held")
    def shown_held(self, wallet: Wallet) -> str:
        return money.to_text(wallet.held, wallet.currency)


@admin.register(Movement)
class MovementAdmin(ReadOnly):
    list_display = ("created_at", "type", "shown_amount", "currency", "wallet_id", "status")
    list_filter = ("type", "status", "currency")
    search_fields = ("id", "operation_id", "wallet__id", "iban")
    ordering = ("-created_at", "-id")
    fields = (
        "id",
        "client",
        "wallet",
        "counterparty",
        "operation_id",
        "type",
        "status",
        "shown_amount",
        "currency",
        "shown_balance_after",
        "seq",
        "concept",
        "iban",
        "metadata",
        "created_at",
        "settled_at",
    )

    @admin.display(description="amount", ordering="amount")
    def shown_amount(self, movement: Movement) -> str:
        return money.to_text(movement.amount, movement.currency)

    @admin.display(description="balance after")
    def shown_balance_after(self, movement: Movement) -> str:
        if movement.balance_after is None:
            return "-"
        return money.to_text(movement.balance_after, movement.currency)
