"""Today, the first page of the back office: what waits, the audit, and the money by day."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from axes.models import AccessFailureLog
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from tests.support import backoffice, people, sandbox
from tests.support.backoffice import Office
from tests.support.cash_outs import a_cash_out, end
from tests.support.limits import LEVELS
from users import demo_documents, kyc
from users.menu import MENU, Menu
from users.models import User
from wallets.dashboard import charts, money, waiting
from wallets.dashboard.periods import ShownPeriod
from wallets.models import Audit, Hold, Movement, Wallet
from wallets.orders.cash_outs import MarkCashOutSent, SettleCashOut

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def office(staff: Any) -> Office:
    return Office(staff)


def tile(staff: Any, label: str, now: datetime | None = None) -> waiting.Tile:
    """The tile of the page with this label."""
    found = waiting.tiles(staff, now or timezone.now())
    (own,) = [each for each in found if str(each.label).startswith(label)]
    return own


def listed(office: Office, address: str) -> set[str]:
    """The ids of the movements that a list shows."""
    text = office.browser.get(address).content.decode()
    return set(re.findall(r"/admin/wallets/movement/([0-9a-f-]{36})/", text))


# --- The page -----------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?days=7", "?days=90", "?days=x", "?days=-1"])
def test_page_of_an_empty_database_says_what_it_is_for(office, query):
    text = office.get("/admin/" + query)
    assert "There is no wallet yet." in text
    assert "No user is close to a limit" in text
    assert text.count("<h1>") == 1


def test_page_shows_only_what_a_member_of_staff_may_see(alices):
    text = Office(backoffice.worker()).get("/admin/")
    assert "Today" in text
    for secret in ("Payments out to send", "Money outstanding", "Documents to review", "Audit"):
        assert secret not in text
    person = get_user_model().objects.create_user("mover", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_movement"))
    text = Office(person).get("/admin/")
    assert "Money outstanding" in text
    assert "Limits nearly used" not in text


def test_number_of_statements_does_not_grow(office, alices, bobs):
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            office.get("/admin/?days=90")
        return len(captured)

    few = statements()
    for currency in ("USD", "GBP", "CHF"):
        wallet = people.a_wallet(alices.user, currency)
        people.cash_in(wallet, 10_00)
        a_cash_out(wallet, 1_00)
    people.place(alices, bobs, 1_00, expires_at=timezone.now() + DAY / 2)
    assert statements() == few


def test_page_reads_no_time_of_its_own_but_that_of_the_sandbox(office, alices):
    sandbox.make(clock_offset=timedelta(days=400))
    people.cash_in(alices, 5_00)
    year = (datetime.now(UTC) + timedelta(days=400)).year
    text = office.get("/admin/")
    assert str(year) in text
    assert "5.00 EUR in" in text


def test_entry_of_the_menu_with_something_waiting_gets_a_tile(office, alices, monkeypatch):
    menu = Menu(list(MENU.entries))
    menu.add(
        "Approvals",
        "Payments to approve",
        "wallets_externalaccount_changelist",
        permission=None,
        waiting=lambda member: User.objects.filter(status="BLOCKED"),
    )
    monkeypatch.setattr("users.menu.MENU", menu)
    assert "<h3>Payments to approve</h3>" not in office.get("/admin/")
    User.objects.filter(id=alices.user_id).update(status="BLOCKED")
    assert "<h3>Payments to approve</h3>" in office.get("/admin/")


# --- What waits ---------------------------------------------------------------------------------


def test_cash_outs_are_counted_by_whether_they_were_sent(staff, office, alices):
    unsent, sent = a_cash_out(alices, 10_00), a_cash_out(alices, 20_00)
    end(MarkCashOutSent, sent)
    for label, movement, amount in (
        ("Payments out to send", unsent, 10_00),
        ("Sent, no answer", sent, 20_00),
    ):
        own = tile(staff, label)
        assert (own.figure, own.state, own.amounts) == ("1 payment out", "wait", [(amount, "EUR")])
        assert listed(office, own.address) == {str(movement.id)}


def test_what_has_waited_for_long_is_marked(staff, alices):
    a_cash_out(alices, 10_00)
    own = tile(staff, "Payments out to send", timezone.now() + 5 * DAY)
    assert (own.state, own.details) == ("bad", ["The oldest for 5\xa0days"])
    end(MarkCashOutSent, Movement.objects.get(status="PENDING"))
    own = tile(staff, "Payments out to send")
    assert (own.figure, own.state) == ("None", "good")


def test_documents_wait_until_the_user_is_closed(staff, alice):
    demo_documents.send_samples(alice, kyc.NEEDED["NATURAL"][1], people.BY)
    assert tile(staff, "Documents").figure == "1 user"
    User.objects.filter(id=alice.id).update(status="UNSUBSCRIBED", unsubscribed_at=timezone.now())
    assert tile(staff, "Documents").figure == "None"


def test_holds_that_expire_within_a_day_are_counted(staff, office, alices, bobs):
    now = timezone.now()
    soon = people.place(alices, bobs, 3_00, expires_at=now + DAY / 2)
    people.place(alices, bobs, 4_00, expires_at=now + 3 * DAY)
    people.place(alices, bobs, 5_00)
    own = tile(staff, "Holds")
    assert (own.figure, own.amounts) == ("1 hold", [(3_00, "EUR")])
    text = office.browser.get(own.address).content.decode()
    assert [str(each.id) in text for each in Hold.objects.order_by("id")] == [
        each.id == soon.id for each in Hold.objects.order_by("id")
    ]
    assert tile(staff, "Holds", now + DAY).figure == "None"


def test_audit_says_when_and_how_much_was_proved(staff, alices, capsys):
    own = tile(staff, "Audit")
    assert (own.figure, own.state) == ("Never", "wait")
    call_command("audit")
    own = tile(staff, "Audit")
    assert (own.figure, own.state) == ("Right", "good")
    assert own.details[0] == "1 movement verified"
    assert tile(staff, "Audit", timezone.now() + 2 * DAY).state == "wait"


@pytest.mark.parametrize(("language", "number"), [("en", "6,097"), ("es", "6.097")])
def test_numbers_are_grouped_as_in_the_language(staff, language, number):
    Audit.objects.create(started_at=timezone.now(), movements=6_097)
    with translation.override(language):
        own = tile(staff, "Audit" if language == "en" else "Auditor")
        assert own.details[0].startswith(f"{number} mov")


def test_audit_that_found_something_is_bad(staff):
    Audit.objects.create(started_at=timezone.now(), movements=2_000, finding="held: wrong\nmore")
    own = tile(staff, "Audit")
    assert (own.figure, own.state) == ("Wrong", "bad")
    assert own.details[0] == "held: wrong"


def test_failed_log_ins_of_a_day_are_counted(staff):
    assert tile(staff, "Failed log-ins").figure == "None"
    for _ in range(3):
        AccessFailureLog.objects.create(username="alice", locked_out=False)
    AccessFailureLog.objects.update(attempt_time=timezone.now() - 2 * DAY)
    AccessFailureLog.objects.create(username="alice", locked_out=False)
    assert tile(staff, "Failed log-ins").figure == "1"


# --- Money --------------------------------------------------------------------------------------


@pytest.fixture
def moved(alices: Wallet, bobs: Wallet) -> datetime:
    """Money of several days; Alice had 100.00 EUR before all of them. The time afterwards."""
    sandbox.make()
    begun = datetime.now(UTC)
    for days, amount in ((10, 7_00), (35, 50_00), (38, 20_00), (38, 1_00)):
        sandbox.set_clock(begun + timedelta(days=days))
        people.cash_in(alices, amount)
        people.transfer(alices, bobs, 5_00)
    pending = a_cash_out(bobs, 4_00)
    end(SettleCashOut, end(MarkCashOutSent, pending))
    return begun + timedelta(days=38)


def test_sums_are_those_of_the_period_and_of_the_one_before(moved):
    ((report,), others) = money.currency_reports(ShownPeriod.of("7", moved))
    assert others == []
    assert (report.total.now, report.total.before) == (174_00, 107_00)
    assert (report.entered.now, report.entered.before) == (71_00, 0)
    assert (report.left.now, report.left.before) == (4_00, 0)
    ((report,), _) = money.currency_reports(ShownPeriod.of("30", moved))
    assert (report.entered.now, report.entered.before) == (78_00, 100_00)
    assert report.entered.percent == "-22.0 %"
    assert report.left.percent == ""


def test_days_have_what_moved_on_them_and_the_total_at_their_end(moved):
    ((report,), _) = money.currency_reports(ShownPeriod.of("7", moved))
    found = [(row.entered, row.left, row.total) for row in report.rows]
    assert found == [
        (0, 0, 107_00),
        (0, 0, 107_00),
        (0, 0, 107_00),
        (50_00, 0, 157_00),
        (0, 0, 157_00),
        (0, 0, 157_00),
        (21_00, 4_00, 174_00),
    ]
    assert report.rows[-1].day == moved.date()


def test_sums_lead_to_the_movements_that_they_consist_of(office, moved):
    ((report,), _) = money.currency_reports(ShownPeriod.of("7", moved))
    since = {"counterparty": None, "settled_at__gte": moved - 7 * DAY}
    for address, found in (
        (report.entered_address, Movement.objects.filter(amount__gt=0, **since)),
        (report.left_address, Movement.objects.filter(amount__lt=0, **since)),
    ):
        assert listed(office, address) == {str(each.id) for each in found}
        assert found


def test_days_are_those_of_the_member_of_staff(alices):
    sandbox.make()
    sandbox.set_clock(datetime(2040, 1, 10, 23, 30, tzinfo=UTC))
    people.cash_in(alices, 3_00)
    now = datetime(2040, 1, 11, 12, tzinfo=UTC)
    for zone, entered in (("UTC", [3_00, 0]), ("Europe/Madrid", [0, 3_00])):
        with timezone.override(zone):
            ((report,), _) = money.currency_reports(ShownPeriod.of("7", now))
        assert [row.entered for row in report.rows[-2:]] == entered


def test_currencies_with_less_money_have_no_charts(alices):
    for number, currency in enumerate(("USD", "GBP", "CHF", "JPY")):
        people.cash_in(people.a_wallet(alices.user, currency), 1_00 + number)
    reports, others = money.currency_reports(ShownPeriod.of("7", timezone.now()))
    assert [each.currency for each in reports] == ["EUR", "JPY", "CHF"]
    assert others == [("GBP", 1_01), ("USD", 1_00)]


def test_period_of_an_unknown_number_of_days_is_the_usual_one():
    now = datetime(2040, 3, 1, 12, tzinfo=UTC)
    assert ShownPeriod.of("7", now).days == 7
    for days in ("", "8", "x", "\u0667"):
        assert ShownPeriod.of(days, now).days == 30


# --- Charts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lowest", "highest", "lines"),
    [
        (0, 0, ["0"]),
        (0, 1, ["0", "1"]),
        (0, 95_00, ["0", "50", "100"]),
        (0, 1_490_542_00, ["0", "500k", "1M", "1.5M"]),
        (-9_000_00, 35_000_00, ["20k", "0", "20k", "40k"]),
        (-100, 0, ["1", "0"]),
    ],
)
def test_axis_has_round_amounts(lowest, highest, lines):
    scale = charts.Scale.of(lowest, highest, 100)
    assert [line.text for line in scale.lines("EUR")] == lines
    assert scale.lowest <= lowest
    assert scale.highest >= highest


def test_bars_stand_on_the_axis_and_have_their_values_as_titles():
    chart = charts.chart_of_flows(
        "EUR", [(date(2040, 1, 1), 20_00, 10_00), (date(2040, 1, 2), 0, 0)]
    )
    into, out = chart.bars
    assert (into.kind, into.title) == ("in", "1 Jan 2040: 20.00 EUR in")
    assert (out.kind, out.title) == ("out", "1 Jan 2040: 10.00 EUR out")
    assert into.y + into.height == pytest.approx(chart.zero)
    assert out.y == chart.zero
    assert into.height == pytest.approx(2 * out.height, abs=0.2)


def test_curve_begins_at_the_axis_and_ends_at_the_edge():
    days = [(date(2040, 1, number), number * 100) for number in range(1, 8)]
    chart = charts.chart_of_balances("EUR", days)
    assert (chart.points[0].x, chart.points[-1].x) == (chart.left, chart.right)
    heights = [point.y for point in chart.points]
    assert heights == sorted(heights, reverse=True)
    assert [each.text for each in chart.days][:: len(chart.days) - 1] == ["1 Jan", "7 Jan"]


def test_chart_names_months_as_the_language_writes_them():
    with translation.override("es"):
        chart = charts.chart_of_balances("EUR", [(date(2040, 1, 1), 0), (date(2040, 8, 2), 1_00)])
    assert [each.text for each in chart.days] == ["1 ene", "2 ago"]
    assert [point.title for point in chart.points][1] == "2 ago 2040: 1,00 EUR"


# --- Limits -------------------------------------------------------------------------------------


def test_user_close_to_a_limit_is_shown(office, alices, bobs, settings):
    settings.KYC_LIMITS = LEVELS
    assert "98 %" not in office.get("/admin/")
    people.cash_in(alices, 47_00)
    text = office.get("/admin/")
    assert "98 %" in text
    assert "147.00 EUR</span> of" in text
    assert "Alice Example" in text
    assert "Bob Example" not in text


def test_user_who_is_not_close_to_a_limit_is_not_shown(office, alices, settings):
    settings.KYC_LIMITS = {"EUR": {"0": {"balance": "112", "cashIn": "112", "cashOut": None}}}
    assert "No user is close to a limit" in office.get("/admin/")
    settings.KYC_LIMITS = {"EUR": {"0": {"balance": "111", "cashIn": None, "cashOut": None}}}
    assert "90 %" in office.get("/admin/")


def test_only_users_of_the_newest_movements_are_compared(
    office, alices, bobs, settings, monkeypatch
):
    settings.KYC_LIMITS = {"EUR": {"0": {"balance": "100", "cashIn": None, "cashOut": None}}}
    assert "Alice Example" in office.get("/admin/")
    statement = near_statement(limit=1)
    people.cash_in(bobs, 1_00)
    monkeypatch.setattr("wallets.dashboard.limits.READ_NEAR", statement)
    assert "Alice Example" not in office.get("/admin/")


def near_statement(*, limit: int) -> str:
    from wallets.dashboard.limits import READ_NEAR, RECENT

    assert f"LIMIT {RECENT}" in READ_NEAR
    return READ_NEAR.replace(f"LIMIT {RECENT}", f"LIMIT {limit}")


def test_page_needs_no_script_and_no_style_of_its_own(office, moved):
    text = Browser.get(office.browser, "/admin/").content.decode()
    main = text[text.index('id="content"') :]
    assert "<script" not in main
    assert "style=" not in main
