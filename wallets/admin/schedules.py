"""The pages of scheduled operations and of their runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import display_for_value
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import money
from users.actions import Action, ReadOnly, Searched, WithActions
from users.change_lists.columns import NAMES, linked_user
from users.templatetags.words import code_in_words
from wallets.admin.facts import with_currency
from wallets.admin.forms import BlockForm
from wallets.admin.submit import Submission
from wallets.models import ScheduledOperation, ScheduledRun
from wallets.orders.base import Order
from wallets.orders.schedules import ChangeSchedule

Status = ScheduledOperation.Status
CHANGE = "wallets.change_scheduledoperation"


def change_to(status: str) -> Callable[..., Order]:
    """The order that sets the status."""
    return lambda schedule, **values: ChangeSchedule(
        wallet_id=schedule.wallet_id, schedule_id=schedule.id, new_status=status, **values
    )


def amount_of_schedule(schedule: ScheduledOperation) -> str:
    """What each run pays."""
    if schedule.amount is None:
        return gettext("the difference to the target")
    return with_currency(schedule.amount, schedule.currency)


def receiver_of(schedule: ScheduledOperation) -> str:
    """The owner of the wallet, or the bank account, that is paid."""
    if schedule.target:
        return schedule.target.user.display_name
    account = schedule.account
    return (account.iban if account else schedule.iban) or gettext("Erased bank account")


def schedule_name(schedule: ScheduledOperation) -> str:
    return gettext("%(amount)s to %(name)s") % {
        "amount": amount_of_schedule(schedule),
        "name": receiver_of(schedule),
    }


NAMES["wallets.scheduledoperation"] = schedule_name


class OfRuns(ReadOnly):
    """What the two lists have in common."""

    ordering = ("-id",)

    @admin.display(description=_("amount"))
    def shown_amount(self, obj: Any) -> str:
        return "-" if obj.amount is None else money.to_text(obj.amount, obj.currency)


@admin.register(ScheduledOperation)
class ScheduledOperationAdmin(Searched, OfRuns, WithActions):
    list_display = (
        "created_at",
        "owner",
        "receiver_name",
        "shown_amount",
        "currency",
        "rhythm",
        "state",
        "next_at",
        "short",
    )
    list_filter = ("status", "frequency", "trigger")
    list_select_related = ("wallet__user", "target__user", "account")
    csv_columns = (
        ("id", "id"),
        ("created_at", "created_at"),
        ("status", "status"),
        ("owner", "wallet.user.display_name"),
        ("wallet_id", "wallet_id"),
        ("receiver", receiver_of),
        (
            "amount",
            lambda row: "" if row.amount is None else money.to_text(row.amount, row.currency),
        ),
        ("currency", "currency"),
        ("frequency", "frequency"),
        ("start_date", "start_date"),
        ("next_at", "next_at"),
    )
    search_fields = ("id",)
    search_help_text = _(
        "The id of a scheduled operation or of its wallet, or the IBAN that it pays."
    )
    fields = (
        "id",
        "client",
        "wallet",
        "receiver_name",
        "shown_amount",
        "currency",
        "alias",
        "concept",
        "status",
        "rhythm",
        "end",
        "time_zone",
        "missed_runs",
        "next_number",
        "next_at",
        "made_runs",
        "created_at",
    )
    page_actions = (
        Action(
            name="pause",
            label=_("Pause"),
            permission=CHANGE,
            form=BlockForm,
            do=Submission(change_to("PAUSED"), _("Scheduled operation paused.")),
            is_available=lambda schedule: schedule.status == Status.ACTIVE,
            effect=lambda schedule: gettext("Runs that become due are skipped."),
        ),
        Action(
            name="resume",
            label=_("Resume"),
            permission=CHANGE,
            form=BlockForm,
            do=Submission(change_to("ACTIVE"), _("Scheduled operation resumed.")),
            is_available=lambda schedule: schedule.status == Status.PAUSED,
            effect=lambda schedule: gettext("Runs that become due from now on are made."),
        ),
        Action(
            name="cancel",
            label=_("Cancel"),
            permission=CHANGE,
            form=BlockForm,
            do=Submission(change_to("CANCELLED"), _("Scheduled operation cancelled.")),
            is_available=lambda schedule: schedule.is_going_on,
            effect=lambda schedule: gettext("It ends permanently: there are no further runs."),
            is_harmful=True,
        ),
    )

    def name_of(self, obj: Any) -> str:
        return schedule_name(obj)

    @admin.display(description=_("receiver"))
    def receiver_name(self, schedule: ScheduledOperation) -> Any:
        return linked_user(schedule.target.user) if schedule.target else receiver_of(schedule)

    @admin.display(description=_("runs"))
    def rhythm(self, schedule: ScheduledOperation) -> str:
        if schedule.start_date is None:
            return str(code_in_words(schedule.trigger))
        start = date_format(schedule.start_date, "SHORT_DATE_FORMAT")
        values = {"frequency": code_in_words(schedule.frequency), "date": start}
        return gettext("%(frequency)s from %(date)s") % values

    @admin.display(description=_("end"))
    def end(self, schedule: ScheduledOperation) -> str:
        if schedule.count is not None:
            return gettext("After run %(number)s") % {"number": schedule.count}
        return display_for_value(schedule.end_date, "-")

    @admin.display(description=_("made runs"))
    def made_runs(self, schedule: ScheduledOperation) -> Any:
        query = urlencode({"q": schedule.id})
        address = f"{reverse('admin:wallets_scheduledrun_changelist')}?{query}"
        count = schedule.next_number - 1
        return format_html('<a href="{}">{}</a>', address, count) if count else "0"


class RunStandingFilter(admin.SimpleListFilter):
    """Filters by the status that is shown: that of a cash-out, if the run has one."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(status, code_in_words(status)) for status in ScheduledRun.Status]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.with_standing([self.value()]) if self.value() else queryset


@admin.register(ScheduledRun)
class ScheduledRunAdmin(Searched, OfRuns):
    list_display = (
        "created_at",
        "owner",
        "schedule",
        "number",
        "due_date",
        "shown_standing",
        "shown_reason",
        "shown_amount",
        "currency",
        "short",
    )
    list_filter = (RunStandingFilter,)
    list_select_related = (
        "wallet__user",
        "schedule__target__user",
        "schedule__account",
        "movement",
    )
    csv_columns = (
        ("id", "id"),
        ("created_at", "created_at"),
        ("scheduled_operation_id", "schedule_id"),
        ("wallet_id", "wallet_id"),
        ("number", "number"),
        ("due_date", "due_date"),
        ("status", "standing"),
        ("code", "reason"),
        ("amount", lambda row: money.to_text(row.amount, row.currency)),
        ("currency", "currency"),
        ("movement_id", "movement_id"),
    )
    search_fields = ("id",)
    search_help_text = _("The id of a run, a scheduled operation, a wallet or a movement.")
    fields = (
        "id",
        "client",
        "wallet",
        "schedule",
        "number",
        "due_date",
        "shown_standing",
        "shown_reason",
        "shown_amount",
        "currency",
        "movement",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).seen()  # type: ignore[attr-defined]

    @admin.display(description=_("status"))
    def shown_standing(self, run: ScheduledRun) -> Any:
        return code_in_words(run.standing)

    @admin.display(description=_("reason"))
    def shown_reason(self, run: ScheduledRun) -> Any:
        return code_in_words(run.reason) if run.reason else "-"
