"""The registry of codes: each has one status and one sentence, and says what it knows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from string import Formatter
from typing import Any

import pytest

from iocash import errors

KINDS = sorted(errors.REGISTRY.values(), key=lambda kind: kind.code)
STATUSES = {400, 401, 403, 404, 409, 500, 503}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_code_has_a_status_and_a_sentence(kind: type[errors.Refused]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
    assert kind.status in STATUSES
    assert (kind.__doc__ or "").strip().endswith(".")
    assert kind.detail.endswith(".")


def test_title_names_the_error_and_not_its_status() -> None:
    titles = {kind.code: kind.title() for kind in KINDS}
    assert titles["insufficient_funds"] == "Insufficient funds"
    assert titles["invalid_json"] == "Invalid JSON"
    assert titles["otp_too_soon"] == "OTP too soon"
    assert titles["csrf_failed"] == "CSRF failed"
    assert len(set(titles.values())) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_detail_contains_the_facts(kind: type[errors.Refused]) -> None:
    if issubclass(kind, errors.InvalidFields):
        return
    names = [name for _, name, _, _ in Formatter().parse(kind.detail) if name]
    refused = kind(**{name: f"<{name}>" for name in names})
    assert all(f"<{name}>" in refused.words for name in names)
    assert str(refused) == refused.words


def test_detail_formats_an_instant_as_answers_do() -> None:
    refused = errors.OtpTooSoon(retry_at=datetime(2026, 1, 31, 12, 0, 0, 706_727, tzinfo=UTC))
    assert refused.words.endswith("; request another at 2026-01-31T12:00:00.706Z.")


def test_detail_may_be_overridden() -> None:
    assert errors.InvalidJson("The body is empty.").words == "The body is empty."


LIMIT = {"limit": "150.00", "used": "107.91", "requested": "60.00", "currency": "EUR"}


def limited(**facts: Any) -> str:
    return errors.LimitExceeded(**facts).words


@pytest.mark.parametrize(
    ("limit_type", "words"),
    [
        ("cashIn", "Cash-in limit exceeded: 150.00 EUR per user in 30 days, "),
        ("cashOut", "Cash-out limit exceeded: 150.00 EUR per user in 30 days, "),
        ("balance", "Balance limit exceeded: 150.00 EUR per user at any time, "),
        ("walletBalance", "Balance limit exceeded: 150.00 EUR per wallet at any time, "),
        ("walletReceived", "Limit of receipts exceeded: 150.00 EUR per wallet in total, "),
    ],
)
def test_limit_exceeded_names_limit_currency_and_period(limit_type: str, words: str) -> None:
    rest = "107.91 EUR already used, 60.00 EUR requested."
    assert limited(**LIMIT, limit_type=limit_type) == words + rest


def test_reversal_exceeded_names_the_amount_left() -> None:
    def words(reversed_: str, left: str) -> str:
        facts = {"amount": "10.00", "reversed": reversed_, "left": left, "currency": "EUR"}
        return errors.ReversalExceeded(**facts, requested="7.00").words

    part = "Reversal too large: 7.00 EUR requested, 6.00 EUR not yet reversed."
    assert words("4.00", "6.00") == part
    assert words("10.00", "0.00") == "This movement has already been reversed in full."


def test_every_503_has_a_retry_after() -> None:
    away = [kind for kind in KINDS if kind.status == 503]
    assert errors.RateLimited in away
    assert all(issubclass(kind, errors.Unavailable) and kind.retry_after > 0 for kind in away)


def test_duplicate_code_raises() -> None:
    with pytest.raises(TypeError, match="not_found is taken"):
        type("Another", (errors.Missing,), {"code": "not_found", "detail": "."})


def test_abstract_refusal_is_not_registered() -> None:
    assert errors.Conflict not in errors.REGISTRY.values()
