"""Actions of staff on the pages of the back office: a button, a form and a function.

The orders that the functions submit check the rules. Their refusals appear at the form, which keeps
what was typed and its key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash import errors
from users.approvals.asking import require_not_asked
from users.approvals.pages import ASK, AskPages
from users.change_lists import Uncounted
from users.change_lists.columns import Columns, filters_in_words, name_of, readable
from users.change_lists.exports import CsvColumns
from users.change_lists.replica import shown_from_replica
from users.history import history, last_changes
from users.menu import MENU
from users.models import Approval
from users.models.events import By
from users.models.searches import typed

CONFIRMED, CHANGE = "confirmed", "change"
"""The names of the buttons of a confirmation: act, or go back to the form."""
FILTERS = "_changelist_filters"
"""Django's parameter for the query of the list from which a page was opened."""
Facts = Sequence[tuple[Any, object]]
"""Labels and values."""
UNSELECTED: Final = ("", _("Select…"))
"""The first choice of a field where nothing is selected in advance."""


class ActionForm(forms.Form):
    """The input of an action. A form that is sent twice has the same key and is executed once.

    A refused form is shown again with its key. A refusal stores no key, so that the form can be
    sent with other values. If it is not known whether the form was executed, or if it was executed
    in another tab, the key makes sure that it is not executed again.
    """

    is_on_page: ClassVar[bool] = False
    """Whether the object's page has the form: that page shows a refusal too."""

    from_link: ClassVar[Sequence[str]] = ()
    """The fields that a link to the form can fill in."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)

    def __init__(self, data: Any = None, *, user: Any, obj: Any = None) -> None:
        super().__init__(data)
        self.restrict(user)
        self.offer(obj)

    def offer(self, obj: Any) -> None:
        """Set the choices that depend on the object."""

    def restrict(self, user: Any) -> None:
        """Remove the choices that require a permission which this member of staff lacks."""

    def fill_in(self, values: Mapping[str, str]) -> None:
        """Fill in what a link gives."""
        for name in self.from_link:
            if name in values:
                self.fields[name].initial = values[name]

    def settle(self) -> None:
        """Write what was left blank, and decided since, into the fields that are confirmed."""
        sent: Any = self.data
        data = sent.copy()
        for name, value in self.cleaned_data.items():
            if isinstance(value, str) and not data.get(name):
                data[name] = self.typed(value)
        self.data = data

    def typed(self, text: str) -> str:
        """A decided value as it would be typed."""
        return text

    def explain(self, refused: errors.Refused) -> tuple[str | None, str]:
        """The field that a refusal is about, or None, and what a member of staff reads."""
        return None, errors.translated(refused.words, gettext)

    def show(self, refused: errors.Refused) -> None:
        """Add a refusal to the errors of the form."""
        if isinstance(refused, errors.InvalidFields):
            found: list[tuple[str | None, str]] = [
                (wrong.field, errors.translated(wrong.detail, gettext)) for wrong in refused.errors
            ]
        else:
            found = [self.explain(refused)]
        for field, text in found:
            self.add_error(field if field in self.fields else None, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An action of staff. `do` returns the confirmation, or a response to show instead.

    `effect` says in one sentence what it will do to the object. An action with `rehearse` has a
    second page, which asks for a confirmation: `rehearse` checks the input, changes nothing, and
    returns the facts of that page.
    """

    name: str
    label: Any
    permission: str
    do: Callable[[HttpRequest, Any, dict[str, Any]], str | HttpResponse]
    form: type[ActionForm] = ActionForm
    is_available: Callable[[Any], bool] = lambda obj: True
    is_for: Callable[[Any, Any], bool] = lambda member, obj: True
    """Whether the object's page offers it to this member of staff; `do` refuses it to others."""
    warning: Any = ""
    effect: Callable[[Any], str] | None = None
    rehearse: Callable[[HttpRequest, Any, dict[str, Any]], Facts] | None = None
    asks: Callable[[Any, dict[str, Any]], Approval] | None = None
    """What is asked for if somebody else must approve it: `do` has raised ApprovalRequired."""
    is_harmful: bool = False
    """Whether its button is red."""

    @property
    def is_confirmed(self) -> bool:
        """Whether a second page asks for a confirmation; templates would call `rehearse`."""
        return self.rehearse is not None

    def is_open_to(self, request: HttpRequest, obj: Any) -> bool:
        member = request.user
        may = member.has_perm(self.permission)
        return may and self.is_available(obj) and self.is_for(member, obj)


class ReadOnly(Columns, admin.ModelAdmin):
    """Pages to list, search and read; only actions change the objects.

    Pages show names and words instead of ids and codes.
    """

    change_list_template = "admin/uncounted.html"
    csv_columns: ClassVar[CsvColumns] = ()
    """The columns of the list as CSV; without any, it can't be exported."""
    reads_replica = True
    """Whether the list is read from the replica, if there is one."""
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list under the name that it has in the menu."""
        url_name = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        context = {
            "title": MENU.label_of(url_name) or capfirst(self.opts.verbose_name_plural),
            "purpose": MENU.purposes.get(url_name, ""),
        }
        given = context | (extra_context or {})
        if not self.reads_replica:
            return super().changelist_view(request, given)
        return shown_from_replica(request, partial(super().changelist_view, request, given))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Uncounted]:
        return Uncounted

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return readable(self.model, super().get_fields(request, obj))

    def get_list_filter(self, request: HttpRequest) -> Any:
        return filters_in_words(self.model, super().get_list_filter(request))

    def prepare(self, rows: list[Any]) -> None:
        """Read what the columns of these rows need beside the rows, in few statements."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Searched:
    """Searches with the queryset's `named`: by id, name, phone number and the like."""

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        words = typed(search_term)
        return (self.named(queryset, words) if words else queryset), False

    def named(self, queryset: Any, words: str) -> Any:
        return queryset.named(words)


class WithActions(AskPages, ReadOnly):
    """Adds actions and the history to the page of an object."""

    page_actions: ClassVar[tuple[Action, ...]] = ()
    change_form_template = "admin/with_actions.html"

    def get_urls(self) -> list[URLPattern]:
        action = path(
            "<path:object_id>/action/<slug:name>/",
            self.admin_site.admin_view(with_filters_kept(self.run_action)),
            name=f"{self.opts.app_label}_{self.opts.model_name}_action",
        )
        return [action, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        context = (
            {}
            if obj is None
            else {"title": name_of(obj), "subtitle": None, **self.page(request, obj)}
        )
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """The context of the object's page: its available actions and its history."""
        return {
            "page_actions": self.available_actions(request, obj),
            "events": history(obj),
        }

    def available_actions(self, request: HttpRequest, obj: Any) -> list[Action]:
        return [action for action in self.page_actions if action.is_open_to(request, obj)]

    def name_of(self, obj: Any) -> str:
        """What people call the object."""
        return str(name_of(obj))

    def facts(self, obj: Any) -> Facts:
        """The facts that the page of an action shows about the object."""
        return []

    def last_change(self, obj: Any) -> str:
        """Who changed the object last, and when: said if an action is not possible any more."""
        return last_changes(obj.pk).get(obj.pk, "")

    def run_action(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        action = next((action for action in self.page_actions if action.name == name), None)
        obj = self.get_object(request, unquote(object_id))
        if action is None or obj is None:
            raise Http404
        if not request.user.has_perm(action.permission):
            raise PermissionDenied
        form = action.form(request.POST or None, user=request.user, obj=obj)
        form.fill_in(request.GET)
        if answer := self.answer(request, action, obj, form):
            return answer
        if request.method == "POST":  # somebody else may have changed it
            obj = self.get_object(request, unquote(object_id))
            if obj and form.is_on_page:
                return self.page_with(request, obj, form)
        return self.action_page(request, action, obj, form)

    def page_with(self, request: HttpRequest, obj: Any, refused: ActionForm) -> HttpResponse:
        """The object's page with a form that was refused; Django shows it for a GET only."""
        reading = copy(request)
        reading.method = "GET"
        return self.change_view(reading, quote(str(obj.pk)), extra_context={"refused": refused})

    def answer(
        self, request: HttpRequest, action: Action, obj: Any, form: ActionForm
    ) -> HttpResponse | None:
        """Run a valid form or ask for its confirmation; None if the form is to be shown (again)."""
        if request.method != "POST" or not form.is_valid() or CHANGE in request.POST:
            return None
        try:
            answer = self.run_form(request, action, obj, form)
        except errors.Refused as refused:
            form.show(refused)
            leads_back = form.is_on_page and not isinstance(refused, errors.InvalidFields)
            return back_to_page(request, obj, form) if leads_back else None
        if isinstance(answer, HttpResponse):
            return answer
        messages.success(request, answer)
        return HttpResponseRedirect(address_of(obj))

    def run_form(
        self, request: HttpRequest, action: Action, obj: Any, form: ActionForm
    ) -> str | HttpResponse:
        """Run a valid form, or ask for its confirmation or for the approval of a colleague.

        Raises:
            Refused: it is not allowed.
        """
        if ASK in request.POST and action.asks:
            return self.ask(request, action, obj, form)
        if action.asks:
            require_not_asked(form.cleaned_data["key"])
        try:
            if action.rehearse and CONFIRMED not in request.POST:
                facts = action.rehearse(request, obj, form.cleaned_data)
                form.settle()
                return self.action_page(request, action, obj, form, confirmed=facts)
            return action.do(request, obj, form.cleaned_data)
        except errors.ApprovalRequired:
            if not action.asks:
                raise
        return self.ask_page(request, action, obj, form)

    def back_of(self, request: HttpRequest, obj: Any) -> str | None:
        """The address of the object's page, with the filters of the list that led here."""
        return with_filters(request, address_of(obj)) if obj else None

    def action_page(
        self,
        request: HttpRequest,
        action: Action,
        obj: Any,
        form: forms.Form,
        confirmed: Facts | None = None,
    ) -> HttpResponse:
        """The page with the form, or with the facts that are to be confirmed."""
        is_available = obj is None or action.is_available(obj)
        context = {
            **self.admin_site.each_context(request),
            "title": action.label,
            "action": action,
            "object": obj,
            "object_title": self.name_of(obj) if obj else "",
            "facts": confirmed or (self.facts(obj) if obj else []),
            "effect": action.effect(obj) if action.effect and obj and is_available else "",
            "is_confirmation": confirmed is not None,
            "is_available": is_available,
            "last_change": "" if is_available else self.last_change(obj),
            "form": form,
            "opts": self.opts,
            "media": self.media + form.media,
            "back": self.back_of(request, obj),
            "preserved_filters": self.get_preserved_filters(request),
        }
        return TemplateResponse(request, "admin/action.html", context)


def back_to_page(request: HttpRequest, obj: Any, form: forms.Form) -> HttpResponse:
    """Show the errors of a form as messages on the page that has the form."""
    for texts in form.errors.values():
        for text in texts:
            messages.error(request, str(text))
    return HttpResponseRedirect(address_of(obj))


def by(request: HttpRequest) -> By:
    named: Any = request
    return By(f"staff:{request.user.pk}", named.request_id, trace=named.trace)


def with_filters_kept(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a page of the back office lead on with the filters of the list that led to it."""

    @wraps(view)
    def kept(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if isinstance(response, HttpResponseRedirect) and "?" not in response.url:
            response.headers["Location"] = with_filters(request, response.url)
        return response

    return kept


def with_filters(request: HttpRequest, address: str) -> str:
    """An address without a query, with the filters of the list that led to this request."""
    filters = request.GET.get(FILTERS)
    return f"{address}?{urlencode({FILTERS: filters})}" if filters else address


def address_of(obj: Model) -> str:
    """The address of the object's page in the back office."""
    options = obj._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[obj.pk])
