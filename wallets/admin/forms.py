"""The forms of the actions of the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.actions import UNSELECTED, ActionForm
from wallets import erasure
from wallets.admin.amounts import AMBIGUOUS, AmountField
from wallets.admin.facts import with_currency
from wallets.admin.refusals import explain_refusal
from wallets.admin.reversals import amount_left
from wallets.models import Wallet
from wallets.orders.users import BLOCK_REASONS

LABELS = {
    "AUTHORITY_ORDER": _("Order of an authority"),
    "CLIENT_REQUEST": _("Request of the client"),
    "LEGAL_ORDER": _("Legal order"),
    "OTHER": _("Other"),
    "RESOLVED": _("Resolved"),
    "RETENTION_OVER": _("The retention period is over"),
    "SUSPECTED_FRAUD": _("Suspected fraud"),
    "USER_REQUEST": _("Request of the user"),
}


def labelled(names: Iterable[str]) -> list[tuple[str, Any]]:
    """Choices with readable labels: `LEGAL_ORDER` is "Legal order"."""
    return [(name, LABELS.get(name, name.replace("_", " ").capitalize())) for name in names]


class LedgerForm(ActionForm):
    """The input of an order of the ledger, whose refusals are explain_refusal to staff."""

    def explain(self, refused: errors.Refused) -> tuple[str | None, str]:
        return explain_refusal(refused)


class MovementForm(LedgerForm):
    """A cash-in, or an adjustment that corrects a mistake."""

    CASH_IN, UP, DOWN = "CASH_IN", "UP", "DOWN"
    KINDS = ((CASH_IN, _("Cash-in")), (UP, _("Adjustment up")), (DOWN, _("Adjustment down")))

    kind = forms.ChoiceField(label=_("Movement"), choices=KINDS)
    amount = AmountField(label=_("Amount"), help_text=_("Like 1250.00 or 1.250,00."))
    concept = forms.CharField(
        label=_("Concept"),
        max_length=140,
        help_text=_("The owner can read it. For an adjustment, give the reason."),
    )

    def restrict(self, user: Any) -> None:
        """An adjustment creates or removes money, so it requires its own permission."""
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)
        if not user.has_perm("wallets.adjust_balance"):
            kind.choices = [(self.CASH_IN, _("Cash-in"))]


class WalletMovementForm(MovementForm):
    wallet = forms.UUIDField(label=_("Wallet"), help_text=_("The wallet's id."))
    field_order = ("wallet",)

    def clean_wallet(self) -> Wallet:
        wallets = Wallet.objects.seen().select_related("user")
        wallet = wallets.filter(id=self.cleaned_data["wallet"]).first()
        if wallet is None:
            raise forms.ValidationError(_("This wallet does not exist."))
        return wallet


class ReverseForm(LedgerForm):
    amount = AmountField(
        label=_("Amount"),
        required=False,
    )
    concept = forms.CharField(
        label=_("Concept"), max_length=140, required=False, help_text=_("Both owners can read it.")
    )

    def offer(self, obj: Any) -> None:
        if obj:
            left = {"left": with_currency(amount_left(obj), obj.currency)}
            text = gettext("Leave empty to reverse all that is left: %(left)s.") % left
            self.fields["amount"].help_text = text

    def typed(self, text: str) -> str:
        return f"0{text}" if AMBIGUOUS.fullmatch(text) else text


class RejectForm(LedgerForm):
    """The reason. It has the version that the page shows: what was sent meanwhile is kept."""

    version = forms.CharField(widget=forms.HiddenInput, required=False)
    reason = forms.CharField(
        label=_("Reason"), max_length=140, help_text=_("The client can read it.")
    )

    def offer(self, obj: Any) -> None:
        self.fields["version"].initial = obj.version if obj else ""


class BlockForm(LedgerForm):
    reason = forms.ChoiceField(label=_("Reason"), choices=[UNSELECTED, *labelled(BLOCK_REASONS)])


class EraseForm(LedgerForm):
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=[UNSELECTED, *labelled(erasure.REASONS)],
        help_text=_("Before the retention period ends, select a reason other than its end."),
    )
