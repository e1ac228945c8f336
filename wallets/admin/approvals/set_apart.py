"""Setting movements apart that will never have a bank line: two people agree to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.actions import Action
from users.approvals.actions import ActionFact, Approvable, amount_text, register_action
from users.approvals.pages import require_approval
from users.models import Approval
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets.admin.approvals.money import LABELS, lock_wallets_of, movement_of, which_movement
from wallets.admin.facts import with_currency
from wallets.admin.forms import LedgerForm
from wallets.bank import apart
from wallets.bank.apart import WhyApart
from wallets.models import BankOutcome, Movement

ASK: Final = "wallets.add_bankdecision"
OF_THE_PAIR: Final = ("pair_owner",)


@register_action
class SetApartAction(Approvable):
    """No line is expected for a movement, or for two that add up to 0."""

    kind = ApprovalKind.SET_APART
    label = _("Movement set apart")
    permission = ASK
    view = "wallets.view_safeguardingreport"
    is_exclusive = True
    labels: ClassVar[Any] = LABELS | {
        "amount": _("Amount"),
        "pair": _("Other movement"),
        "pair_amount": _("Amount of the other movement"),
        "pair_owner": _("Owner of the other wallet"),
        "sum": _("Sum"),
        "is_explained": _("Bank lines"),
    }
    amounts = ("amount", "pair_amount", "sum")

    def lock(self, asked: Approval) -> None:
        lock_wallets_of({each.wallet.user_id for each in named_movements(asked)})

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        movement, *others = named_movements(asked)
        facts = [
            ActionFact("client", movement.wallet.user.client.name),
            ActionFact("owner", movement.wallet.user.display_name),
            *which_movement(movement),
            ActionFact("movement_status", movement.status),
            ActionFact("amount", amount_text(movement.amount, movement.currency)),
        ]
        for other in others:
            facts += [
                ActionFact("pair", f"{other.type} {other.id}"),
                ActionFact("pair_owner", other.wallet.user.display_name),
                ActionFact("pair_amount", amount_text(other.amount, other.currency)),
            ]
        total = sum(each.amount for each in (movement, *others))
        ids = [each.id for each in (movement, *others)]
        lines = BankOutcome.objects.filter(movement__in=ids).count()
        facts += [
            ActionFact("sum", amount_text(total, movement.currency)),
            ActionFact("is_explained", str(lines)),
        ]
        return facts

    def about_others(self, asked: Approval) -> Collection[str]:
        return OF_THE_PAIR

    def details(self, asked: Approval) -> Sequence[tuple[Any, str]]:
        return [(_("Reason"), str(WhyApart(asked.payload["why"]).label))]

    def effect(self, asked: Approval) -> str:
        total = sum(each.amount for each in named_movements(asked))
        text = gettext(
            "Safeguarding counts %(amount)s as set apart, and waits for no bank line any more."
        )
        shown = text % {"amount": with_currency(total, asked.currency)}
        if total <= 0:
            return shown
        more = gettext(
            "The money of the wallets is missing until the institution has paid it into the "
            "account."
        )
        return f"{shown} {more}"

    def rehearse(self, asked: Approval, by: By) -> None:
        apart.require_can_be_apart(*pair_of_approval(asked))

    def perform(self, asked: Approval, by: By) -> None:
        movement, pair = pair_of_approval(asked)
        apart.set_apart(movement, pair, why=asked.payload["why"], approval_id=asked.id, by=by)

    def address(self, asked: Approval) -> str:
        return reverse("admin:wallets_movement_change", args=[asked.subject_id])


def pair_of_approval(asked: Approval) -> tuple[Movement, Movement | None]:
    """The movement, and the one with which it adds up to 0, if the approval names one.

    Raises:
        NotFound: one of them is not there.
    """
    named = asked.payload["pair"]
    if named is None:
        return movement_of(asked), None
    rows = Movement.objects.filter(client=asked.client_id).select_related("wallet__user__client")
    pair = rows.filter(id=UUID(named)).first()
    if pair is None:
        raise errors.NotFound()
    return movement_of(asked), pair


def named_movements(asked: Approval) -> list[Movement]:
    return [each for each in pair_of_approval(asked) if each is not None]


def ask_to_set_apart(movement: Movement, values: dict[str, Any]) -> Approval:
    """The request; the movement was read with its wallet and its user."""
    pair = values["pair"]
    total = movement.amount + (pair.amount if pair else 0)
    return Approval(
        kind=ApprovalKind.SET_APART,
        client_id=movement.client_id,
        user_id=movement.wallet.user_id,
        subject="movement",
        subject_id=str(movement.id),
        currency=movement.currency,
        amount=abs(total),
        payload={
            "movement": str(movement.id),
            "pair": str(pair.id) if pair else None,
            "why": values["why"],
        },
    )


# --- The action on the page of a movement ---------------------------------------------------------


class SetApartForm(LedgerForm):
    why = forms.ChoiceField(label=_("Reason"), choices=WhyApart.choices)
    pair = forms.UUIDField(
        label=_("Other movement"),
        required=False,
        help_text=_("The id of a movement with which it adds up to 0, as a reversal does."),
    )

    def clean_pair(self) -> Movement | None:
        named = self.cleaned_data["pair"]
        movement = Movement.objects.filter(id=named).first() if named else None
        if named and movement is None:
            raise forms.ValidationError(_("This movement does not exist."))
        return movement


def waits_for_a_line(movement: Movement) -> bool:
    """Whether a movement from or to the outside is settled, and has no bank line."""
    crosses = movement.counterparty_id is None and movement.status == Movement.Status.SUCCESS
    return crosses and not BankOutcome.objects.filter(movement=movement.id).exists()


SET_APART: Final = Action(
    name="set-apart",
    label=_("Set apart"),
    permission=ASK,
    form=SetApartForm,
    do=require_approval,
    asks=ask_to_set_apart,
    is_available=waits_for_a_line,
    effect=lambda movement: gettext(
        "Safeguarding waits for no bank line for it any more, when somebody else has approved it."
    ),
)
