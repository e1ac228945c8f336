"""Log-ins to the back office, with and without a second factor."""

from __future__ import annotations

import re
from base64 import b32decode
from typing import Any

from django.test import Client as Browser
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

PASSWORD = "correct horse battery"


def token_of(device: TOTPDevice) -> str:
    return f"{totp(device.bin_key):06d}"


def secret_on(page: Any) -> str:
    """The secret that a page shows."""
    found = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)
    assert found
    return found[1]


def codes_on(page: Any) -> list[str]:
    """The recovery codes that a page shows."""
    return re.findall(r"<code>((?:[a-z2-7]{4}-){3}[a-z2-7]{4})</code>", page.text)


def shown_by(secret: str) -> str:
    """What an app that was given this secret shows now."""
    return f"{totp(b32decode(secret)):06d}"


def log_in(browser: Browser, password: str = PASSWORD, token: str = "", name: str = "supervisor"):
    form = {"username": name, "password": password, "token": token, "next": "/admin/"}
    return browser.post("/admin/login/", form)


def is_in(browser: Browser) -> bool:
    return browser.get("/admin/").status_code == 200
