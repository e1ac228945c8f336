"""The guides: pages of documentation for people, at /api/docs/<slug>.

A test runs every example on them and compares the output.
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
    """One page; its template is named after its slug."""

    slug: str
    title: str
    sentence: str


GUIDES = (
    Guide("quick-start", "Quick start", "From an API key to the first transfer in six calls."),
    Guide("authentication", "Authentication", "API keys, and tokens that you sign yourself."),
    Guide("idempotency", "Idempotency", "Retry a request safely; it is executed only once."),
    Guide("error-handling", "Errors", "Error format and how to handle errors."),
    Guide("pagination", "Pagination", "Lists use cursor pagination."),
    Guide("holds", "Holds", "Reserve funds for another wallet; extend, release or pay them."),
    Guide(
        "operations", "Operations and dry runs", "Several transfers at once; ask before you pay."
    ),
    Guide("kyc", "KYC and limits", "Identify users, and the limits of each KYC level."),
    Guide("identity", "Identity and terms", "Verify identities at a provider; sign the terms."),
    Guide("versions", "Versions", "What may change without notice, and how changes are announced."),
    Guide("testing", "Testing", "Try the API on your own machine."),
)

APPLICATION = "https://app.example"
"""A client's own application."""

CALLS = Guide("calls", "Every call", "Every call in curl and Python, with its response.")
"""The page that `iocash.docs.calls` generates from the OpenAPI document."""


def navigation(request: HttpRequest | None = None) -> dict[str, Any]:
    """The links of every page of the documentation; a context processor."""
    return {"guides": GUIDES}


def patterns() -> Iterator[URLPattern]:
    for each, following in pairwise([*GUIDES, None]):
        assert each
        yield path(each.slug, guide_view(each, following), name=f"guide-{each.slug}")


def guide_view(guide: Guide, following: Guide | None) -> Any:
    @page
    def view(request: HttpRequest) -> HttpResponse:
        context = {"guide": guide, "next": following, "origin": problems.origin(request)}
        context["application"] = APPLICATION
        return render(request, f"docs/{guide.slug}.html", context | {"limits": limits()})

    return view


def limits() -> list[dict[str, str]]:
    """The KYC limits of this server, one row for each currency and level."""
    names = {"balance": "balance", "cash_in": "cashIn", "cash_out": "cashOut"}
    return [
        {"currency": currency, "level": level}
        | {name: amounts.get(known) or "no limit" for name, known in names.items()}
        for currency, levels in sorted(settings.KYC_LIMITS.items())
        for level, amounts in sorted(levels.items())
    ]
