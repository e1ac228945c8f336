"""What staff do to a thing from its page: a button, a form, and an order.

The ledger's refusals are shown in words; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from uuid_utils.compat import uuid7

from iocash import errors
from users.change_lists import Uncounted
from users.models import ApiKey, Event
from users.models.events import By

LAST_EVENTS = 50
Facts = Sequence[tuple[str, object]]
"""Names and values."""


class ActForm(forms.Form):
    """What an act needs to know. Its key makes a form that is sent twice act once."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)

    def __init__(self, data: Any = None, *, user: Any, thing: Any = None) -> None:
        super().__init__(data)
        self.allow(user)
        self.about(thing)

    def about(self, thing: Any) -> None:
        """Offer what can be chosen of this thing."""

    def allow(self, user: Any) -> None:
        """Leave out what this member of staff may not choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that staff may do. `do` returns what to say, or a page of its own."""

    name: str
    label: str
    permission: str
    do: Callable[[HttpRequest, Any, dict[str, Any]], str | HttpResponse]
    form: type[ActForm] = ActForm
    is_available: Callable[[Any], bool] = lambda thing: True
    warning: str = ""

    def is_open_to(self, request: HttpRequest, thing: Any) -> bool:
        return request.user.has_perm(self.permission) and self.is_available(thing)


class ReadOnly(admin.ModelAdmin):
    """Shown and searched; changed by actions only."""

    change_list_template = "admin/uncounted.html"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Uncounted]:
        return Uncounted

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Searched:
    """A search for what people may mean, by the querysets' `named`."""

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        words = search_term.strip()
        return (self.named(queryset, words) if words else queryset), False

    def named(self, queryset: Any, words: str) -> Any:
        return queryset.named(words)


class Acting(ReadOnly):
    """A page with what may be done, and with who did what."""

    page_actions: ClassVar[tuple[Action, ...]] = ()
    change_form_template = "admin/with_actions.html"

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        act = path(
            "<path:object_id>/act/<slug:name>/", self.admin_site.admin_view(self.act), name=name
        )
        return [act, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        thing = self.get_object(request, unquote(object_id))
        context = {} if thing is None else self.page(request, thing)
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def page(self, request: HttpRequest, thing: Any) -> dict[str, Any]:
        """What the page of a thing shows beyond its fields."""
        return {
            "page_actions": [act for act in self.page_actions if act.is_open_to(request, thing)],
            "events": history(thing),
        }

    def facts(self, thing: Any) -> Facts:
        """What somebody must see of a thing who decides about it."""
        return []

    def act(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        act = next((act for act in self.page_actions if act.name == name), None)
        thing = self.get_object(request, unquote(object_id))
        if act is None or thing is None:
            raise Http404
        if not request.user.has_perm(act.permission):
            raise PermissionDenied
        form = act.form(request.POST or None, user=request.user, thing=thing)
        if request.method == "POST" and form.is_valid():
            answer = done(request, act, thing, form)
            if isinstance(answer, HttpResponse):
                return answer
            if answer:
                return HttpResponseRedirect(address_of(thing))
        return self.act_page(request, act, thing, form)

    def act_page(
        self, request: HttpRequest, act: Action, thing: Any, form: forms.Form
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": act.label,
            "act": act,
            "thing": thing,
            "facts": self.facts(thing) if thing else [],
            "form": form,
            "opts": self.opts,
            "media": self.media + form.media,
            "back": address_of(thing) if thing else None,
        }
        return TemplateResponse(request, "admin/action.html", context)


def done(request: HttpRequest, act: Action, thing: Any, form: forms.Form) -> HttpResponse | bool:
    """Do it and say so; False leaves the person at the form, which shows what is wrong."""
    try:
        answer = act.do(request, thing, form.cleaned_data)
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


def address_of(thing: Model) -> str:
    """The back-office page of a thing."""
    options = thing._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[thing.pk])


# --- Who did what --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """An event as people read it."""

    event: Event
    actor: str
    words: str


def history(*things: Model) -> Sequence[Line]:
    """The last events about things, newest first, with the names of those who acted."""
    ids = [thing.pk for thing in things]
    events = list(Event.objects.about(*ids).order_by("-position")[:LAST_EVENTS])
    names = names_of({event.actor for event in events})
    return [Line(event, names.get(event.actor, event.actor), words(event)) for event in events]


def words(event: Event) -> str:
    return ", ".join(f"{name}: {value}" for name, value in event.data.items())


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Turn `staff:7` and `key:<id>` into what people call them, in two queries at most."""
    ids: dict[str, list[str]] = {"staff": [], "key": []}
    for actor in actors:
        kind, _, number = actor.partition(":")
        ids.get(kind, []).append(number)
    staff = get_user_model().objects.filter(pk__in=ids["staff"]).values_list("pk", "username")
    keys = ApiKey.objects.filter(pk__in=ids["key"]).values_list("pk", "prefix", "label")
    return {f"staff:{pk}": name for pk, name in staff} | {
        f"key:{pk}": f"{prefix}… ({label})" for pk, prefix, label in keys
    }
