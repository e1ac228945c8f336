"""10,000 lines of a statement are imported within a minute.

Takes 60 s.
"""

from __future__ import annotations

import time

import pytest

from tests.support import bank, people
from tests.support.camt import incoming

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ci]
MANY = 10_000


def test_ten_thousand_lines_are_booked_in_a_minute(client_demo, alice, bob):
    bank.an_account(client_demo)
    others = [
        people.BOB | {"user_name": f"bob-{number}", "mobile_phone": f"+346000001{number:02}"}
        for number in range(18)
    ]
    users = [alice, bob, *(people.a_user(client_demo, each) for each in others)]
    wallets = [people.first_wallet(each) for each in users]
    ibans = [bank.an_iban(each) for each in wallets]
    lines = [
        incoming(
            "1.00", f"R{number}", name="Bob", target=ibans[number % 20], end_to_end=f"E{number}"
        )
        for number in range(MANY)
    ]
    begun = time.perf_counter()
    report = bank.receive(*lines, opening="0.00", closing=f"{MANY}.00")
    taken = time.perf_counter() - begun
    assert report.booked == {"booked": MANY}
    assert sum(map(bank.balance, wallets)) == MANY * 100
    assert taken < 60, taken
