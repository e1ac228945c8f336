"""Take the pictures of the README: `.venv/bin/python -m tests.pictures` (needs chromium).

A server with the demo runs on a database of its own. Look at the pictures before you commit them.
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import django
from PIL import Image
from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).resolve().parent.parent / "iocash" / "static" / "iocash"
WIDTH, SCALE = 1280, 0.75


def save(page: Page, name: str, height: int) -> None:
    """Save the visible part of a page as a small PNG with a palette, 960 pixels wide."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    small = image.resize((int(WIDTH * SCALE), int(height * SCALE)), Image.Resampling.LANCZOS)
    small.quantize(128, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)


def main() -> None:
    os.environ |= {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "tests.settings"}
    django.setup()
    from tests.support import chromium
    from tests.support.scratch_postgres import Scratch
    from tests.support.server import Served

    with TemporaryDirectory() as name, sync_playwright() as playwright:
        scratch = Scratch(Path(name))
        try:
            demo = scratch.seed(with_history=True)
            scratch.manage("audit")
            with Served(scratch.address(), Path(name, "server.log")) as server:
                page = chromium.launch(playwright).new_page(
                    base_url=f"http://127.0.0.1:{server.port}", color_scheme="light"
                )
                page.goto("/admin/")
                page.fill("#id_username", demo["staffUser"])
                page.fill("#id_password", demo["staffPassword"])
                page.click("text=Log in")
                save(page, "back-office.png", 860)
                page.goto(f"/api/v1/wallets/{demo['aliceWalletId']}")
                save(page, "browsable-api.png", 800)
        finally:
            scratch.remove()


if __name__ == "__main__":
    main()
