"""The pages of payments out: the queue, the confirmation of a bulk action, and its result."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from users import menu, pages
from users.manual import MANUAL
from users.menu import MenuSection
from wallets.admin import bulk, queue
from wallets.admin.bulk import ACTIONS, BulkAction, BulkForm
from wallets.admin.facts import with_currency
from wallets.admin.queue import MOST, PAGE, Queue, QueueState
from wallets.models import Movement

VIEW, BUILD = "wallets.view_movement", "wallets.add_bankfile"

OFFERED = {QueueState.TO_SEND: ("send", "reject"), QueueState.SENT: ("settle", "reject")}
"""The actions on each tab."""


def cash_outs_to_send(member: Any) -> Any:
    return Movement.objects.to_send()


menu.add(
    MenuSection.PAYMENTS_OUT,
    _("Payments out"),
    "payments-out",
    permission=VIEW,
    waiting=cash_outs_to_send,
    order=10,
)


MANUAL.add(
    "payments-out",
    _("Payments out"),
    _("Send payments out to the bank, settle and reject them, one or many at a time."),
    covers=("payments-out", "wallets_movement_action", "wallets_movement_add"),
)


@pages.page("payments-out/", name="payments-out", permission=VIEW)
def payments_out(request: HttpRequest) -> HttpResponse:
    """A tab of the queue, with the actions that this member of staff may do there."""
    shown, form = queue.read_queue(request.GET, request.user)
    found = [] if form.errors else shown.rows()
    rows = found[:PAGE]
    totals = queue.totals_of_all(shown) if shown.is_pending and not form.errors else []
    actions = offered(request, shown)
    count = sum(each.count for each in totals) if totals is not None else None
    return pages.render(
        request,
        "admin/payments_out.html",
        title=gettext("Payments out"),
        form=form,
        queue=shown,
        tabs=[(shown.to(state=state), state.label, state == shown.state) for state in QueueState],
        rows=queue.shown_rows(rows),
        totals=totals,
        count=count,
        bulk_count=MOST if count is None else min(count, MOST),
        actions=actions,
        may_build=shown.state == QueueState.TO_SEND and request.user.has_perm(BUILD),
        is_for_others=bool(OFFERED.get(QueueState(shown.state)) and not actions),
        next=shown.to(after=rows[-1].id).address if len(found) > PAGE else "",
        first=shown.to().address if shown.after else "",
    )


def offered(request: HttpRequest, shown: Queue) -> list[BulkAction]:
    actions = [ACTIONS[name] for name in OFFERED.get(QueueState(shown.state), ())]
    return [action for action in actions if request.user.has_perm(action.permission)]


@pages.page("payments-out/confirm/", name="payments-out-confirm", permission=VIEW)
def confirm(request: HttpRequest) -> HttpResponse:
    """What an action will change, before it does: it changes nothing."""
    shown = queue_of(request)
    if request.method != "POST":
        return HttpResponseRedirect(shown.address)
    action = permitted(request)
    try:
        ids = bulk.selected_ids(request, shown)
    except bulk.TooMany:
        messages.error(request, too_many())
        return HttpResponseRedirect(shown.address)
    if not ids:
        messages.error(request, gettext("Select at least one payment."))
        return HttpResponseRedirect(shown.address)
    return confirmation(request, action, shown, ids, BulkForm(action, initial={"key": uuid7()}))


def confirmation(
    request: HttpRequest, action: BulkAction, shown: Queue, ids: list[UUID], form: BulkForm
) -> HttpResponse:
    selection = bulk.select(action, ids)
    return pages.render(
        request,
        "admin/payments_out_confirm.html",
        title=action.title(len(selection.ready)),
        action=action,
        queue=shown,
        form=form,
        rows=queue.shown_rows(selection.ready),
        totals=selection.totals,
        left_out=selection.left_out,
        unknown=selection.unknown,
    )


@pages.page("payments-out/action/", name="payments-out-action", permission=VIEW)
def act_on_all(request: HttpRequest) -> HttpResponse:
    """Do what was confirmed; each item is an order of its own."""
    shown = queue_of(request)
    if request.method != "POST":
        return HttpResponseRedirect(shown.address)
    action, items = permitted(request), confirmed_items(request)
    form = BulkForm(action, request.POST)
    if not form.is_valid():
        return confirmation(request, action, shown, [*items], form)
    report = bulk.execute(request, action, items, dict(form.cleaned_data))
    text = bulk.summary(action, report)
    if not report.refused and not report.unknown:
        messages.success(request, f"{text} {in_total(report)}".strip())
        return HttpResponseRedirect(shown.address)
    return pages.render(
        request,
        "admin/payments_out_result.html",
        title=text,
        action=action,
        queue=shown,
        form=form,
        report=report,
    )


def queue_of(request: HttpRequest) -> Queue:
    """The queue that a form comes from, by its filters.

    Raises:
        BadRequest: a filter is wrong; without it, more would be selected.
    """
    shown, form = queue.read_queue(QueryDict(request.POST.get("queue", "")), request.user)
    if form.errors:
        raise BadRequest("A filter is wrong.")
    return shown


def permitted(request: HttpRequest) -> BulkAction:
    action = bulk.action_of(request)
    if not request.user.has_perm(action.permission):
        raise PermissionDenied
    return action


def confirmed_items(request: HttpRequest) -> dict[UUID, str]:
    """The ids that were confirmed, with the version that the page showed.

    Raises:
        BadRequest: the form is not one of ours: without items, with too many, or with no ids.
    """
    pairs = [text.partition(":") for text in request.POST.getlist("item")]
    try:
        ids = bulk.as_ids(text for text, _colon, _version in pairs)
    except bulk.TooMany as error:
        raise BadRequest(too_many()) from error
    if not ids:
        raise BadRequest("There are no items.")
    return {UUID(text): version for text, _colon, version in pairs}


def too_many() -> str:
    return (
        ngettext(
            "Select at most %d payment at a time.", "Select at most %d payments at a time.", MOST
        )
        % MOST
    )


def in_total(report: bulk.BulkReport) -> str:
    return ", ".join(with_currency(each.amount, each.currency) for each in report.totals)
