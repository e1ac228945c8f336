"""Rows that tests begin with: replayed, they are those that the product made."""

from __future__ import annotations

import pytest
from django.db import transaction

from tests.support import people, replayed
from users.models import Client, User
from wallets.models import Wallet

pytestmark = pytest.mark.django_db


def made_and_replayed(client: Client, before_replay: str = "") -> tuple[User, User]:
    """Alice as the product makes her, and as she is after a test that was rolled back."""
    steps = replayed.Steps()
    seen = []
    for name in ("", before_replay):
        steps.begin(rolls_back=True)
        with transaction.atomic():
            user = steps.take("alice", lambda: people.a_user(client, people.ALICE))
            User.objects.filter(id=user.id).update(first_name=name or user.first_name)
            steps.take("change", lambda: User.objects.update(kyc_level=2))
            seen.append(User.objects.get(user_name="alice"))
            transaction.set_rollback(True)
    return seen[0], seen[1]


def test_replayed_rows_equal_those_of_the_product(client_demo):
    first, second = made_and_replayed(client_demo)
    fields = [field.attname for field in User._meta.concrete_fields]
    assert [getattr(first, name) for name in fields] == [getattr(second, name) for name in fields]
    assert second.kyc_level == 2


def test_change_of_another_row_is_made_anew(client_demo):
    _, second = made_and_replayed(client_demo, before_replay="Alicia")
    assert (second.first_name, second.kyc_level) == ("Alicia", 2)


def test_forgotten_step_gives_new_ids(client_demo):
    steps = replayed.Steps()
    ids = []
    for _ in range(2):
        steps.begin(rolls_back=True)
        steps.forget()
        with transaction.atomic():
            ids.append(steps.take("alice", lambda: people.a_user(client_demo, people.ALICE)).id)
            transaction.set_rollback(True)
    assert len({*ids}) == 2


def test_committing_test_replays_nothing(client_demo):
    steps = replayed.Steps()
    steps.begin(rolls_back=False)
    wallets = [steps.take("none", Wallet.objects.count) for _ in range(2)]
    assert wallets == [0, 0]
    assert not steps.first.next_steps
