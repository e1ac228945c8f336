"""The registry of codes: each has one status and one sentence, and says what it knows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from string import Formatter

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
    assert refused.words.endswith("; ask again at 2026-01-31T12:00:00.706Z.")


def test_detail_may_be_overridden() -> None:
    assert errors.InvalidJson("The body is empty.").words == "The body is empty."


def test_every_503_has_a_retry_after() -> None:
    away = [kind for kind in KINDS if kind.status == 503]
    assert errors.RateLimited in away
    assert all(issubclass(kind, errors.Unavailable) and kind.retry_after > 0 for kind in away)


def test_duplicate_code_raises() -> None:
    with pytest.raises(TypeError, match="not_found is taken"):
        type("Another", (errors.Missing,), {"code": "not_found", "detail": "."})


def test_abstract_refusal_is_not_registered() -> None:
    assert errors.Conflict not in errors.REGISTRY.values()
