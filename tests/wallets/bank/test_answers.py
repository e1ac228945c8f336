"""Answers of the bank: what pain.002 does to cash-outs, to payments and to files."""

from __future__ import annotations

import pytest

from tests.support import bank_files, people
from tests.support.bank_files import an_answer, build, payment_of, say, send, some_cash_outs, states
from tests.support.cash_outs import end, money_of
from wallets.bank import answers
from wallets.bank.answers import Imported
from wallets.bank.messages.xml import Unreadable
from wallets.models import BankFile, BankReport
from wallets.orders.bank_files import SettleByBank

pytestmark = pytest.mark.django_db


@pytest.fixture
def members(db):
    return bank_files.two_members()


@pytest.fixture
def cash_outs(alices):
    return some_cash_outs(alices, 10_00, 20_00, 30_00)


@pytest.fixture
def built(client_demo, members, cash_outs):
    return build(bank_files.an_account(client_demo), cash_outs, members[0])


@pytest.fixture
def file(built, members):
    """A file with three cash-outs, sent to the bank."""
    return send(built, members[1])


def say_of(file: BankFile, level: str, status: str) -> Imported:
    """Import what the bank says of a whole file, or of its only batch."""
    return say(file, group=status) if level == "group" else say(file, batch=status)


@pytest.mark.slow
@pytest.mark.parametrize("code", ["ACTC", "ACCP", "ACSP", "ACWC"])
def test_accepted_file_settles_nothing(file, cash_outs, code):
    say(file, group=code)
    file.refresh_from_db()
    assert file.state == "ACCEPTED"
    assert states(cash_outs) == ["SENT"] * 3
    assert payment_of(cash_outs[0]).status == code


@pytest.mark.slow
@pytest.mark.parametrize("code", ["RCVD", "PDNG", "RCVC"])
def test_received_file_stays_sent(file, cash_outs, code):
    say(file, group=code)
    file.refresh_from_db()
    assert file.state == "SENT"
    assert states(cash_outs) == ["SENT"] * 3


@pytest.mark.slow
@pytest.mark.parametrize("level", ["group", "batch"])
def test_rejected_file_or_batch_rejects_all_cash_outs(file, cash_outs, alices, level):
    say_of(file, level, "RJCT AC04")
    file.refresh_from_db()
    assert file.state == "REJECTED"
    assert states(cash_outs) == ["ERROR"] * 3
    assert cash_outs[0].reason == "AC04: The account is closed."
    assert payment_of(cash_outs[0]).reason_code == "AC04"
    assert money_of(alices) == (100_00, 0)


@pytest.mark.slow
def test_rejected_payment_rejects_its_cash_out_only(file, cash_outs, alices):
    say(file, group="PART", payments={cash_outs[0]: "RJCT RC01", cash_outs[1]: "ACCP"})
    file.refresh_from_db()
    assert file.state == "PARTIALLY_ACCEPTED"
    assert states(cash_outs) == ["ERROR", "SENT", "SENT"]
    assert money_of(alices) == (100_00, 50_00)


@pytest.mark.slow
@pytest.mark.parametrize("level", ["group", "batch"])
def test_settled_file_or_batch_settles_all_cash_outs(file, cash_outs, alices, level):
    found = say_of(file, level, "ACSC")
    assert found.report.settled == 3
    assert {*found.user_ids} == {alices.user_id}
    assert states(cash_outs) == ["SUCCESS"] * 3
    assert money_of(alices) == (40_00, 0)


@pytest.mark.slow
def test_settled_payment_settles_its_cash_out_only(file, cash_outs):
    say(file, payments={cash_outs[1]: "ACSC"})
    assert states(cash_outs) == ["SENT", "SUCCESS", "SENT"]


@pytest.mark.slow
def test_same_answer_changes_nothing(file, cash_outs, alices):
    first = say(file, group="PART", payments={cash_outs[0]: "RJCT AC04", cash_outs[1]: "ACSC"})
    again = say(file, group="PART", payments={cash_outs[0]: "RJCT AC04", cash_outs[1]: "ACSC"})
    assert (first.is_new, again.is_new, again.report) == (True, False, first.report)
    assert states(cash_outs) == ["ERROR", "SUCCESS", "SENT"]
    assert money_of(alices) == (80_00, 30_00)


@pytest.mark.slow
def test_repeated_status_in_another_answer_is_no_contradiction(file, cash_outs):
    say(file, payments={cash_outs[0]: "RJCT AC04", cash_outs[1]: "ACSC"})
    found = say(
        file, payments={cash_outs[0]: "RJCT AC04", cash_outs[1]: "ACSC"}, message_id="ANSWER-2"
    )
    assert (found.report.conflicts, found.report.settled, found.report.rejected) == (0, 1, 1)


@pytest.mark.slow
def test_late_progress_does_not_replace_an_end(file, cash_outs):
    say(file, payments={cash_outs[0]: "ACSC"})
    say(file, group="ACCP", message_id="ANSWER-2")
    assert payment_of(cash_outs[0]).status == "ACSC"


@pytest.mark.slow
def test_cash_out_that_a_statement_settled_is_no_contradiction(file, cash_outs):
    end(SettleByBank, cash_outs[0])
    assert say(file, payments={cash_outs[0]: "ACSC"}).report.conflicts == 0


def test_rejection_of_a_settled_cash_out_is_a_contradiction(file, cash_outs, alices):
    say(file, payments={cash_outs[0]: "ACSC"})
    found = say(file, payments={cash_outs[0]: "RJCT AC04"}, message_id="ANSWER-2")
    assert found.report.conflicts == 1
    assert payment_of(cash_outs[0]).conflict == "RJCT AC04"
    assert payment_of(cash_outs[0]).status == "ACSC"
    assert states(cash_outs)[0] == "SUCCESS"
    assert money_of(alices) == (90_00, 50_00)


@pytest.mark.slow
def test_settlement_of_a_rejected_cash_out_is_a_contradiction(file, cash_outs, alices):
    say(file, group="RJCT AC04")
    assert say(file, group="ACSC", message_id="ANSWER-2").report.conflicts == 3
    file.refresh_from_db()
    assert file.state == "REJECTED"
    assert (payment_of(cash_outs[0]).status, payment_of(cash_outs[0]).conflict) == ("RJCT", "ACSC")
    assert money_of(alices) == (100_00, 0)


@pytest.mark.slow
@pytest.mark.parametrize("level", ["group", "batch"])
@pytest.mark.parametrize("code", ["AM05", "DU01", "DUPL"])
def test_duplicate_is_not_rejected(file, cash_outs, level, code):
    """The bank may have accepted the first of the two."""
    found = say_of(file, level, f"RJCT {code}")
    assert found.report.conflicts == 3
    assert states(cash_outs) == ["SENT"] * 3
    assert payment_of(cash_outs[0]).conflict == "duplicate"
    say(file, group="ACSC", message_id="ANSWER-2")
    assert states(cash_outs) == ["SUCCESS"] * 3
    assert payment_of(cash_outs[0]).conflict == ""


@pytest.mark.slow
def test_result_of_the_verification_of_the_payee_is_stored(file, cash_outs):
    say(file, group="RVCM", payments={cash_outs[0]: "RVNM", cash_outs[1]: "RCVC"})
    assert [payment_of(each).verification for each in cash_outs] == ["RVNM", "RCVC", "RVCM"]
    say(file, payments={cash_outs[0]: "RJCT BE01"}, message_id="ANSWER-2")
    assert payment_of(cash_outs[0]).verification == "RVNM"
    assert states(cash_outs) == ["ERROR", "SENT", "SENT"]


@pytest.mark.slow
def test_answer_to_a_file_that_was_never_sent_is_refused(built, cash_outs, members):
    with pytest.raises(Unreadable):
        say(built, group="RJCT AC04")
    bank_files.approve(built, members[1])
    with pytest.raises(Unreadable):
        say(built, group="RJCT AC04")
    assert states(cash_outs) == ["SENT"] * 3


@pytest.mark.slow
def test_answer_to_an_unknown_file_is_refused(file):
    with pytest.raises(Unreadable):
        say(file, group="ACCP", original_id="OTHER")


@pytest.mark.slow
def test_answer_about_other_payments_is_refused(file, cash_outs, bobs):
    people.cash_in(bobs, 5_00)
    [other] = some_cash_outs(bobs, 5_00)
    with pytest.raises(Unreadable):
        say(file, payments={cash_outs[0]: "RJCT AC04", other: "RJCT AC04"})
    assert states([*cash_outs, other]) == ["SENT", "SENT", "SENT", "QUEUED"]


@pytest.mark.slow
def test_answer_with_another_amount_is_refused(file, cash_outs):
    with pytest.raises(Unreadable):
        say(file, payments={cash_outs[0]: "ACSC"}, amounts={cash_outs[0]: 10_01})
    say(file, payments={cash_outs[0]: "ACSC"}, amounts={cash_outs[0]: 10_00})
    assert states(cash_outs) == ["SUCCESS", "SENT", "SENT"]


def test_answer_with_another_number_of_payments_is_refused(file):
    with pytest.raises(Unreadable):
        say(file, group="ACCP", count=4)
    assert say(file, group="ACCP", count=3).is_new


def test_refused_answer_is_not_stored(file):
    with pytest.raises(Unreadable):
        answers.import_status(content=an_answer(file, group="WHAT"), by=people.BY)
    assert not BankReport.objects.exists()
