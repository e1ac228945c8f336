"""Actions of staff on the pages of the back office: a button, a form and a function.

The orders that the functions submit check the rules. Their refusals appear as messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from uuid_utils.compat import uuid7

from iocash import errors
from users.change_lists import Uncounted
from users.menu import MENU
from users.models import ApiKey, Event
from users.models.events import By

LAST_EVENTS = 50
FILTERS = "_changelist_filters"
"""Django's parameter for the query of the list from which a page was opened."""
Facts = Sequence[tuple[str, object]]
"""Labels and values."""


class ActionForm(forms.Form):
    """The input of an action. A form that is sent twice has the same key and is executed once."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)

    def __init__(self, data: Any = None, *, user: Any, obj: Any = None) -> None:
        super().__init__(data)
        self.restrict(user)
        self.offer(obj)

    def offer(self, obj: Any) -> None:
        """Set the choices that depend on the object."""

    def restrict(self, user: Any) -> None:
        """Remove the choices that require a permission which this member of staff lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An action of staff. `do` returns the confirmation, or a response to show instead."""

    name: str
    label: Any
    permission: str
    do: Callable[[HttpRequest, Any, dict[str, Any]], str | HttpResponse]
    form: type[ActionForm] = ActionForm
    is_available: Callable[[Any], bool] = lambda obj: True
    warning: Any = ""

    def is_open_to(self, request: HttpRequest, obj: Any) -> bool:
        return request.user.has_perm(self.permission) and self.is_available(obj)


class ReadOnly(admin.ModelAdmin):
    """Pages to list, search and read; only actions change the objects."""

    change_list_template = "admin/uncounted.html"
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
        return super().changelist_view(request, context | (extra_context or {}))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Uncounted]:
        return Uncounted

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
        words = search_term.strip()
        return (self.named(queryset, words) if words else queryset), False

    def named(self, queryset: Any, words: str) -> Any:
        return queryset.named(words)


class WithActions(ReadOnly):
    """Adds actions and the history to the page of an object."""

    page_actions: ClassVar[tuple[Action, ...]] = ()
    change_form_template = "admin/with_actions.html"

    def get_urls(self) -> list[URLPattern]:
        action = path(
            "<path:object_id>/act/<slug:name>/",
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
        context = {} if obj is None else self.page(request, obj)
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """The context of the object's page: its available actions and its history."""
        return {
            "page_actions": self.available_actions(request, obj),
            "events": history(obj),
        }

    def available_actions(self, request: HttpRequest, obj: Any) -> list[Action]:
        return [action for action in self.page_actions if action.is_open_to(request, obj)]

    def facts(self, obj: Any) -> Facts:
        """The facts that the page of an action shows about the object."""
        return []

    def run_action(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        action = next((action for action in self.page_actions if action.name == name), None)
        obj = self.get_object(request, unquote(object_id))
        if action is None or obj is None:
            raise Http404
        if not request.user.has_perm(action.permission):
            raise PermissionDenied
        form = action.form(request.POST or None, user=request.user, obj=obj)
        if request.method == "POST" and form.is_valid():
            answer = perform(request, action, obj, form)
            if isinstance(answer, HttpResponse):
                return answer
            if answer:
                return HttpResponseRedirect(address_of(obj))
        return self.action_page(request, action, obj, form)

    def action_page(
        self, request: HttpRequest, action: Action, obj: Any, form: forms.Form
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": action.label,
            "action": action,
            "object": obj,
            "facts": self.facts(obj) if obj else [],
            "form": form,
            "opts": self.opts,
            "media": self.media + form.media,
            "back": address_of(obj) if obj else None,
        }
        return TemplateResponse(request, "admin/action.html", context)


def perform(
    request: HttpRequest, action: Action, obj: Any, form: forms.Form
) -> HttpResponse | bool:
    """Run an action and add its confirmation or its refusal as a message.

    Returns False if fields are wrong: the page shows the form again, with their errors.
    """
    try:
        answer = action.do(request, obj, form.cleaned_data)
    except errors.InvalidFields as refused:
        for wrong in refused.errors:
            form.add_error(wrong.field if wrong.field in form.fields else None, wrong.detail)
        return False
    except errors.Refused as refused:
        messages.error(request, refused.words)
        return True
    if isinstance(answer, HttpResponse):
        return answer
    messages.success(request, answer)
    return True


def by(request: HttpRequest) -> By:
    return By(f"staff:{request.user.pk}", request.request_id)  # type: ignore[attr-defined]


def with_filters_kept(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a page of the back office lead on with the filters of the list that led to it."""

    @wraps(view)
    def kept(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        filters = request.GET.get(FILTERS)
        if isinstance(response, HttpResponseRedirect) and filters and "?" not in response.url:
            response.headers["Location"] = f"{response.url}?{urlencode({FILTERS: filters})}"
        return response

    return kept


def address_of(obj: Model) -> str:
    """The address of the object's page in the back office."""
    options = obj._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[obj.pk])


# --- History --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """An event with the actor's name and its data as text."""

    event: Event
    actor: str
    words: str


def history(*objects: Model) -> Sequence[Line]:
    """The last events of the objects, newest first, with the names of the actors."""
    ids = [obj.pk for obj in objects]
    events = list(Event.objects.about(*ids).order_by("-position")[:LAST_EVENTS])
    names = names_of({event.actor for event in events})
    return [Line(event, names.get(event.actor, event.actor), words(event)) for event in events]


def words(event: Event) -> str:
    return ", ".join(f"{name}: {value}" for name, value in event.data.items())


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Map `staff:7` and `key:<id>` to user names and key labels, in at most two queries."""
    ids: dict[str, list[str]] = {"staff": [], "key": []}
    for actor in actors:
        kind, _, number = actor.partition(":")
        ids.get(kind, []).append(number)
    staff = get_user_model().objects.filter(pk__in=ids["staff"]).values_list("pk", "username")
    keys = ApiKey.objects.filter(pk__in=ids["key"]).values_list("pk", "prefix", "label")
    return {f"staff:{pk}": name for pk, name in staff} | {
        f"key:{pk}": f"{prefix}… ({label})" for pk, prefix, label in keys
    }
