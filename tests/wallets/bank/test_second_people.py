"""The second person of files, decisions and signatures is independent, active, and finds them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from iocash import errors
from tests.support import approvals, bank, bank_files, staff
from tests.support.camt import Statement, incoming
from tests.support.staff import ADMINISTRATOR, SUPERVISOR, a_member, browser_of
from users.menu import MENU
from users.models.events import By
from wallets.bank import decisions, files, safeguarding_reports, uploads
from wallets.models import BankDecision, BankFile, BankLine, BankUpload, SafeguardingReport


@pytest.fixture
def puppet(db):
    """A supervisor whose password the asker of the tests has reset, as a colleague approved."""
    member = a_member(SUPERVISOR, name="puppet")
    approvals.password_reset_approved(member, a_member(SUPERVISOR, ADMINISTRATOR, name="maker"))
    return member


@pytest.fixture
def maker(puppet):
    return get_user_model().objects.get(username="maker")


def actor(member: Any) -> By:
    return By(f"staff:{member.pk}")


class Uploading:
    """An uploaded statement that `first` has brought."""

    def __init__(self, client: Any, wallet: Any, first: By) -> None:
        bank.an_account(client)
        content = Statement(lines=(incoming("5.00", "R1"),), opening="0.00", closing="5.00").xml()
        self.upload = uploads.store_upload(content, kind="STATEMENT", name="a", by=first)

    def answer(self, second: By) -> None:
        uploads.release_upload(self.upload, sha256=self.upload.hash, by=second)

    def is_open(self) -> bool:
        return BankUpload.objects.waiting().exists()


class Deciding:
    """A decision about a line that `first` has asked for."""

    def __init__(self, client: Any, wallet: Any, first: By) -> None:
        bank.an_account(client)
        bank.receive(incoming("5.00", "R1"), opening="0.00", closing="5.00")
        line = BankLine.objects.select_related("account").get()
        self.decision = decisions.ask_for_decision(line, "IGNORE", by=first, reason="Own money")

    def answer(self, second: By) -> None:
        decisions.answer_decision(self.decision, by=second, is_approved=True)

    def is_open(self) -> bool:
        return BankDecision.objects.open().exists()


class Building:
    """A bank file that `first` has built."""

    def __init__(self, client: Any, wallet: Any, first: By) -> None:
        account = bank_files.an_account(client)
        self.file = bank_files.build(account, bank_files.some_cash_outs(wallet, 1_00), first)

    def answer(self, second: By) -> None:
        files.approve_file(file_id=self.file.id, sha256=self.file.hash, by=second)

    def is_open(self) -> bool:
        return BankFile.objects.built().exists()


class Signing:
    """A report that `first` has signed."""

    def __init__(self, client: Any, wallet: Any, first: By) -> None:
        bank.an_account(client)
        report = safeguarding_reports.make_report()
        assert report
        self.report: SafeguardingReport = report
        safeguarding_reports.sign_report(report, first)

    def answer(self, second: By) -> None:
        safeguarding_reports.sign_report(self.report, second)

    def is_open(self) -> bool:
        return self.report.signatures.count() < 2


ALL = pytest.mark.parametrize("kind", [Uploading, Deciding, Building, Signing])


@ALL
def test_puppet_is_not_the_second_person(kind, client_demo, alices, maker, puppet):
    for first, second in ((maker, puppet), (puppet, maker)):
        if kind is not Uploading and first is puppet:
            continue
        made = kind(client_demo, alices, actor(first))
        with pytest.raises(errors.PermissionDenied):
            made.answer(actor(second))
        assert made.is_open()
        made.answer(actor(a_member(SUPERVISOR, name="another")))
        assert not made.is_open()
        break


@ALL
@pytest.mark.parametrize("who", ["first", "second"])
def test_member_without_access_is_no_second_person(kind, client_demo, alices, who):
    first, second = (a_member(SUPERVISOR, name=name) for name in ("one", "two"))
    made = kind(client_demo, alices, actor(first))
    left = first if who == "first" else second
    get_user_model().objects.filter(pk=left.pk).update(is_active=False)
    with pytest.raises(errors.PermissionDenied):
        made.answer(actor(second))
    assert made.is_open()


@ALL
@pytest.mark.parametrize("name", ["system:clock", "key:1", ""])
def test_second_person_is_a_member_of_staff(kind, client_demo, alices, name):
    made = kind(client_demo, alices, actor(a_member(SUPERVISOR, name="one")))
    with pytest.raises(errors.PermissionDenied):
        made.answer(By(name))
    assert made.is_open()


def number(member: Any) -> int:
    """What the menu says beside "Waiting for me"."""
    found = {address: count for _label, count, address in MENU.waiting_for(member)}
    return int(found.get(reverse("admin:approvals"), 0))


@ALL
def test_work_of_others_waits_for_members_with_its_permission(kind, client_demo, alices, puppet):
    maker = get_user_model().objects.get(username="maker")
    kind(client_demo, alices, actor(maker))
    other = a_member(SUPERVISOR, name="other")
    viewer = a_member(staff.VIEWER, name="viewer")
    again = {name: get_user_model().objects.get(username=name) for name in ("maker", "puppet")}
    assert number(other) == 1
    assert [number(again["maker"]), number(again["puppet"]), number(viewer)] == [0, 0, 0]


def test_queue_and_first_page_count_all_kinds(client_demo, alices):
    first, second = (a_member(SUPERVISOR, name=name) for name in ("one", "two"))
    Uploading(client_demo, alices, actor(first))
    bank.receive(incoming("6.00", "R2"), name="S2", opening="0.00", closing="6.00")
    line = BankLine.objects.select_related("account").get()
    decisions.ask_for_decision(line, "IGNORE", by=actor(first), reason="Own money")
    Building(client_demo, alices, actor(first))
    safeguarding_reports.make_report()
    approvals.a_request(alices, 1_00, first, kind="UP")
    browser = browser_of(second)
    page = browser.get(reverse("admin:approvals")).content.decode()
    for name in ("bankupload", "bankdecision", "bankfile", "safeguardingreport"):
        assert page.count(f'href="{reverse(f"admin:wallets_{name}_changelist")}"') >= 2
    assert number(get_user_model().objects.get(pk=second.pk)) == 5
    assert "5 requests" in browser.get(reverse("admin:index")).content.decode()
