"""What is remembered of an API key is checked before anything is done or answered by it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from iocash import errors
from iocash.db.pipeline import Pipeline
from tests.support import people, threads
from tests.support.people import Api
from users import credentials
from users.models import ApiKey, Client
from wallets.models import Movement
from wallets.posting import group
from wallets.views import movements

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
    ask = Pipeline.ask

    def noted(pipeline, statement, values=()):
        asked.append(statement)
        return ask(pipeline, statement, values)

    monkeypatch.setattr(Pipeline, "ask", noted)
    assert known.post(path, people.to(bobs)).status == 201
    assert asked.count(credentials.READ_BY_IDS) == 1


def test_a_revocation_acts_at_once_and_nothing_is_done(known, path, bobs):
    before = Movement.objects.count()
    ApiKey.objects.update(revoked_at=timezone.now())
    answer = known.post(path, people.to(bobs))
    assert (answer.status, answer.code) == (401, "credentials_revoked")
    assert Movement.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_a_revocation_acts_on_who_waits_for_a_lock(known, path, alices, bobs):
    with threads.holding(people.a_cash_in(alices, 1)):
        waiting = threads.Caller(partial(known.post, path, people.to(bobs)))
        threads.wait_until_blocked()
        ApiKey.objects.update(revoked_at=timezone.now())
    assert waiting.answer.code == "credentials_revoked"
    assert people.balances(bobs) == [0]


def test_a_key_that_is_gone_is_unknown(known, path, bobs):
    ApiKey.objects.all().delete()
    assert known.post(path, people.to(bobs)).code == "invalid_credentials"


@pytest.mark.parametrize("body", [{}, {"type": "TRANSFER", "amount": "-1"}])
def test_who_is_no_longer_let_in_is_told_nothing_else(known, path, body):
    ApiKey.objects.update(revoked_at=timezone.now())
    assert known.post(path, body).code == "credentials_revoked"


def test_a_scope_that_was_taken_away_is_missed_at_once(known, path, bobs):
    ApiKey.objects.update(scopes=["movements:read"])
    answer = known.post(path, people.to(bobs))
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert not Movement.objects.filter(counterparty=bobs).exists()


def test_a_scope_that_was_given_counts_at_once(client_demo, path):
    caller = Api(people.a_key(client_demo, "movements:write", "movements:read"))
    assert caller.get(path).status == 200
    assert caller.post(path, people.cash()).code == "insufficient_scope"
    ApiKey.objects.update(scopes=["movements:write", "cash-in:write"])
    assert caller.post(path, people.cash()).status == 201


def test_a_client_that_changed_its_name_is_still_let_in(known, path, bobs):
    Client.objects.update(name="Another Name")
    assert known.post(path, people.to(bobs)).status == 201
    assert known.post(path, people.to(bobs)).status == 201


def test_a_refusal_of_the_ledger_is_told_to_who_is_let_in(known, path, bobs):
    assert known.post(path, people.to(bobs, "1000.00")).code == "insufficient_funds"


def test_a_key_is_looked_up_wherever_nothing_is_posted(known):
    ApiKey.objects.update(revoked_at=timezone.now())
    assert known.get("wallets").code == "credentials_revoked"


def test_secrets_are_not_remembered(client_demo):
    secret = people.a_key(client_demo)
    assert Api(secret).get("wallets").status == 200
    assert credentials.remembered(secret)
    assert secret not in str(credentials.MEMORY)


def test_only_so_many_are_remembered(client_demo, monkeypatch):
    monkeypatch.setattr(credentials, "MOST_REMEMBERED", 3)
    monkeypatch.setattr(credentials, "MEMORY", {})
    for _ in range(5):
        assert Api(people.a_key(client_demo)).get("wallets").status == 200
        assert len(credentials.MEMORY) <= 3


# --- Who was not let in, and is again ------------------------------------------------------------


def test_a_client_that_is_active_again_is_let_in(known, path, bobs):
    Client.objects.update(status=Client.Status.SUSPENDED)
    assert known.post(path, people.to(bobs)).code == "client_suspended"
    Client.objects.update(status=Client.Status.ACTIVE)
    assert known.post(path, people.to(bobs)).status == 201


def test_a_key_that_lasts_longer_than_it_did_is_let_in(known, path, bobs):
    ApiKey.objects.update(expires_at=timezone.now())
    assert known.post(path, people.to(bobs)).code == "credentials_expired"
    ApiKey.objects.update(expires_at=timezone.now() + timedelta(days=1))
    assert known.post(path, people.to(bobs)).status == 201


# --- Whose key allows something else than it did -------------------------------------------------


@pytest.fixture
def narrowed(known):
    """The caller, whose remembered key lost a scope that nothing here needs."""
    ApiKey.objects.update(scopes=["movements:write", "movements:read", "cash-in:write"])
    return known


@pytest.fixture
def widened(client_demo):
    """A caller whose key was remembered without any scope that is needed here."""
    caller = Api(people.a_key(client_demo, "wallets:read"))
    assert caller.get("wallets").status == 200
    ApiKey.objects.update(scopes=["movements:write", "movements:read", "cash-in:write"])
    return caller


@pytest.fixture(params=["narrowed", "widened"])
def changed(request):
    return request.getfixturevalue(request.param)


def test_a_parameter_that_is_none_is_refused_whatever_the_key_was(changed, path, bobs):
    answer = changed.post(f"{path}?surprise=1", people.to(bobs))
    assert (answer.status, answer.code) == (400, "invalid_parameters")
    assert not Movement.objects.filter(counterparty=bobs).exists()


def test_a_body_that_is_none_is_refused_whatever_the_key_was(changed, path):
    assert changed.post(path, raw=b"{").code == "invalid_json"


def test_who_asks_too_fast_is_refused_whatever_the_key_was(changed, path, bobs, settings):
    settings.RATE_LIMIT = 1
    assert changed.get(path).status == 200
    ApiKey.objects.update(scopes=["movements:write", "movements:read"])
    assert changed.post(path, people.to(bobs)).code == "rate_limited"


def test_the_rate_is_told_whatever_the_key_was(changed, path, bobs, settings):
    settings.RATE_LIMIT = 10
    answer = changed.post(path, people.to(bobs))
    assert (answer.status, answer.headers["RateLimit-Remaining"]) == (201, "9")


@pytest.mark.parametrize(
    "change",
    [{"revoked_at": timezone.now()}, {"scopes": ["movements:read"]}],
    ids=["revoked", "narrowed"],
)
def test_who_is_not_let_in_is_told_no_rate(known, path, bobs, settings, change):
    settings.RATE_LIMIT = 10
    ApiKey.objects.update(**change)
    answer = known.post(path, people.to(bobs))
    assert answer.status in {401, 403}
    assert not [name for name in answer.headers if name.startswith("RateLimit")]


def test_a_revoked_key_is_answered_with_its_challenge(known, path, bobs):
    ApiKey.objects.update(revoked_at=timezone.now())
    assert known.post(path, people.to(bobs)).headers["WWW-Authenticate"] == "Bearer"


# --- What was done, or may have been -------------------------------------------------------------


@pytest.fixture
def breaks_at_commit(monkeypatch):
    """What is committed is committed, but nobody hears of it; `then` is done before they know."""
    posted: list[Any] = []

    def breaks(then: Callable[[], Any]) -> list[Any]:
        post = group.post

        def post_and_break(*args, **kwargs):
            posted.append(post(*args, **kwargs))
            then()
            raise errors.OutcomeUnknown()

        monkeypatch.setattr(group, "post", post_and_break)
        return posted

    return breaks


def test_what_may_have_been_done_is_not_done_again(known, path, bobs, breaks_at_commit):
    def narrow() -> None:
        ApiKey.objects.update(scopes=["movements:write", "cash-in:write"])

    posted = breaks_at_commit(narrow)
    assert known.post(path, people.to(bobs)).code == "outcome_unknown"
    assert len(posted) == 1


def test_what_may_have_been_done_is_not_called_undone(known, path, bobs, breaks_at_commit):
    """Nor is the key looked up once more: the database may well be away."""
    breaks_at_commit(ApiKey.objects.all().delete)
    assert known.post(path, people.to(bobs)).code == "outcome_unknown"


@pytest.mark.parametrize(
    "change",
    [{"revoked_at": timezone.now()}, {"scopes": ["movements:write"]}],
    ids=["revoked", "narrowed"],
)
def test_what_was_done_is_neither_done_again_nor_refused(known, path, bobs, monkeypatch, change):
    """Its answer fails, and by then the key is another."""

    def fail(*args, **kwargs):
        ApiKey.objects.update(**change)
        raise ValueError("a bug")

    monkeypatch.setattr(movements.MovementList, "moved", fail)
    known.browser.raise_request_exception = False
    assert known.post(path, people.to(bobs)).code == "internal_error"
    assert Movement.objects.filter(counterparty=bobs).count() == 1


def test_what_was_done_at_the_second_try_is_not_called_undone(narrowed, path, bobs, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(movements.MovementList, "moved", fail)
    assert narrowed.post(path, people.to(bobs)).code == "outcome_unknown"
    assert Movement.objects.filter(counterparty=bobs).count() == 1


def test_a_database_that_is_away_is_told_whoever_calls(known, path, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(credentials, "fetch", fail)
    assert known.post(path, {}).code == "database_unavailable"
