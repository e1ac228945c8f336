"""What staff write down before money moves."""

from __future__ import annotations

from typing import Any

from django import forms
from rest_framework.exceptions import ValidationError

from iocash.http import fields
from users.actions import ActForm
from wallets import erasure
from wallets.models import Wallet
from wallets.orders import BLOCK_REASONS


class AmountField(forms.CharField):
    """An amount, as exactly as the API reads it."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(max_length=20, widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        if not value and not self.required:
            return None
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


class ReverseForm(ActForm):
    amount = AmountField(required=False, help_text="Nothing: all that is left.")
    concept = forms.CharField(max_length=140, required=False, help_text="Both owners read it.")


class RejectForm(ActForm):
    reason = forms.CharField(max_length=140, help_text="The client reads it.")


class BlockForm(ActForm):
    reason = forms.ChoiceField(
        choices=[(name, name.replace("_", " ").capitalize()) for name in BLOCK_REASONS]
    )


class EraseForm(ActForm):
    reason = forms.ChoiceField(
        choices=[(name, name.replace("_", " ").capitalize()) for name in erasure.REASONS],
        help_text="Before the retention is over it needs a reason of its own.",
    )
