"""Actions about customers that need an approval: unblocking after fraud, early erasure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.actions import by as actor_of
from users.approvals.actions import ActionFact, Approvable, amount_text, register_action
from users.models import Approval, Event, User
from users.models.approvals import ApprovalKind
from users.models.events import By, EventKind
from wallets import erasure, posting
from wallets.admin.approvals.money import (
    AMOUNTS,
    LABELS,
    OrderAction,
    lock_wallets_of,
    wallet_now,
)
from wallets.admin.facts import read_again
from wallets.models import Wallet
from wallets.orders.base import Order
from wallets.orders.users import UnblockUser
from wallets.orders.wallets import UnblockWallet

BLOCKS: Final = (EventKind.USER_BLOCKED, EventKind.WALLET_BLOCKED)


def block_reason(subject_id: UUID) -> str:
    """Why a user or a wallet was blocked last; the row is locked."""
    blocks = Event.objects.about(subject_id).filter(kind__in=BLOCKS)
    last = blocks.last()
    return str(last.data.get("reason", "")) if last else ""


def locked_owner(user_id: UUID) -> User:
    """The user, locked, and all wallets of the user after it."""
    user = User.objects.select_for_update(no_key=True).get(id=user_id)
    lock_wallets_of([user_id])
    return user


class UnblockAction(OrderAction):
    view = "users.view_user"
    is_exclusive = True
    amounts = AMOUNTS
    labels: ClassVar[Any] = LABELS | {
        "blocked": _("Reason of the block"),
        "user": _("Id of the user"),
        "reason_of_action": _("Reason"),
    }

    def lock(self, asked: Approval) -> None:
        assert asked.user_id
        locked_owner(asked.user_id)

    def perform(self, asked: Approval, by: By) -> None:
        posting.submit(self.make(asked, by))


@register_action
class UnblockUserAction(UnblockAction):
    kind = ApprovalKind.UNBLOCK_USER
    label = _("Unblocking of a user after fraud")
    permission = "users.block_user"

    def order(self, asked: Approval, **envelope: Any) -> Order:
        return UnblockUser(
            **envelope, user_id=UUID(asked.subject_id), reason=asked.payload["reason"]
        )

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        return [*user_now(asked), ActionFact("blocked", block_reason(UUID(asked.subject_id)))]

    def effect(self, asked: Approval) -> str:
        text = gettext("The wallets of %(name)s can pay and receive again.")
        return text % {"name": User.objects.get(id=asked.subject_id).display_name}

    def address(self, asked: Approval) -> str:
        return reverse("admin:users_user_change", args=[asked.subject_id])


@register_action
class UnblockWalletAction(UnblockAction):
    kind = ApprovalKind.UNBLOCK_WALLET
    label = _("Unblocking of a wallet after fraud")
    permission = "wallets.block_wallet"

    def order(self, asked: Approval, **envelope: Any) -> Order:
        return UnblockWallet(
            **envelope, wallet_id=UUID(asked.subject_id), reason=asked.payload["reason"]
        )

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        wallet = read_again(asked.subject_id)
        why = ActionFact("reason_of_action", asked.payload["reason"])
        return [*wallet_now(wallet), why, ActionFact("blocked", block_reason(wallet.id))]

    def effect(self, asked: Approval) -> str:
        text = gettext("%(name)s can pay from this wallet and receive in it again.")
        return text % {"name": read_again(asked.subject_id).user.display_name}

    def address(self, asked: Approval) -> str:
        return reverse("admin:wallets_wallet_change", args=[asked.subject_id])


@register_action
class EraseUserAction(Approvable):
    """Erasure before the end of the retention period.

    It needs transactions of its own, so it is run after the approval. The duty that erases users
    does what was interrupted.
    """

    kind = ApprovalKind.ERASE_USER
    label = _("Erasure before its time")
    permission = "users.erase_user"
    view = "users.view_user"
    is_exclusive = True
    labels: ClassVar[Any] = LABELS | {
        "kept_until": _("To be kept until"),
        "user": _("Id of the user"),
        "reason_of_action": _("Reason"),
    }

    def lock(self, asked: Approval) -> None:
        assert asked.user_id
        locked_owner(asked.user_id)

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        user = User.objects.get(id=asked.subject_id)
        until = erasure.kept_until(user).isoformat(timespec="seconds")
        return [*user_now(asked), ActionFact("kept_until", until)]

    def effect(self, asked: Approval) -> str:
        text = gettext(
            "Name, phone number, documents and texts of %(name)s are deleted permanently. "
            "Movements are kept."
        )
        return text % {"name": User.objects.get(id=asked.subject_id).display_name}

    def rehearse(self, asked: Approval, by: By) -> None:
        erasure.require_over(User.objects.get(id=asked.subject_id), asked.payload["reason"])

    def perform(self, asked: Approval, by: By) -> None:
        self.rehearse(asked, by)

    def finish(self, asked: Approval) -> None:
        erasure.erase_approved(asked)

    def address(self, asked: Approval) -> str:
        return reverse("admin:users_user_change", args=[asked.subject_id])


def user_now(asked: Approval) -> list[ActionFact]:
    """The name and the status of a user, and the money in each wallet."""
    user = User.objects.get(id=asked.subject_id)
    money = [
        ActionFact(
            f"{wallet.currency} …{str(wallet.id)[-8:]}",
            amount_text(wallet.balance, wallet.currency),
        )
        for wallet in Wallet.objects.filter(user=user).order_by("id")
    ]
    return [
        ActionFact("client", user.client.name),
        ActionFact("owner", user.display_name),
        ActionFact("user", str(user.id)),
        ActionFact("owner_status", user.status),
        ActionFact("reason_of_action", asked.payload["reason"]),
        *money,
    ]


def ask_to_unblock_user(user: User, values: dict[str, Any]) -> Approval:
    return about_customer(user, ApprovalKind.UNBLOCK_USER, "user", user.id, values["reason"])


def ask_to_unblock_wallet(wallet: Wallet, values: dict[str, Any]) -> Approval:
    user = wallet.user
    return about_customer(user, ApprovalKind.UNBLOCK_WALLET, "wallet", wallet.id, values["reason"])


def ask_to_erase(user: User, values: dict[str, Any]) -> Approval:
    return about_customer(user, ApprovalKind.ERASE_USER, "user", user.id, values["reason"])


def about_customer(
    user: User, kind: ApprovalKind, subject: str, subject_id: UUID, reason: str
) -> Approval:
    return Approval(
        kind=kind,
        client_id=user.client_id,
        user_id=user.id,
        subject=subject,
        subject_id=str(subject_id),
        payload={"reason": reason},
    )


def erase_personal_data(request: HttpRequest, user: User, values: dict[str, Any]) -> str:
    """Erase a closed user; before the end of the retention period two people must agree.

    Raises:
        ApprovalRequired: the retention period has not ended.
    """
    erasure.require_over(user, values["reason"])
    if values["reason"] != erasure.RETENTION_OVER and not erasure.is_over(user):
        raise errors.ApprovalRequired(
            "The retention period has not ended. Somebody else must approve this."
        )
    erasure.erase(user_id=user.id, by=actor_of(request), reason=values["reason"])
    return gettext("Personal data erased. Ids, amounts and times are kept.")
