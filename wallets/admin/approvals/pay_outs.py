"""Paying out a customer and closing the account, which two people agree to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.approvals.actions import ActionFact, Approvable, amount_text, register_action
from users.models import Approval, User
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets.admin import closing
from wallets.admin.approvals.customers import locked_owner
from wallets.admin.approvals.money import LABELS
from wallets.admin.approvals.pay_again import amounts_of, amounts_to_order, order_approved
from wallets.models import Closing


@register_action
class PayOutAction(Approvable):
    """A payment out of the money of a user, to the account that the texts name.

    `amounts` of the payload has the most that is paid of each wallet: what it had when it was
    asked for. The closing, its cash-outs and the approval are one transaction. The closing has the
    id of the approval; if the payload names one, more is paid in that one.
    """

    kind = ApprovalKind.PAY_OUT
    label = _("Pay out and close")
    permission = "wallets.add_closing"
    view = "wallets.view_closing"
    is_exclusive = True
    labels: ClassVar[Any] = LABELS | {"user": _("Id of the user")}

    def lock(self, asked: Approval) -> None:
        assert asked.user_id
        locked_owner(asked.user_id)

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        """The amounts are those that will be paid: money that comes in does not change them.

        Raises:
            InvalidFields: the account was erased.
        """
        user, texts = user_to_pay(asked), account_of(asked)
        paid = closing.covered_amounts(user, amounts_of(asked))
        return [
            ActionFact("client", user.client.name),
            ActionFact("owner", user.display_name),
            ActionFact("user", str(user.id)),
            ActionFact("owner_status", user.status),
            ActionFact("iban", texts["iban"]),
            ActionFact("holder", texts["holder_name"]),
            *(
                ActionFact(f"{each.currency} {each.id}", amount_text(amount, each.currency))
                for each, amount in paid
            ),
        ]

    def effect(self, asked: Approval) -> str:
        text = gettext(
            "A payment out is ordered for each amount. When the bank has paid all of them, "
            "%(name)s and the wallets are closed for good. What is rejected can be paid out again "
            "for 24 hours, up to these amounts. Money that comes in needs another approval."
        )
        return text % {"name": user_to_pay(asked).display_name}

    def rehearse(self, asked: Approval, by: By) -> None:
        user, texts, amounts = user_to_pay(asked), account_of(asked), amounts_of(asked)
        if "closing" not in asked.payload:
            closing.rehearse(user, **texts, amounts=amounts, by=by)
            return
        found = Closing(client_id=user.client_id, user=user, **texts)  # its keys are not used yet
        paid = closing.covered_amounts(user, amounts)
        if refusals := [*closing.refusals_of(found, paid, by)]:
            raise closing.refuse(*refusals)

    def perform(self, asked: Approval, by: By) -> None:
        """Start the closing, or go on with one, and order cash-outs: all of them or none.

        Raises:
            InvalidFields: something stands in the way.
            Refused: a rule does not allow a cash-out.
        """
        if "closing" in asked.payload:
            order_approved(asked, by)
            return
        user, texts = user_to_pay(asked), account_of(asked)
        found = closing.start(user, **texts, amounts=amounts_of(asked), by=by, key=asked.id)
        closing.order_payments(found, by)

    def finish(self, asked: Approval) -> None:
        """Without money there was nothing to pay: close the user."""
        assert asked.user_id
        closing.finish_paid([asked.user_id], By(f"staff:{asked.asked_by_id}"))

    def address(self, asked: Approval) -> str:
        closing_id = asked.payload.get("closing", asked.id)
        if Closing.objects.filter(id=closing_id).exists():
            return reverse("admin:wallets_closing_change", args=[closing_id])
        return reverse("admin:users_user_change", args=[asked.subject_id])


def user_to_pay(asked: Approval) -> User:
    """
    Raises:
        NotFound: there is none.
    """
    found = User.objects.filter(client=asked.client_id, id=UUID(asked.subject_id))
    user = found.select_related("client").first()
    if user is None:
        raise errors.NotFound()
    return user


def account_of(asked: Approval) -> dict[str, str]:
    """The account that the money goes to: `iban` and `holder_name`.

    Raises:
        InvalidFields: it was erased with the user.
    """
    if not asked.texts:
        raise closing.refuse(
            gettext("The personal data of this user was erased, and the bank account with it.")
        )
    return {"iban": asked.texts["iban"], "holder_name": asked.texts["holder_name"]}


def ask_to_pay_out(user: User, values: dict[str, Any]) -> Approval:
    """The request to pay out a user; the account is a text, which is erased with the user."""
    return pay_out_of(user, values["iban"], values["holder_name"], closing.amounts_to_pay(user))


def ask_to_pay_again(found: Closing, values: dict[str, Any]) -> Approval:
    """The request to pay out what the wallets have now, in a closing that is under way."""
    amounts = amounts_to_order(found)
    asked = pay_out_of(found.user, found.iban, found.holder_name, amounts)
    asked.payload["closing"] = str(found.id)
    return asked


def pay_out_of(user: User, iban: str, holder_name: str, amounts: Mapping[UUID, int]) -> Approval:
    return Approval(
        kind=ApprovalKind.PAY_OUT,
        client_id=user.client_id,
        user_id=user.id,
        subject="user",
        subject_id=str(user.id),
        payload={"amounts": {str(wallet_id): amount for wallet_id, amount in amounts.items()}},
        texts={"iban": iban, "holder_name": holder_name},
    )
