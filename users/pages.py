"""Pages of our own in the back office, beside those of Django's admin.

A module of `users.admin` or `wallets.admin` registers its pages when it is imported:

    @pages.page("search/", name="search", permission="users.view_user")
    def search(request: HttpRequest) -> HttpResponse:
        return pages.render(request, "admin/search.html", title=gettext("Search"), users=found)

The page is at `/admin/search/`, and its URL is `admin:search`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class OwnPage:
    route: str
    view: View
    permission: str | None


@dataclass(slots=True)
class OwnPages:
    """The pages that are registered, by name."""

    registered: dict[str, OwnPage] = field(default_factory=dict)

    def page(self, route: str, *, name: str, permission: str | None) -> Callable[[View], View]:
        """Register a view under `/admin/`. The URL map must not have been loaded yet.

        Without the permission, the answer is 403. `permission=None`: all staff may open it.

        Raises:
            ValueError: another page has this name.
        """
        if name in self.registered:
            raise ValueError(f"There is already a page with the name {name}.")

        def register(view: View) -> View:
            guarded = guard(view, permission)
            self.registered[name] = OwnPage(route, guarded, permission)
            return guarded

        return register

    def patterns(self, admin_view: Callable[[View], View]) -> Iterator[URLPattern]:
        """The URL patterns; `admin_view` is that of the site: it requires a log-in."""
        for name, own in self.registered.items():
            yield path(own.route, admin_view(own.view), name=name)

    def is_open(self, name: str, user: Any) -> bool:
        """Whether there is a page with this name that this member of staff may open."""
        own = self.registered.get(name)
        return own is not None and (own.permission is None or user.has_perm(own.permission))


def guard(view: View, permission: str | None) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if permission and not request.user.has_perm(permission):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


def respond(
    request: HttpRequest, template: str, *, title: Any, status: int = 200, **context: Any
) -> TemplateResponse:
    """Render a template that extends `admin/base_site.html`, with what each page has."""
    shared = admin.site.each_context(request)
    return TemplateResponse(request, template, {**shared, "title": title, **context}, status=status)


OWN: Final = OwnPages()
"""The pages of the back office."""

page = OWN.page
render = respond
