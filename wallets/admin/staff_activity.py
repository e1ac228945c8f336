"""What a member of staff did on a day: the member's events, looks, log entries and log-ins.

Each kind of row is read by an index on the member, newest first. The rows are merged by time, and
a page ends where all rows of one instant have been shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from axes.models import AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash.db import clock
from users import pages
from users.approvals.actions import action_of_approval
from users.approvals.words import is_shown_to
from users.models import Access, Approval, CaseEntry, Client, Event, TaskChange, User
from users.models.events import STAFF, EventKind
from users.staff.records import recorded_words
from wallets.admin.deeds import BOOKED, DEEDS, LOOKS
from wallets.models import DormancyNotice, Movement, Wallet

VIEW_STAFF: Final = "auth.view_user"
ROWS: Final = 200

PAGES: Final = {
    "user": ("users.view_user", "admin:users_user_change"),
    "wallet": ("wallets.view_wallet", "admin:wallets_wallet_change"),
    "movement": ("wallets.view_movement", "admin:wallets_movement_change"),
    "case": ("users.view_case", "admin:users_case_change"),
    "approval": ("users.view_approval", "admin:users_approval_change"),
    "task": ("users.view_task", "admin:users_task_change"),
    "hold": ("wallets.view_hold", "admin:wallets_hold_change"),
    "external_account": (
        "wallets.view_externalaccount",
        "admin:wallets_externalaccount_change",
    ),
    "client": ("users.view_client", "admin:users_client_change"),
    "api_key": ("users.view_apikey", "admin:users_apikey_change"),
    "public_key": ("users.view_signingkey", "admin:users_signingkey_change"),
}
"""For each subject of events: the permission to open its page, and the name of the page's URL."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a member of staff did. `on` is the name of whom or what it was done to."""

    at: datetime
    words: str
    on: str = ""
    link: str = ""
    amount: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A day in the time zone of the reader, up to `until`."""

    day: date
    until: datetime | None

    @property
    def begin(self) -> datetime:
        return timezone.make_aware(datetime.combine(self.day, time.min))

    @property
    def end(self) -> datetime:
        return timezone.make_aware(datetime.combine(self.day + timedelta(days=1), time.min))

    def of(self, queryset: Any, column: str) -> list[Any]:
        """The newest rows of the day, and one more than a page has."""
        found = queryset.filter(**{f"{column}__gte": self.begin, f"{column}__lt": self.end})
        if self.until:
            found = found.filter(**{f"{column}__lte": self.until})
        return list(found.order_by(f"-{column}")[: ROWS + 1])


@pages.page("staff/<int:pk>/activity/", name="staff-activity", permission=None)
def show_activity(request: HttpRequest, pk: int) -> HttpResponse:
    """What a member did. Members see their own; all others need the permission to see staff."""
    if request.user.pk != pk and not request.user.has_perm(VIEW_STAFF):
        raise PermissionDenied
    person = get_object_or_404(get_user_model(), pk=pk)
    today = timezone.localtime(clock.now()).date()
    span = span_of(request, today)
    deeds, until = read_deeds(request, person, span)
    return pages.render(
        request,
        "admin/staff_activity.html",
        title=gettext("What %(person)s did") % {"person": person.get_full_name() or person},
        person=person,
        deeds=deeds,
        day=span.day,
        before=span.day - timedelta(days=1) if span.day > date.min else None,
        after=span.day + timedelta(days=1) if span.day < today else None,
        until=until.isoformat() if until else "",
    )


def span_of(request: HttpRequest, today: date) -> Span:
    """The day and the time that the address names; today if it names none, or a wrong one."""
    try:
        day = parse_date(request.GET.get("day", "")) or today
        until = parse_datetime(request.GET.get("until", ""))
    except ValueError:
        return Span(today, None)
    is_far = not today - timedelta(days=36_500) < day <= today
    return Span(today if is_far else day, until if until and timezone.is_aware(until) else None)


def read_deeds(request: HttpRequest, person: Any, span: Span) -> tuple[list[Deed], datetime | None]:
    """A page of deeds, newest first, and the time at which the next page begins."""
    events = span.of(Event.objects.by_staff(person), "created_at")
    looks = span.of(Access.objects.filter(actor=f"{STAFF}{person.pk}"), "created_at")
    entries = LogEntry.objects.filter(user=person).select_related("content_type")
    actions = CaseEntry.objects.filter(actor=f"{STAFF}{person.pk}").select_related("case")
    changes = TaskChange.objects.filter(actor=f"{STAFF}{person.pk}").select_related("task")
    notices = DormancyNotice.objects.filter(actor=f"{STAFF}{person.pk}")
    notices = notices.select_related("wallet__user")
    asked = Approval.objects.filter(asked_by=person)
    decided = Approval.objects.filter(decided_by=person)
    log_ins = AccessLog.objects.filter(username=person.get_username())
    found = [
        *of_events(request, events),
        *of_looks(request, looks),
        *(of_case(request, each) for each in span.of(actions, "created_at")),
        *(of_task(request, each) for each in span.of(changes, "created_at")),
        *(of_request(request, each) for each in span.of(asked, "asked_at")),
        *(of_decision(request, each) for each in span.of(decided, "decided_at")),
        *(of_notice(request, each) for each in span.of(notices, "created_at")),
        *(of_entry(request, each) for each in span.of(entries, "action_time")),
        *(of_log_in(each) for each in span.of(log_ins, "attempt_time")),
    ]
    return page_of_deeds(sorted(found, key=lambda deed: deed.at, reverse=True))


def page_of_deeds(deeds: Sequence[Deed]) -> tuple[list[Deed], datetime | None]:
    """Cut a page between two instants, so that the next page can begin at an instant."""
    if len(deeds) <= ROWS:
        return list(deeds), None
    until = deeds[ROWS].at
    shown = [deed for deed in deeds if deed.at > until]
    if shown:
        return shown, until
    return [deed for deed in deeds if deed.at == until], until - timedelta(microseconds=1)


def of_events(request: HttpRequest, events: Sequence[Event]) -> Iterable[Deed]:
    """The deeds of events, with names and amounts: at most four statements."""
    owners = owners_of_wallets(event.wallet_id for event in events)
    users = users_with({event.subject_id for event in events if event.subject == "user"})
    clients = Client.objects.in_bulk({event.client_id for event in events})
    moved = movements_of(request, events)
    for event in events:
        user = owners.get(event.wallet_id) or users.get(event.subject_id)
        movement = moved.get(event.subject_id)
        yield Deed(
            event.created_at,
            deed_in_words(event, movement),
            shown_name(request, user) if user else str(clients.get(event.client_id, "")),
            page_of(request, event.subject, event.subject_id),
            movement.amount if movement else None,
            movement.currency if movement else "",
        )


def movements_of(request: HttpRequest, events: Sequence[Event]) -> dict[UUID, Movement]:
    """The movements of events, for those who may see movements."""
    ids = {event.subject_id for event in events if event.subject == "movement"}
    if not ids or not request.user.has_perm("wallets.view_movement"):
        return {}
    return Movement.objects.in_bulk(ids)


def deed_in_words(event: Event, movement: Movement | None) -> str:
    if movement and event.kind == EventKind.MOVEMENT_SETTLED:
        return str(BOOKED[movement.type])
    return str(DEEDS.get(event.kind, event.kind))


def owners_of_wallets(ids: Iterable[UUID | None]) -> dict[UUID | None, User]:
    wallets = Wallet.objects.filter(id__in={each for each in ids if each})
    return {wallet.id: wallet.user for wallet in wallets.select_related("user")}


def users_with(ids: set[UUID]) -> dict[UUID, User]:
    return User.objects.in_bulk(ids) if ids else {}


def shown_name(request: HttpRequest, user: User) -> str:
    """The name of a user, for those who may see users."""
    return user.display_name if request.user.has_perm("users.view_user") else ""


def page_of(request: HttpRequest, subject: str, pk: Any) -> str:
    permission, page = PAGES.get(subject, ("", ""))
    return reverse(page, args=[pk]) if page and request.user.has_perm(permission) else ""


def of_looks(request: HttpRequest, looks: Sequence[Access]) -> Iterable[Deed]:
    users = users_with({look.user_id for look in looks})
    for look in looks:
        yield Deed(
            look.created_at,
            str(LOOKS.get(look.what, look.what)),
            shown_name(request, users[look.user_id]),
            page_of(request, "user", look.user_id),
        )


def of_case(request: HttpRequest, entry: CaseEntry) -> Deed:
    """An action on a case."""
    may = request.user.has_perm("users.view_case")
    name = f"{entry.case.number} {entry.case.title}" if may else ""
    words = str(CaseEntry.Kind(entry.kind).label)
    return Deed(entry.created_at, words, name, page_of(request, "case", entry.case_id))


def of_task(request: HttpRequest, change: TaskChange) -> Deed:
    """A change of a task."""
    name = change.task.title if request.user.has_perm("users.view_task") else ""
    words = str(TaskChange.Kind(change.kind).label)
    return Deed(change.created_at, words, name, page_of(request, "task", change.task_id))


DECISIONS: Final = {
    Approval.State.APPROVED: _("Approved a request."),
    Approval.State.FAILED: _("Approved a request, and a rule did not allow it."),
    Approval.State.REFUSED: _("Refused a request."),
    Approval.State.WITHDRAWN: _("Withdrew a request."),
}


def of_request(request: HttpRequest, asked: Approval) -> Deed:
    """What was asked for."""
    return of_approval(request, asked, asked.asked_at, gettext("Asked for an approval."))


def of_decision(request: HttpRequest, asked: Approval) -> Deed:
    """A decision about a request."""
    words = str(DECISIONS[Approval.State(asked.state)])
    return of_approval(request, asked, asked.decided_at or asked.asked_at, words)


def of_approval(request: HttpRequest, asked: Approval, at: datetime, words: str) -> Deed:
    may = request.user.has_perm("users.view_approval")
    name = str(action_of_approval(asked).label) if may else ""
    if not may or not is_shown_to(request.user, asked):
        return Deed(at, words, name)
    page = page_of(request, "approval", asked.pk)
    return Deed(at, words, name, page, asked.amount, asked.currency)


def of_notice(request: HttpRequest, notice: DormancyNotice) -> Deed:
    """A notice of dormancy."""
    name = shown_name(request, notice.wallet.user)
    words = gettext("Recorded a notice of dormancy.")
    return Deed(notice.created_at, words, name, page_of(request, "wallet", notice.wallet_id))


def of_entry(request: HttpRequest, entry: LogEntry) -> Deed:
    """A line of Django's log: what was done to members of staff, and what forms have changed."""
    model = entry.content_type.model_class() if entry.content_type else None
    permission = f"{model._meta.app_label}.view_{model._meta.model_name}" if model else ""
    may = bool(permission) and request.user.has_perm(permission)
    address = entry.get_admin_url() if may and not entry.is_deletion() else None
    words = recorded_words(entry)
    if not words:
        words = gettext("Deleted.") if entry.is_deletion() else gettext("Saved.")
    return Deed(
        entry.action_time,
        words,
        entry.object_repr,
        address or "",
    )


def of_log_in(log_in: AccessLog) -> Deed:
    return Deed(log_in.attempt_time, gettext("Logged in."), log_in.ip_address or "")
