"""What `manage.py check` says before anything is served."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from iocash.db.backend import safety
from users import checks

SERVING = """
    lock_timeout = '2s'; SET LOCAL statement_timeout = '10s';
    SET LOCAL idle_in_transaction_session_timeout = '15s'
"""


def ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


@pytest.mark.parametrize(
    ("backend", "debug", "url", "expected"),
    [
        ("console", True, "", []),
        ("console", False, "", ["iocash.E002"]),
        ("email", False, "", []),
        ("sms", False, "https://sms.example/send", []),
        ("sms", False, "", ["iocash.E003"]),
        ("", False, "", ["iocash.E001"]),
        ("pigeon", True, "", ["iocash.E001"]),
    ],
)
def test_delivery_settings_are_checked(backend, debug, url, expected, settings):
    settings.OTP_BACKEND, settings.DEBUG, settings.OTP_SMS_URL = backend, debug, url
    assert ids(checks.codes_can_be_delivered()) == expected


@pytest.mark.parametrize(
    ("contacts", "days", "expected"),
    [
        ([], None, []),
        (["mailto:security@pay.example", "https://pay.example/report"], 365, []),
        (["mailto:security@pay.example"], None, ["iocash.E007"]),
        ([], 30, ["iocash.E007"]),
        (["security@pay.example"], 30, ["iocash.E008"]),
        (["http://pay.example/report"], 30, ["iocash.E008"]),
        (["tel:+34600000001"], 0, ["iocash.W002"]),
        (["tel:+34600000001"], 367, ["iocash.W002"]),
    ],
)
def test_security_contact_is_checked(contacts, days, expected, settings):
    today = timezone.now().date()
    settings.SECURITY_CONTACT = contacts
    settings.SECURITY_EXPIRES = None if days is None else today + timedelta(days=days)
    assert ids(checks.security_contact_is_complete()) == expected


@pytest.mark.parametrize(("owner", "expected"), [("another", []), (None, ["iocash.W001"])])
def test_serving_role_and_owner_must_differ(owner, expected, settings, monkeypatch):
    settings.DATABASE_OWNER_URL = "postgresql://some.where/iocash"
    serving = settings.DATABASES["default"]["USER"]
    monkeypatch.setitem(settings.DATABASES["owner"], "USER", owner or serving)
    assert ids(checks.roles_differ()) == expected


def test_server_without_the_owners_url_gets_no_warning(settings, monkeypatch):
    settings.DATABASE_OWNER_URL = ""
    monkeypatch.setitem(settings.DATABASES["owner"], "USER", settings.DATABASES["default"]["USER"])
    assert checks.roles_differ() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("synchronous_commit", "off", "synchronous_commit is off"),
        ("lock_timeout", "0", "lock_timeout must be above 0"),
        ("lock_timeout", "12s", "lock_timeout must be above 0 and below 12 s"),
        ("statement_timeout", "0", "statement_timeout must be above 0"),
        ("statement_timeout", "1min", "statement_timeout must be above 0 and below 12 s"),
        ("idle_in_transaction_session_timeout", "0", "no idle_in_transaction_session_timeout"),
    ],
)
def test_unsafe_session_is_an_error(setting, value, words, settings):
    settings.DATABASE_PATIENCE = 12.0
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL {SERVING}; SET LOCAL {setting} = '{value}'")
    (found,) = checks.database_is_safe(databases=["default"])
    assert found.id == "iocash.E005"
    assert words in found.msg


@pytest.mark.parametrize("networks", [[], ["10.0.0.0/8", "fd00::/8"]])
def test_networks_of_webhooks_are_accepted(networks, settings):
    settings.WEBHOOK_NETWORKS = networks
    assert checks.webhook_networks_exist() == []


@pytest.mark.parametrize("name", ["10.0.0.1/8", "receiver.example", "10.0.0.0/33"])
def test_name_that_is_no_network_of_webhooks_is_an_error(name, settings):
    settings.WEBHOOK_NETWORKS = ["10.0.0.0/8", name]
    assert ids(checks.webhook_networks_exist()) == ["iocash.E011"]


@pytest.mark.django_db
def test_unsafe_settings_of_the_whole_server_are_reported(settings):
    """A test can't change fsync: it is a setting of the whole server."""
    found = safety.read_session()
    torn = found._replace(lacks_fsync=True, tears_pages=True)
    assert [words.partition(" is off")[0] for words in safety.unsafe(torn)] == [
        "fsync",
        "full_page_writes",
    ]


@pytest.mark.django_db
def test_unreachable_database_is_an_error(monkeypatch):
    def silent() -> None:
        raise OperationalError("no answer")

    monkeypatch.setattr(safety, "read_session", silent)
    assert ids(checks.database_is_safe(databases=["default"])) == ["iocash.E006"]


def test_database_is_checked_only_when_selected(monkeypatch):
    monkeypatch.delattr(safety, "read_session")
    assert checks.database_is_safe(databases=None) == []
    assert checks.database_is_safe(databases=["owner"]) == []


@pytest.mark.usefixtures("as_serving")
def test_serving_role_is_safe(settings):
    settings.DATABASE_PATIENCE = 12.0
    assert checks.database_is_safe(databases=["default"]) == []
