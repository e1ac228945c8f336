"""The back office of money: looked at freely, moved by orders of the ledger only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from rest_framework.exceptions import ValidationError

from iocash import fields, money
from users import admin as users
from users.acts import Act, ActForm, Acting, ReadOnly, address_of, by, done
from users.models import User
from wallets import ledger, life, posting
from wallets.books import Order
from wallets.models import Audit, Movement, Wallet

LAST_MOVEMENTS = 10


# --- Forms ---------------------------------------------------------------------------------------


class AmountField(forms.CharField):
    """An amount, as exactly as the API reads it."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(max_length=20, widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        try:
            return fields.Amount().to_internal_value(super().clean(value))
        except ValidationError as error:
            raise forms.ValidationError([str(words) for words in error.detail]) from error


class MovementForm(ActForm):
    """Money from the outside, or a mistake that is mended."""

    CASH_IN, UP, DOWN = "CASH_IN", "UP", "DOWN"

    kind = forms.ChoiceField(
        label="Movement",
        choices=[(CASH_IN, "Cash-in"), (UP, "Adjustment up"), (DOWN, "Adjustment down")],
    )
    amount = AmountField()
    concept = forms.CharField(
        max_length=140, help_text="What its owner reads; for an adjustment, the reason."
    )

    def allow(self, user: Any) -> None:
        """An adjustment makes or takes money with nobody outside: it needs its own permission."""
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)
        if not user.has_perm("wallets.adjust_balance"):
            kind.choices = [(self.CASH_IN, "Cash-in")]


class WalletMovementForm(MovementForm):
    wallet = forms.UUIDField(help_text="The wallet's id.")
    field_order = ("wallet",)

    def clean_wallet(self) -> Wallet:
        wallet = Wallet.objects.filter(id=self.cleaned_data["wallet"]).first()
        if wallet is None:
            raise forms.ValidationError("There is no such wallet.")
        return wallet


class RejectForm(ActForm):
    reason = forms.CharField(max_length=140, help_text="The client reads it.")


class BlockForm(ActForm):
    reason = forms.ChoiceField(
        choices=[(name, name.replace("_", " ").capitalize()) for name in life.BLOCK_REASONS]
    )


# --- Orders --------------------------------------------------------------------------------------


def common(request: HttpRequest, thing: Any) -> dict[str, Any]:
    return {"client_id": thing.client_id, "by": by(request)}


def submitted(make: Callable[..., Order], words: str) -> Any:
    """An act that submits the order that `make` makes of the thing and the form."""

    def do(request: HttpRequest, thing: Any, values: dict[str, Any]) -> str:
        values = {name: value for name, value in values.items() if name != "key"}
        posting.submit(make(thing, **common(request, thing), **values))
        return words

    return do


def move(request: HttpRequest, wallet: Wallet, values: dict[str, Any]) -> str:
    """The cash-in and the adjustment of the back office. The form's key makes it happen once."""
    order: dict[str, Any] = {
        **common(request, wallet),
        "key": f"staff-{values['key']}",
        "amount": values["amount"],
        "concept": values["concept"],
    }
    if values["kind"] == MovementForm.CASH_IN:
        posting.submit(ledger.CashIn(target=wallet.id, **order))
    else:
        is_debit = values["kind"] == MovementForm.DOWN
        posting.submit(ledger.Adjust(wallet_id=wallet.id, is_debit=is_debit, **order))
    return f"{values['amount']} {wallet.currency}: done."


def about_user(order: type[life.BlockUser]) -> Callable[..., Order]:
    return lambda user, **values: order(user_id=user.id, **values)


def about_wallet(order: type[life.BlockWallet]) -> Callable[..., Order]:
    return lambda wallet, **values: order(wallet_id=wallet.id, **values)


def about_movement(order: type[ledger.CashOutOrder]) -> Callable[..., Order]:
    return lambda movement, **values: order(
        wallet_id=movement.wallet_id, movement_id=movement.id, **values
    )


# --- Pages ---------------------------------------------------------------------------------------


admin.site.unregister(User)


@admin.register(User)
class UserAdmin(users.UserAdmin):
    """The user's page, with what touches its wallets."""

    change_form_template = "admin/user.html"
    acts = (
        Act(
            name="block",
            label="Block",
            permission="users.block_user",
            form=BlockForm,
            do=submitted(about_user(life.BlockUser), "The user is blocked."),
            is_available=lambda user: user.status == User.Status.ACTIVATED,
            warning="None of the user's wallets will pay or receive.",
        ),
        Act(
            name="unblock",
            label="Unblock",
            permission="users.block_user",
            form=BlockForm,
            do=submitted(about_user(life.UnblockUser), "The user may go on."),
            is_available=lambda user: user.status == User.Status.BLOCKED,
        ),
    )

    def page(self, request: HttpRequest, thing: Any) -> dict[str, Any]:
        wallets = Wallet.objects.filter(user=thing).order_by("created_at")
        return super().page(request, thing) | {"wallets": wallets}


@admin.register(Wallet)
class WalletAdmin(Acting):
    list_display = ("id", "status", "shown_balance", "shown_held", "currency", "user", "created_at")
    list_filter = ("status", "currency", "client")
    list_select_related = ("user",)
    search_fields = ("id",)
    search_help_text = "An id, a user's id or name, or an IBAN."
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
        "created_at",
    )
    acts = (
        Act(
            name="add-movement",
            label="Add movement",
            permission="wallets.add_movement",
            form=MovementForm,
            do=move,
            is_available=lambda wallet: wallet.status != Wallet.Status.UNSUBSCRIBED,
        ),
        Act(
            name="block",
            label="Block",
            permission="wallets.block_wallet",
            form=BlockForm,
            do=submitted(about_wallet(life.BlockWallet), "The wallet is blocked."),
            is_available=lambda wallet: wallet.status == Wallet.Status.READY,
            warning="The wallet will neither pay nor receive.",
        ),
        Act(
            name="unblock",
            label="Unblock",
            permission="wallets.block_wallet",
            form=BlockForm,
            do=submitted(about_wallet(life.UnblockWallet), "The wallet may go on."),
            is_available=lambda wallet: wallet.status == Wallet.Status.BLOCKED,
        ),
    )

    @admin.display(description="balance", ordering="balance")
    def shown_balance(self, wallet: Wallet) -> str:
        return money.to_text(wallet.balance, wallet.currency)

    @admin.display(description="held", ordering="held")
    def shown_held(self, wallet: Wallet) -> str:
        return money.to_text(wallet.held, wallet.currency)

    @admin.display(description="available")
    def shown_available(self, wallet: Wallet) -> str:
        return money.to_text(wallet.available, wallet.currency)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return (queryset.named(search_term) if search_term.strip() else queryset), False

    def page(self, request: HttpRequest, thing: Any) -> dict[str, Any]:
        last = Movement.objects.filter(wallet=thing).order_by("-created_at", "-id")
        return super().page(request, thing) | {
            "movements": [(movement, shown(movement)) for movement in last[:LAST_MOVEMENTS]]
        }


def shown(movement: Movement) -> str:
    return money.to_text(movement.amount, movement.currency)


def waits(movement: Movement) -> bool:
    return movement.status == Movement.Status.PENDING


@admin.register(Movement)
class MovementAdmin(Acting):
    list_display = ("created_at", "type", "shown_amount", "currency", "status", "wallet_id")
    list_filter = ("status", "type", "currency")
    search_fields = ("id",)
    search_help_text = "An id, an operation, a wallet, an IBAN, or an idempotency key."
    ordering = ("-created_at", "-id")
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
        "concept",
        "iban",
        "metadata",
        "created_at",
        "sent_at",
        "settled_at",
    )
    acts = (
        Act(
            name="send",
            label="Mark as sent",
            permission="wallets.send_cash_out",
            do=submitted(about_movement(ledger.MarkSent), "Sent: its client can't cancel it now."),
            is_available=lambda movement: waits(movement) and movement.sent_at is None,
            warning="Do this when the transfer is with the bank.",
        ),
        Act(
            name="settle",
            label="Settle",
            permission="wallets.settle_cash_out",
            do=submitted(about_movement(ledger.Settle), "Settled: the money has left."),
            is_available=lambda movement: waits(movement) and movement.sent_at is not None,
            warning="Do this when the bank has paid.",
        ),
        Act(
            name="reject",
            label="Reject",
            permission="wallets.settle_cash_out",
            form=RejectForm,
            do=submitted(about_movement(ledger.Reject), "Rejected: the money is available again."),
            is_available=waits,
            warning="The money that was set aside becomes available again.",
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

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return (queryset.named(search_term) if search_term.strip() else queryset), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("wallets.add_movement")

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


ADD_MOVEMENT = WalletAdmin.acts[0]


@admin.register(Audit)
class AuditAdmin(ReadOnly):
    list_display = ("finished_at", "movements", "finding")
    ordering = ("-id",)
