"""What a request made goes with its answer: nothing of it is left to the garbage collector."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.base import BaseHandler
from django.test import RequestFactory

from iocash.http import parsing
from tests.support import people
from tests.support.people import to
from users import demo_documents, kyc
from wallets.books.rows import Leg
from wallets.models import Movement, Wallet

pytestmark = pytest.mark.django_db

Left = Callable[..., list[Any]]


@pytest.fixture
def left(client_demo: Any) -> Iterator[Left]:
    """What of ours is left in circles by a call; the tests' own client would leave some too."""
    handler, secret = BaseHandler(), people.a_key(client_demo)
    handler.load_middleware()

    def call(path: str, body: Any = None) -> None:
        request = RequestFactory().generic(
            "POST" if body else "GET",
            f"/api/v1/{path}",
            json.dumps(body) if body else "",
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )
        handler.get_response(request)

    def after(path: str, body: Any = None) -> list[Any]:
        call(path, body)
        gc.freeze()  # what was there before is not looked at again
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        call(path, body)
        gc.collect()
        ours = parsing.Request | Leg | Movement
        return [each for each in gc.garbage if isinstance(each, ours)]

    yield after
    gc.unfreeze()
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def test_transfer_leaves_no_reference_cycles(bobs, path, left):
    assert not left(path, to(bobs, "1.00"))
    assert Movement.objects.filter(wallet=bobs).count() == 2


def test_batch_leaves_no_reference_cycles(bobs, path, left):
    assert not left(f"{path}/batch", {"movements": [to(bobs, "1.00"), to(bobs, "2.00")]})
    assert Movement.objects.filter(wallet=bobs).count() == 4


def operation(alices: Wallet, bobs: Wallet, amount: str) -> dict[str, Any]:
    ids = {"sourceWalletId": str(alices.id), "targetWalletId": str(bobs.id)}
    return {"transfers": [{"amount": amount, **ids}] * 2}


def test_operation_leaves_no_reference_cycles(alices, bobs, left):
    for amount in ("1.00", "1000.00"):
        assert not left("operations", operation(alices, bobs, amount))
    assert Movement.objects.filter(wallet=bobs).count() == 4


@pytest.mark.django_db(transaction=True)
def test_dry_run_leaves_no_reference_cycles(alices, bobs, path, left):
    for amount in ("1.00", "1000.00"):
        assert not left(f"{path}?dryRun=true", to(bobs, amount))
        assert not left("operations?dryRun=true", operation(alices, bobs, amount))
    assert not Movement.objects.filter(wallet=bobs).exists()


def test_refused_transfer_leaves_no_reference_cycles(bobs, path, left):
    assert not left(path, to(bobs, "1000.00"))


@pytest.mark.django_db(transaction=True)
def test_transfer_refused_in_a_group_leaves_no_reference_cycles(bobs, path, left):
    assert not left(path, to(bobs, "1000.00"))


def test_refused_batch_leaves_no_reference_cycles(bobs, path, left):
    assert not left(f"{path}/batch", {"movements": [to(bobs, "1000.00")]})


def test_invalid_fields_leave_no_reference_cycles(path, left):
    assert not left(path, {"type": "TRANSFER"})


def test_page_leaves_no_reference_cycles(alices, bobs, path, left):
    people.transfer(alices, bobs, 1_00)
    assert not left(path)


def test_document_leaves_no_reference_cycles(alice, left):
    demo_documents.send_samples(alice, frozenset({kyc.Kind.DOCUMENT_INCOME_TAX}), people.BY)
    assert not left(f"users/{alice.id}/documents/income-tax")
