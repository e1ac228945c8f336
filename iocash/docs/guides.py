"""The guides: pages of documentation for people, at /api/docs/<slug>.

A test runs every example on them and compares the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

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


class GuideChapter(NamedTuple):
    """Guides that are listed together."""

    title: str
    guides: tuple[Guide, ...]


GUIDE_CHAPTERS = (
    GuideChapter(
        "Start",
        (
            Guide("quick-start", "Quick start", "From an API key to the first transfer."),
            Guide(
                "authentication", "Authentication", "API keys, and tokens that you sign yourself."
            ),
            Guide("generated-clients", "Generated clients", "Make a client from the document."),
            Guide("testing", "Testing", "Try the API on your own machine."),
            Guide("sandbox", "Sandbox", "Advance the clock, play the bank, force each refusal."),
            Guide("going-live", "Going live", "What changes between a sandbox and production."),
        ),
    ),
    GuideChapter(
        "Money",
        (
            Guide(
                "cash-outs",
                "Cash-outs, from the request to the bank",
                "Files, answers and returns of the bank, and the cash-ins that it brings.",
            ),
            Guide("external-accounts", "External accounts", "Bank accounts for cash-outs."),
            Guide(
                "reversals", "Reversals", "Give back a transfer or a cash-in, in full or in part."
            ),
            Guide(
                "operations", "Batches and operations", "Several movements at once, all or none."
            ),
            Guide(
                "holds", "Holds", "Reserve funds for another wallet; extend, release or pay them."
            ),
            Guide(
                "scheduled-operations",
                "Scheduled operations",
                "Payments that the server repeats, on dates or when a balance asks for it.",
            ),
            Guide("dry-runs", "Dry runs", "Ask what a request would do; nothing is changed."),
        ),
    ),
    GuideChapter(
        "Users and limits",
        (
            Guide("kyc", "KYC", "Identify users: data, documents and levels."),
            Guide(
                "identity", "Identity and terms", "Verify identities at a provider; sign the terms."
            ),
            Guide("limits", "Limits", "KYC limits, request rates and sizes."),
        ),
    ),
    GuideChapter(
        "Your books",
        (
            Guide(
                "references",
                "Metadata and reference",
                "Keep your own ids and texts with a movement.",
            ),
            Guide(
                "statements", "Statements", "The movements of a period, and the balance at a time."
            ),
            Guide(
                "reconciliation", "Reconciliation", "Compare your books with the server every day."
            ),
        ),
    ),
    GuideChapter(
        "Events",
        (
            Guide("events", "Events", "Read everything that happens, complete and in order."),
            Guide("webhooks", "Webhooks", "Have events sent to you, signed and in order."),
            Guide("event-kinds", "Event kinds", "Every kind of event, and the data that it has."),
        ),
    ),
    GuideChapter(
        "Rules of the API",
        (
            Guide(
                "idempotency", "Idempotency", "Retry a request safely; it is executed only once."
            ),
            Guide("error-handling", "Errors", "Error format and how to handle errors."),
            Guide("pagination", "Pagination", "Lists use cursor pagination."),
            Guide(
                "versions",
                "Versions",
                "What may change without notice, and how changes are announced.",
            ),
            Guide(
                "published-paths", "Published paths", "Move an integration of the hosted ioCash."
            ),
        ),
    ),
    GuideChapter(
        "Reference",
        (Guide("glossary", "Glossary", "The terms of the API, each in one or two sentences."),),
    ),
)

GUIDES = tuple(guide for chapter in GUIDE_CHAPTERS for guide in chapter.guides)

APPLICATION = "https://app.example"
"""A client's own application."""

CALLS = Guide(
    "calls", "Every call", "Every call in curl, Python and TypeScript, with its response."
)
"""The page that `iocash.docs.calls` generates from the OpenAPI document."""


def navigation(request: HttpRequest | None = None) -> dict[str, Any]:
    """The links of every page of the documentation; a context processor."""
    return {"guide_chapters": GUIDE_CHAPTERS}


def patterns() -> Iterator[URLPattern]:
    for each in GUIDES:
        yield path(each.slug, guide_view(each), name=f"guide-{each.slug}")


def guide_view(guide: Guide) -> Any:
    @page
    def view(request: HttpRequest) -> HttpResponse:
        context = guide_context(guide, problems.origin(request)) | {"limits": limits()}
        context["application"] = APPLICATION
        return render(request, f"docs/{guide.slug}.html", context)

    return view


CONTEXTS: Final[dict[str, Callable[[], dict[str, Any]]]] = {}
"""What apps add to what a guide shows, by its slug."""


def guide_context(guide: Guide, origin: str) -> dict[str, Any]:
    """What the template of a guide shows, without the limits of the server."""
    known = [*GUIDES, CALLS]
    at = known.index(guide)
    return {
        "guide": guide,
        "origin": origin,
        "previous": known[at - 1] if at else None,
        "next": known[at + 1] if at + 1 < len(known) else None,
        **CONTEXTS.get(guide.slug, dict)(),
    }


def limits() -> list[dict[str, str]]:
    """The KYC limits of this server, one row for each currency and level."""
    names = {"balance": "balance", "cash_in": "cashIn", "cash_out": "cashOut"}
    return [
        {"currency": currency, "level": level}
        | {name: amounts.get(known) or "no limit" for name, known in names.items()}
        for currency, levels in sorted(settings.KYC_LIMITS.items())
        for level, amounts in sorted(levels.items())
    ]
