"""The chapters of the reference: the tags of the OpenAPI document, and their order."""

from __future__ import annotations

from typing import Any, Final

from iocash.http.links import addresses

PUBLISHED: Final = "published paths"
SERVER: Final = "server"
DESCRIPTIONS: Final = {
    "KYC documents": "Data and files for review.",
    PUBLISHED: "Also under `/api/v2/public`.",
}


def chapter(view: Any, path: str) -> str:
    """The chapter of an operation: the plural of its view's model."""
    if "/public/" in path:
        return PUBLISHED
    model = getattr(view, "model", None)
    return str(model._meta.verbose_name_plural) if model else SERVER


def list_chapters(result: dict[str, Any], generator: Any, **kwargs: Any) -> dict[str, Any]:
    """List the chapters in the document; a hook of drf-spectacular.

    `/users` comes before `/wallets`, and each before what is below it. Otherwise the chapters have
    the order of the URLs. The published paths and the server come last.
    """
    below_api = sorted(addresses(generator.inspector.patterns), key=lambda each: place(each.route))
    used = dict.fromkeys(chapter(each.view, each.route) for each in below_api)
    last = [name for name in (PUBLISHED, SERVER) if name in used]
    names = [*(name for name in used if name not in last), *last]
    result["tags"] = [described(name) for name in names]
    return result


FIRST: Final = ("me", "users", "wallets")
"""The collections that come first, in this order."""


def place(route: str) -> tuple[int, list[str], int]:
    """The collection of a route (`users` in `api/v1/users/…`), and how deep it is."""
    parts = route.split("/")
    named = parts[2] if len(parts) > 2 else FIRST[0]
    return FIRST.index(named) if named in FIRST else len(FIRST), parts[2:3], len(parts)


def described(name: str) -> dict[str, str]:
    description = DESCRIPTIONS.get(name)
    return {"name": name} | ({"description": description} if description else {})
