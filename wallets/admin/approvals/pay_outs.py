"""Paying out a customer and closing the account, which two people agree to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.approvals.acts import ActFact, Approvable, amount_text, register_act
from users.models import Approval, User
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets.admin import closing
from wallets.admin.approvals.customers import locked_owner
from wallets.admin.approvals.money import LABELS
from wallets.models import Closing


@register_act
class PayOutAct(Approvable):
    """A payment out of all money of a user, to the account that the texts name.

    The closing, its cash-outs and the approval are one transaction. The closing has the id of the
    approval.
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

    def facts(self, asked: Approval) -> Sequence[ActFact]:
        user, texts = user_to_pay(asked), asked.texts or {}
        paid = [
            ActFact(f"{each.currency} {each.id}", amount_text(each.available, each.currency))
            for each in closing.open_wallets(user)
        ]
        return [
            ActFact("client", user.client.name),
            ActFact("owner", user.display_name),
            ActFact("user", str(user.id)),
            ActFact("owner_status", user.status),
            ActFact("iban", texts.get("iban", "")),
            ActFact("holder", texts.get("holder_name", "")),
            *paid,
        ]

    def effect(self, asked: Approval) -> str:
        text = gettext(
            "A payment out is ordered for each amount. When the bank has paid all of them, "
            "%(name)s and the wallets are closed for good. Until then money can come in; it is "
            "paid out too."
        )
        return text % {"name": user_to_pay(asked).display_name}

    def rehearse(self, asked: Approval, by: By) -> None:
        texts = asked.texts or {}
        closing.rehearse(
            user_to_pay(asked), iban=texts["iban"], holder_name=texts["holder_name"], by=by
        )

    def perform(self, asked: Approval, by: By) -> None:
        """Start the closing, and order its cash-outs.

        Raises:
            InvalidFields: something stands in the way, or a cash-out was refused.
        """
        user, texts = user_to_pay(asked), asked.texts or {}
        seen = closing.fingerprint_of(closing.open_wallets(user))
        found = closing.start(
            user,
            iban=texts["iban"],
            holder_name=texts["holder_name"],
            seen=seen,
            by=by,
            key=asked.id,
        )
        if refusals := closing.order_payments(found, by):
            raise closing.refuse(*refusals)

    def finish(self, asked: Approval) -> None:
        """Without money there was nothing to pay: close the user."""
        assert asked.user_id
        closing.finish_paid([asked.user_id], By(f"staff:{asked.asked_by_id}"))

    def address(self, asked: Approval) -> str:
        if Closing.objects.filter(id=asked.id).exists():
            return reverse("admin:wallets_closing_change", args=[asked.id])
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


def ask_to_pay_out(user: User, values: dict[str, Any]) -> Approval:
    """The request to pay out a user; the account is a text, which is erased with the user."""
    return Approval(
        kind=ApprovalKind.PAY_OUT,
        client_id=user.client_id,
        user_id=user.id,
        subject="user",
        subject_id=str(user.id),
        payload={},
        texts={"iban": values["iban"], "holder_name": values["holder_name"]},
    )
