"""The chapters of the reference: the tags of the OpenAPI document, and their order."""

from __future__ import annotations

from typing import Any, Final

from iocash.http.links import addresses

SERVER: Final = "server"
SANDBOX: Final = "sandbox"
COLLECTIONS: Final = ("me", "users", "wallets")
"""The collections that the reference begins with, in this order."""
DESCRIPTIONS: Final = {
    "KYC documents": "Identity data and files for review.",
    "clients": "Who calls: the client, its key, its scopes and its limits.",
    "events": "What has happened, in order: every change of users, wallets and money.",
    "external accounts": "Bank accounts for cash-outs.",
    "holds": "Funds that are reserved for another wallet.",
    "identity verifications": "Identity checks by a provider.",
    "movements": "Cash-ins, cash-outs, transfers and reversals.",
    "scheduled operations": "Payments that are repeated, on dates or by a balance.",
    "scheduled runs": "The executions of scheduled operations.",
    "signatures of the terms": "The institution's terms, which users sign.",
    "users": "People and companies that own wallets.",
    "wallets": "A user's money in one currency.",
    "webhook attempts": "The requests that were sent to webhook endpoints.",
    "webhook endpoints": "Your URLs that events are sent to.",
    SANDBOX: "Only in sandboxes: a server for tests, whose clock can be advanced. Elsewhere these "
    "addresses do not exist (404).",
    SERVER: "The server itself: its documents and its health.",
}


def chapter(view: Any) -> str:
    """The chapter of an operation: the one that its view names, or the plural of its model."""
    if named := getattr(view, "chapter", ""):
        return str(named)
    model = getattr(view, "model", None)
    return str(model._meta.verbose_name_plural) if model else SERVER


def list_chapters(result: dict[str, Any], generator: Any, **kwargs: Any) -> dict[str, Any]:
    """List the chapters in the document; a hook of drf-spectacular.

    `/me` comes first, then `/users` and `/wallets`, each before what is below it; other collections
    follow.
    Otherwise the chapters have the order of the URLs. The server comes last.
    """
    below_api = sorted(addresses(generator.inspector.patterns), key=lambda each: place(each.route))
    used = dict.fromkeys(chapter(each.view) for each in below_api)
    names = sorted(used, key=SERVER.__eq__)
    result["tags"] = [described(name) for name in names]
    return result


def place(route: str) -> tuple[int, str, int]:
    """The sort key of a route: COLLECTIONS first, then the collection and the depth."""
    parts = route.split("/")
    name = "".join(parts[2:3])
    rank = COLLECTIONS.index(name) if name in COLLECTIONS else len(COLLECTIONS)
    return rank, name, len(parts)


def described(name: str) -> dict[str, str]:
    description = DESCRIPTIONS.get(name)
    return {"name": name} | ({"description": description} if description else {})
