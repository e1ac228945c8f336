"""The forms of the actions that move money."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from rest_framework.exceptions import ValidationError

from iocash.http import fields
from users.actions import ActionForm
from wallets import erasure
from wallets.models import Wallet
from wallets.orders.users import BLOCK_REASONS


def labelled(names: Iterable[str]) -> list[tuple[str, str]]:
    """Choices with readable labels: `COURT_ORDER` is "Court order"."""
    return [(name, name.replace("_", " ").capitalize()) for name in names]


class AmountField(forms.CharField):
    """An amount, parsed exactly as in the API."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(max_length=20, widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        if not value and not self.required:
            return None
        try:
            return fields.Amount().to_internal_value(super().clean(value))
        except ValidationError as error:
            raise forms.ValidationError([str(detail) for detail in error.detail]) from error


class MovementForm(ActionForm):
    """A cash-in, or an adjustment that corrects a mistake."""

    CASH_IN, UP, DOWN = "CASH_IN", "UP", "DOWN"
    KINDS = ((CASH_IN, "Cash-in"), (UP, "Adjustment up"), (DOWN, "Adjustment down"))

    kind = forms.ChoiceField(label="Movement", choices=KINDS)
    amount = AmountField()
    concept = forms.CharField(
        max_length=140, help_text="The owner can read it. For an adjustment, give the reason."
    )

    def restrict(self, user: Any) -> None:
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


class ReverseForm(ActionForm):
    amount = AmountField(
        required=False, help_text="Leave empty to reverse the full remaining amount."
    )
    concept = forms.CharField(max_length=140, required=False, help_text="Both owners can read it.")


class RejectForm(ActionForm):
    reason = forms.CharField(max_length=140, help_text="The client can read it.")


class BlockForm(ActionForm):
    reason = forms.ChoiceField(choices=labelled(BLOCK_REASONS))


class EraseForm(ActionForm):
    reason = forms.ChoiceField(
        choices=labelled(erasure.REASONS),
        help_text="Before the retention period ends, select a reason other than its end.",
    )
