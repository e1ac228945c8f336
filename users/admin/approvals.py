"""The pages of approvals: one of them, the queue of what waits, and deciding about many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.db import clock
from users import menu, pages
from users.actions import Action, ActionForm, WithActions, by
from users.approvals.actions import APPROVABLES, APPROVE, action_of_approval
from users.approvals.deciding import (
    FactsChanged,
    approve_request,
    refuse_request,
    why_not_second,
    withdraw_request,
)
from users.approvals.pages import answering
from users.approvals.words import (
    ShownApproval,
    effect_in_words,
    facts_changed,
    kinds_to_decide,
    listed_approvals,
    may_decide,
    problem_in_words,
    requests_shown_to,
    shown_approval,
    shown_once,
    waiting_for_member,
)
from users.change_lists.exports import amount
from users.manual import MANUAL
from users.menu import MenuSection
from users.models import Approval
from users.models.ids import as_id
from users.templatetags.office import shown_amount

VIEW = "users.view_approval"
MOST = 100
"""The most approvals on the page of what waits; the others follow when these are decided."""
State = Approval.State


def is_mine(asked: Approval, request: HttpRequest) -> bool:
    return bool(asked.asked_by_id == request.user.pk)


def is_waiting(asked: Approval) -> bool:
    return asked.is_waiting


# --- Deciding about one ---------------------------------------------------------------------------


class ApproveForm(ActionForm):
    """`seen` is the digest of the facts that the page has shown; empty: they can't be read."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    decision = forms.CharField(label=_("Note"), max_length=Approval.MOST_CHARACTERS, required=False)

    def offer(self, obj: Any) -> None:
        self.asked = obj
        self.fields["seen"].initial = shown_once(obj).digest if obj else ""

    def show(self, refused: errors.Refused) -> None:
        """Show the refusal; sent again, the form has seen the facts that are shown with it."""
        super().show(refused)
        sent: Any = self.data
        data = sent.copy()
        data["seen"] = shown_once(self.asked).digest
        self.data = data


class RefuseForm(ActionForm):
    decision = forms.CharField(
        label=_("Reason"),
        max_length=Approval.MOST_CHARACTERS,
        help_text=_("For the colleague who asked."),
    )


def run_approval(request: HttpRequest, asked: Approval, seen: str, decision: str = "") -> Approval:
    """Approve; a database that does not answer is a refusal.

    Raises:
        Refused: as `approve_request`; also if the facts have changed.
    """
    try:
        with answering(request):
            return approve_request(
                asked.id,
                by=request.user,
                seen=seen,
                request_id=by(request).request_id,
                decision=decision,
            )
    except FactsChanged:
        raise facts_changed(asked) from None


def approve_one(request: HttpRequest, asked: Approval, values: dict[str, Any]) -> str:
    done = run_approval(request, asked, values["seen"], values["decision"])
    return str(outcome_in_words(done))


def outcome_in_words(asked: Approval) -> str:
    if asked.state == State.FAILED:
        text = gettext("Approved, but a rule did not allow it: %(reason)s. Nothing was changed.")
        return text % {"reason": failure_in_words(asked)}
    if asked.is_unfinished:
        return gettext("Approved, but not finished yet. The server repeats it by itself.")
    return gettext("Approved and done.")


def failure_in_words(asked: Approval) -> str:
    kind = errors.REGISTRY.get(asked.code)
    return kind.title() if kind else asked.code


def refuse_one(request: HttpRequest, asked: Approval, values: dict[str, Any]) -> str:
    refuse_request(asked.id, by=request.user, reason=values["decision"])
    return gettext("Refused. Nothing was done.")


def withdraw_one(request: HttpRequest, asked: Approval, values: dict[str, Any]) -> str:
    withdraw_request(asked.id, by=request.user)
    return gettext("Withdrawn. Nothing was done.")


# --- Pages ----------------------------------------------------------------------------------------


class KindFilter(admin.SimpleListFilter):
    title = _("action")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(kind, action.label) for kind, action in APPROVABLES.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class OwnFilter(admin.SimpleListFilter):
    title = _("asked by")
    parameter_name = "asker"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("me", _("Me")), ("others", _("Others"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        own = {"me": queryset.filter, "others": queryset.exclude}.get(self.value() or "")
        return own(asked_by=request.user) if own else queryset


@admin.register(Approval)
class ApprovalAdmin(WithActions):
    list_display = ("asked_at", "action", "shown_money", "asker", "state_name", "decider", "short")
    list_filter = ("state", KindFilter, OwnFilter)
    list_select_related = ("asked_by", "decided_by")
    ordering = ("-id",)
    fields = (
        "action",
        "shown_money",
        "asker",
        "reason",
        "asked_at",
        "expires_at",
        "state_name",
        "decider",
        "decided_at",
        "decision",
    )
    csv_columns = (
        ("id", "id"),
        ("kind", "kind"),
        ("subject", "subject"),
        ("subject_id", "subject_id"),
        ("amount", amount("amount")),
        ("currency", "currency"),
        ("asked_by", "asked_by.username"),
        ("reason", "reason"),
        ("asked_at", "asked_at"),
        ("state", "state"),
        ("code", "code"),
        ("decided_by", "decided_by.username"),
        ("decided_at", "decided_at"),
        ("decision", "decision"),
        ("made_id", "made_id"),
    )
    change_form_template = "admin/approval.html"
    page_actions = (
        Action(
            name="approve",
            label=_("Approve"),
            permission=APPROVE,
            form=ApproveForm,
            do=approve_one,
            is_available=is_waiting,
            effect=effect_in_words,
        ),
        Action(
            name="refuse",
            label=_("Refuse"),
            permission=APPROVE,
            form=RefuseForm,
            do=refuse_one,
            is_available=is_waiting,
            is_harmful=True,
        ),
        Action(
            name="withdraw",
            label=_("Withdraw"),
            permission=VIEW,
            do=withdraw_one,
            is_available=is_waiting,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Only about what the member of staff may see: requests have facts about customers."""
        return requests_shown_to(request.user, super().get_queryset(request))

    def available_actions(self, request: HttpRequest, obj: Any) -> list[Action]:
        """Who asked can only withdraw it; who may be the second person can only decide."""
        found = super().available_actions(request, obj)
        if is_mine(obj, request):
            return [each for each in found if each.name == "withdraw"]
        if not obj.is_waiting or not may_decide(obj, request.user):
            return []
        return [each for each in found if each.name != "withdraw"]

    def name_of(self, obj: Any) -> str:
        return str(action_of_approval(obj).label)

    def facts(self, obj: Any) -> Any:
        return shown_once(obj).facts

    def last_change(self, obj: Any) -> str:
        return str(State(obj.state).label)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        action = action_of_approval(obj)
        return {
            "title": action.label,
            "page_actions": self.available_actions(request, obj),
            "shown": shown_once(obj),
            "why_not": why_not_second(action, obj, request.user) if obj.is_waiting else "",
            "failure": failure_in_words(obj) if obj.code else "",
        }

    @admin.display(description=_("action"))
    def action(self, asked: Approval) -> Any:
        return action_of_approval(asked).label

    @admin.display(description=_("amount"))
    def shown_money(self, asked: Approval) -> Any:
        return shown_amount(asked.amount, asked.currency)

    @admin.display(description=_("asked by"))
    def asker(self, asked: Approval) -> str:
        return str(asked.asked_by)

    @admin.display(description=_("decided by"))
    def decider(self, asked: Approval) -> str:
        return str(asked.decided_by or "")

    @admin.display(description=_("status"))
    def state_name(self, asked: Approval) -> Any:
        return State(asked.state).label


# --- The queue, and deciding about many -----------------------------------------------------------


menu.add(
    MenuSection.APPROVALS,
    _("Waiting for me"),
    "approvals",
    permission=VIEW,
    waiting=waiting_for_member,
    order=10,
    since="asked_at",
)
menu.add(
    MenuSection.APPROVALS,
    _("All requests"),
    "users_approval_changelist",
    permission=VIEW,
    order=20,
)
menu.describe(
    {
        "users_approval_changelist": _(
            "What members of staff have asked for, and who has decided. "
            "A request is made by an action that needs a second person."
        )
    }
)
MANUAL.add(
    "approvals",
    _("Approvals"),
    _("Actions that need a second person: ask, approve, refuse, and the thresholds."),
    covers=("approvals", "users_approval", "thresholds"),
)


@pages.page("approvals/", name="approvals", permission=VIEW)
def approvals_waiting(request: HttpRequest) -> HttpResponse:
    """What waits for this member of staff, the oldest first, filtered by action."""
    kinds = kinds_to_decide(request.user)
    kind = request.GET.get("kind", "")
    found = waiting_for_member(request.user).order_by("id")
    found = found.filter(kind=kind) if kind in kinds else found
    rows = listed_approvals(list(found[: MOST + 1]))
    own = Approval.objects.waiting().filter(asked_by=request.user.pk)
    return pages.render(
        request,
        "admin/approvals.html",
        title=gettext("Waiting for me"),
        rows=rows[:MOST],
        has_more=len(rows) > MOST,
        kind=kind,
        kinds=[(each, APPROVABLES[each].label) for each in kinds],
        own=listed_approvals(list(own.order_by("id")[:MOST])),
        others=menu.MENU.waiting_besides("approvals", request.user),
        now=clock.now(),
    )


def ids_of_page(texts: Iterable[str]) -> list[UUID]:
    """The ids of approvals that a page has sent, without duplicates.

    Raises:
        BadRequest: one is no id, or there are too many.
    """
    ids = [as_id(text) for text in dict.fromkeys(texts)]
    if None in ids or len(ids) > MOST:
        raise BadRequest("These are no approvals of the page.")
    return [each for each in ids if each]


@pages.page("approvals/confirm/", name="approvals-confirm", permission=APPROVE)
def confirm_approvals(request: HttpRequest) -> HttpResponse:
    """Everything that will be done, with the facts of now: it changes nothing."""
    ids = ids_of_page(request.POST.getlist("item"))
    if request.method != "POST" or not ids:
        if request.method == "POST":
            messages.error(request, gettext("Select at least one request."))
        return HttpResponseRedirect(reverse("admin:approvals"))
    found = waiting_for_member(request.user).in_bulk(ids)
    rows = [shown_approval(found[each]) for each in ids if each in found]
    return pages.render(
        request,
        "admin/approvals_confirm.html",
        title=ngettext("Approve %d request", "Approve %d requests", len(rows)) % len(rows),
        rows=rows,
        left_out=len(ids) - len(rows),
    )


@pages.page("approvals/decide/", name="approvals-decide", permission=APPROVE)
def decide_approvals(request: HttpRequest) -> HttpResponse:
    """Approve what was confirmed, each in a transaction of its own."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("admin:approvals"))
    pairs = [text.partition(":") for text in request.POST.getlist("item")]
    digests = {text: digest for text, _colon, digest in pairs}
    seen = dict(zip(ids_of_page(digests), digests.values(), strict=True))
    found = requests_shown_to(request.user, Approval.objects.all()).in_bulk([*seen])
    done: list[tuple[ShownApproval, str]] = []
    others: list[tuple[ShownApproval, str]] = []
    for asked in found.values():
        try:
            answer = run_approval(request, asked, seen[asked.id])
        except errors.Refused as refused:
            others.append((shown_approval(asked), problem_in_words(refused)))
            continue
        kind = others if answer.state == State.FAILED or answer.is_unfinished else done
        kind.append((shown_approval(answer), outcome_in_words(answer)))
    text = ngettext("%d request approved and done.", "%d requests approved and done.", len(done))
    if not others:
        messages.success(request, text % len(done))
        return HttpResponseRedirect(reverse("admin:approvals"))
    return pages.render(
        request, "admin/approvals_result.html", title=text % len(done), done=done, others=others
    )
