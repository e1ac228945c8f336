"""The pages of wallets."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from iocash import money
from users.actions import Action, Facts, Searched, WithActions
from users.change_lists.exports import amount
from users.models.searches import typed
from wallets.admin import cases, freezes, notes, notices, statements, tasks
from wallets.admin.approvals.customers import ask_to_unblock_wallet
from wallets.admin.asked import ask_for_movement
from wallets.admin.facts import name_of_wallet, wallet_facts, with_currency
from wallets.admin.forms import BlockForm, MovementForm
from wallets.admin.held import what_is_held
from wallets.admin.links import wallet_name
from wallets.admin.states import state_of
from wallets.admin.submit import (
    ADD,
    Submission,
    rehearse_movement,
    wallet_order,
)
from wallets.models import Movement, Wallet
from wallets.orders.wallets import BlockWallet, UnblockWallet

LAST_ROWS = 10
BLOCK = "wallets.block_wallet"
"""The permission to block and unblock wallets."""
ADD_MOVEMENT = Action(
    name="add-movement",
    label=_("Add movement"),
    permission="wallets.add_cash_in",
    form=MovementForm,
    do=ADD,
    asks=ask_for_movement,
    rehearse=rehearse_movement,
    is_available=lambda wallet: wallet.status != Wallet.Status.UNSUBSCRIBED,
)


def effect_of_block(wallet: Wallet) -> str:
    values = {
        "name": wallet.user.display_name,
        "balance": with_currency(wallet.balance, wallet.currency),
    }
    text = _("%(name)s can't pay from this wallet or receive in it; %(balance)s stays in it.")
    return str(text) % values


def effect_of_unblock(wallet: Wallet) -> str:
    text = _("%(name)s can pay from this wallet and receive in it again.")
    return str(text) % {"name": wallet.user.display_name}


@admin.register(Wallet)
class WalletAdmin(Searched, WithActions):
    list_display = (
        "label",
        "person",
        "state",
        "shown_balance",
        "shown_held",
        "currency",
        "created_at",
        "short",
    )
    list_filter = ("status", "client")
    list_select_related = ("user", "client")
    search_fields = ("id",)
    search_help_text = _(
        "The owner, as in the list of users; the beginning of an alias; an IBAN; an id."
    )
    ordering = ("-id",)
    change_form_template = "admin/wallet.html"
    csv_columns = (
        ("id", "id"),
        ("owner", "user.display_name"),
        ("user_id", "user_id"),
        ("client", "client.name"),
        ("status", "status"),
        ("currency", "currency"),
        ("balance", amount("balance")),
        ("held", amount("held_now")),
        ("available", amount("available")),
        ("alias", "alias"),
        ("iban", "iban"),
        ("created_at", "created_at"),
    )
    fields = (
        "id",
        "client",
        "user",
        "status",
        "currency",
        "shown_balance",
        "shown_held",
        "shown_available",
        "shown_alert",
        "alias",
        "iban",
        "dlt_address",
        "dlt_network",
        "metadata",
        "created_at",
    )
    page_actions = (
        ADD_MOVEMENT,
        statements.ACTION,
        Action(
            name="block",
            label=_("Block"),
            permission=BLOCK,
            form=BlockForm,
            do=Submission(wallet_order(BlockWallet), _("Wallet blocked.")),
            is_available=lambda wallet: wallet.status == Wallet.Status.READY,
            effect=effect_of_block,
            is_harmful=True,
        ),
        Action(
            name="unblock",
            label=_("Unblock"),
            permission=BLOCK,
            form=BlockForm,
            do=Submission(wallet_order(UnblockWallet), _("Wallet unblocked.")),
            asks=ask_to_unblock_wallet,
            is_available=lambda wallet: wallet.status == Wallet.Status.BLOCKED,
            effect=effect_of_unblock,
        ),
        freezes.ON_WALLET,
        notes.ADD,
        tasks.ADD,
        notices.ADD,
        cases.OPEN,
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).seen()  # type: ignore[attr-defined]

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Who may not view users can't find wallets by the data of their owners."""
        words = typed(search_term)
        if not words or request.user.has_perm("users.view_user"):
            return super().get_search_results(request, queryset, search_term)
        return queryset.labelled(words), False

    def name_of(self, obj: Any) -> str:
        return name_of_wallet(obj)

    def facts(self, obj: Any) -> Facts:
        return wallet_facts(obj)

    @admin.display(description=_("wallet"))
    def label(self, wallet: Wallet) -> str:
        return wallet_name(wallet)

    @admin.display(description=_("balance"), ordering="balance")
    def shown_balance(self, wallet: Wallet) -> str:
        return money.to_text(wallet.balance, wallet.currency)

    @admin.display(description=_("held"), ordering="held")
    def shown_held(self, wallet: Wallet) -> str:
        return money.to_text(wallet.held_now, wallet.currency)

    @admin.display(description=_("available"))
    def shown_available(self, wallet: Wallet) -> str:
        return money.to_text(wallet.available, wallet.currency)

    @admin.display(description=_("alert below"))
    def shown_alert(self, wallet: Wallet) -> str:
        if wallet.alert_below is None:
            return "-"
        return money.to_text(wallet.alert_below, wallet.currency)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        last = Movement.objects.filter(wallet=obj).order_by("-created_at", "-id")
        return super().page(request, obj) | {
            **notes.notes_on(request, obj),
            **tasks.tasks_on(request, obj),
            **notices.notices_on(request, obj),
            **statements.statements_on(request, obj),
            "movements": [
                (movement, amount_of(movement), state_of(movement)) for movement in last[:LAST_ROWS]
            ],
            "held": what_is_held(obj),
        }


def amount_of(movement: Movement) -> str:
    return money.to_text(movement.amount, movement.currency)
