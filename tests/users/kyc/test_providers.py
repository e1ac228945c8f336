"""The identity providers: how they begin a verification, and what the settings may say."""

from __future__ import annotations

import logging
import re
import socket
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import from_regex

from iocash import errors
from tests.support.identity_provider import ODD_ANSWERS, SECRET
from users.kyc import providers
from users.kyc.providers import DemoProvider, HttpProvider
from users.models.ids import new_id
from users.serializers.identity import ReturnUrl

REQUEST = providers.Beginning(
    verification_id=new_id(),
    first_name="Alice",
    last_name="Example",
    success_url="https://app.example/verified",
    failure_url="https://app.example/not-verified",
    origin="https://pay.example",
)


def test_provider_gets_the_names_and_addresses(provider):
    session = HttpProvider().begin(REQUEST)
    assert session.url == f"https://provider.example/verify/{session.reference}"
    assert provider.begun()[-1] == {
        "verificationId": str(REQUEST.verification_id),
        "firstName": "Alice",
        "lastName": "Example",
        "successUrl": "https://app.example/verified",
        "failureUrl": "https://app.example/not-verified",
    }


@pytest.mark.parametrize("mode", ODD_ANSWERS)
def test_odd_answer_is_unavailable(mode, provider):
    provider.set_mode(mode)
    with pytest.raises(errors.IdentityProviderUnavailable):
        HttpProvider().begin(REQUEST)


def test_silent_provider_is_unavailable_in_time(provider, monkeypatch):
    monkeypatch.setattr(providers, "PATIENCE", 0.2)
    provider.set_mode("hangs")
    begun = time.monotonic()
    with pytest.raises(errors.IdentityProviderUnavailable):
        HttpProvider().begin(REQUEST)
    assert time.monotonic() - begun < 10


def test_unreachable_provider_is_unavailable(provider, settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.IDENTITY_URL = f"http://127.0.0.1:{free.getsockname()[1]}/"
        with pytest.raises(errors.IdentityProviderUnavailable):
            HttpProvider().begin(REQUEST)


def test_failure_is_logged_without_secret_and_names(provider, caplog):
    provider.set_mode("crashes")
    with caplog.at_level(logging.INFO), pytest.raises(errors.IdentityProviderUnavailable):
        HttpProvider().begin(REQUEST)
    assert "identity provider" in caplog.text
    assert not {each for each in (SECRET, "Alice", "app.example") if each in caplog.text}


def test_request_beyond_the_limit_is_refused_at_once(provider):
    places = [HttpProvider.places.acquire(blocking=False) for _ in range(providers.MOST_AT_ONCE)]
    try:
        with pytest.raises(errors.Overloaded):
            HttpProvider().begin(REQUEST)
    finally:
        for _ in places:
            HttpProvider.places.release()
    assert HttpProvider().begin(REQUEST)


@pytest.mark.django_db
def test_demo_provider_works_only_in_a_sandbox():
    with pytest.raises(errors.NoIdentityProvider):
        DemoProvider().begin(REQUEST)


def test_demo_provider_names_a_page_of_this_server(in_sandbox):
    id_ = str(REQUEST.verification_id)
    assert DemoProvider().begin(REQUEST) == (id_, f"https://pay.example/identity/{id_}")


# --- URLs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example",
        "https://app.example/",
        "https://app.example:8443/a/b?c=d&e=%20#f",
        "https://127.0.0.1/",
        "https://[2001:db8::1]/",
        "https://app.example?a=b",
    ],
)
def test_https_url_is_safe(url):
    assert providers.is_safe_url(url, http_on_loopback=False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:3000", "[::1]:3000", "LOCALHOST"])
def test_http_is_safe_on_loopback_where_allowed(host):
    assert providers.is_safe_url(f"http://{host}/done", http_on_loopback=True)
    assert not providers.is_safe_url(f"http://{host}/done", http_on_loopback=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "app.example",
        "//app.example",
        "http://app.example/",
        "http://localhost.app.example/",
        "ftp://app.example/",
        "javascript:alert(1)",
        "data:text/html,hi",
        "https:app.example",
        "https:///app.example",
        "https://",
        "https://alice@app.example/",
        "https://alice:secret@app.example/",
        "https://app.example\\@evil.example/",
        "https://app.example\\evil.example/",
        "https://app.example /",
        "https://app.example/a b",
        "https://app.example/é",
        "https://äpp.example/",
        "https://app.example:0/",
        "https://app.example:99999/",
        "https://app.example:/",
        "https://app.example:a/",
        'https://app.example/"><script>',
        "https://app.example/\n",
        "https://[::1/",
        "https://[nonsense]/",
        "https://app.example/" + "a" * 2000,
        " https://app.example/",
    ],
)
def test_other_url_is_unsafe(url):
    assert not providers.is_safe_url(url, http_on_loopback=True)


@pytest.mark.slow
@given(from_regex(re.compile(ReturnUrl().schema()["pattern"], re.ASCII), fullmatch=True))
def test_every_documented_url_is_safe(url):
    assert providers.is_safe_url(url, http_on_loopback=False)


# --- Settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "url", "secrets", "words"),
    [
        ("", "", [], []),
        ("demo", "", [], []),
        ("http", "https://provider.example/begin", [SECRET], []),
        ("http", "http://127.0.0.1:9/begin", [SECRET, SECRET], []),
        ("pigeon", "", [], ["IDENTITY_PROVIDER"]),
        ("http", "", [SECRET], ["IDENTITY_URL"]),
        ("http", "http://provider.example/", [SECRET], ["IDENTITY_URL"]),
        ("http", "https://a:b@provider.example/", [SECRET], ["IDENTITY_URL"]),
        ("http", "https://provider.example/", [], ["IDENTITY_SECRET"]),
        ("http", "https://provider.example/", ["hunter2"], ["IDENTITY_SECRET"]),
        ("http", "", ["hunter2"], ["IDENTITY_URL", "IDENTITY_SECRET"]),
    ],
)
def test_wrong_settings_are_named_and_secrets_are_not(name, url, secrets, words, settings):
    settings.IDENTITY_PROVIDER, settings.IDENTITY_URL = name, url
    settings.IDENTITY_SECRET = secrets
    found = list(providers.wrong_identity_settings())
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))
    assert "hunter2" not in " ".join(found)


def test_wrong_setting_stops_the_start(settings: Any) -> None:
    from django.apps import apps
    from django.core.exceptions import ImproperlyConfigured

    settings.IDENTITY_PROVIDER = "pigeon"
    with pytest.raises(ImproperlyConfigured, match="pigeon"):
        apps.get_app_config("users").ready()
