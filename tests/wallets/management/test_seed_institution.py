"""The institution of the demo: ninety days of movements, made through the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Count, F, Max, Min

from tests.support import sandbox, staff
from users.models import (
    Case,
    CaseEntry,
    Client,
    Event,
    KycDocument,
    Sandbox,
    User,
    WebhookAttempt,
    WebhookEndpoint,
)
from wallets import audit
from wallets.admin.closing import steps_of_closing
from wallets.admin.dormant import dormant_wallets
from wallets.bank.safeguarding import safeguarding_positions
from wallets.management.commands import seed_demo
from wallets.management.demo.members import members
from wallets.models import (
    BankDecision,
    BankFile,
    BankLine,
    BankOutcome,
    BankUpload,
    Closing,
    Hold,
    Movement,
    SafeguardingReport,
    ScheduledRun,
    Wallet,
)

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def behind(settings: Any) -> Iterator[datetime]:
    """A sandbox whose clock is behind, with the usual limits; the time now."""
    settings.KYC_LIMITS = configured.KYC_LIMITS
    with sandbox.made(-timedelta(days=seed_demo.DAYS_BEHIND)), seed_demo.undelivered():
        yield datetime.now(UTC)


def test_database_with_a_right_clock_gets_no_institution() -> None:
    with sandbox.made():
        assert seed_demo.seed_institution() == {}
    assert seed_demo.seed_institution() == {}
    assert not Client.objects.exists()


def test_interrupted_seed_leaves_the_clock_right_the_next_time(behind: datetime) -> None:
    Client.objects.create(name=seed_demo.INSTITUTION)
    first = seed_demo.seed_institution()["staffOfInstitution"]
    assert Sandbox.objects.get().clock_offset == timedelta(0)
    second = seed_demo.seed_institution()["staffOfInstitution"]
    assert [each["user"] for each in first] == ["alice", "bob"]
    assert {each["password"] for each in first}.isdisjoint(each["password"] for each in second)


def test_members_are_the_same_each_time() -> None:
    import random

    one, other = (members(random.Random(7)) for _ in range(2))
    assert one == other
    for name in ("user_name", "mobile_phone", "email"):
        assert len({each.values[name] for each in one}) == len(one)
    assert {each.values.get("first_name", "") for each in one} == {"Alice", "Bob", ""}


@pytest.mark.ci
def test_institution_has_ninety_days_of_everything(behind: datetime) -> None:
    """Takes 8 s. The audit after each test proves the ledger."""
    if not Group.objects.exists():  # a test that commits has emptied the tables
        staff.make_groups()
    facts = seed_demo.seed_institution() | seed_demo.seed()
    assert Sandbox.objects.get().clock_offset == timedelta(0)
    client = Client.objects.get(name=seed_demo.INSTITUTION)
    users, movements = User.objects.filter(client=client), Movement.objects.filter(client=client)
    assert users.count() >= 200
    assert movements.count() >= 5_000
    assert is_spread(movements, behind)
    assert_bank_has_files_in_several_states()
    assert_lines_of_the_bank_are_explained_or_wait()
    assert_safeguarding_is_right_and_waits_for_signatures(behind)
    assert movements.to_send().exists()
    statuses = Counter(users.values_list("status", flat=True))
    assert min(statuses[each] for each in ("ACTIVATED", "BLOCKED", "UNSUBSCRIBED", "CREATED")) >= 2
    assert {*users.values_list("kyc_level", flat=True)} == {0, 1, 2}
    documents = Counter(KycDocument.objects.filter(client=client).values_list("status", flat=True))
    assert min(documents[each] for each in ("APPROVED", "PENDING", "REJECTED")) >= 2
    assert Wallet.objects.filter(client=client, status="BLOCKED").exists()
    assert {*Hold.objects.filter(client=client).values_list("status", flat=True)} == {*Hold.Status}
    runs = Counter(ScheduledRun.objects.filter(client=client).values_list("status", flat=True))
    assert min(runs[each] for each in ("SUCCESS", "PENDING", "FAILED")) >= 2
    kinds = set(movements.values_list("type", "status"))
    assert kinds >= {("CASH_OUT", each) for each in Movement.Status}
    assert kinds >= {(each, "SUCCESS") for each in ("CASH_IN", "TRANSFER", "REVERSAL")}
    waiting = movements.filter(status="PENDING")
    assert waiting.filter(sent_at=None).count() >= 2
    assert waiting.exclude(sent_at=None).exists()
    assert_guides_have_their_figures(facts)
    assert_staff_did_what_staff_do(client)
    assert_cases_are_in_all_states(behind)
    assert_closings_wait_and_are_done()
    assert_webhooks_were_sent_and_refused(client)
    assert len(dormant_wallets(audit.LOWEST, datetime.now(UTC)).wallets) == 2


def is_spread(movements: Any, now: datetime) -> bool:
    """Whether there are movements on all but few days, none of them after the seed."""
    ends = movements.aggregate(first=Min("created_at"), last=Max("created_at"))
    days = movements.values("created_at__date").annotate(Count("id"))
    return bool(
        ends["first"] < now - timedelta(days=88)
        and now - timedelta(hours=2) < ends["last"] <= datetime.now(UTC)
        and len(days) >= 89
    )


def assert_bank_has_files_in_several_states() -> None:
    states = [each.state for each in BankFile.objects.order_by("id")]
    assert states == ["REJECTED", "PARTIALLY_ACCEPTED", "SENT", "BUILT"]
    waiting = BankUpload.objects.filter(answered_at=None)
    assert {*waiting.values_list("kind", flat=True)} == {*BankUpload.Kind}
    released = BankUpload.objects.filter(is_released=True)
    assert released.count() >= 5
    assert not released.filter(answered_by=F("uploaded_by")).exists()


def assert_lines_of_the_bank_are_explained_or_wait() -> None:
    outcomes = Counter(BankOutcome.objects.values_list("status", flat=True))
    assert outcomes["MATCHED"] > 20
    assert outcomes["RETURNED"] == outcomes["IGNORED"] == 1
    assert Movement.objects.filter(type="REVERSAL", reversal_of__type="CASH_OUT").exists()
    open_lines = BankLine.objects.unexplained()
    texts = {*open_lines.values_list("remittance", flat=True)}
    assert texts == {
        "Transfer 4711",
        "Transfer 4715",
        "Orders 1007 and 1008",
        "Back to the payer",
        "Fee for a returned payment",
    }
    decisions = BankDecision.objects.open()
    assert {*decisions.values_list("kind", flat=True)} == {"SPLIT", "IGNORE"}
    assert decisions.values("asked_by").distinct().count() == 2


def assert_safeguarding_is_right_and_waits_for_signatures(now: datetime) -> None:
    reports = SafeguardingReport.objects.order_by("day")
    assert all(each.is_right for each in reports)
    signatures = {each.day: each.signatures.count() for each in reports}
    yesterday = now.date() - timedelta(days=1)
    assert signatures[yesterday] == 0
    assert [count for day, count in signatures.items() if day < yesterday] == [2, 2, 2]
    (position,) = safeguarding_positions()
    assert position.is_right(datetime.now(UTC))
    assert position.difference == 0


def assert_webhooks_were_sent_and_refused(client: Client) -> None:
    endpoint = WebhookEndpoint.objects.get(client=client)
    assert (endpoint.status, endpoint.disabled_reason) == ("DISABLED", "GONE")
    statuses = Counter(WebhookAttempt.objects.of(endpoint).values_list("status", flat=True))
    assert statuses[200] > 20
    assert statuses.keys() == {200, 410, 503}
    assert endpoint.deliveries.filter(status="WAITING").exists()


def assert_guides_have_their_figures(facts: dict[str, Any]) -> None:
    balances = [
        Wallet.objects.get(id=facts[f"{name}WalletId"]).balance for name in ("alice", "bob")
    ]
    assert balances == [422_50, 222_60]
    demo = Client.objects.get(name=seed_demo.CLIENT)
    assert User.objects.filter(client=demo).count() == 3
    last = Movement.objects.filter(client=demo).earliest("created_at").created_at
    assert datetime.now(UTC) - last < timedelta(minutes=5)


def assert_staff_did_what_staff_do(client: Client) -> None:
    staff = get_user_model().objects.filter(username__in=seed_demo.MEMBERS)
    assert {person.groups.get().name for person in staff} == {*seed_demo.MEMBERS.values()}
    sent = Event.objects.filter(client=client, kind="movement.sent")
    assert {*sent.values_list("actor", flat=True)} == {f"staff:{person.pk}" for person in staff}


def assert_cases_are_in_all_states(now: datetime) -> None:
    cases = Case.objects.all()
    assert {*cases.values_list("kind", flat=True)} == {*Case.Kind}
    opened = cases.filter(state="OPEN")
    assert opened.filter(due_on__lt=now.date()).count() == 1
    assert opened.filter(due_on__gt=now.date(), owner="").exists()
    assert opened.filter(due_on__gt=now.date()).exclude(owner="").exists()
    assert cases.filter(state="CLOSED").exclude(outcome="").count() >= 3
    assert {*CaseEntry.objects.values_list("kind", flat=True)} >= {
        "OPENED",
        "NOTE",
        "DUE",
        "CLOSED",
    }
    concerned = cases.values_list("subjects__subject", flat=True)
    assert {*concerned} == {"user", "wallet", "movement"}


def assert_closings_wait_and_are_done() -> None:
    waiting = Closing.objects.filter(state="UNDER_WAY")
    done = Closing.objects.filter(state="DONE")
    assert waiting
    assert done
    for closing, status in (*((each, "PENDING") for each in waiting), (done[0], "SUCCESS")):
        (step,) = steps_of_closing(closing)
        assert step.movement
        assert (step.movement.status, step.movement.sent_at is None) == (status, False)
    assert {each.user.status for each in done} == {"UNSUBSCRIBED"}
