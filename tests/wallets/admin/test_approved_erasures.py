"""Approved erasures: interrupted, failing, and at the same time as the duty."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.urls import reverse

from tests.support import people, staff, threads
from tests.support.approval_pages import decide_on_page
from tests.support.approvals import approve, ask, seen_now
from tests.support.payments_out import words_of
from users import users
from users.approvals.deciding import approve_request
from users.models import User
from wallets import erasure, posting
from wallets.admin.approvals.customers import EraseUserAction, ask_to_erase
from wallets.duties import erasure as duties
from wallets.duties.erasure import EraseUsers
from wallets.orders.users import UnsubscribeUser


@pytest.fixture
def gone(alice: User) -> User:
    about: dict[str, Any] = {"client_id": alice.client_id, "by": people.BY}
    posting.submit(UnsubscribeUser(**about, user_id=alice.id))
    alice.refresh_from_db()
    return alice


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(user: User) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(erasure, "erase_files", broken)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.usefixtures("full_disk")
def test_interrupted_erasure_is_not_shown_as_done(asker, second, gone):
    asked = ask(ask_to_erase(gone, {"reason": "USER_REQUEST"}), asker)
    page = words_of(decide_on_page(staff.browser_of(second), asked))
    assert "Approved, but not finished yet" in page
    assert "Approved and done" not in page


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.usefixtures("full_disk")
def test_interrupted_erasure_of_many_is_listed_as_not_done(asker, second, gone):
    asked = ask(ask_to_erase(gone, {"reason": "USER_REQUEST"}), asker)
    item = f"{asked.pk}:{seen_now(asked)}"
    browser = staff.browser_of(second)
    page = words_of(browser.post(reverse("admin:approvals-decide"), {"item": [item]}))
    assert "0 requests approved and done" in page
    assert "Approved, but not finished yet" in page


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_failing_approved_erasure_is_approved_and_does_not_stop_the_duty(
    asker, second, gone, monkeypatch
):
    asked = ask(ask_to_erase(gone, {"reason": "USER_REQUEST"}), asker)
    seen = []

    def broken(user: User) -> None:
        raise OSError("no space left")

    def looking(due: Any) -> Any:
        seen.append(due)
        return due

    with monkeypatch.context() as patched:
        patched.setattr(erasure, "erase_files", broken)
        patched.setattr(erasure, "in_no_open_case", looking)
        assert approve(asked, second).state == "APPROVED"
        with pytest.raises(OSError, match="no space left"):
            EraseUsers().perform_period()
    assert seen
    EraseUsers().perform_period()
    gone.refresh_from_db()
    assert gone.erased_at


@pytest.mark.slow
@pytest.mark.django_db
def test_approved_erasure_that_always_fails_keeps_no_other_waiting(
    asker, second, gone, bob, monkeypatch
):
    """A batch is one request. That about Alice is the older one."""
    remove, fails = erasure.erase_files, {gone.id, bob.id}

    def broken(user: User) -> None:
        if user.id in fails:
            raise OSError("no space left")
        remove(user)

    monkeypatch.setattr(erasure, "erase_files", broken)
    monkeypatch.setattr(duties, "BATCH", 1)
    posting.submit(UnsubscribeUser(client_id=bob.client_id, by=people.BY, user_id=bob.id))
    for user in (gone, bob):
        assert approve(
            ask(ask_to_erase(user, {"reason": "USER_REQUEST"}), asker), second
        ).is_unfinished
    fails.remove(bob.id)
    for _ in range(100):
        with suppress(OSError):
            EraseUsers().perform_period()
        bob.refresh_from_db()
        if bob.erased_at:
            break
    assert bob.erased_at
    assert erasure.approved_and_due().get().user_id == gone.id


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_approval_and_erasure_lock_in_one_order(asker, second, gone, monkeypatch):
    """The approval has locked its row and waits for the user; the erasure waits for the row."""
    asked = ask(ask_to_erase(gone, {"reason": "USER_REQUEST"}), asker)
    seen, lock, locked_user = seen_now(asked), EraseUserAction.lock, users.locked_user
    is_approving, is_erasing = threading.Event(), threading.Event()

    def slow_lock(self: EraseUserAction, which: Any) -> None:
        is_approving.set()
        is_erasing.wait(1)
        lock(self, which)

    def slow_user(*values: Any) -> User:
        found = locked_user(*values)
        is_erasing.set()
        is_approving.wait(1)
        return found

    monkeypatch.setattr(EraseUserAction, "lock", slow_lock)
    monkeypatch.setattr(erasure, "locked_user", slow_user)
    erase = partial(erasure.erase, user_id=gone.id, by=people.BY, reason="USER_REQUEST")
    answers = threads.at_once(partial(approve_request, asked.id, by=second, seen=seen), erase)
    assert not any("eadlock" in repr(each) for each in answers), answers
    gone.refresh_from_db()
    assert gone.erased_at
