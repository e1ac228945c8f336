"""What tests in a browser share: sizes of screens, and the log-in."""

from __future__ import annotations

from typing import Any, Final

from playwright.sync_api import Page

from tests.support.log_ins import PASSWORD

DESK: Final[Any] = {"width": 1280, "height": 860}
PHONE: Final[Any] = {"width": 390, "height": 844}


def log_in(page: Page, name: str = "supervisor", password: str = PASSWORD, token: str = "") -> None:
    """Fill in the form of the back office, and wait for the answer."""
    page.goto("/admin/")
    page.fill("#id_username", name)
    page.fill("#id_password", password)
    page.fill("#id_token", token)
    with page.expect_navigation():
        page.click("#login-form [type=submit]")
