"""Asking for an approval, and taking the request back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.utils.translation import gettext

from iocash import errors
from iocash.db import clock, groups
from iocash.db.transactions import single_transaction
from users.approvals.actions import Approvable, action_of_approval, facts_to_keep
from users.models import Approval, Key
from users.models.events import By
from users.models.idempotency import approval_key

ASKED_FIELDS = ("kind", "subject", "subject_id", "currency", "amount", "payload", "texts")
"""What makes two requests with one key the same."""


def approval_refusal(text: str) -> errors.InvalidFields:
    return errors.InvalidFields(errors.FieldError("approval", "refused", text))


def member_now(pk: int) -> Any:
    """The member of staff as the database of home has it now, with the permissions of now.

    Raises:
        PermissionDenied: it is no active member of staff.
    """
    with groups.beside(groups.HOME):
        member = get_user_model().objects.filter(pk=pk, is_staff=True, is_active=True).first()
        if member is None:
            raise errors.PermissionDenied("Only active members of staff can do this.")
        if groups.are_several():
            member.get_all_permissions()  # kept with the object; the group has a copy of its roles
    return member


def require_may(member: Any, *permissions: str) -> None:
    if not member.has_perms(permissions):
        raise errors.PermissionDenied()


def ask_for_approval(
    asked: Approval, *, by: Any, reason: str, key: UUID, request_id: str = ""
) -> Approval:
    """Ask for an action. `key` becomes the id, so a form that is sent twice asks once.

    Raises:
        PermissionDenied: `by` lacks the permission for the action.
        IdempotencyKeyReused: something else was asked for with the key.
        InvalidFields: the reason is missing, or the action was asked for already.
        Refused: the action would be refused now.
    """
    action = action_of_approval(asked)
    asked.texts = asked.texts or {}
    member = member_now(by.pk)
    require_may(member, action.permission)
    if problem := action.why_not(asked, member):
        raise errors.PermissionDenied(problem)
    if not reason.strip():
        raise errors.InvalidFields(errors.FieldError("reason", "blank", gettext("Say why.")))
    if made := asked_before(asked, member, key):
        return made
    require_not_done(asked, key)
    asked.id = key
    action.rehearse(asked, By(f"staff:{member.pk}", request_id, key))
    with single_transaction():
        action.lock(asked)
        require_only_one(action, asked)
        asked.facts = facts_to_keep(action, asked)
        asked.asked_by, asked.reason = member, reason.strip()
        asked.asked_at = clock.now()
        asked.expires_at = asked.asked_at + action.lifetime
        made, _is_new = Approval.objects.get_or_create(
            id=key, defaults={name: getattr(asked, name) for name in WRITTEN}
        )
    return asked_before(made, member, key) or made


WRITTEN = (
    *ASKED_FIELDS,
    "client",
    "user",
    "counterparty",
    "facts",
    "asked_by",
    "reason",
    "asked_at",
    "expires_at",
)


def asked_before(asked: Approval, member: Any, key: UUID) -> Approval | None:
    """What was asked for with this key before.

    Raises:
        IdempotencyKeyReused: it is something else.
    """
    made = Approval.objects.filter(id=key).first()
    if made is None:
        return None
    action = action_of_approval(asked)
    first, second = (
        {name: getattr(each, name) for name in ASKED_FIELDS}
        | {"payload": action.payload_to_keep(each.payload)}
        for each in (made, asked)
    )
    is_same = first == second and (not made.is_waiting or made.payload == asked.payload)
    if not is_same or made.asked_by_id != member.pk:
        raise errors.IdempotencyKeyReused(
            idempotency_key=str(key), resource="approval", id=str(key)
        )
    return made


def require_not_done(asked: Approval, key: UUID) -> None:
    """
    Raises:
        InvalidFields: the form with this key was done without an approval.
    """
    if Key.objects.filter(client=asked.client_id, key=approval_key(key)).exists():
        raise approval_refusal(gettext("This form was sent before, and was done."))


def require_not_asked(key: UUID) -> None:
    """
    Raises:
        InvalidFields: an approval was asked for with the form that has this key.
    """
    if Approval.objects.filter(id=key).exists():
        raise approval_refusal(gettext("An approval was asked for with this form. Begin again."))


def require_only_one(action: Approvable, asked: Approval) -> None:
    """
    Raises:
        InvalidFields: an approval of an exclusive action waits for the subject.
    """
    if action.is_exclusive and waiting_for_subject(asked):
        raise approval_refusal(gettext("This waits for an approval already."))


def waiting_for_subject(asked: Approval) -> bool:
    others = Approval.objects.waiting().filter(kind=asked.kind, subject_id=asked.subject_id)
    return others.exclude(id=asked.id).exists()
