"""What waits for staff, and for how long: a tile for each kind of work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from axes.models import AccessFailureLog
from django.db.models import Count, F, Min, Q, Sum
from django.db.models.lookups import IsNull
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from users import pages
from users.approvals.actions import APPROVE
from users.menu import MENU
from users.models import Case, DutyState, KycDocument, Task, User, WebhookDelivery, WebhookEndpoint
from users.models.clients import has_moved
from users.templatetags.words import code_in_words
from wallets.models import (
    Audit,
    AuditProgress,
    Closing,
    Hold,
    Movement,
    SafeguardingReport,
    ScheduledRun,
)

VIEW_MOVEMENTS: Final = "wallets.view_movement"
SOON: Final = timedelta(hours=24)
LATE: Final = timedelta(days=3)
"""What has waited longer is marked."""
AUDIT_IS_OLD: Final = timedelta(hours=25)
MOST: Final = 99
"""Failed log-ins are counted up to this number."""

GOOD, WAIT, BAD, QUIET = "good", "wait", "bad", "quiet"
"""How a tile looks: nothing to do, something, something that is late or wrong, no judgement."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A kind of work: a figure, what is said of it, and where it is done."""

    label: Any
    figure: str
    state: str
    address: str = ""
    details: list[str] = field(default_factory=list)
    amounts: list[tuple[int, str]] = field(default_factory=list)
    """Minor units, and the currency."""


def tiles(user: Any, now: datetime) -> list[Tile]:
    """The tiles that this member of staff may see, in the order of the page."""
    kinds: tuple[tuple[str, Callable[[Any, datetime], Iterator[Tile]]], ...] = (
        ("users.view_task", own_tasks),
        (APPROVE, own_approvals),
        ("users.view_review", pending_reviews),
        (VIEW_MOVEMENTS, pending_cash_outs),
        ("wallets.view_scheduledrun", failed_runs),
        ("users.view_case", overdue_cases),
        ("wallets.view_closing", closings_under_way),
        ("wallets.view_hold", expiring_holds),
        ("wallets.view_audit", last_audit),
        ("wallets.view_safeguardingreport", last_safeguarding),
        ("users.view_webhookendpoint", failing_endpoints),
        ("users.view_webhookdelivery", failed_deliveries),
        ("wallets.view_audit", troubled_duties),
        ("auth.view_user", failed_log_ins),
    )
    return [
        tile for permission, make in kinds if user.has_perm(permission) for tile in make(user, now)
    ]


def own_approvals(user: Any, now: datetime) -> Iterator[Tile]:
    """What others asked for that the member of staff may decide about, and what else needs two
    people."""
    found = MENU.waiting_in_all("approvals", user)
    address = reverse("admin:approvals")
    tile = waiting_tile(
        _("Waiting for my approval"),
        count=sum(each.count for each in found),
        since=min((each.since for each in found), default=None),
        now=now,
        address=address,
        unit=lambda count: ngettext("%(count)s request", "%(count)s requests", count),
    )
    others = [each for each in found if each.address != address]
    tile.details.extend(f"{each.label}: {each.count}" for each in others)
    yield tile


def own_tasks(user: Any, now: datetime) -> Iterator[Tile]:
    """The member's own tasks that are due today or were due before."""
    today = timezone.localtime(now).date()
    due = Q(due_on__lt=today)
    found = Task.objects.of_owner(user).due_by(today)
    sums = found.aggregate(count=Count("id"), overdue=Count("id", filter=due))
    count, overdue = sums["count"], sums["overdue"]
    words = ngettext("%(count)s task", "%(count)s tasks", count)
    late = ngettext("%(count)s overdue", "%(count)s overdue", overdue)
    yield Tile(
        _("My tasks due"),
        words % {"count": count} if count else pgettext("how many wait", "None"),
        BAD if overdue else WAIT if count else GOOD,
        f"{reverse('admin:users_task_changelist')}?state=due",
        [late % {"count": overdue}] if overdue else [],
    )


def pending_reviews(user: Any, now: datetime) -> Iterator[Tile]:
    """Users whose documents are pending."""
    pending = KycDocument.objects.waiting().exclude(user__status=User.Status.UNSUBSCRIBED)
    found = pending.aggregate(count=Count("user", distinct=True), since=Min("created_at"))
    yield waiting_tile(
        _("Documents to review"),
        count=found["count"],
        since=found["since"],
        now=now,
        address=reverse("admin:users_review_changelist"),
        unit=lambda count: ngettext("%(count)s user", "%(count)s users", count),
    )


def pending_cash_outs(user: Any, now: datetime) -> Iterator[Tile]:
    """Pending cash-outs: those to send to the bank, and those of which it has said nothing.

    Those in a file that waits for its approval are shown with the file.
    """
    found = list(
        Movement.objects.filter(status=Movement.Status.PENDING)
        .exclude(has_moved())
        .exclude(sent_at=None, bank_file__isnull=False)
        .annotate(is_unsent=IsNull(F("sent_at"), True))
        .values_list("currency", "is_unsent")
        .annotate(Count("id"), Min("created_at"), Min("sent_at"), Sum("amount"))
        .order_by("currency")
    )
    for is_unsent, label, state in (
        (True, _("Payments out to send"), "to-send"),
        (False, _("Sent, no answer"), "sent"),
    ):
        own = [row for row in found if row[1] == is_unsent]
        yield waiting_tile(
            label,
            count=sum(row[2] for row in own),
            since=min((row[3] if is_unsent else row[4] for row in own), default=None),
            now=now,
            address=f"{reverse('admin:payments-out')}?state={state}",
            unit=lambda count: ngettext("%(count)s payment out", "%(count)s payments out", count),
            amounts=[(-row[5], row[0]) for row in own],
        )


def last_safeguarding(user: Any, now: datetime) -> Iterator[Tile]:
    """Whether the money of the wallets is in the bank; nothing before the first report."""
    report = SafeguardingReport.objects.order_by("-day").first()
    if report is None:
        return
    signed = report.signatures.count()
    words = ngettext("%(count)s of 2 signatures", "%(count)s of 2 signatures", signed)
    yield Tile(
        _("Safeguarding"),
        gettext("Right") if report.is_right else gettext("Wrong"),
        GOOD if report.is_right and now - report.created_at <= AUDIT_IS_OLD else BAD,
        reverse("admin:wallets_safeguardingreport_changelist"),
        [report.day.isoformat(), words % {"count": signed}],
    )


def failing_endpoints(user: Any, now: datetime) -> Iterator[Tile]:
    """Webhook endpoints that were disabled because of their receivers; none: no tile."""
    count = WebhookEndpoint.objects.failing().count()
    if count:
        words = ngettext("%(count)s endpoint", "%(count)s endpoints", count)
        address = f"{reverse('admin:users_webhookendpoint_changelist')}?status__exact=DISABLED"
        yield Tile(_("Webhooks disabled"), words % {"count": count}, BAD, address)


def failed_deliveries(user: Any, now: datetime) -> Iterator[Tile]:
    """Events whose last retry has failed, of endpoints that are enabled; none: no tile."""
    failed = WebhookDelivery.objects.filter(status="FAILED", endpoint__status="ENABLED")
    failed = failed.exclude(has_moved("endpoint__client"))
    count = len(failed.values_list("id")[:MOST])
    if count:
        words = ngettext("%(count)s event", "%(count)s events", count)
        address = f"{reverse('admin:users_webhookdelivery_changelist')}?status__exact=FAILED"
        yield Tile(_("Webhooks not delivered"), words % {"count": count}, WAIT, address)


def troubled_duties(user: Any, now: datetime) -> Iterator[Tile]:
    """Duties of the worker that are late or have failed; none: no tile."""
    real, every = timezone.now(), DutyState.objects.present()
    troubled = [each for each in every if each.has_failed or each.is_late(real, now)]
    if troubled or not every:
        words = ngettext("%(count)s duty", "%(count)s duties", len(troubled))
        figure = words % {"count": len(troubled)} if every else gettext("Never run")
        names = [str(code_in_words(each.name)) for each in troubled[:3]]
        address = reverse("admin:duties")
        yield Tile(_("Worker: late or failed"), figure, BAD, address, names)


def overdue_cases(user: Any, now: datetime) -> Iterator[Tile]:
    """Open cases whose due date has passed."""
    found = Case.objects.overdue(timezone.localtime(now).date())
    sums = found.aggregate(count=Count("id"), since=Min("due_on"))
    since = sums["since"]
    yield waiting_tile(
        _("Overdue cases"),
        count=sums["count"],
        since=timezone.make_aware(datetime.combine(since, time.max)) if since else None,
        now=now,
        address=f"{reverse('admin:users_case_changelist')}?due=overdue",
        unit=lambda count: ngettext("%(count)s case", "%(count)s cases", count),
    )


def closings_under_way(user: Any, now: datetime) -> Iterator[Tile]:
    """Users who are being paid out, to be closed."""
    found = Closing.objects.under_way().aggregate(count=Count("id"), since=Min("created_at"))
    yield waiting_tile(
        _("Closings under way"),
        count=found["count"],
        since=found["since"],
        now=now,
        address=f"{reverse('admin:wallets_closing_changelist')}?state__exact=UNDER_WAY",
        unit=lambda count: ngettext("%(count)s user", "%(count)s users", count),
    )


def failed_runs(user: Any, now: datetime) -> Iterator[Tile]:
    """Runs of scheduled operations that failed within a day."""
    failed = ScheduledRun.objects.filter(status="FAILED", created_at__gte=now - SOON)
    count = failed.exclude(has_moved()).count()
    words = ngettext("%(count)s run", "%(count)s runs", count)
    yield Tile(
        _("Failed scheduled runs in 24 hours"),
        words % {"count": count} if count else pgettext("how many wait", "None"),
        WAIT if count else GOOD,
        f"{reverse('admin:wallets_scheduledrun_changelist')}?status=FAILED",
    )


def expiring_holds(user: Any, now: datetime) -> Iterator[Tile]:
    """Open holds that expire soon."""
    until = now + SOON
    expiring = Hold.objects.filter(
        status=Hold.Status.OPEN, expires_at__gt=now, expires_at__lte=until
    )
    rows = (
        expiring.exclude(has_moved())
        .values_list("currency")
        .annotate(Count("id"), Min("expires_at"), Sum("remaining"))
    )
    found = list(rows.order_by("currency"))
    count = sum(row[1] for row in found)
    query = urlencode({"status": "OPEN", "expires_at__lte": until.isoformat()})
    words = ngettext("%(count)s hold", "%(count)s holds", count)
    first = min((row[2] for row in found), default=None)
    yield Tile(
        _("Holds that expire in 24 hours"),
        words % {"count": count} if count else pgettext("how many wait", "None"),
        QUIET if count else GOOD,
        f"{reverse('admin:wallets_hold_changelist')}?{query}",
        [gettext("The first in %(time)s") % {"time": age(now, first)}] if first else [],
        [(row[3], row[0]) for row in found],
    )


def last_audit(user: Any, now: datetime) -> Iterator[Tile]:
    """Whether the ledger was proved right, when, and how much of it."""
    audit = Audit.objects.order_by("-id").first()
    address = reverse("admin:wallets_audit_changelist")
    for progress in AuditProgress.objects.values_list("state", flat=True):
        if findings := progress.get("findings"):
            facts = [findings[0]["text"], gettext("The audit has not ended.")]
            yield Tile(_("Audit of the ledger"), gettext("Wrong"), BAD, address, facts)
            return
    if audit is None:
        words = gettext("Run manage.py audit to verify the ledger.")
        yield Tile(_("Audit of the ledger"), gettext("Never"), WAIT, address, [words])
        return
    is_new = now - audit.finished_at < timedelta(minutes=1)
    words = gettext("Just now") if is_new else gettext("%(time)s ago")
    ago = words % {"time": age(audit.finished_at, now)}
    number = ngettext(
        "%(count)s movement verified", "%(count)s movements verified", audit.movements
    ) % {"count": number_format(audit.movements, force_grouping=True)}
    if audit.finding:
        first = audit.finding.partition("\n")[0]
        yield Tile(_("Audit of the ledger"), gettext("Wrong"), BAD, address, [first, ago])
        return
    state = GOOD if now - audit.finished_at <= AUDIT_IS_OLD else WAIT
    yield Tile(_("Audit of the ledger"), gettext("Right"), state, address, [number, ago])


def failed_log_ins(user: Any, now: datetime) -> Iterator[Tile]:
    """Failed log-ins of staff within a day of the real time; only the newest rows are read."""
    newest = AccessFailureLog.objects.order_by("-pk").values_list("attempt_time", flat=True)
    since = timezone.now() - SOON
    count = sum(at >= since for at in newest[: MOST + 1])
    is_open = pages.OWN.is_open("failed-log-ins", user)
    yield Tile(
        _("Failed log-ins in 24 hours"),
        f"{MOST}+" if count > MOST else str(count) if count else pgettext("how many wait", "None"),
        WAIT if count else GOOD,
        reverse("admin:failed-log-ins") if is_open else "",
    )


def waiting_tile(
    label: Any,
    *,
    count: int,
    since: datetime | None,
    now: datetime,
    address: str,
    unit: Callable[[int], str],
    amounts: list[tuple[int, str]] | None = None,
) -> Tile:
    """A tile of something that waits; without any, it says so."""
    if not count or since is None:
        return Tile(label, pgettext("how many wait", "None"), GOOD, address)
    oldest = gettext("The oldest for %(time)s") % {"time": age(since, now)}
    state = BAD if now - since > LATE else WAIT
    figure = unit(count) % {"count": number_format(count, force_grouping=True)}
    return Tile(label, figure, state, address, [oldest], amounts or [])


def age(since: datetime, now: datetime) -> str:
    """A span in words: 3 days."""
    return timesince(since, now, depth=1)
