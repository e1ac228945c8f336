"""Files that staff upload: nothing is booked before a second person has released them."""

from __future__ import annotations

import threading

import pytest
from django.db import IntegrityError, connection, connections, transaction

from iocash import errors
from tests.support import audited, bank, bank_files
from tests.support.camt import Statement, incoming
from users.models.events import By
from wallets.bank import answers, booking, importing, previews, uploads
from wallets.bank.messages.xml import Unreadable
from wallets.models import (
    BankLine,
    BankReport,
    BankStatementFile,
    BankUpload,
    Movement,
)

pytestmark = pytest.mark.django_db
ONE, OTHER = By("staff:1"), By("staff:2")


@pytest.fixture
def iban(client_demo, bobs):
    bank.an_account(client_demo)
    return bank.an_iban(bobs)


@pytest.fixture
def upload(iban):
    content = Statement(
        lines=(incoming("5.00", "R1", target=iban), incoming("2.00", "R2")),
        opening="0.00",
        closing="7.00",
    ).xml()
    return uploads.store_upload(content, kind="STATEMENT", name="forged.xml", by=ONE)


@pytest.fixture
def file(client_demo, alices):
    """A file with two cash-outs of 10.00 and 20.00 EUR, sent to the bank."""
    members = bank_files.two_members()
    cash_outs = bank_files.some_cash_outs(alices, 10_00, 20_00)
    built = bank_files.build(bank_files.an_account(client_demo), cash_outs, members[0])
    return bank_files.send(built, members[1])


def release(upload: BankUpload, by: By = OTHER) -> uploads.Released:
    return uploads.release_upload(upload, sha256=upload.hash, by=by)


def test_uploaded_statement_books_nothing(upload, bobs):
    booking.book()
    booking.retry()
    assert not BankStatementFile.objects.exists()
    assert not BankLine.objects.exists()
    assert bank.balance(bobs) == 0


def test_second_person_releases_it(upload, bobs):
    released = release(upload)
    assert released.stored
    assert released.stored.file.upload == upload
    assert released.stored.file.actor == "staff:2"
    booking.book()
    assert bank.balance(bobs) == 5_00


def test_uploader_can_not_release_it(upload):
    with pytest.raises(errors.InvalidFields):
        release(upload, ONE)
    with pytest.raises(errors.InvalidFields):
        uploads.refuse_upload(upload, by=ONE)
    assert not BankStatementFile.objects.exists()


def test_other_hash_is_not_released(upload):
    with pytest.raises(errors.InvalidFields):
        uploads.release_upload(upload, sha256="0" * 64, by=OTHER)
    assert BankUpload.objects.waiting().count() == 1


def test_refused_file_is_never_imported(upload):
    uploads.refuse_upload(upload, by=OTHER)
    with pytest.raises(errors.InvalidFields):
        release(upload, By("staff:3"))
    assert not BankStatementFile.objects.exists()


def test_released_file_is_imported_once(upload, bobs):
    release(upload)
    with pytest.raises(errors.InvalidFields):
        release(upload, By("staff:3"))
    booking.book()
    assert bank.balance(bobs) == 5_00


def test_same_file_waits_once(upload):
    with pytest.raises(errors.InvalidFields):
        uploads.store_upload(bytes(upload.content), kind="STATEMENT", name="a", by=OTHER)


@pytest.mark.parametrize("actor", ["staff:1", "system:clock", "key:1", ""])
def test_database_requires_another_member_of_staff(upload, actor):
    with pytest.raises(IntegrityError), transaction.atomic():
        BankUpload.objects.filter(id=upload.id).update(
            is_released=True, answered_by=actor, answered_at="2026-11-27T10:00:00Z"
        )


@pytest.mark.parametrize("values", [{"content": b"x"}, {"uploaded_by": "staff:3"}, {"name": "b"}])
def test_database_keeps_an_upload_as_it_was_received(upload, values):
    with pytest.raises(IntegrityError), transaction.atomic():
        BankUpload.objects.filter(id=upload.id).update(**values)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM wallets_bankupload")


def test_database_refuses_files_of_staff_without_release(upload, iban):
    content = bytes(upload.content)
    for values in ({}, {"upload": upload}):
        with pytest.raises(IntegrityError), transaction.atomic():
            importing.store_file(content, name="a", actor="staff:2", **values)
    release(upload)
    other = Statement(name="OTHER").xml()
    with pytest.raises(IntegrityError), transaction.atomic():
        importing.store_file(other, name="a", actor="staff:2", upload=upload)


@pytest.mark.spoils_the_books
def test_audit_finds_a_file_that_only_one_person_has_seen(upload):
    assert audited.wrong() == []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE wallets_bankstatementfile DISABLE TRIGGER USER")
    importing.store_file(bytes(upload.content), name="a", actor="staff:2", upload=upload)
    assert audited.violated() == {"bank_uploads"}


@pytest.mark.spoils_the_books
def test_audit_finds_a_line_of_another_account_than_its_statement(upload, client_demo):
    release(upload)
    booking.book()
    other = bank.an_account(client_demo, iban="DE02120300000000202051")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_bankline DISABLE TRIGGER USER")
        for name in ("has_its_statements_account", "is_confirmed_by_its_account"):
            cursor.execute(f"ALTER TABLE wallets_bankline DROP CONSTRAINT bank_line_{name}")
        cursor.execute("UPDATE wallets_bankline SET account_id = %s", [other.id])
    assert "bank_statement_lines" in audited.violated()


def test_unreadable_file_is_refused_at_once(iban):
    with pytest.raises(Unreadable):
        uploads.store_upload(b"<a/>", kind="STATEMENT", name="a", by=ONE)
    with pytest.raises(Unreadable):
        uploads.store_upload(b"<a/>", kind="ANSWER", name="a", by=ONE)
    assert not BankUpload.objects.exists()


def test_preview_shows_the_effects_of_a_statement(upload, bobs):
    preview = previews.preview_statements(bytes(upload.content))
    assert preview.effects.sums == {("cash-in", "EUR"): 5_00, ("suspense", "EUR"): 2_00}
    assert preview.effects.credited == {(bobs.id, "EUR"): 5_00}
    assert {effect: len(lines) for effect, lines in preview.effects.lines.items()} == {
        "cash-in": 1,
        "suspense": 1,
    }
    assert not BankLine.objects.exists()


def test_answer_waits_and_then_ends_cash_outs(file, alices):
    before = bank.balance(alices)
    content = bank_files.an_answer(file, group="RJCT AC04")
    upload = uploads.store_upload(content, kind="ANSWER", name="a.xml", by=ONE)
    preview = previews.preview_answer(content)
    assert preview.effects.sums == {("reject", "EUR"): 30_00}
    assert not BankReport.objects.exists()
    member = bank_files.by_member("releaser")
    assert release(upload, member).answered
    report = BankReport.objects.get()
    assert (bytes(report.content or b""), report.upload, report.actor) == (
        content,
        upload,
        member.actor,
    )
    assert {each.status for each in Movement.objects.filter(type="CASH_OUT")} == {"ERROR"}
    assert bank.balance(alices) == before


def test_answer_of_staff_needs_its_release(file):
    content = bank_files.an_answer(file, group="ACSC")
    with pytest.raises(IntegrityError), transaction.atomic():
        answers.import_status(content=content, by=OTHER)
    assert {each.status for each in Movement.objects.filter(type="CASH_OUT")} == {"PENDING"}


def test_answer_of_no_file_goes_on_waiting(file):
    content = bank_files.an_answer(file, group="ACSC", original_id="0" * 32)
    upload = uploads.store_upload(content, kind="ANSWER", name="a.xml", by=ONE)
    with pytest.raises(errors.InvalidFields):
        release(upload)
    assert BankUpload.objects.waiting().get() == upload


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_release_a_file_once(upload, bobs):
    ready, found = threading.Barrier(2), []

    def run(member: str) -> None:
        ready.wait()
        try:
            release(upload, By(member))
            found.append("released")
        except errors.InvalidFields:
            found.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[f"staff:{each}"]) for each in (2, 3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(found) == ["refused", "released"]
    booking.book()
    assert bank.balance(bobs) == 5_00


def test_killed_release_leaves_the_file_waiting(upload, bobs, monkeypatch):
    def die(*args: object, **values: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importing, "confirm_lines", die)
    with pytest.raises(KeyboardInterrupt):
        release(upload)
    monkeypatch.undo()
    assert BankUpload.objects.waiting().get() == upload
    assert not BankLine.objects.exists()
    release(upload)
    booking.book()
    assert bank.balance(bobs) == 5_00
