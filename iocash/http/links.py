"""The absolute URLs of the API's own views."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from iocash.http import problems
from iocash.http.naming import camel


class Address(NamedTuple):
    """A view of the API, its route (`api/v1/wallets/<uuid:wallet_id>`) and its name, if any."""

    route: str
    name: str
    view: Any


def addresses(patterns: Iterable[URLPattern | URLResolver], above: str = "") -> Iterator[Address]:
    """The views of the API, in the order of the URLs."""
    for each in patterns:
        route = above + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, route)
        elif view := getattr(each.callback, "cls", None):
            yield Address(route, each.name or "", view)


def below(name: str) -> dict[str, str]:
    """The last parts of the addresses directly below the view that is called `name`.

    Only of what can be read. By the names of their links, in the order of the URLs:
    `external-accounts` for `externalAccounts`.
    """
    return _below(settings.ROOT_URLCONF, name)


@cache
def _below(urlconf: str, name: str) -> dict[str, str]:
    every = [each for each in addresses(get_resolver(urlconf).url_patterns) if each.name]
    (above,) = (each.route for each in every if each.name == name)
    return {
        camel(each.name.replace("-", "_")): last
        for each in every
        for over, _, last in [each.route.rpartition("/")]
        if over == above and "GET" in each.view.operations
    }


LINKS: Final = {"$ref": "#/components/schemas/Links"}
"""The schema of `_links`, for the OpenAPI document."""


def location(request: Any, name: str, **ids: UUID | str) -> str:
    """The absolute URL of the view that is called `name`."""
    path = _path(settings.ROOT_URLCONF, name, tuple(ids))
    return problems.origin(request) + path.format(**ids)


@cache
def _path(urlconf: str, name: str, names: tuple[str, ...]) -> str:
    """The path of a view, with names for its ids: a page of 100 rows has 300 links."""
    stand_ins = {each: UUID(int=number) for number, each in enumerate(names)}
    path = reverse(name, urlconf, kwargs=stand_ins)
    for each, stand_in in stand_ins.items():
        path = path.replace(str(stand_in), f"{{{each}}}")
    return path
