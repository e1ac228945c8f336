"""Notes of staff: who may write and read them, where they are shown, and their erasure."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client as Browser

from tests.support import people
from tests.support.backoffice import page_of
from tests.support.notes import a_note
from tests.support.staff import OPERATOR, VIEWER, somebody
from tests.support.threads import at_once
from users.models import Note
from wallets import erasure, posting
from wallets.models import Movement, Wallet
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db

TEXT = "Called: the papers come on Monday."


def add(browser: Browser, thing: object, text: str = TEXT, key: str = "") -> int:
    address = page_of(thing).replace("change/", "action/add-note/")  # type: ignore[arg-type]
    return browser.post(address, {"key": key or str(uuid4()), "text": text}).status_code


@pytest.fixture
def movement(alices: Wallet, bobs: Wallet) -> Movement:
    return Movement.objects.get(id=people.transfer(alices, bobs, 1_00).id)


@pytest.mark.slow
def test_note_is_shown_on_its_own_page_and_on_that_of_the_user(alices, movement):
    browser = somebody(OPERATOR)
    for thing in (alices.user, alices, movement):
        assert add(browser, thing, f"On {thing._meta.model_name}.") == 302
    for thing in (alices, movement):
        page = browser.get(page_of(thing)).text
        assert f"On {thing._meta.model_name}." in page
        assert "On user." not in page
    for tab in ("notes", "timeline"):
        page = browser.get(page_of(alices.user), {"tab": tab}).text
        for name in ("user", "wallet", "movement"):
            assert f"On {name}." in page
        assert OPERATOR in page
    assert {note.user_id for note in Note.objects.all()} == {alices.user_id}


def test_form_sent_twice_writes_one_note(alices):
    browser, key = somebody(OPERATOR), str(uuid4())
    assert [add(browser, alices, key=key) for _ in range(2)] == [302, 302]
    assert Note.objects.count() == 1


def test_form_sent_again_with_another_text_is_refused(alices):
    browser, key = somebody(OPERATOR), str(uuid4())
    assert [add(browser, alices, text, key) for text in (TEXT, "Another.")] == [302, 200]
    assert Note.objects.get().text == TEXT


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_forms_sent_at_the_same_time_write_one_note(alices):
    browser, key = somebody(OPERATOR), str(uuid4())
    at_once(*[lambda: add(browser, alices, key=key)] * 4)
    assert Note.objects.count() == 1


@pytest.mark.parametrize("text", ["", "   ", "x" * 2_001])
def test_wrong_text_is_reported_and_kept_in_the_form(text, alices):
    browser = somebody(OPERATOR)
    assert add(browser, alices, text) == 200
    assert Note.objects.count() == 0


def test_viewer_reads_notes_but_writes_none(alices):
    a_note(alices, TEXT)
    browser = somebody(VIEWER)
    assert TEXT in browser.get(page_of(alices.user), {"tab": "notes"}).text
    assert "add-note" not in browser.get(page_of(alices.user), {"tab": "notes"}).text
    assert add(browser, alices) == 403
    assert Note.objects.count() == 1


def test_note_escapes_html(alices):
    a_note(alices, "<script>alert(1)</script>\nSecond line")
    page = somebody(VIEWER).get(page_of(alices.user), {"tab": "notes"}).text
    assert "&lt;script&gt;" in page
    assert "<br>Second line" in page


def test_notes_are_erased_with_their_user_only(alices, bobs, movement):
    for thing in (alices.user, alices, movement, bobs):
        a_note(thing, TEXT)
    people.transfer(alices, bobs, 99_00)
    about = {"client_id": alices.client_id, "by": people.BY, "user_id": alices.user_id}
    posting.submit(UnsubscribeUser(**about))
    user = erasure.erase(user_id=alices.user_id, by=people.BY, reason="OTHER")
    assert [note.user_id for note in Note.objects.all()] == [bobs.user_id]
    browser = somebody(OPERATOR)
    assert "add-note" not in browser.get(page_of(user)).text
    assert add(browser, user) == 200
    assert [note.user_id for note in Note.objects.all()] == [bobs.user_id]
