"""The guides: pages of documentation for people, at /api/docs/<slug>.

Every example on them is run by a test: what stands in a page is what happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path

from iocash.http import problems
from iocash.http.views import page


class Guide(NamedTuple):
    """One page; its template has the name of its slug."""

    slug: str
    title: str
    sentence: str


GUIDES = (
    Guide("quick-start", "Quick start", "From an API key to a first transfer in six calls."),
    Guide("authentication", "Authentication", "API keys, and tokens that you sign yourself."),
    Guide("idempotency", "Idempotency", "Send an order as often as you like: it is done once."),
    Guide("error-handling", "Errors", "How the API says no, and what to do then."),
    Guide("pagination", "Pagination", "Lists are pages that lead to one another."),
    Guide(
        "holds", "Holds", "Money promised to another wallet: set aside, then paid or given back."
    ),
    Guide("kyc", "KYC and limits", "Who users are, and how much they may have and move."),
    Guide("testing", "Testing", "Try everything on your own machine."),
)

CALLS = Guide("calls", "Every call", "In curl and in Python, each with what is answered.")
"""What `iocash.docs.calls` makes of the OpenAPI document."""


def navigation(request: HttpRequest | None = None) -> dict[str, Any]:
    """What every page of the documentation leads to; a context processor."""
    return {"guides": GUIDES}


def patterns() -> Iterator[URLPattern]:
    for each, following in pairwise([*GUIDES, None]):
        assert each
        yield path(each.slug, shown(each, following), name=f"guide-{each.slug}")


def shown(guide: Guide, following: Guide | None) -> Any:
    @page
    def view(request: HttpRequest) -> HttpResponse:
        context = {"guide": guide, "next": following, "origin": problems.origin(request)}
        return render(request, f"docs/{guide.slug}.html", context | {"limits": limits()})

    return view


def limits() -> list[dict[str, str]]:
    """The limits that this server has."""
    names = {"balance": "balance", "cash_in": "cashIn", "cash_out": "cashOut"}
    return [
        {"currency": currency, "level": level}
        | {name: amounts.get(known) or "any" for name, known in names.items()}
        for currency, levels in sorted(settings.KYC_LIMITS.items())
        for level, amounts in sorted(levels.items())
    ]
