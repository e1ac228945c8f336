"""The thresholds above which an action with money needs an approval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, ClassVar, Final
from uuid import UUID

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors, money
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users.approvals.actions import (
    APPROVABLES,
    ActionFact,
    Approvable,
    amount_text,
    register_action,
)
from users.approvals.asking import member_now, require_may
from users.locking import STAFF, lock_value
from users.models import Approval, Threshold
from users.models.approvals import CEILINGS, ApprovalKind, ceiling_of
from users.models.events import By

CHANGE_THRESHOLD: Final = "users.change_threshold"
FIND_THRESHOLD: Final = "SELECT FROM users_threshold WHERE id = %s"


def last_version(kind: str, currency: str) -> Threshold | None:
    """The valid threshold of an action in a currency; None: every action needs an approval."""
    found = Threshold.objects.filter(kind=kind, currency=currency)
    return found.order_by("-version").first()


def threshold_of(kind: str, currency: str) -> int:
    """The valid threshold in minor units: not above the ceiling, and 0 without one."""
    found = last_version(kind, currency)
    return min(found.amount, ceiling_of(kind, currency)) if found else 0


def valid_thresholds() -> dict[tuple[str, str], int]:
    """The valid thresholds in minor units, by action and currency; one statement."""
    last = Threshold.objects.order_by("kind", "currency", "-version").distinct("kind", "currency")
    return {
        (each.kind, each.currency): min(each.amount, ceiling_of(each.kind, each.currency))
        for each in last
    }


def require_threshold(kind: str, currency: str, amount: int) -> None:
    """
    Raises:
        InvalidFields: the action has no thresholds, or the amount is negative or above the ceiling.
    """
    if kind not in CEILINGS:
        raise errors.InvalidFields(errors.FieldError("kind", "invalid", "Has no threshold."))
    ceiling = ceiling_of(kind, currency)
    if not 0 <= amount <= ceiling:
        text = errors.Message(
            "Must be between 0 and {ceiling} {currency}.",
            ceiling=money.to_text(ceiling, currency),
            currency=currency,
        )
        raise errors.InvalidFields(errors.FieldError("amount", "max_value", text))


def lower_threshold(
    kind: ApprovalKind, currency: str, amount: int, *, by: Any, reason: str
) -> None:
    """Lower a threshold, which one person may do.

    Raises:
        PermissionDenied: `by` lacks the permission, or it is a raise, which needs an approval.
        InvalidFields: as `require_threshold`.
    """
    member = member_now(by.pk)
    require_may(member, CHANGE_THRESHOLD)
    require_threshold(kind, currency, amount)
    with single_transaction():
        lock_threshold(kind, currency)
        if amount > threshold_of(kind, currency):
            raise errors.ApprovalRequired("Somebody else must approve a higher threshold.")
        write_threshold(kind, currency, amount, by_id=member.pk, reason=reason)


def lock_threshold(kind: str, currency: str) -> None:
    lock_value(STAFF, sha256(f"{kind} {currency}".encode()).digest())


def write_threshold(
    kind: str,
    currency: str,
    amount: int,
    *,
    by_id: int,
    reason: str,
    approval_id: UUID | None = None,
) -> None:
    """Write the next version of a threshold, whose lock is held."""
    last = last_version(kind, currency)
    made = Threshold.objects.create(
        kind=kind,
        currency=currency,
        version=(last.version if last else 0) + 1,
        amount=amount,
        set_by_id=by_id,
        approval_id=approval_id,
        reason=reason,
    )
    note_witness(Witness(FIND_THRESHOLD, [made.pk]))


@register_action
class RaiseThresholdAction(Approvable):
    """A higher threshold: the payload names the action, currency and amount are the threshold's."""

    kind = ApprovalKind.RAISE_THRESHOLD
    label = _("Higher threshold")
    permission = CHANGE_THRESHOLD
    view = "users.view_threshold"
    labels: ClassVar[Mapping[str, Any]] = {"threshold": _("Threshold"), "after": _("Afterwards")}
    amounts = ("threshold", "after")

    def lock(self, asked: Approval) -> None:
        lock_threshold(asked.payload["kind"], asked.currency)

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        now = threshold_of(asked.payload["kind"], asked.currency)
        return [
            ActionFact("threshold", amount_text(now, asked.currency)),
            ActionFact("after", amount_text(asked.amount or 0, asked.currency)),
        ]

    def effect(self, asked: Approval) -> str:
        action = APPROVABLES[asked.payload["kind"]]
        text = gettext("One person may do this alone in 24 hours, up to this sum: %(action)s.")
        return text % {"action": action.label}

    def rehearse(self, asked: Approval, by: By) -> None:
        require_threshold(asked.payload["kind"], asked.currency, asked.amount or 0)

    def perform(self, asked: Approval, by: By) -> None:
        """Write the threshold. The database compares it with the approval at the commit."""
        self.rehearse(asked, by)
        write_threshold(
            asked.payload["kind"],
            asked.currency,
            asked.amount or 0,
            by_id=asked.asked_by_id,
            reason=asked.reason,
            approval_id=asked.id,
        )


def asked_threshold(kind: str, currency: str, amount: int) -> Approval:
    """The request for a higher threshold, in minor units."""
    return Approval(
        kind=ApprovalKind.RAISE_THRESHOLD,
        subject="threshold",
        subject_id=f"{kind} {currency}",
        currency=currency,
        amount=amount,
        payload={"kind": kind},
    )
