"""Deciding about approvals: approve and run, refuse, withdraw, expire.

Every decision locks the row of the approval first, then users by id, then wallets by id. Erasure
locks in the same order: first the approvals about the user. What a decision changes and the
approval are one transaction, so an approval is run once or not at all.
"""

from __future__ import annotations

import logging
from typing import Any, Final
from uuid import UUID

from django.db import DatabaseError
from django.utils.translation import gettext

from iocash import errors
from iocash.db import clock
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users.approvals.actions import APPROVE, Approvable, action_of_approval, digest_of_facts
from users.approvals.asking import approval_refusal, member_now
from users.approvals.influence import ABOUT_STAFF, are_independent, influences_for
from users.approvals.second import DEPENDENT
from users.models import Approval
from users.models.clients import IS_AWAY
from users.models.events import By

log = logging.getLogger(__name__)

DECIDED: Final = """
    SELECT FROM users_approval WHERE id = %s AND decided_by_id = %s AND decided_at = %s
"""
DECISION: Final = ("state", "code", "decided_by", "decided_at", "decision", "made_id")
FORGOTTEN: Final = ("payload", "facts")
State = Approval.State


class FactsChanged(Exception):
    """The facts are not those that the page showed: nothing was run. Show the page again."""


def approve_request(
    approval_id: UUID, *, by: Any, seen: str, request_id: str = "", decision: str = ""
) -> Approval:
    """Approve what somebody else asked for, and run it. `seen` is the digest of the shown facts.

    If a rule refuses it now, the approval has failed, with the code of the refusal. If only what
    follows the commit fails, it is approved and `is_unfinished`.

    Raises:
        PermissionDenied: `by` may not decide, or the action is not allowed to the asker any more.
        InvalidFields: it was decided before, or has expired.
        FactsChanged: the facts are others than those that were seen; nothing was changed.
        Unavailable: nothing was changed.
    """
    with single_transaction():
        asked, member = locked_request(approval_id), member_now(by.pk)
        action = action_of_approval(asked)
        require_second_person(action, asked, member)
        action.lock(asked)
        if digest_of_facts(action.facts(asked)) != seen:
            raise FactsChanged
        require_asker(action, asked)
        actor = By(f"staff:{asked.asked_by_id}", request_id, asked.id)
        asked.state, asked.decision = State.APPROVED, decision
        try:
            with single_transaction():  # a savepoint: what it has changed goes with its refusal
                asked.made_id = action.perform(asked, actor)
        except errors.Unavailable:
            raise
        except errors.Refused as refusal:
            asked.state, asked.code = State.FAILED, refusal.code
        write_decision(asked, member)
    if asked.state == State.APPROVED:
        finish_approved(action, asked)
    return asked


def finish_approved(action: Approvable, asked: Approval) -> None:
    """Do what follows the commit. It is approved anyway, so a failure is logged and noted.

    The duties `erase-users` and `finish-closings` repeat it.
    """
    try:
        action.finish(asked)
    except (OSError, DatabaseError, errors.Refused) as error:
        asked.is_unfinished = True
        log.warning("approval %s was not finished: %s", asked.id, type(error).__name__)


def refuse_request(approval_id: UUID, *, by: Any, reason: str) -> Approval:
    """Refuse what somebody else asked for, with a reason.

    Raises:
        PermissionDenied: `by` may not decide.
        InvalidFields: it was decided before or has expired, or the reason is missing.
    """
    if not reason.strip():
        raise errors.InvalidFields(errors.FieldError("decision", "blank", gettext("Say why.")))
    with single_transaction():
        asked, member = locked_request(approval_id), member_now(by.pk)
        require_second_person(action_of_approval(asked), asked, member)
        asked.state, asked.decision = State.REFUSED, reason.strip()
        write_decision(asked, member)
    return asked


def withdraw_request(approval_id: UUID, *, by: Any) -> Approval:
    """Take back what one has asked for.

    Raises:
        PermissionDenied: somebody else asked for it.
        InvalidFields: it was decided before, or has expired.
    """
    with single_transaction():
        asked, member = locked_request(approval_id), member_now(by.pk)
        if asked.asked_by_id != member.pk:
            raise errors.PermissionDenied("Only who asked can withdraw it.")
        asked.state = State.WITHDRAWN
        write_decision(asked, member)
    return asked


def expire_requests() -> int:
    """End what nobody decided in time; return how many."""
    overdue = Approval.objects.overdue().exclude(IS_AWAY).order_by("expires_at", "id")
    with single_transaction():
        found = list(overdue.select_for_update(skip_locked=True, no_key=True)[:100])
        for asked in found:
            asked.state = State.EXPIRED
            write_decision(asked, None)
    return len(found)


# --- The rules ------------------------------------------------------------------------------------


def locked_request(approval_id: UUID) -> Approval:
    """The approval, locked, which waits for a decision.

    Raises:
        NotFound: there is none.
        InvalidFields: it was decided before, or has expired.
    """
    asked = Approval.objects.select_for_update(no_key=True).filter(id=approval_id).first()
    if asked is None:
        raise errors.NotFound()
    if not asked.is_waiting:
        raise approval_refusal(gettext("This was decided already."))
    if asked.expires_at <= clock.now():
        raise approval_refusal(gettext("This has expired. It must be asked for again."))
    return asked


def require_second_person(action: Approvable, asked: Approval, member: Any) -> None:
    """
    Raises:
        PermissionDenied: `member` can't be the second person.
    """
    if reason := why_not_second(action, asked, member):
        raise errors.PermissionDenied(reason)


def why_not_second(action: Approvable, asked: Approval, member: Any) -> str:
    """Why a member of staff can't decide; "": it can. There is no exception for superusers."""
    if asked.asked_by_id == member.pk:
        return gettext("You asked for this. Somebody else must decide.")
    if not member.has_perms((APPROVE, action.permission)):
        return gettext("You don't have permission to decide about this.")
    if asked.kind in ABOUT_STAFF and asked.subject_id == str(member.pk):
        return gettext("This is about you. Somebody else must decide.")
    if not are_independent(member.pk, asked.asked_by_id, influences_for(member)):
        return errors.translated(DEPENDENT, gettext)
    return action.why_not(asked, member)


def require_asker(action: Approvable, asked: Approval) -> None:
    """
    Raises:
        PermissionDenied: who asked is no active member of staff any more, or may not do it.
    """
    asker = member_now(asked.asked_by_id)
    if not asker.has_perm(action.permission):
        raise errors.PermissionDenied("Who asked for this is not allowed to do it any more.")


def write_decision(asked: Approval, member: Any) -> None:
    """Write the decision about a locked approval, and erase what its action forgets."""
    action = action_of_approval(asked)
    asked.decided_by, asked.decided_at = member, clock.now()
    asked.payload = action.payload_to_keep(asked.payload)
    if asked.facts:
        asked.facts = [fact for fact in asked.facts if fact[0] not in action.forgets]
    asked.save(update_fields=[*DECISION, *(FORGOTTEN if action.forgets else ())])
    if member is not None:
        note_witness(Witness(DECIDED, [asked.id, member.pk, asked.decided_at]))
