"""What `manage.py check` says before anything is served."""

from __future__ import annotations

from typing import Any

import pytest

from users import checks


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
def test_codes_can_be_delivered(backend, debug, url, expected, settings):
    settings.OTP_BACKEND, settings.DEBUG, settings.OTP_SMS_URL = backend, debug, url
    assert ids(checks.codes_can_be_delivered()) == expected


@pytest.mark.parametrize(("owner", "expected"), [("another", []), (None, ["iocash.W001"])])
def test_the_role_that_serves_is_not_the_owner(owner, expected, settings, monkeypatch):
    serving = settings.DATABASES["default"]["USER"]
    monkeypatch.setitem(settings.DATABASES["owner"], "USER", owner or serving)
    assert ids(checks.roles_are_two()) == expected
