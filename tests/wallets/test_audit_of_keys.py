"""The audit knows what a key made, also of what may be erased."""

from __future__ import annotations

import pytest

from tests import cast
from tests.wallets.test_audit import found
from users.models import Evidence
from wallets import audit, erasure

pytestmark = pytest.mark.django_db

OCCUPATION = {"occupationCode": "2511"}


def test_evidence_that_a_key_made_is_there_or_was_erased(alice, api):
    assert api.post(f"users/{alice.id}/occupation", OCCUPATION, key="k").status == 201
    assert [finding for _, finding in audit.findings() if finding] == []
    api.patch(f"users/{alice.id}", {"status": "UNSUBSCRIBED"})
    erasure.erase(user_id=alice.id, by=cast.BY, reason="OTHER")
    assert [finding for _, finding in audit.findings() if finding] == []


@pytest.mark.spoils_the_books
def test_evidence_that_a_key_made_is_missed_when_nobody_was_erased(alice, api):
    api.post(f"users/{alice.id}/occupation", OCCUPATION, key="k")
    Evidence.objects.all().delete()
    assert found("keys")["made"] == "evidence"
