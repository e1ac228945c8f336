"""The page of the demo's identity provider: the user chooses the outcome, and returns."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from iocash import errors
from iocash.db import clock
from iocash.db.sandbox import is_sandbox
from iocash.http import problems
from users.kyc import identity
from users.kyc.providers import DemoProvider
from users.models import IdentityVerification

Status = IdentityVerification.Status
OUTCOMES: Final = {"approve": Status.APPROVED, "reject": Status.REJECTED}


def identity_page(request: HttpRequest, verification_id: UUID) -> HttpResponse:
    """Show the page, or record the outcome and send the user back. In sandboxes only.

    Raises:
        Http404: there is no such verification, or this is no sandbox.
    """
    if request.method not in {"GET", "HEAD", "POST"}:
        refused = errors.MethodNotAllowed(method=request.method, allow="GET, HEAD, POST")
        return problems.say(refused, request)
    verification = found(verification_id)
    outcome = OUTCOMES.get(request.POST.get("outcome", ""))
    is_open = verification.status_at(clock.now()) == Status.PENDING
    if outcome is None or not is_open:
        context = {"verification": verification, "is_open": is_open}
        response = render(request, "identity.html", context)
        response.headers["Content-Security-Policy"] = policy(verification)
        response.headers["Cache-Control"] = "no-store"
        return response
    identity.decide(provider=DemoProvider.name, verification_id=verification.id, status=outcome)
    approved = outcome == Status.APPROVED
    return HttpResponseRedirect(
        verification.success_url if approved else verification.failure_url, status=303
    )


def found(verification_id: UUID) -> IdentityVerification:
    """A verification of the demo's provider that is not erased (Http404). Its group is entered."""
    verification = identity.find_verification(DemoProvider.name, verification_id)
    if verification is None or not verification.url or not is_sandbox():
        raise Http404
    return verification


def policy(verification: IdentityVerification) -> str:
    """The policy of every page; browsers apply `form-action` to where a form is redirected too."""
    urls = urlsplit(verification.success_url), urlsplit(verification.failure_url)
    origins = dict.fromkeys(f"{url.scheme}://{url.netloc}" for url in urls)
    own = "form-action 'self'"
    return settings.CONTENT_SECURITY_POLICY.replace(own, f"{own} {' '.join(origins)}")
