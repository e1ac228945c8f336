"""A compiled question finds what its queryset finds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db.models import F
from django.utils import timezone

from iocash import errors
from iocash.db.prepared import Question
from iocash.db.transactions import fetch
from tests.support import people
from wallets.models import Wallet
from wallets.models.wallets import SEEN, seen_by

pytestmark = pytest.mark.django_db


def first(question: Question[Any], *ids: UUID) -> Any:
    return question.first(fetch(*question.about(*ids)))


def everything(wallet: Wallet) -> dict[str, Any]:
    return {name: value for name, value in vars(wallet).items() if name != "_state"}


@pytest.mark.parametrize("overdue", [False, True])
@pytest.mark.parametrize("metadata", [None, {"order": "1"}])
def test_prepared_question_returns_the_querysets_row(alices, bobs, overdue, metadata):
    people.place(alices, bobs, 10_00, expires_at=timezone.now() + timedelta(hours=1))
    if overdue:
        people.pass_time(timedelta(hours=2))
    Wallet.objects.update(metadata=metadata)
    ids = alices.client_id, alices.id
    found, expected = first(SEEN, *ids), seen_by(*ids).get()
    assert found is not None
    assert everything(found) == everything(expected)
    assert (found.version, found.held_now) == (expected.version, 0 if overdue else 10_00)
    assert type(found.overdue) is int
    assert found._state.db == "default"
    assert not found._state.adding


def test_missing_row_is_none(alices):
    assert first(SEEN, alices.client_id, uuid4()) is None
    assert first(SEEN, uuid4(), alices.id) is None


def test_question_is_compiled_once(alices):
    asked = []

    def ask(wallet_id):
        asked.append(wallet_id)
        return Wallet.objects.filter(id=wallet_id)

    question = Question(ask, 1)
    assert {first(question, alices.id), first(question, alices.id)} == {alices}
    assert len(asked) == 1


def test_question_returns_all_rows(alices, bobs):
    question = Question(lambda client_id: Wallet.objects.filter(client=client_id).order_by("id"), 1)
    found = question.all(fetch(*question.about(alices.client_id)))
    assert [*map(everything, found)] == [*map(everything, Wallet.objects.order_by("id"))]


def test_unused_id_is_inconsistent(alices):
    question = Question(lambda wallet_id: Wallet.objects.filter(seq=F("seq")), 1)
    with pytest.raises(errors.Inconsistent, match="plain parameters"):
        first(question, alices.id)
