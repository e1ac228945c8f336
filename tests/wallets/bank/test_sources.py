"""One source of cash-ins for each client: what the bank brings, nobody orders too."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from iocash import errors
from iocash.db import clock
from tests.support import bank, people
from tests.support.approvals import a_request, approve, ask
from tests.support.camt import Line, Part
from tests.support.people import Api
from tests.support.sandbox import made, set_clock
from tests.support.staff import ADMINISTRATOR, a_member
from users.admin.approved_clients import asked_source
from users.models import Approval, Client, Event
from users.models.events import By
from wallets import posting
from wallets.bank import booking, decisions
from wallets.models import BankLine, Movement
from wallets.orders.batch import Batch
from wallets.orders.payments import BANK, CashIn


@pytest.fixture
def account(client_demo):
    return bank.an_account(client_demo, cash_ins="API")


@pytest.fixture
def administrators(db):
    return [a_member(ADMINISTRATOR, name=name) for name in ("ada", "ben")]


def switch(client: Client, source: str, members: list[Any]) -> Approval:
    """Two people change the source of a client's cash-ins."""
    asked = approve(ask(asked_source(client, {"cash_ins": source}), members[0]), members[1])
    client.refresh_from_db()
    return asked


def credit(amount: str, reference: str, target: str, *, days: int = 0, name: str = "S") -> Any:
    """The bank receives a credit for a wallet; today, or some days later."""
    day = (clock.today() + timedelta(days=days)).isoformat()
    part = Part(amount=amount, end_to_end=reference, target=target)
    one = Line(amount=amount, reference=f"BANK-{name}", day=day, parts=(part,))
    return bank.receive(one, name=name, day=clock.today().isoformat())


def cash_ins(wallet: Any) -> int:
    return Movement.objects.filter(wallet=wallet, type="CASH_IN").count()


def test_change_of_source_does_not_book_twice(account, client_demo, bobs, administrators):
    """The API has brought 10.00 with a reference; its credit comes after the change."""
    iban = bank.an_iban(bobs)
    people.cash_in(bobs, 10_00, reference="R-10")
    switch(client_demo, "BANK", administrators)
    credit("10.00", "R-10", iban)
    assert (bank.balance(bobs), cash_ins(bobs)) == (10_00, 1)
    assert bank.states() == {"MATCHED": 1}
    credit("10.00", "R-11", iban, name="S2")
    assert bank.balance(bobs) == 20_00


def test_credit_that_can_be_an_earlier_cash_in_waits(account, client_demo, bobs, administrators):
    """Cash-ins of staff, and of many clients, have no reference."""
    iban = bank.an_iban(bobs)
    people.cash_in(bobs, 10_00)
    switch(client_demo, "BANK", administrators)
    credit("10.00", "R-10", iban)
    assert bank.states() == {"booked_before": 1}
    credit("11.00", "R-11", iban, name="S2")
    assert (bank.balance(bobs), cash_ins(bobs)) == (21_00, 2)
    line = BankLine.objects.select_related("account").get(amount=10_00)
    about = {"wallet": bobs, "movement": people.movements(bobs)[0]}
    asked = decisions.ask_for_decision(line, "ASSIGN", by=By("staff:1"), reason="Same", **about)
    decisions.answer_decision(asked, by=By("staff:2"), is_approved=True)
    assert (bank.balance(bobs), cash_ins(bobs)) == (21_00, 2)


def test_one_of_two_equal_cash_ins_is_not_guessed(account, client_demo, alices, bobs):
    iban = bank.an_iban(bobs)
    for _ in range(2):
        people.cash_in(bobs, 10_00, reference="RENT")
    bank.agree_to_source(client_demo, "BANK")
    credit("10.00", "RENT", iban, days=0)
    assert bank.states() == {"booked_before": 1}
    assert bank.balance(bobs) == 20_00


def test_cash_in_of_another_wallet_with_the_reference_waits(account, client_demo, alices, bobs):
    iban = bank.an_iban(bobs)
    people.cash_in(alices, 10_00, reference="R-10")
    bank.agree_to_source(client_demo, "BANK")
    credit("10.00", "R-10", iban)
    assert bank.states() == {"booked_before": 1}
    assert bank.balance(bobs) == 0


@pytest.mark.spoils_the_books  # no approval is of that day
def test_old_cash_in_without_a_line_stops_no_later_credit(client_demo, bobs):
    """The source is the bank since long ago: only a reference tells of an earlier cash-in."""
    iban = bank.an_iban(bobs)
    people.cash_in(bobs, 10_00)
    bank.an_account(client_demo)
    with made():
        set_clock(clock.now() + timedelta(days=11))
        credit("10.00", "R-10", iban)
    assert bank.balance(bobs) == 20_00


def test_cash_in_of_staff_is_not_booked_twice(client_demo, bobs, one_person_acts):
    """Neither alone nor with an approval: the credit of the bank brings the money."""
    bank.an_account(client_demo)
    iban = bank.an_iban(bobs)
    order = CashIn(**people.about(bobs, by=By("staff:1")), amount=people.decimal(10_00))
    for each in (order, people.a_cash_in(bobs, 10_00)):
        with pytest.raises(errors.CashInsFromBank) as refused:
            posting.submit(each)
        assert (refused.value.status, refused.value.code) == (403, "cash_ins_from_bank")
    with pytest.raises(errors.BatchRefused):
        posting.submit(Batch(**people.about(bobs), items=(people.a_cash_in(bobs, 10_00),)))
    credit("10.00", "R-10", iban)
    assert (bank.balance(bobs), cash_ins(bobs)) == (10_00, 1)


def test_approved_cash_in_fails_after_the_change(account, client_demo, bobs, administrators, asker):
    asked = a_request(bobs, 10_00, asker)
    switch(client_demo, "BANK", administrators)
    second = a_member("supervisor", name="second of two")
    asked = approve(asked, second)
    assert (asked.state, asked.code) == ("FAILED", "cash_ins_from_bank")
    assert bank.balance(bobs) == 0


def test_lost_answer_is_repeated_after_the_change(account, client_demo, bobs, administrators):
    """A key of before the change still gets its answer."""
    api = Api(people.a_key(client_demo))
    path, body = f"wallets/{bobs.id}/movements", {"type": "CASH_IN", "amount": "1.00"}
    assert api.post(path, body, key="one").status == 201
    switch(client_demo, "BANK", administrators)
    again = api.post(path, body, key="one")
    assert (again.status, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert api.post(path, body, key="two").status == 403
    assert cash_ins(bobs) == 1


def test_two_people_change_the_source(account, client_demo, bobs, administrators):
    asked = ask(asked_source(client_demo, {"cash_ins": "BANK"}), administrators[0])
    with pytest.raises(errors.PermissionDenied):
        approve(asked, administrators[0])
    client_demo.refresh_from_db()
    assert (client_demo.cash_ins, client_demo.cash_ins_since) == ("API", None)
    approve(asked, administrators[1])
    client_demo.refresh_from_db()
    assert client_demo.cash_ins == "BANK"
    assert clock.now() - client_demo.cash_ins_since < timedelta(minutes=1)
    event = Event.objects.filter(kind="client.changed").latest("id")
    assert event.actor == f"staff:{administrators[0].pk}"
    with pytest.raises(errors.InvalidFields):
        ask(asked_source(client_demo, {"cash_ins": "BANK"}), administrators[0])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_cash_in_that_is_posted_during_the_change_is_found(client_demo, bobs):
    """It holds the lock of its wallet; the line of the bank waits for it."""
    bank.an_account(client_demo, cash_ins="API")
    iban = bank.an_iban(bobs)
    posted, finish = threading.Event(), threading.Event()

    def post_slowly() -> None:
        from django.db import transaction

        try:
            with transaction.atomic():
                people.cash_in(bobs, 10_00, reference="R-10")
                posted.set()
                finish.wait(10)
        finally:
            connections.close_all()

    slow = threading.Thread(target=post_slowly)
    slow.start()
    posted.wait(10)
    bank.agree_to_source(client_demo, "BANK")
    importing = threading.Thread(target=in_own_connection, args=[credit, "10.00", "R-10", iban])
    importing.start()
    importing.join(0.3)
    assert importing.is_alive()
    finish.set()
    slow.join()
    importing.join()
    booking.book()
    assert (bank.balance(bobs), cash_ins(bobs)) == (10_00, 1)


def in_own_connection(do: Any, *values: Any) -> None:
    try:
        do(*values)
    finally:
        connections.close_all()


def test_order_of_the_bank_reads_no_source(client_demo, bobs):
    assert CashIn(**people.about(bobs, by=BANK), amount=people.decimal(1)).needs.sources == ()
    order = people.a_cash_in(bobs, 1_00)
    assert order.needs.sources == (client_demo.id,)
    assert people.a_transfer(bobs, bobs, 1_00).needs.sources == ()
