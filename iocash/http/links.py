"""The absolute URLs of the API's own views."""

from __future__ import annotations

from functools import cache
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from iocash.http import problems

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
