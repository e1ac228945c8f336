"""What banks say of people is erased: with their user, or by its age. The rest stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from iocash import errors
from iocash.db import clock
from tests.support import bank, bank_files, people, sandbox
from tests.support.camt import Statement, incoming, outgoing
from tests.support.constraints import refused_by
from tests.support.personal_texts import left
from users.models.events import By
from wallets import audit, erasure, posting
from wallets.bank import booking, decisions, safeguarding, uploads
from wallets.bank.statements import import_statement
from wallets.duties.erasure import EraseBankTexts
from wallets.models import (
    BankDecision,
    BankFile,
    BankLine,
    BankOutcome,
    BankPayment,
    BankReport,
    BankStatementFile,
    BankUpload,
)
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db

ALICES, BOBS = "Qxalice", "Qxbob"
TEXTS = ("name", "iban", "target", "remittance", "text")


def quoting(mark: str) -> set[str]:
    """The tables with a text of somebody, also in the content of files."""
    wanted = mark.lower(), mark.encode().hex()
    return {name for name, text in left().items() if any(each in text.lower() for each in wanted)}


def of(mark: str, **values: str) -> dict[str, str]:
    texts = {"name": f"{mark} Payer", "remittance": f"{mark} pays", "end_to_end": f"{mark}-1"}
    return texts | values


def decide(reference: str, kind: str, why: str, **values: Any) -> None:
    line = BankLine.objects.select_related("account").get(reference=reference, parent=None)
    asked = decisions.ask_for_decision(line, kind, by=By("staff:1"), reason=why, **values)
    decisions.answer_decision(asked, by=By("staff:2"), is_approved=True)


@pytest.fixture
def scene(client_demo, alices, bobs):
    """Lines about Alice and about Bob in files of the bank; Alice has paid all out, and is closed.

    Alice's payments are in a statement that staff have uploaded, in one that repeats it, in a
    report of the day, and in an answer. Bob's are in a statement of another month.
    """
    bank.an_account(client_demo)
    alices_iban, bobs_iban = bank.an_iban(alices), bank.an_iban(bobs)
    lines = (
        incoming("5.00", "R1", target=alices_iban, **of(ALICES)),
        incoming("7.00", "R2", **of(ALICES)),
        incoming("8.00", "R3", **of(ALICES)),
    )
    uploaded = Statement(lines=lines, opening="0.00", closing="20.00").xml()
    upload = uploads.store_upload(uploaded, kind="STATEMENT", name="u", by=By("staff:1"))
    uploads.release_upload(upload, sha256=upload.hash, by=By("staff:2"))
    booking.book()
    decide("R2", "ASSIGN", f"{ALICES} has called", wallet=alices)
    decide("R3", "SPLIT", f"{ALICES} and a fee", amounts=[6_00, 2_00])
    part = BankLine.objects.select_related("account", "parent").get(parent__isnull=False, part=1)
    asked = decisions.ask_for_decision(
        part, "ASSIGN", by=By("staff:1"), reason=f"{ALICES} again", wallet=alices
    )
    decisions.answer_decision(asked, by=By("staff:2"), is_approved=True)
    bank.receive(*lines, name="AGAIN", opening="0.00", closing="20.00")
    bank.receive(*lines, name="REPORT", kind="camt.052")
    theirs = incoming("9.00", "R4", target=bobs_iban, **of(BOBS))
    october: dict[str, Any] = {"name": "OCTOBER", "day": "2026-10-05"}
    import_statement(
        Statement(lines=(theirs,), **october).xml(), name="october", actor="system:tests"
    )
    answered(client_demo, alices)
    people.transfer(alices, bobs, bank.balance(alices))
    posting.submit(UnsubscribeUser(client_id=client_demo.id, by=people.BY, user_id=alices.user_id))
    return alices


def answered(client: Any, wallet: Any) -> None:
    """A cash-out of Alice's in a file, with an answer that quotes her."""
    account = bank_files.an_account(client, iban="NL85MOCK0000000009")
    members = bank_files.by_member("one"), bank_files.by_member("two")
    movement = bank_files.some_cash_outs(wallet, 1_00)[0]
    file = bank_files.send(bank_files.build(account, [movement], members[0]), members[1])
    said = bank_files.an_answer(file, payments={movement: "RJCT AC04"})
    information = f"<AddtlInf>{ALICES} is unknown</AddtlInf></StsRsnInf>".encode()
    content = said.replace(b"</StsRsnInf>", information, 1)
    upload = uploads.store_upload(content, kind="ANSWER", name="a", by=members[0])
    uploads.release_upload(upload, sha256=upload.hash, by=members[1])
    assert ALICES in BankPayment.objects.get(movement=movement).information


def erase(wallet: Any) -> None:
    erasure.erase(user_id=wallet.user_id, by=people.BY, reason="AUTHORITY_ORDER")


@pytest.mark.slow
def test_erasure_of_a_user_erases_the_texts_of_the_bank(scene):
    there = {
        *("wallets_bankline", "wallets_bankdecision", "wallets_bankoutcome"),
        *("wallets_bankpayment", "wallets_bankreport", "wallets_bankupload"),
        "wallets_bankstatementfile",
    }
    assert quoting(ALICES) >= there
    erase(scene)
    assert quoting(ALICES) == set()
    assert audit_is_right()


def audit_is_right() -> bool:
    return [finding for _, finding in audit.findings() if finding] == []


@pytest.mark.slow
def test_erasure_keeps_the_texts_of_others_and_the_audit_right(scene):
    kept = "reference", "booking_date", "amount", "sign", "account", "confirmed_by"
    before = sorted(map(str, BankLine.objects.values_list("id", *kept)))
    hashes = {*BankStatementFile.objects.values_list("sha256", "statement_count")}
    held = [(each.held, each.banked) for each in safeguarding.safeguarding_positions()]
    erase(scene)
    assert quoting(BOBS) == {"wallets_bankline", "wallets_bankstatementfile", "wallets_movement"}
    assert sorted(map(str, BankLine.objects.values_list("id", *kept))) == before
    assert {*BankStatementFile.objects.values_list("sha256", "statement_count")} == hashes
    assert [(each.held, each.banked) for each in safeguarding.safeguarding_positions()] == held


@pytest.mark.slow
def test_erased_statement_is_known_when_it_comes_again(scene, bobs):
    erase(scene)
    before = bank.states()
    lines = (incoming("5.00", "R1", **of(ALICES)), incoming("7.00", "R2", **of(ALICES)))
    bank.receive(*lines, name="LATER")
    assert bank.states() == before


@pytest.mark.slow
def test_erasure_of_lines_in_steps_erases_them_all(scene, monkeypatch):
    monkeypatch.setattr(erasure, "MOST_LINES", 1)
    erase(scene)
    assert quoting(ALICES) == set()


@pytest.mark.slow
def test_bank_texts_of_an_open_user_are_not_erased(scene, bobs):
    with connection.cursor() as cursor:
        statement = "SELECT wallets_erase_bank_texts(%s, NULL, 10)"
        assert refused_by(statement, [bobs.id]) == "user_is_erased_after_its_end"
        cursor.execute("SELECT count(*) FROM wallets_bankline WHERE name <> ''")
        assert cursor.fetchone() == (6,)


def pass_retention() -> None:
    sandbox.make()
    sandbox.set_clock(clock.now() + timedelta(days=365.25 * 10, hours=1))


@pytest.mark.slow
def test_what_banks_have_sent_is_erased_after_the_retention_period(scene):
    duty = EraseBankTexts()
    assert duty.perform_period() == 0
    pass_retention()
    assert duty.perform_period() > 0
    assert duty.perform_period() == 0
    assert BankStatementFile.objects.filter(content__isnull=False).count() == 0
    assert BankUpload.objects.filter(content__isnull=False).count() == 0
    assert BankReport.objects.filter(content__isnull=False).count() == 0
    assert BankFile.objects.filter(content__isnull=False).count() == 0
    explained = BankLine.objects.filter(outcomes__isnull=False)
    assert {*explained.values_list(*TEXTS)} == {("",) * len(TEXTS)}
    assert BankOutcome.objects.exclude(reason="").count() == 0
    (open_line,) = BankLine.objects.unexplained()
    assert open_line.name == f"{ALICES} Payer"  # a part of R3: people have to decide about it
    assert audit_is_right()


@pytest.mark.slow
def test_fresh_files_are_kept_whatever_the_retention_period(scene, settings):
    settings.BANK_FILE_YEARS = 0
    assert EraseBankTexts().perform_period() == 0


@pytest.mark.slow
def test_what_banks_have_sent_has_a_retention_period_of_its_own(scene, settings):
    sandbox.make()
    sandbox.set_clock(clock.now() + erasure.retention() + timedelta(hours=1))
    assert EraseBankTexts().perform_period() == 0
    settings.BANK_FILE_YEARS = settings.RETENTION_YEARS
    assert EraseBankTexts().perform_period() > 0
    assert audit_is_right()


def test_end_to_end_id_of_a_cash_out_stays(client_demo, alices):
    account = bank.an_account(client_demo)
    movement = bank_files.some_cash_outs(alices, 1_00)[0]
    debit = outgoing("1.00", "D1", end_to_end=movement.id.hex, name="Landlord")
    bank.receive(debit, name="D")
    line = BankLine.objects.get(account=account)
    with connection.cursor() as cursor:
        cursor.execute("SELECT wallets_blank_bank_lines(%s)", [[line.id]])
    line.refresh_from_db()
    assert (line.name, line.end_to_end) == ("", movement.id.hex)


FILE = "wallets_bankstatementfile"
CHANGES = [
    (f"UPDATE {FILE} SET content = 'x'", "bank_statement_file_is_written_once"),
    (f"UPDATE {FILE} SET name = 'x'", "bank_statement_file_is_written_once"),
    (f"UPDATE {FILE} SET content = NULL, actor = 'x'", "bank_statement_file_is_written_once"),
    (f"UPDATE {FILE} SET statement_count = 9", "bank_statement_file_is_written_once"),
    ("UPDATE wallets_bankreport SET content = 'x'", "bank_report_is_written_once"),
    ("UPDATE wallets_bankreport SET content = NULL, settled = 9", "bank_report_is_written_once"),
    ("UPDATE wallets_bankupload SET content = 'x'", "bank_upload_is_answered_once"),
    (
        "UPDATE wallets_bankupload SET content = NULL, is_released = false",
        "bank_upload_is_answered_once",
    ),
    ("UPDATE wallets_bankline SET name = 'x'", "bank_line_is_written_once"),
    ("UPDATE wallets_bankline SET iban = '', amount = 1", "bank_line_is_written_once"),
    ("UPDATE wallets_bankline SET reference = ''", "bank_line_is_written_once"),
    ("UPDATE wallets_bankoutcome SET reason = 'x'", "bank_outcome_is_written_once"),
    ("UPDATE wallets_bankoutcome SET reason = '', actor = 'x'", "bank_outcome_is_written_once"),
    ("UPDATE wallets_bankdecision SET reason = 'x'", "bank_decision_is_answered_once"),
    (
        "UPDATE wallets_bankdecision SET reason = '', answered_by = 'staff:9'",
        "bank_decision_is_answered_once",
    ),
]


@pytest.mark.slow
def test_texts_of_the_bank_are_only_erased(scene):
    assert [(statement, refused_by(statement)) for statement, _ in CHANGES] == CHANGES


@pytest.mark.slow
def test_erased_texts_do_not_come_back(scene):
    erase(scene)
    for statement, constraint in CHANGES:
        if "= 'x'" in statement and "content = NULL" not in statement:
            assert refused_by(statement) == constraint


@pytest.mark.slow
def test_decision_needs_a_reason(scene):
    decision = BankDecision(kind="IGNORE", asked_by="staff:1")
    for row in (decision, BankOutcome(status="IGNORED")):
        row.line = BankLine.objects.first()
        with pytest.raises(IntegrityError, match="has a reason"), transaction.atomic():
            row.save(force_insert=True)


def test_upload_without_its_content_is_not_released(client_demo):
    bank.an_account(client_demo)
    upload = uploads.store_upload(Statement().xml(), kind="STATEMENT", name="u", by=By("staff:1"))
    pass_retention()
    assert EraseBankTexts().perform_period() == 1
    with pytest.raises(errors.InvalidFields):
        uploads.release_upload(upload, sha256=upload.hash, by=By("staff:2"))
    uploads.refuse_upload(upload, by=By("staff:2"))


GRANTED = {
    "wallets_erase_bank_texts": "iocash_app",
    "wallets_erase_old_bank_texts": "iocash_app",
    "wallets_blank_bank_lines": "",
    "wallets_blank_bank_files_of": "",
}


@pytest.mark.parametrize("name", GRANTED)
def test_erasing_functions_are_granted_only_to_their_role(db, name):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(string_agg(grantee::regrole::text, ' ' ORDER BY 1), '')"
            " FROM pg_proc, aclexplode(proacl) WHERE proname = %s AND grantee <> proowner",
            [name],
        )
        assert cursor.fetchone() == (GRANTED[name],)
