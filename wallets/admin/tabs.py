"""The tabs of a user's page: wallets, movements, holds, documents, notes, the timeline and others.

Each is a page of its own, `?tab=`, and reads only its own rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from iocash.db import clock
from iocash.db.prepared import read_each
from users.admin.notes import ADD_NOTE, NoteForm, with_authors
from users.kyc import terms
from users.models import Case, IdentityVerification, Task, TermsSignature
from wallets.admin import freezes, profile, tasks, timeline
from wallets.admin.profile import Profile
from wallets.models import Hold, Movement, ScheduledOperation
from wallets.models.schedules import GOING_ON

ROWS: Final = 20
Context = dict[str, Any]
TYPES: Final = {
    Movement.Type.CASH_IN: _("Cash-in"),
    Movement.Type.CASH_OUT: _("Payment out"),
    Movement.Type.TRANSFER: _("Transfer"),
    Movement.Type.REVERSAL: _("Reversal"),
    Movement.Type.ADJUSTMENT: _("Adjustment"),
}
MOVEMENT_STATUSES: Final = {
    Movement.Status.PENDING: _("Pending"),
    Movement.Status.SUCCESS: _("Settled"),
    Movement.Status.ERROR: _("Rejected"),
    Movement.Status.CANCELLED: _("Cancelled"),
}
HOLD_STATUSES: Final = {
    Hold.Status.OPEN: _("Open"),
    Hold.Status.EXECUTED: _("Paid"),
    Hold.Status.RELEASED: _("Released"),
    Hold.Status.EXPIRED: _("Expired"),
}
WALLET_STATUSES: Final = {
    "READY": _("Ready"),
    "BLOCKED": _("Blocked"),
    "UNSUBSCRIBED": _("Closed"),
}
VERIFICATION_STATUSES: Final = {
    IdentityVerification.Status.PENDING: _("Pending"),
    IdentityVerification.Status.APPROVED: _("Approved"),
    IdentityVerification.Status.REJECTED: _("Rejected"),
    IdentityVerification.Status.EXPIRED: _("Expired"),
}


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab, the permissions to open it, of which one is enough, and what reads its rows."""

    name: str
    label: Any
    permissions: Sequence[str]
    read: Callable[[HttpRequest, Profile], Context]

    @property
    def template(self) -> str:
        return f"admin/user_tabs/{self.name}.html"


def wallets_tab(request: HttpRequest, found: Profile) -> Context:
    return {"rows": [(each, WALLET_STATUSES[each.status]) for each in found.wallets]}


def movements_tab(request: HttpRequest, found: Profile) -> Context:
    """The last movements of all wallets, with the owners of the other wallets."""
    rows = last_of_each(found, [Movement.objects.filter(wallet=each) for each in found.wallets])
    owners = timeline.owners_of(each.counterparty_id for each in rows)
    return {
        "rows": [
            {
                "movement": each,
                "type": TYPES[Movement.Type(each.type)],
                "other": owners.get(each.counterparty_id),
                "status": MOVEMENT_STATUSES[Movement.Status(each.status)],
            }
            for each in rows
        ]
    }


def holds_tab(request: HttpRequest, found: Profile) -> Context:
    """The last holds and freezes of all wallets, the open ones first."""
    seen = [Hold.objects.seen().filter(wallet=each) for each in found.wallets]
    open_ones = last_of_each(found, [each.standing(Hold.Status.OPEN) for each in seen])
    ended = [each.standing("EXECUTED", "RELEASED", "EXPIRED") for each in seen]
    rows = [*open_ones, *last_of_each(found, ended)]
    owners = timeline.owners_of(each.target_id for each in rows)
    cases = freezes.cases_of(rows)
    return {
        "rows": [
            {
                "hold": each,
                "target": owners.get(each.target_id),
                "case": cases.get(each.case_id),
                "status": freezes.state_of_hold(each)
                if each.is_freeze
                else HOLD_STATUSES[Hold.Status(each.standing)],
            }
            for each in rows
        ]
    }


def schedules_tab(request: HttpRequest, found: Profile) -> Context:
    """The last scheduled operations of all wallets, those that go on first."""
    every = [ScheduledOperation.objects.filter(wallet=each) for each in found.wallets]
    ended = [each.exclude(status__in=GOING_ON) for each in every]
    rows = [*last_of_each(found, [each.going_on() for each in every])]
    rows += last_of_each(found, ended)
    owners = timeline.owners_of(each.target_id for each in rows)
    return {"rows": [{"schedule": each, "target": owners.get(each.target_id)} for each in rows]}


def last_of_each(found: Profile, querysets: Sequence[QuerySet[Any]]) -> list[Any]:
    """The last rows of all wallets; each wallet's are read by its index, all in one trip."""
    order = "-created_at", "-id"
    answers = read_each(*(each.order_by(*order)[:ROWS] for each in querysets))
    rows = [row for answer in answers for row in answer]
    return sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)[:ROWS]


def documents_tab(request: HttpRequest, found: Profile) -> Context:
    """The status of each document; the contents are on the review page, which logs accesses."""
    may, user = request.user.has_perm, found.user
    context = Context()
    if may("users.view_review"):
        context["name_change"] = found.standing.name_change
        context["rows"] = [
            (profile.requirement_name(each), profile.STATES[each.status], each)
            for each in found.standing.requirements
        ]
    if may("users.view_identityverification"):
        last = IdentityVerification.objects.of(user).order_by("-id")[:ROWS]
        context["verifications"] = [
            (each, VERIFICATION_STATUSES[IdentityVerification.Status(each.status_at(now))])
            for now in [clock.now()]
            for each in last
        ]
    if may("users.view_termssignature"):
        signatures = TermsSignature.objects.of(user).select_related("terms")
        context["signatures"] = signatures.defer("terms__content").order_by("-id")[:ROWS]
        context["terms_to_sign"] = terms.unsigned(user)
    return context


def notes_tab(request: HttpRequest, found: Profile) -> Context:
    """The last notes on the user, its wallets and its movements, and the form for another."""
    user, context = found.user, Context()
    if request.user.has_perm(ADD_NOTE) and user.erased_at is None:
        context["note_form"] = NoteForm(user=request.user, obj=user)
    return context | {"notes": with_authors(timeline.visible_notes(request, user))}


def tasks_tab(request: HttpRequest, found: Profile) -> Context:
    """The last tasks about the user, its wallets and its movements."""
    return {"tasks": tasks.last_tasks(Task.objects.of(found.user))}


def cases_tab(request: HttpRequest, found: Profile) -> Context:
    """The last cases that concern the user, its wallets and its movements."""
    return {"rows": list(Case.objects.of(found.user)[:ROWS])}


def timeline_tab(request: HttpRequest, found: Profile) -> Context:
    cursor = request.GET.get("before", "")
    page = timeline.read_page(request, found.user, found.wallets, cursor)
    return {"timeline": page, "is_first": not cursor}


OF_IDENTITY: Final = (
    "users.view_review",
    "users.view_identityverification",
    "users.view_termssignature",
)
TABS: Final[Sequence[Tab]] = (
    Tab("wallets", _("Wallets"), ["wallets.view_wallet"], wallets_tab),
    Tab("movements", _("Movements"), ["wallets.view_movement"], movements_tab),
    Tab("holds", _("Holds"), ["wallets.view_hold"], holds_tab),
    Tab(
        "schedules",
        _("Scheduled operations"),
        ["wallets.view_scheduledoperation"],
        schedules_tab,
    ),
    Tab("documents", _("Documents"), OF_IDENTITY, documents_tab),
    Tab("notes", _("Notes"), ["users.view_note"], notes_tab),
    Tab("tasks", _("Tasks"), ["users.view_task"], tasks_tab),
    Tab("cases", _("Cases"), ["users.view_case"], cases_tab),
    Tab("timeline", _("Timeline"), ["users.view_user"], timeline_tab),
)


def open_tabs(request: HttpRequest) -> list[Tab]:
    """The tabs that this member of staff may open."""
    return [each for each in TABS if any(map(request.user.has_perm, each.permissions))]


def chosen_tab(request: HttpRequest, tabs: Sequence[Tab]) -> Tab:
    """The tab that the address names, or the first."""
    named: Mapping[str, Tab] = {each.name: each for each in tabs}
    return named.get(request.GET.get("tab", ""), tabs[0])
