"""Imports, files and erasure lock in one order: bank accounts, files, wallets. Nobody deadlocks."""

from __future__ import annotations

from functools import partial
from threading import Event

import pytest
from django.db import transaction

from tests.support import bank_files, threads
from wallets.bank import files
from wallets.models import BankAccount, BankFile

pytestmark = pytest.mark.django_db(transaction=True)


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
