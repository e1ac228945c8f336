"""The forms of the actions that move money."""

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
    """A cash-in, or an adjustment that corrects a mistake."""

    CASH_IN, UP, DOWN = "CASH_IN", "UP", "DOWN"
    KINDS = ((CASH_IN, "Cash-in"), (UP, "Adjustment up"), (DOWN, "Adjustment down"))

    kind = forms.ChoiceField(
        label="Movement",
        choices=KINDS,
    )
    amount = AmountField()
    concept = forms.CharField(
        max_length=140, help_text="The owner can read it. For an adjustment, give the reason."
    )

    def allow(self, user: Any) -> None:
        """An adjustment creates or removes money, so it requires its own permission."""
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
            raise forms.ValidationError("This wallet does not exist.")
        return wallet


class ReverseForm(ActForm):
    amount = AmountField(
        required=False, help_text="Leave empty to reverse the full remaining amount."
    )
    concept = forms.CharField(max_length=140, required=False, help_text="Both owners can read it.")


class RejectForm(ActForm):
    reason = forms.CharField(max_length=140, help_text="The client can read it.")


class BlockForm(ActForm):
    reason = forms.ChoiceField(
        choices=[(name, name.replace("_", " ").capitalize()) for name in BLOCK_REASONS]
    )


class EraseForm(ActForm):
    reason = forms.ChoiceField(
        choices=[(name, name.replace("_", " ").capitalize()) for name in erasure.REASONS],
        help_text="Before the retention period ends, select a reason other than its end.",
    )
