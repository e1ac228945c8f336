"""What a caller is told when the connection breaks while a change is being committed."""

from __future__ import annotations

import pytest

from tests.support.lossy_wire import cut_at_commit
from tests.support.user_bodies import ALICE
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.slow
def test_creation_is_confirmed_when_the_answer_to_commit_is_lost(api, codes):
    with cut_at_commit(is_done=True):
        assert api.post("users", ALICE).status == 202
    assert (User.objects.count(), len(codes)) == (1, 1)


@pytest.mark.slow
def test_lost_commit_of_a_creation_changes_nothing(api, codes):
    with cut_at_commit(is_done=False):
        answer = api.post("users", ALICE, key="k")
    assert (answer.status, answer.code) == (503, "database_unavailable")
    assert answer.headers["Retry-After"] == "2"
    assert (User.objects.count(), len(codes)) == (0, 0)
    assert api.post("users", ALICE, key="k").status == 202


@pytest.mark.slow
@pytest.mark.parametrize("is_done", [False, True])
def test_change_is_answered_by_the_outcome_of_its_commit(api, alice, is_done):
    with cut_at_commit(is_done=is_done):
        answer = api.patch(f"users/{alice.id}", {"firstName": "Alicia"})
    assert answer.status == (200 if is_done else 503)
    alice.refresh_from_db()
    assert (alice.first_name == "Alicia") is is_done
