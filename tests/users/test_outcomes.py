"""What a caller is told when the connection breaks while a change is being committed."""

from __future__ import annotations

import pytest

from tests.users.bodies import ALICE
from tests.wires import cut_at_commit
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("after", [False, True])
def test_the_outcome_of_a_creation_is_unknown_and_its_key_finds_it_out(api, codes, after):
    with cut_at_commit(is_done=after):
        answer = api.post("users", ALICE, key="k")
        assert (answer.status, answer.code) == (503, "outcome_unknown")
        assert answer.headers["Retry-After"] == "2"
    assert User.objects.count() == int(after)
    again = api.post("users", ALICE, key="k")
    assert again.status == 202
    assert ("Idempotent-Replayed" in again.headers) is after
    assert User.objects.count() == 1
    assert len(codes) == int(not after)


def test_a_change_whose_outcome_is_unknown_can_be_repeated(api, alice):
    path = f"users/{alice.id}"
    with cut_at_commit(is_done=True):
        assert api.patch(path, {"firstName": "Alicia"}).code == "outcome_unknown"
    assert api.patch(path, {"firstName": "Alicia"}).json["firstName"] == "Alicia"
