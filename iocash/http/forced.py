"""Refusals that a caller of a sandbox asks for, of any operation: `sandbox:refuse:CODE`.

The text is the value of a field of the body, or it replaces the API key. A `concept` belongs to the
order, which is refused by `wallets.orders.forced`. Outside of sandboxes the text means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings

from iocash import errors
from iocash.db.sandbox import FORCED, is_sandbox
from iocash.http.naming import camel
from iocash.http.openapi.facts import FACTS
from iocash.http.openapi.refusals import Kind, refusals

STATUSES: Final[dict[Kind, str]] = {
    errors.AlreadyVerified: "ACTIVATED",
    errors.HoldNotOpen: "EXPIRED",
    errors.MovementNotPending: "SUCCESS",
    errors.MovementNotSettled: "PENDING",
    errors.ScheduledOperationEnded: "COMPLETED",
}
"""The status in a refusal; others say BLOCKED."""


def refuse_body(view: Any, field: str, text: str) -> None:
    """Refuse the request as a field of its body asks for, in a sandbox.

    Raises:
        Refused: the operation can be refused with this code.
        InvalidFields: it can't.
    """
    if not view.authentication_classes or not is_sandbox():
        return
    refusal = forced_refusal(view, field, text)
    if refusal is None:
        words = "In this sandbox, must be one of: {concepts}."
        listed = ", ".join(FORCED + code for code in forced_codes(view))
        message = errors.Message(words, concepts=listed)
        raise errors.InvalidFields(errors.FieldError(field, "invalid_choice", message))
    raise refusal


def refuse_key(view: Any, secret: str) -> None:
    """Refuse the request if its API key asks for it, in a sandbox.

    Raises:
        Refused: the operation can be refused with this code.
    """
    if secret.startswith(FORCED) and is_sandbox() and (refusal := forced_refusal(view, "", secret)):
        raise refusal


def forced_codes(view: Any) -> dict[str, Kind]:
    """All that the operation of the request can be refused with, by code."""
    path = "{}" if view.kwargs else ""
    return {kind.code: kind for kind in refusals(view, view.request.method, path)}


def forced_refusal(view: Any, field: str, text: str) -> errors.Refused | None:
    """The refusal that a text asks for; None: the operation has none with this code."""
    kind = forced_codes(view).get(text.removeprefix(FORCED))
    if kind is None:
        return None
    if issubclass(kind, errors.InvalidFields):
        return kind(errors.FieldError(field or "size", "required", "This field is required."))
    if issubclass(kind, errors.Unavailable):
        return kind()
    refusal = kind(**dict(example_facts(kind, view)))
    if isinstance(refusal, errors.OtpTooSoon):
        refusal.retry_after = 60
    return refusal


def example_facts(kind: Kind, view: Any) -> Iterator[tuple[str, Any]]:
    """Facts that the refusal may carry: ids of the path, and examples of the document."""
    known: dict[str, Any] = {"status": STATUSES.get(kind, "BLOCKED")} | special_facts(kind, view)
    ids = [name for name in kind.carries if name.endswith("_id")]
    named = {name for name in ids if name in view.kwargs} or {*ids[:1]}
    for name in kind.carries:
        if name in known:
            yield name, known[name]
        elif name not in ids or name in named:
            yield name, view.kwargs.get(name) or FACTS[camel(name)]["examples"][0]


def special_facts(kind: Kind, view: Any) -> dict[str, Any]:
    """Facts without an example in the document, or with another one for this code."""
    if kind is errors.BodyTooLarge:
        return {"limit": settings.MAX_BODY_BYTES}
    if kind is errors.InvalidTransition:
        return {"requested": "READY"}
    if kind is errors.BatchRefused:
        cause = errors.WalletNotReady(wallet_id=FACTS["walletId"]["examples"][0], status="BLOCKED")
        return {"items": [{"index": 1, "code": cause.code, "detail": cause.words, **cause.facts}]}
    scope = f"{getattr(view, 'scope', None) or 'wallets'}:write"
    return {"header": "Idempotency-Key", "tries_left": 4, "scope": scope}
