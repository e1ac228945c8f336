"""What the environment decides: redirects, Strict-Transport-Security, former secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.test import Client as Browser

import dev

ASK = """
import json
from iocash import settings
print(json.dumps({name: getattr(settings, name) for name in dir(settings) if name.startswith("SEC")
    and name != "SECURE_PROXY_SSL_HEADER"}))
"""


def production(**environment: str) -> dict[str, Any]:
    """Read the settings as a process with this environment does."""
    said = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=dev.ROOT,
        env={"PATH": os.defpath, **dev.PRODUCTION, **environment},
        capture_output=True,
        check=True,
    ).stdout
    facts: dict[str, Any] = json.loads(said)
    return facts


@pytest.mark.slow
def test_hsts_covers_only_this_host_by_default():
    plain = production()
    assert plain["SECURE_HSTS_SECONDS"] == 31_536_000
    assert not plain["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    assert not plain["SECURE_HSTS_PRELOAD"]
    more = production(HSTS_INCLUDE_SUBDOMAINS="1", HSTS_PRELOAD="1")
    assert more["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    assert more["SECURE_HSTS_PRELOAD"]


@pytest.mark.slow
def test_former_secrets_are_read_from_the_environment():
    assert production()["SECRET_KEY_FALLBACKS"] == []
    former = production(SECRET_KEY_FALLBACKS="one two")["SECRET_KEY_FALLBACKS"]
    assert former == ["one", "two"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/unknown", 404),
        ("/.env", 404),
        ("/api", 404),
        ("/api/v9", 404),
        ("/api/v1", 401),
        ("/livez", 200),
        ("/readyz", 200),
        ("/", 301),
        ("/admin/", 301),
        ("/.well-known/security.txt", 301),
        ("/.well-known/security.txt/more", 404),
        ("/static/iocash/api.css", 301),
    ],
)
def test_only_web_pages_redirect_to_https(settings, path, status):
    settings.SECURE_SSL_REDIRECT = True
    response = Browser().get(path)
    assert response.status_code == status
    if status != 301:
        assert response.headers["Content-Type"] == "application/json"


def test_wrong_date_stops_the_start():
    with pytest.raises(subprocess.CalledProcessError) as stopped:
        production(SECURITY_EXPIRES="30 June")
    assert b"SECURITY_EXPIRES must be like 2027-06-30" in stopped.value.stderr
