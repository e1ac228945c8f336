"""Imports, files and erasure lock in one order: bank accounts, files, wallets. Nobody deadlocks."""

from __future__ import annotations

from functools import partial
from threading import Event

import pytest
from django.db import transaction

from tests.support import bank, bank_files, threads
from tests.support.camt import Statement, incoming
from users.models.events import By
from wallets.bank import files, uploads
from wallets.models import BankAccount, BankFile, BankUpload

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.slow
def test_approval_of_a_file_waits_for_its_account_first(client_demo, alices):
    """Erasure holds the accounts, as an import does, and then locks the file."""
    file = bank_files.a_file(alices)
    approve = partial(bank_files.approve, file, bank_files.by_member("third"))
    holds, goes_on = Event(), Event()

    def lock_as_erasure() -> bool:
        with transaction.atomic():
            list(BankAccount.objects.order_by("id").select_for_update(no_key=True))
            holds.set()
            assert goes_on.wait(threads.PATIENCE)
            return files.locked(file.id).is_built

    eraser = threads.Caller(lock_as_erasure)
    assert holds.wait(threads.PATIENCE)
    approver = threads.Caller(approve)
    threads.wait_until_blocked()
    goes_on.set()
    assert eraser.answer is True
    assert approver.answer.state == BankFile.State.APPROVED


def release_during_erasure(upload: BankUpload, by: By) -> None:
    """Release a file while erasure holds the accounts, and then wants the files."""
    release = partial(uploads.release_upload, upload, sha256=upload.hash, by=by)
    holds, goes_on = Event(), Event()

    def lock_as_erasure() -> bool:
        with transaction.atomic():
            list(BankAccount.objects.order_by("id").select_for_update(no_key=True))
            holds.set()
            assert goes_on.wait(threads.PATIENCE)
            return BankUpload.objects.locked().get(id=upload.id).answered_at is None

    eraser = threads.Caller(lock_as_erasure)
    assert holds.wait(threads.PATIENCE)
    releaser = threads.Caller(release)
    threads.wait_until_blocked()
    goes_on.set()
    assert eraser.answer is True
    assert releaser.answer.upload.is_released is True


@pytest.mark.slow
def test_release_of_a_statement_waits_for_its_accounts_first(client_demo):
    bank.an_account(client_demo)
    first, second = bank_files.two_members()
    content = Statement(lines=(incoming("2.00", "R1"),), opening="0.00", closing="2.00").xml()
    upload = uploads.store_upload(content, kind="STATEMENT", name="x.xml", by=first)
    release_during_erasure(upload, second)
