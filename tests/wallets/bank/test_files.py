"""Files for the bank: building, approving, discarding, taking."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import uuid4

import pytest
from lxml import etree

from iocash import errors
from iocash.db import clock
from tests.support import bank, bank_files, people
from tests.support.bank_files import approve, build, some_cash_outs, states
from tests.support.cash_outs import end
from wallets import posting
from wallets.bank import files
from wallets.models import BankFile, Wallet
from wallets.orders.cash_outs import CancelCashOut, MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.orders.users import BlockUser

pytestmark = pytest.mark.django_db

BY_HAND = [
    (CancelCashOut, {}),
    (MarkCashOutSent, {}),
    (SettleCashOut, {}),
    (RejectCashOut, {"reason": "Closed"}),
]


@pytest.fixture
def members(db):
    return bank_files.two_members()


@pytest.fixture
def account(client_demo):
    return bank_files.an_account(client_demo)


@pytest.fixture
def cash_outs(alices):
    return some_cash_outs(alices, 10_00, 20_00, 30_00)


def block_owner(wallet: Wallet) -> None:
    order = BlockUser(
        client_id=wallet.client_id, by=people.BY, user_id=wallet.user_id, reason="OTHER"
    )
    posting.submit(order)


def test_file_has_the_selected_cash_outs_with_their_sum(account, members, cash_outs):
    file = build(account, cash_outs, members[0])
    assert (file.count, file.control_sum, file.state) == (3, 60_00, "BUILT")
    assert file.message_id == file.id.hex
    assert states(cash_outs) == ["IN A FILE"] * 3


def test_content_names_each_cash_out_by_its_id(account, members, cash_outs):
    file = build(account, cash_outs, members[0])
    found = etree.fromstring(bank_files.content_of(file)).iter("{*}EndToEndId")
    assert [each.text for each in found] == [each.id.hex for each in cash_outs]
    assert hashlib.sha256(bank_files.content_of(file)).hexdigest() == file.hash


def test_payee_without_a_holder_name_is_the_user(account, members, cash_outs):
    file = build(account, cash_outs[:1], members[0])
    names = [
        each.text
        for each in etree.fromstring(bank_files.content_of(file)).iterfind(".//{*}Cdtr/{*}Nm")
    ]
    assert names == [cash_outs[0].wallet.user.display_name]


def test_same_form_builds_one_file(account, members, cash_outs):
    file_id = uuid4()
    first = build(account, cash_outs, members[0], file_id=file_id)
    assert build(account, cash_outs, members[0], file_id=file_id) == first
    assert BankFile.objects.count() == 1


def test_cash_out_in_a_file_is_in_no_other(account, members, cash_outs):
    build(account, cash_outs[:2], members[0])
    built = files.build_file(
        file_id=uuid4(),
        account=account,
        ids=[each.id for each in cash_outs],
        execution_date=clock.today(),
        by=members[0],
    )
    assert built.file.count == 1
    assert [code for _, code in built.left_out] == ["cash_out_in_file"] * 2


def test_file_without_payments_is_not_built(account, members, cash_outs):
    build(account, cash_outs, members[0])
    with pytest.raises(errors.InvalidFields):
        build(account, cash_outs, members[0])
    assert BankFile.objects.count() == 1


def test_cash_outs_of_other_clients_are_left_out(members, cash_outs):
    with pytest.raises(errors.InvalidFields):
        build(bank_files.an_account(), cash_outs, members[0])
    assert states(cash_outs) == ["QUEUED"] * 3


def test_cash_outs_of_blocked_users_are_left_out(account, members, cash_outs, alices):
    block_owner(alices)
    with pytest.raises(errors.InvalidFields):
        build(account, cash_outs, members[0])


def test_file_is_not_built_for_a_past_day(account, members, cash_outs):
    with pytest.raises(errors.InvalidFields):
        build(account, cash_outs, members[0], execution_date=clock.today() - timedelta(days=1))


def test_closed_account_builds_no_file(account, members, cash_outs):
    bank.change(account, closed_at=clock.now())
    with pytest.raises(errors.InvalidFields):
        build(account, cash_outs, members[0])


@pytest.mark.parametrize(("order", "values"), BY_HAND)
def test_cash_out_in_a_built_file_is_not_changed_by_hand(
    account, members, cash_outs, order, values
):
    build(account, cash_outs, members[0])
    with pytest.raises((errors.CashOutInFile, errors.CashOutNotSent)) as refused:
        end(order, cash_outs[0], **values)
    assert order is SettleCashOut or refused.type is errors.CashOutInFile
    assert states(cash_outs) == ["IN A FILE"] * 3


@pytest.mark.parametrize(("order", "values"), BY_HAND)
def test_cash_out_in_a_sent_file_is_not_changed_by_hand(account, members, cash_outs, order, values):
    bank_files.send(build(account, cash_outs, members[0]), members[1])
    with pytest.raises((errors.CashOutInFile, errors.CashOutSent)) as refused:
        end(order, cash_outs[0], **values)
    assert order in {MarkCashOutSent, CancelCashOut} or refused.type is errors.CashOutInFile
    assert states(cash_outs) == ["SENT"] * 3


def test_client_cancels_no_cash_out_in_a_file(account, members, cash_outs, api, alices):
    build(account, cash_outs, members[0])
    path = f"wallets/{alices.id}/movements/{cash_outs[0].id}"
    answer = api.patch(path, {"status": "CANCELLED"})
    assert (answer.status, answer.json["code"]) == (409, "cash_out_in_file")
    assert answer.json["conflict"] == {"movementId": str(cash_outs[0].id)}


def test_approval_by_a_second_person_sends_all_cash_outs(account, members, cash_outs):
    file = approve(build(account, cash_outs, members[0]), members[1])
    assert (file.state, file.approved_by) == ("APPROVED", members[1].actor)
    assert states(cash_outs) == ["SENT"] * 3


def test_builder_does_not_approve(account, members, cash_outs):
    file = build(account, cash_outs, members[0])
    with pytest.raises(errors.InvalidFields):
        approve(file, members[0])
    assert states(cash_outs) == ["IN A FILE"] * 3


def test_approval_needs_the_hash_of_the_file(account, members, cash_outs):
    file = build(account, cash_outs, members[0])
    with pytest.raises(errors.InvalidFields):
        files.approve_file(file_id=file.id, sha256="0" * 64, by=members[1])
    assert states(cash_outs) == ["IN A FILE"] * 3


def test_second_approval_is_refused(account, members, cash_outs):
    file = build(account, cash_outs, members[0])
    approve(file, members[1])
    with pytest.raises(errors.InvalidFields):
        approve(file, members[1])


def test_file_with_a_blocked_user_is_discarded_at_approval(
    account, members, cash_outs, alices, bobs
):
    people.cash_in(bobs, 5_00)
    of_bob = some_cash_outs(bobs, 5_00)
    file = build(account, [*cash_outs, *of_bob], members[0])
    block_owner(alices)
    file = approve(file, members[1])
    assert (file.state, file.approved_by, file.approved_at) == ("DISCARDED", "", None)
    assert "user_not_active" in file.reason
    assert states([*cash_outs, *of_bob]) == ["QUEUED"] * (3 + len(of_bob))


def test_discarded_file_returns_its_cash_outs(account, members, cash_outs):
    file = build(account, cash_outs, members[0])
    file = files.discard_file(file_id=file.id, reason="Wrong account", by=members[0])
    assert (file.state, file.reason) == ("DISCARDED", "Wrong account")
    assert states(cash_outs) == ["QUEUED"] * 3
    end(CancelCashOut, cash_outs[0])
    assert build(account, cash_outs[1:], members[0]).count == 2


def test_approved_file_is_not_discarded(account, members, cash_outs):
    file = approve(build(account, cash_outs, members[0]), members[1])
    with pytest.raises(errors.InvalidFields):
        files.discard_file(file_id=file.id, reason="Late", by=members[0])
    assert states(cash_outs) == ["SENT"] * 3


def test_file_is_taken_only_after_its_approval(account, members, cash_outs):
    file = build(account, cash_outs, members[0])
    with pytest.raises(errors.InvalidFields):
        files.take_file(file_id=file.id, by=members[0])
    approve(file, members[1])
    taken, content = files.take_file(file_id=file.id, by=members[0])
    assert hashlib.sha256(content).hexdigest() == taken.hash
    assert (taken.state, taken.sent_by) == ("SENT", members[0].actor)


def test_file_can_be_taken_again(account, members, cash_outs):
    file = bank_files.send(build(account, cash_outs, members[0]), members[1])
    again, content = files.take_file(file_id=file.id, by=members[0])
    assert (again.sent_by, again.sent_at) == (file.sent_by, file.sent_at)
    assert content == bank_files.content_of(file)
