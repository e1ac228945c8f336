"""How many of our files a request enters; the numbers are only lowered (decision 13), but for
what counts requests (decision 27)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType

import pytest

from iocash.settings import BASE_DIR
from tests.support import people
from tests.support.people import Api
from wallets.models import Wallet

pytestmark = pytest.mark.django_db


def entered(call: Callable[[], object]) -> set[str]:
    """The product files whose code runs during a call."""
    codes: set[CodeType] = set()

    def note(frame: FrameType, event: str, arg: object) -> None:
        codes.add(frame.f_code)

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    product = {BASE_DIR / name for name in ("iocash", "users", "wallets")}
    return {
        code.co_filename.removeprefix(f"{BASE_DIR}/")
        for code in codes
        if any(code.co_filename.startswith(f"{path}/") for path in product)
    }


def test_transfer_enters_few_files(api: Api, alices: Wallet, bobs: Wallet):
    path = f"wallets/{alices.id}/movements"
    assert api.post(path, people.to(bobs)).status == 201  # what is loaded once, is
    files = entered(lambda: api.post(path, people.to(bobs)))
    assert len(files) <= 51, sorted(files)


def test_get_of_a_wallet_enters_few_files(api: Api, alices: Wallet):
    path = f"wallets/{alices.id}"
    assert api.get(path).status == 200
    files = entered(lambda: api.get(path))
    assert len(files) <= 35, sorted(files)
