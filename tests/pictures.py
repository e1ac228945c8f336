"""Take the pictures of the README and of the manual: `python3 dev.py pictures` (needs chromium).

A server with the demo runs on a database of its own, whose clock ends at `END`, so that the same
days are on every picture. Look at the pictures before you commit them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import django
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Page

STATIC: Final = Path(__file__).resolve().parent.parent / "iocash" / "static"
LANGUAGES: Final = ("en", "es")
COLOURS: Final = 160
MOST_BYTES: Final = 1_500_000
"""All pictures together."""
END: Final = "2026-06-18T15:30:00+00:00"
"""The time on the pictures: a Thursday, when much waits."""

CUSTOMER: Final = "/admin/search/?q=bob+murcia"
"""The page of a user with limits that are nearly used: the only hit is opened at once."""

Step = Callable[["Page"], object]


@dataclass(frozen=True, slots=True)
class Picture:
    """A page, what is done on it before its picture is taken, and the size of the window.

    `address` can name an id of the demo, like `{aliceUserId}`. With "address > selector",
    the first link that matches is followed.
    """

    name: str
    address: str
    height: int
    width: int = 1280
    scale: float = 0.75
    prepare: Step = lambda page: None
    languages: tuple[str, ...] = LANGUAGES

    def file(self, language: str) -> str:
        """The name of the file among the static files."""
        return f"iocash/manual/{language}/{self.name}.png"


def tick_three(page: Page) -> None:
    for number in range(3):
        page.locator("input[name=item]").nth(number).check()


def confirm_sending(page: Page) -> None:
    page.check("#tick-all")
    page.click("button[value=send]")


def show_the_document(page: Page) -> None:
    page.locator(".file.current img").first.evaluate("each => each.decode()")


def ask_to_release(page: Page) -> None:
    page.locator(".object-tools a[href*=release]").first.click()
    page.locator(".submit-row [type=submit]").first.click()


BANK: Final = "/admin/wallets"

PICTURES: Final = (
    Picture("today", "/admin/", 860),
    Picture("today-phone", "/admin/", 780, width=390, scale=1),
    Picture("search", "/admin/search/?q=alice+cor", 480),
    Picture("movements", "/admin/wallets/movement/", 620),
    Picture("user", CUSTOMER, 800),
    Picture("timeline", f"{CUSTOMER} > .tabs a[href*=timeline]", 560),
    Picture("block", f"{CUSTOMER} > .object-tools a[href*=block]", 480),
    Picture("payments-out", "/admin/payments-out/", 700, prepare=tick_three),
    Picture("payments-out-confirm", "/admin/payments-out/", 560, prepare=confirm_sending),
    Picture("payments-out-phone", "/admin/payments-out/", 780, width=390, scale=1),
    Picture("bank-file", f"{BANK}/bankfile/ > #result_list th a", 720),
    Picture(
        "bank-release",
        f"{BANK}/bankupload/ > #result_list tr:has-text('statement-') th a",
        660,
        prepare=ask_to_release,
    ),
    Picture("bank-lines", f"{BANK}/bankline/?state=open", 420),
    Picture("safeguarding", f"{BANK}/safeguardingreport/ > #result_list th a", 720),
    Picture(
        "review",
        "/admin/users/review/ > #result_list tbody a",
        800,
        prepare=show_the_document,
    ),
    Picture("roles", "/admin/roles/", 620),
    Picture("browsable-api", "/api/v1/wallets/{aliceWalletId}", 800, languages=("en",)),
)
"""All pictures of the README and of the manual."""

SEED: Final = f"""
import json, django
from datetime import date, datetime, timedelta
from random import Random
django.setup()
from django.utils import timezone
from iocash.db import clock
from users import demo_documents
from users.models import Sandbox
from users.models.sandbox import make_sandbox
from wallets.management.commands import seed_demo
from wallets.management.demo import history

def set_clock(at):
    Sandbox.objects.update(clock_offset=at - timezone.now())

def begun(client_id, by, staff, seed):
    offset = Sandbox.objects.get().clock_offset
    return Fixed(client_id, by, staff, Random(seed), end - days, end, offset)

class Fixed(history.History):
    def run(self):
        super().run()
        set_clock(end)

class Date(date):
    today = classmethod(lambda cls: end.date())

end, days = datetime.fromisoformat("{END}"), timedelta(days=seed_demo.DAYS)
make_sandbox(clock_offset=end - timedelta(days=seed_demo.DAYS_BEHIND) - timezone.now())
history.begun, demo_documents.date = begun, Date
history.advance_clock = lambda by: set_clock(clock.now() + by)
with seed_demo.undelivered():
    print(json.dumps(seed_demo.seed_institution() | seed_demo.seed()))
"""
"""The demo, but its last day is that of `END` and not today."""


def files() -> Iterator[str]:
    """The names of all files, as templates name them."""
    for picture in PICTURES:
        yield from map(picture.file, picture.languages)


def take(page: Page, picture: Picture, language: str, demo: dict[str, Any]) -> int:
    """Save the visible part of a page as a small PNG with a palette; return its size in bytes."""
    page.set_viewport_size({"width": picture.width, "height": picture.height})
    address, _, link = picture.address.format(**demo).partition(" > ")
    page.goto(address)
    if link:
        page.locator(link).first.click()
    picture.prepare(page)
    page.wait_for_load_state("networkidle")
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    size = (int(picture.width * picture.scale), int(picture.height * picture.scale))
    small = image.resize(size, Image.Resampling.LANCZOS)
    file = STATIC / picture.file(language)
    file.parent.mkdir(parents=True, exist_ok=True)
    small.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    return file.stat().st_size


def choose_language(page: Page, language: str) -> None:
    page.goto("/admin/account/")
    page.select_option("#id_language", language)
    page.click(".account [type=submit]")
    page.wait_for_selector(f"html[lang={language}]")


def take_all(page: Page, demo: dict[str, Any]) -> None:
    page.goto("/admin/")
    page.fill("#id_username", demo["staffUser"])
    page.fill("#id_password", demo["staffPassword"])
    page.click("#login-form [type=submit]")
    total = 0
    for language in LANGUAGES:
        choose_language(page, language)
        for picture in PICTURES:
            if language in picture.languages:
                total += take(page, picture, language, demo)
    sys.stdout.write(f"{len(list(files()))} pictures, {total / 1000:.0f} kB\n")


def main() -> None:
    os.environ |= {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "iocash.settings"}
    django.setup()
    from playwright.sync_api import sync_playwright

    from tests.support import chromium
    from tests.support.scratch_postgres import Scratch
    from tests.support.server import Served

    with TemporaryDirectory() as name, sync_playwright() as playwright:
        os.environ["DOCUMENTS_DIR"] = str(Path(name, "documents"))
        scratch = Scratch(Path(name))
        try:
            demo = scratch.seed(SEED)
            scratch.manage("audit")
            scratch.manage("work", "--once", "--only", "expire-holds")
            with Served(scratch.address(), Path(name, "server.log")) as server:
                page = chromium.launch(playwright).new_page(
                    base_url=server.url, color_scheme="light"
                )
                take_all(page, demo)
        finally:
            scratch.remove()


if __name__ == "__main__":
    main()
