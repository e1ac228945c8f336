"""A day with the bank in a real browser: two members of staff, and a bank that answers.

Sixty payments out become one file, the bank pays them, and its statement settles them. With
`PICTURES_OF_THE_DAY`, the name of a folder, each step leaves a picture there. Takes 60 s, and needs
Chromium.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser

from iocash.db import clock
from tests.support import audited, chromium, kyc, mock_bank, people, sandbox
from tests.support import bank as our_bank
from tests.support.bank_files import content_of, states
from tests.support.browsing import DESK, PHONE, log_in
from tests.support.clicks import AtWork, Effort
from tests.support.credits_of_bank import arrives
from tests.support.log_ins import PASSWORD
from tests.support.mock_bank import ACME, ELSEWHERE, MockBank
from tests.support.staff import OPERATOR, SUPERVISOR, a_member
from users.kyc import NEEDED
from wallets import posting
from wallets.bank import safeguarding_reports
from wallets.bank.messages import camt
from wallets.bank.statements import import_statement
from wallets.models import BankFile, BankLine, Movement, SafeguardingReport, Wallet
from wallets.orders.cash_outs import CashOut

MOST: Final = {
    "make one file of 60 payments": Effort(clicks=4),
    "approve the file": Effort(clicks=5),
    "download the file": Effort(clicks=3),
    "upload what the bank says": Effort(clicks=2, fields=1),
    "release an upload": Effort(clicks=5),
    "ask to assign a line": Effort(clicks=5, fields=2),
    "approve an assignment": Effort(clicks=5),
    "sign the report": Effort(clicks=4),
}
"""The most that each task may take, from the first page on."""

pytestmark = [
    pytest.mark.ci,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not chromium.CHROMIUM, reason="Debian's chromium is not installed"),
]
NUMBERS: Final = count(1)
LOOKS: Final[Any] = (("phone", PHONE, "dark"), ("desk", DESK, "light"))


def picture(staff: AtWork, name: str) -> None:
    """Take pictures of a step, on a desk and on a phone, if somebody wants pictures."""
    if folder := os.environ.get("PICTURES_OF_THE_DAY"):
        number = next(NUMBERS)
        for place, size, scheme in LOOKS:
            staff.page.set_viewport_size(size)
            staff.page.emulate_media(color_scheme=scheme)
            path = Path(folder) / f"{number:02}-{name}-{place}.png"
            staff.page.screenshot(path=path, full_page=True, animations="disabled")
        staff.page.set_viewport_size(DESK)


def last_monday() -> date:
    """A Monday at least a week ago."""
    today = clock.today() - timedelta(days=7)
    return today - timedelta(days=today.weekday())


def set_clock(day: date) -> None:
    sandbox.set_clock(datetime.combine(day, time(9), ZoneInfo("Europe/Amsterdam")))


@pytest.fixture
def monday(client_demo: Any) -> Iterator[date]:
    """Our clock is at nine on a Monday, and so is that of the bank."""
    day = last_monday()
    with sandbox.made():
        set_clock(day)
        yield day


@pytest.fixture
def bank(monday: date) -> Iterator[MockBank]:
    with mock_bank.running(f"{monday.isoformat()}T09:00") as found:
        yield found


def statement_from(bank: MockBank) -> bytes:
    """The statement of our account since it was last collected; the bank also writes to others."""
    contents = bank.answers("camt.053")
    (ours,) = [each for each in contents if camt.read_statements(each)[0].account == ACME]
    return ours


@pytest.fixture
def tuesday(bank: MockBank, monday: date, client_demo: Any) -> Wallet:
    """Alice's wallet on Tuesday. The money of Monday is in it, by the statement of that day."""
    our_bank.an_account(client_demo, iban=ACME)
    user = people.a_user(client_demo, people.ALICE)
    kyc.approve(user, NEEDED["NATURAL"][2])
    wallet = people.first_wallet(user)
    arrives(bank, 5_000_00, f"Savings {our_bank.an_iban(wallet)}")
    bank.advance(1)
    import_statement(statement_from(bank), name="monday.xml", actor="system:tests")
    set_clock(monday + timedelta(days=1))
    assert our_bank.balance(wallet) == 5_000_00
    return wallet


@pytest.fixture
def sixty(tuesday: Wallet) -> list[Movement]:
    about = {**people.about(tuesday), "iban": ELSEWHERE, "holder_name": "Zoë Müller"}
    orders = [CashOut(**about, amount=people.decimal(10_00 + number)) for number in range(60)]
    return [Movement.objects.get(id=posting.submit(each).id) for each in orders]


@contextmanager
def member_at_work(browser: Browser, url: str, name: str) -> Iterator[AtWork]:
    member = a_member(SUPERVISOR, OPERATOR, name=name)
    member.set_password(PASSWORD)
    member.save(update_fields=["password"])
    with chromium.watched(browser, url, viewport=DESK, accept_downloads=True) as page:
        log_in(page, name)
        yield AtWork(page, MOST)


@pytest.fixture
def alice_at_work(browser: Browser, live_server: Any, tuesday: Wallet) -> Iterator[AtWork]:
    with member_at_work(browser, live_server.url, "alice") as found:
        yield found


@pytest.fixture
def bob_at_work(browser: Browser, live_server: Any, tuesday: Wallet) -> Iterator[AtWork]:
    with member_at_work(browser, live_server.url, "bob") as found:
        yield found


# --- The tasks ------------------------------------------------------------------------------------


def open_first(staff: AtWork, title: str) -> None:
    """Open the first row of a list that the menu names."""
    staff.click(f"#office-menu a:has-text('{title}')")
    staff.sees("h1", title)
    staff.click("#result_list tbody tr a")


def confirm(staff: AtWork, action: str, *texts: str) -> None:
    """Do an action of a page, and confirm what it shows."""
    staff.click(f".object-tools a:text-is('{action}')")
    staff.click(".submit-row .default")
    staff.sees("h2", "Check before you confirm")
    staff.sees(".facts", *texts)
    picture(staff, f"confirm-{action}")
    staff.click("button:text-is('Confirm')")
    staff.sees(".messagelist .success")


def make_file(staff: AtWork) -> None:
    with staff.task("make one file of 60 payments", at="/admin/"):
        picture(staff, "today")
        staff.click("#office-menu a[href='/admin/payments-out/']")
        staff.click("#tick-all")
        staff.sees("#ticked", "60: EUR")
        picture(staff, "queue")
        staff.click("button:has-text('Make a bank file')")
        staff.sees(".sums", "60 payments", "617.70")
        picture(staff, "make-the-file")
        staff.click("button:has-text('Make the file')")
        staff.sees(".messagelist", "The file with 60 payments is built.")
        picture(staff, "file-is-built")


def approve_file(staff: AtWork, file: BankFile) -> None:
    with staff.task("approve the file", at="/admin/"):
        picture(staff, "today-of-the-second-person")
        open_first(staff, "Bank files")
        staff.sees("#content", "617.70 EUR", file.hash)
        confirm(staff, "Approve", "617.70 EUR", file.hash, "alice")
        staff.sees(".messagelist", "Approved. Its payments are sent")
        picture(staff, "file-is-approved")


def download_file(staff: AtWork) -> bytes:
    with staff.task("download the file", at="/admin/"):
        open_first(staff, "Bank files")
        content = staff.download("button:has-text('Download for the bank')")
    return content.encode()


def upload(staff: AtWork, title: str, content: bytes) -> None:
    with staff.task("upload what the bank says", at="/admin/"):
        staff.click(f"#office-menu a:has-text('{title}')")
        files: Any = {"name": "bank.xml", "mimeType": "application/xml", "buffer": content}
        staff.attach("input[type=file]", files)
        picture(staff, title)
        staff.click(".submit-row .default")
        staff.sees(".messagelist .success", "Another person must release it")
        picture(staff, "uploaded")


def release(staff: AtWork, *texts: str) -> str:
    """Release the last upload; return what came of it."""
    with staff.task("release an upload", at="/admin/"):
        open_first(staff, "Uploaded files")
        confirm(staff, "Release", *texts)
        picture(staff, "released")
    return staff.page.inner_text(".messagelist .success")


def ask_to_assign(staff: AtWork, wallet: Wallet) -> None:
    with staff.task("ask to assign a line", at="/admin/"):
        staff.click("#office-menu a:has-text('Bank lines')")
        staff.click("#changelist-filter a:has-text('In suspense')")
        picture(staff, "suspense")
        staff.click("#result_list tbody tr a")
        picture(staff, "line")
        staff.click(".object-tools a:has-text('Assign to a wallet')")
        staff.fill("#id_wallet", str(wallet.id))
        staff.fill("#id_reason", "She has sent the receipt")
        picture(staff, "assign")
        staff.click(".submit-row .default")
        staff.sees(".messagelist .success", "Another person must approve it")


def approve_assignment(staff: AtWork) -> None:
    with staff.task("approve an assignment", at="/admin/"):
        open_first(staff, "Decisions about bank lines")
        confirm(staff, "Approve", "She has sent the receipt", "alice")
        picture(staff, "assigned")


def sign(staff: AtWork) -> None:
    with staff.task("sign the report", at="/admin/"):
        open_first(staff, "Safeguarding")
        staff.sees(".field-result", "Right")
        picture(staff, "report")
        staff.click(".object-tools a:has-text('Sign off')")
        staff.click(".submit-row .default")
        staff.sees(".messagelist .success", "Signed off.")
        picture(staff, "signed")


# --- The day --------------------------------------------------------------------------------------


def pay(alice: AtWork, bob: AtWork, bank: MockBank, cash_outs: list[Movement]) -> None:
    """One file of all cash-outs goes to the bank, which accepts it."""
    make_file(alice)
    file = BankFile.objects.get()
    assert states(cash_outs) == ["IN A FILE"] * 60
    approve_file(bob, file)
    assert states(cash_outs) == ["SENT"] * 60
    content = download_file(alice)
    assert content == content_of(file)
    assert sha256(content).hexdigest() == file.hash
    assert bank.findings(content) == []
    bank.receive(content)
    (answer,) = bank.answers()
    upload(alice, "Upload answers", answer)
    release(bob, "60 payments out, 617.70 EUR")
    file.refresh_from_db()
    assert file.state == "ACCEPTED"
    assert states(cash_outs) == ["SENT"] * 60


def settle(alice: AtWork, bob: AtWork, statement: bytes, cash_outs: list[Movement]) -> None:
    """One import of the statement settles all cash-outs. Two lines are left in suspense."""
    upload(alice, "Upload a statement", statement)
    assert states(cash_outs) == ["SENT"] * 60
    said = release(bob, "Settles payments out", "617.70 EUR (60)", "Goes to suspense")
    assert "60 lines are booked, 2 are in suspense." in said
    assert states(cash_outs) == ["SUCCESS"] * 60


def test_two_members_of_staff_play_a_day_with_the_bank(
    alice_at_work, bob_at_work, bank, tuesday, sixty, monday
):
    """Takes 60 s."""
    alice, bob = alice_at_work, bob_at_work
    for amount in (12_34, 45_67):
        arrives(bank, amount, "Thank you")
    pay(alice, bob, bank, sixty)
    bank.advance(1)
    settle(alice, bob, statement_from(bank), sixty)
    assert our_bank.balance(tuesday) == 5_000_00 - 617_70
    for left in (1, 0):
        ask_to_assign(alice, tuesday)
        approve_assignment(bob)
        assert BankLine.objects.unexplained().count() == left
    assert our_bank.balance(tuesday) == 5_000_00 - 617_70 + 12_34 + 45_67
    set_clock(monday + timedelta(days=2))
    report = safeguarding_reports.make_report()
    assert report is not None
    assert report.is_right
    for staff in (alice, bob):
        sign(staff)
    signed = SafeguardingReport.objects.get().signatures.order_by("place")
    assert len({*signed.values_list("actor", flat=True)}) == 2
    alice.page.goto("/admin/")
    picture(alice, "today-afterwards")
    assert audited.wrong() == []
