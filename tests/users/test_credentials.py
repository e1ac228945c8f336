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

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("new_ids")]


@pytest.fixture
def path(alices):
    return f"wallets/{alices.id}/movements"


@pytest.fixture
def known(api):
    """The caller, whose key is remembered."""
    assert api.get("wallets").status == 200
    return api


def test_remembered_key_is_read_with_the_locks(known, path, bobs, monkeypatch):
    monkeypatch.setattr(credentials, "fetch", None)
    asked: list[str] = []
    ask = Pipeline.ask

    def noted(pipeline, statement, values=()):
        asked.append(statement)
        return ask(pipeline, statement, values)

    monkeypatch.setattr(Pipeline, "ask", noted)
    assert known.post(path, people.to(bobs)).status == 201
    assert asked.count(credentials.READ_BY_IDS) == 1


def test_revoked_key_is_refused_at_once_and_moves_nothing(known, path, bobs):
    before = Movement.objects.count()
    ApiKey.objects.update(revoked_at=timezone.now())
    answer = known.post(path, people.to(bobs))
    assert (answer.status, answer.code) == (401, "credentials_revoked")
    assert Movement.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_request_waiting_for_a_lock_is_refused_when_its_key_is_revoked(known, path, alices, bobs):
    with threads.holding(people.a_cash_in(alices, 1)):
        waiting = threads.Caller(partial(known.post, path, people.to(bobs)))
        threads.wait_until_blocked()
        ApiKey.objects.update(revoked_at=timezone.now())
    assert waiting.answer.code == "credentials_revoked"
    assert people.balances(bobs) == [0]


def test_deleted_key_is_invalid(known, path, bobs):
    ApiKey.objects.all().delete()
    assert known.post(path, people.to(bobs)).code == "invalid_credentials"


@pytest.mark.parametrize("body", [{}, {"type": "TRANSFER", "amount": "-1"}])
def test_revoked_key_gets_credentials_revoked_for_any_body(known, path, body):
    ApiKey.objects.update(revoked_at=timezone.now())
    assert known.post(path, body).code == "credentials_revoked"


def test_removed_scope_is_refused_at_once(known, path, bobs):
    ApiKey.objects.update(scopes=["movements:read"])
    answer = known.post(path, people.to(bobs))
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert not Movement.objects.filter(counterparty=bobs).exists()


def test_added_scope_is_accepted_at_once(client_demo, path):
    caller = Api(people.a_key(client_demo, "movements:write", "movements:read"))
    assert caller.get(path).status == 200
    assert caller.post(path, people.cash()).code == "insufficient_scope"
    ApiKey.objects.update(scopes=["movements:write", "cash-in:write"])
    assert caller.post(path, people.cash()).status == 201


def test_renamed_client_is_accepted(known, path, bobs):
    Client.objects.update(name="Another Name")
    assert known.post(path, people.to(bobs)).status == 201
    assert known.post(path, people.to(bobs)).status == 201


def test_valid_key_gets_the_ledgers_refusal(known, path, bobs):
    assert known.post(path, people.to(bobs, "1000.00")).code == "insufficient_funds"


def test_reads_check_the_stored_key(known):
    ApiKey.objects.update(revoked_at=timezone.now())
    assert known.get("wallets").code == "credentials_revoked"


def test_secrets_are_not_remembered(client_demo):
    secret = people.a_key(client_demo)
    assert Api(secret).get("wallets").status == 200
    assert credentials.remembered(secret)
    assert secret not in str(credentials.MEMORY)


def test_number_of_remembered_keys_is_limited(client_demo, monkeypatch):
    monkeypatch.setattr(credentials, "MOST_REMEMBERED", 3)
    monkeypatch.setattr(credentials, "MEMORY", {})
    for _ in range(5):
        assert Api(people.a_key(client_demo)).get("wallets").status == 200
        assert len(credentials.MEMORY) <= 3


# --- Who was not let in, and is again ------------------------------------------------------------


def test_reactivated_client_is_accepted(known, path, bobs):
    Client.objects.update(status=Client.Status.SUSPENDED)
    assert known.post(path, people.to(bobs)).code == "client_suspended"
    Client.objects.update(status=Client.Status.ACTIVE)
    assert known.post(path, people.to(bobs)).status == 201


def test_key_with_an_extended_expiry_is_accepted(known, path, bobs):
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


def test_unknown_parameter_is_refused_after_the_key_changed(changed, path, bobs):
    answer = changed.post(f"{path}?surprise=1", people.to(bobs))
    assert (answer.status, answer.code) == (400, "invalid_parameters")
    assert not Movement.objects.filter(counterparty=bobs).exists()


def test_invalid_json_is_refused_after_the_key_changed(changed, path):
    assert changed.post(path, raw=b"{").code == "invalid_json"


def test_rate_limit_applies_after_the_key_changed(changed, path, bobs, settings):
    settings.RATE_LIMIT = 1
    assert changed.get(path).status == 200
    ApiKey.objects.update(scopes=["movements:write", "movements:read"])
    assert changed.post(path, people.to(bobs)).code == "rate_limited"


def test_rate_headers_are_sent_after_the_key_changed(changed, path, bobs, settings):
    settings.RATE_LIMIT = 10
    answer = changed.post(path, people.to(bobs))
    assert (answer.status, answer.headers["RateLimit"]) == (201, '"client";r=9;t=1')


@pytest.mark.parametrize(
    "change",
    [{"revoked_at": timezone.now()}, {"scopes": ["movements:read"]}],
    ids=["revoked", "narrowed"],
)
def test_refused_key_gets_no_rate_headers(known, path, bobs, settings, change):
    settings.RATE_LIMIT = 10
    ApiKey.objects.update(**change)
    answer = known.post(path, people.to(bobs))
    assert answer.status in {401, 403}
    assert not [name for name in answer.headers if name.startswith("RateLimit")]


def test_revoked_key_gets_the_www_authenticate_header(known, path, bobs):
    ApiKey.objects.update(revoked_at=timezone.now())
    answer = known.post(path, people.to(bobs))
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="ioCash", error="invalid_token"'


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


def test_unknown_outcome_is_not_retried(known, path, bobs, breaks_at_commit):
    def narrow() -> None:
        ApiKey.objects.update(scopes=["movements:write", "cash-in:write"])

    posted = breaks_at_commit(narrow)
    assert known.post(path, people.to(bobs)).code == "outcome_unknown"
    assert len(posted) == 1


def test_unknown_outcome_is_reported_when_the_key_is_deleted(known, path, bobs, breaks_at_commit):
    """The key is not looked up again, because the database may be unavailable."""
    breaks_at_commit(ApiKey.objects.all().delete)
    assert known.post(path, people.to(bobs)).code == "outcome_unknown"


@pytest.mark.parametrize(
    "change",
    [{"revoked_at": timezone.now()}, {"scopes": ["movements:write"]}],
    ids=["revoked", "narrowed"],
)
def test_failed_answer_after_commit_is_an_internal_error_and_moves_once(
    known, path, bobs, monkeypatch, change
):
    """The answer fails after the commit, when the key has already changed."""

    def fail(*args, **kwargs):
        ApiKey.objects.update(**change)
        raise ValueError("a bug")

    monkeypatch.setattr(movements.MovementListView, "moved", fail)
    known.browser.raise_request_exception = False
    assert known.post(path, people.to(bobs)).code == "internal_error"
    assert Movement.objects.filter(counterparty=bobs).count() == 1


def test_failed_answer_after_the_second_try_has_an_unknown_outcome(
    narrowed, path, bobs, monkeypatch
):
    def fail(*args, **kwargs):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(movements.MovementListView, "moved", fail)
    assert narrowed.post(path, people.to(bobs)).code == "outcome_unknown"
    assert Movement.objects.filter(counterparty=bobs).count() == 1


def test_unreachable_database_gets_database_unavailable(known, path, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(credentials, "fetch", fail)
    assert known.post(path, {}).code == "database_unavailable"
