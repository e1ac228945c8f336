"""Debian's chromium, without background traffic and without other hosts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect, sync_playwright

PATIENCE = 30_000
"""Milliseconds for a page on a busy machine."""
BROWSERS_OWN = ("data:", "blob:", "chrome:", "chrome-extension:")
"""What a browser has in itself; that which shows a PDF too."""

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


def launch(playwright: Playwright) -> Browser:
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    return playwright.chromium.launch(executable_path=CHROMIUM, args=flags)


@contextmanager
def opened() -> Iterator[Browser]:
    """A browser for tests that use the database in the same thread."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # playwright's loop runs in this thread
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
    connection.close()  # the one that this thread had before the loop: the loop's took its place


@contextmanager
def watched(browser: Browser, url: str, **about: Any) -> Iterator[Page]:
    """A page; afterwards it fails for a CSP violation, a console error or a foreign request."""
    context = browser.new_context(base_url=url, **about)
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page = context.new_page()
    said: list[ConsoleMessage] = []
    asked: list[str] = []
    crashed: list[str] = []
    page.on("console", lambda message: said.append(message))  # noqa: PLW0108 (playwright marks it)
    page.on("request", lambda request: asked.append(request.url))
    opened_pages: list[str] = []
    page.on("request", lambda it: opened_pages.extend([it.url] * it.is_navigation_request()))
    page.on("pageerror", lambda error: crashed.append(str(error)))
    yield page
    context.close()
    wrong = [
        f"{each.text} {each.location}"
        for each in said
        if each.type == "error" and not is_refused_page(each, opened_pages)
    ]
    foreign = [each for each in asked if not each.startswith((url, *BROWSERS_OWN))]
    assert not wrong + crashed + foreign


def is_refused_page(message: ConsoleMessage, pages: list[str]) -> bool:
    """Whether the browser only says that a page which was opened is a refusal."""
    refused = message.text.startswith("Failed to load resource: the server responded with")
    return refused and message.location["url"] in pages
