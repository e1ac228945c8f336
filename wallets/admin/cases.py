"""The pages of cases: the list, the page of one, and how one is opened."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from iocash.db.clock import Now
from iocash.db.transactions import single_transaction
from users import menu
from users.actions import Action, Facts, Searched, WithActions, address_of, by
from users.admin import cases
from users.admin.cases import CHANGE_CASE, CaseForm, Kind
from users.change_lists.columns import NAMES
from users.history import actor_name, name_actors
from users.manual import MANUAL
from users.models import Case, CaseEntry, CaseSubject, User
from users.models.ids import as_id
from wallets.admin import freezes
from wallets.admin.case_timeline import shown_subjects, timeline_of
from wallets.models import Movement, Wallet

VIEW_CASE: Final = "users.view_case"

NAMES["users.case"] = lambda case: f"{case.number} {case.title}"


def concerned_by(obj: Any) -> cases.Concerned:
    """What a case that is opened on the page of `obj` concerns, and the user who owns it."""
    if isinstance(obj, Movement):
        return CaseSubject.Kind.MOVEMENT, obj.pk, obj.wallet.user
    if isinstance(obj, Wallet):
        return CaseSubject.Kind.WALLET, obj.pk, obj.user
    return CaseSubject.Kind.USER, obj.pk, obj


def open_from_page(request: HttpRequest, obj: Any, values: dict[str, Any]) -> HttpResponse:
    key = values.pop("key")
    concerned = [concerned_by(obj)] if obj else []
    case = cases.open_case(values, concerned, by=by(request), key=key)
    messages.success(request, gettext("Case %(number)s opened.") % {"number": case.number})
    return HttpResponseRedirect(address_of(case))


def is_not_erased(obj: Any) -> bool:
    return concerned_by(obj)[2].erased_at is None


OPEN = Action(
    name="open-case",
    label=_("Open a case"),
    permission=cases.ADD_CASE,
    form=cases.OpenCaseForm,
    do=open_from_page,
    is_available=is_not_erased,
)


# --- Actions --------------------------------------------------------------------------------------


class ConcernForm(CaseForm):
    subject = forms.CharField(
        label=_("User, wallet or movement"),
        max_length=100,
        help_text=_("Its id, or the user name of a user."),
    )

    def clean_subject(self) -> Any:
        found = find_subject(self.cleaned_data["subject"])
        if found is None:
            raise forms.ValidationError(
                _("There is no user, wallet or movement with this id, and no such user name.")
            )
        return found


def find_subject(words: str) -> Any:
    """The user, wallet or movement with this id; or the only user with this user name."""
    found = as_id(words)
    if found is None:
        users = list(User.objects.filter(user_name=words.strip())[:2])
        return users[0] if len(users) == 1 else None
    return (
        User.objects.filter(id=found).first()
        or Wallet.objects.select_related("user").filter(id=found).first()
        or Movement.objects.select_related("wallet__user").filter(id=found).first()
    )


def add_note_on_case(request: HttpRequest, case: Case, values: dict[str, Any]) -> str:
    cases.act_on_case(case, Kind.NOTE, by=by(request), key=values["key"], text=values["text"])
    return gettext("Note added.")


def change_owner(request: HttpRequest, case: Case, values: dict[str, Any]) -> str:
    owner = values["owner"]
    act_with_form(request, case, Kind.OWNER, values, detail=owner, change=cases.set_owner(owner))
    return gettext("Owner changed.")


def change_due(request: HttpRequest, case: Case, values: dict[str, Any]) -> str:
    day = values["due_on"]
    act_with_form(
        request, case, Kind.DUE, values, detail=day.isoformat(), change=cases.set_due(day)
    )
    return gettext("Due date changed.")


def add_subject(request: HttpRequest, case: Case, values: dict[str, Any]) -> str:
    """Add whom the case concerns. The user is locked before the case, as an erasure does it."""
    concerned = concerned_by(values["subject"])
    with single_transaction():
        cases.require_kept(concerned[2])
        act_with_form(
            request,
            case,
            Kind.SUBJECT,
            values,
            detail=str(concerned[1]),
            change=lambda locked: cases.concern(locked, concerned),
        )
    return gettext("Added to the case.")


def close_case(request: HttpRequest, case: Case, values: dict[str, Any]) -> str:
    outcome = values["outcome"]
    act_with_form(request, case, Kind.CLOSED, values, text=outcome, change=cases.closes(outcome))
    return gettext("Case closed.")


def reopen_case(request: HttpRequest, case: Case, values: dict[str, Any]) -> str:
    act_with_form(request, case, Kind.REOPENED, values, text=values["text"], change=cases.reopen)
    return gettext("Case reopened.")


def act_with_form(
    request: HttpRequest, case: Case, kind: CaseEntry.Kind, values: dict[str, Any], **others: Any
) -> None:
    cases.act_on_case(case, kind, by=by(request), key=values["key"], seen=values["seen"], **others)


def is_workable(case: Case) -> bool:
    return case.is_open and case.erased_at is None


def is_closed(case: Case) -> bool:
    return not case.is_open and case.erased_at is None


# --- The list and the page ------------------------------------------------------------------------


class OwnerFilter(admin.SimpleListFilter):
    title = pgettext_lazy("case", "owner")
    parameter_name = "owned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("me", _("Mine")), ("nobody", _("Nobody's"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "me":
            return queryset.owned_by(request.user)
        return queryset.filter(owner="") if self.value() == "nobody" else queryset


class DueFilter(admin.SimpleListFilter):
    title = _("due")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("overdue", _("Overdue"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.overdue(today_of_staff()) if self.value() == "overdue" else queryset


def today_of_staff() -> TruncDate:
    """The day in the time zone of the member of staff, for use in a statement."""
    return TruncDate(Now())


@admin.register(Case)
class CaseAdmin(Searched, WithActions):
    list_display = ("number_of", "title", "kind_of", "state_of", "owner_name", "due", "created_at")
    list_filter = ("state", OwnerFilter, DueFilter, "kind")
    search_fields = ("id",)
    search_help_text = _("The number of a case, or the id of a user, a wallet or a movement.")
    ordering = ("-id",)
    change_form_template = "admin/case.html"
    fields = (
        "number_of",
        "kind_of",
        "title",
        "text",
        "state_of",
        "outcome",
        "owner_name",
        "due",
        "opened_by",
        "created_at",
        "closed_at",
    )
    csv_columns = (
        ("number", "number"),
        ("kind", "kind"),
        ("title", "title"),
        ("state", "state"),
        ("outcome", "outcome"),
        ("owner", lambda case: actor_name(case, case.owner)),
        ("due_on", "due_on"),
        ("opened_at", "created_at"),
        ("closed_at", "closed_at"),
    )
    page_actions = (
        Action(
            name="add-note",
            label=_("Add a note"),
            permission=CHANGE_CASE,
            form=cases.CaseNoteForm,
            do=add_note_on_case,
            is_available=lambda case: case.erased_at is None,
        ),
        Action(
            name="owner",
            label=_("Change the owner"),
            permission=CHANGE_CASE,
            form=cases.CaseOwnerForm,
            do=change_owner,
            is_available=is_workable,
        ),
        Action(
            name="due",
            label=_("Change the due date"),
            permission=CHANGE_CASE,
            form=cases.CaseDueForm,
            do=change_due,
            is_available=is_workable,
        ),
        Action(
            name="concern",
            label=_("Add whom it concerns"),
            permission=CHANGE_CASE,
            form=ConcernForm,
            do=add_subject,
            is_available=is_workable,
        ),
        freezes.ON_CASE,
        Action(
            name="close",
            label=_("Close the case"),
            permission=CHANGE_CASE,
            form=cases.CloseCaseForm,
            do=close_case,
            is_available=is_workable,
        ),
        Action(
            name="reopen",
            label=_("Reopen"),
            permission=CHANGE_CASE,
            form=cases.ReopenCaseForm,
            do=reopen_case,
            is_available=is_closed,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(today=today_of_staff())

    def prepare(self, rows: list[Any]) -> None:
        name_actors(rows, "owner", "actor")

    def named(self, queryset: Any, words: str) -> Any:
        """Cases by their number, or by the id of what they concern."""
        if found := as_id(words):
            about = CaseSubject.objects.filter(subject_id=found) | CaseSubject.objects.filter(
                user=found
            )
            return queryset.filter(pk__in=about.values("case"))
        digits = words.rpartition("-")[2]
        is_number = digits.isascii() and digits.isdigit() and len(digits) < 18
        return queryset.filter(pk=int(digits)) if is_number else queryset.none()

    def name_of(self, obj: Any) -> str:
        return f"{obj.number}, {obj.title}" if isinstance(obj, Case) else ""

    def facts(self, obj: Any) -> Facts:
        return [
            (_("Case"), f"{obj.number} {obj.title}"),
            (_("Kind"), obj.get_kind_display()),
            (_("State"), obj.get_state_display()),
            (pgettext_lazy("case", "Owner"), actor_name(obj, obj.owner) or gettext("Nobody")),
            (_("Due"), date_format(obj.due_on)),
            (_("Last action"), cases.last_action(obj)),
        ]

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        subjects = list(obj.subjects.select_related("user").order_by("pk"))
        return {
            "page_actions": self.available_actions(request, obj),
            "subjects": shown_subjects(subjects),
            "freezes": freezes.shown_freezes(request, obj),
            "timeline": timeline_of(request, obj, subjects),
        }

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(OPEN.permission)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Open a case that concerns nobody yet."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = cases.OpenCaseForm(request.POST or None, user=request.user)
        return self.answer(request, OPEN, None, form) or self.action_page(request, OPEN, None, form)

    @admin.display(description=_("number"), ordering="pk")
    def number_of(self, case: Case) -> str:
        return case.number

    @admin.display(description=_("kind"))
    def kind_of(self, case: Case) -> Any:
        return case.get_kind_display()

    @admin.display(description=_("state"))
    def state_of(self, case: Any) -> Any:
        is_overdue = case.is_open and case.due_on < case.today
        return pgettext("case", "Overdue") if is_overdue else case.get_state_display()

    @admin.display(description=pgettext_lazy("case", "owner"))
    def owner_name(self, case: Case) -> str:
        return actor_name(case, case.owner) or gettext("Nobody")

    @admin.display(description=_("opened by"))
    def opened_by(self, case: Case) -> str:
        return actor_name(case, case.actor)

    @admin.display(description=_("due"))
    def due(self, case: Case) -> str:
        return date_format(case.due_on)


def cases_overdue(member: Any) -> Any:
    return Case.objects.overdue(today_of_staff())


menu.add(
    "Customers",
    _("Cases"),
    "users_case_changelist",
    permission=VIEW_CASE,
    waiting=cases_overdue,
    order=30,
)
menu.describe(
    {
        "users_case_changelist": _(
            "Complaints, disputes and requests of authorities. "
            "Open a case with the button above, or on the page of a user, a wallet or a movement."
        ),
    }
)
MANUAL.add(
    "cases-and-closing",
    _("Cases and closing"),
    _("Complaints, disputes, requests of authorities, and closing a user who has money."),
    covers=("users_case", "wallets_closing"),
)
