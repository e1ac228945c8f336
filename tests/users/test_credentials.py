"""What is remembered of an API key is checked before anything is done or answered by it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests import cast
from tests.cast import Api
from users import credentials
from users.models import ApiKey, Client
from wallets import reading
from wallets.models import Movement

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(alices):
    return f"wallets/{alices.id}/movements"


@pytest.fixture
def known(api):
    """The caller, whose key is remembered."""
    assert api.get("wallets").status == 200
    return api


def test_a_known_key_is_looked_up_with_the_locks(known, path, bobs, monkeypatch):
    monkeypatch.setattr(credentials, "fetch", None)
    asked: list[str] = []
    ask = reading.ask

    def noted(raw, statement, values=()):
        asked.append(statement)
        return ask(raw, statement, values)

    monkeypatch.setattr(reading, "ask", noted)
    assert known.post(path, cast.to(bobs)).status == 201
    assert asked.count(credentials.READ_BY_IDS) == 1


def test_a_revocation_acts_at_once_and_nothing_is_done(known, path, bobs):
    before = Movement.objects.count()
    ApiKey.objects.update(revoked_at=timezone.now())
    answer = known.post(path, cast.to(bobs))
    assert (answer.status, answer.code) == (401, "credentials_revoked")
    assert Movement.objects.count() == before


def test_a_key_that_is_gone_is_unknown(known, path, bobs):
    ApiKey.objects.all().delete()
    assert known.post(path, cast.to(bobs)).code == "invalid_credentials"


@pytest.mark.parametrize("body", [{}, {"type": "TRANSFER", "amount": "-1"}])
def test_who_is_no_longer_let_in_is_told_nothing_else(known, path, body):
    ApiKey.objects.update(revoked_at=timezone.now())
    assert known.post(path, body).code == "credentials_revoked"


def test_a_scope_that_was_taken_away_is_missed_at_once(known, path, bobs):
    ApiKey.objects.update(scopes=["movements:read"])
    answer = known.post(path, cast.to(bobs))
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert not Movement.objects.filter(counterparty=bobs).exists()


def test_a_scope_that_was_given_counts_at_once(client_demo, path):
    caller = Api(cast.a_key(client_demo, "movements:write", "movements:read"))
    assert caller.get(path).status == 200
    assert caller.post(path, cast.cash()).code == "insufficient_scope"
    ApiKey.objects.update(scopes=["movements:write", "cash-in:write"])
    assert caller.post(path, cast.cash()).status == 201


def test_a_client_that_changed_its_name_is_still_let_in(known, path, bobs):
    Client.objects.update(name="Another Name")
    assert known.post(path, cast.to(bobs)).status == 201
    assert known.post(path, cast.to(bobs)).status == 201


def test_a_refusal_of_the_ledger_is_told_to_who_is_let_in(known, path, bobs):
    assert known.post(path, cast.to(bobs, "1000.00")).code == "insufficient_funds"


def test_a_key_is_looked_up_wherever_nothing_is_posted(known):
    ApiKey.objects.update(revoked_at=timezone.now())
    assert known.get("wallets").code == "credentials_revoked"


def test_secrets_are_not_remembered(client_demo):
    secret = cast.a_key(client_demo)
    assert Api(secret).get("wallets").status == 200
    assert credentials.remembered(secret)
    assert secret not in str(credentials.MEMORY)


def test_only_so_many_are_remembered(client_demo, monkeypatch):
    monkeypatch.setattr(credentials, "MOST_REMEMBERED", 3)
    monkeypatch.setattr(credentials, "MEMORY", {})
    for _ in range(5):
        assert Api(cast.a_key(client_demo)).get("wallets").status == 200
        assert len(credentials.MEMORY) <= 3


# --- Who was not let in, and is again ------------------------------------------------------------


def test_a_client_that_is_active_again_is_let_in(known, path, bobs):
    Client.objects.update(status=Client.Status.SUSPENDED)
    assert known.post(path, cast.to(bobs)).code == "client_suspended"
    Client.objects.update(status=Client.Status.ACTIVE)
    assert known.post(path, cast.to(bobs)).status == 201


def test_a_key_that_lasts_longer_than_it_did_is_let_in(known, path, bobs):
    ApiKey.objects.update(expires_at=timezone.now())
    assert known.post(path, cast.to(bobs)).code == "credentials_expired"
    ApiKey.objects.update(expires_at=timezone.now() + timedelta(days=1))
    assert known.post(path, cast.to(bobs)).status == 201
