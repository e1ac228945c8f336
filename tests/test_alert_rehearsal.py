"""Each alert is brought about in the database and fires; on a healthy server none does.

What `/metrics` says before and afterwards is what Prometheus' own tool judges the rules by.
Takes 60 s; needs promtool.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.test import Client as Browser
from django.test import override_settings

import dev
from iocash import metrics
from iocash.db import clock
from iocash.http import problems
from iocash.worker import DUTIES
from iocash.worker.loop import DutyReport, load_duties
from tests.support import bank, barrier, people, sandbox
from tests.support.cash_outs import a_cash_out
from tests.support.prometheus import (
    ALERTS,
    RULES,
    TARGET,
    Scrape,
    firing,
    needs_promtool,
    promtool,
    series_of,
)
from tests.support.receivers import Receiver
from tests.support.schedules import make_due, scheduled
from tests.support.webhooks import Worker, an_endpoint, to
from users import signatures
from users.models import DutyState, WebhookEndpoint
from users.models.duties import ARCHIVE
from wallets.anchors import BadAnchor
from wallets.anchors.folder import FORM
from wallets.bank import safeguarding_reports
from wallets.dashboard import families
from wallets.duties.audits import AuditLedger, WriteAnchor
from wallets.duties.witness import AnchorNotSent, SendAnchors
from wallets.models import Wallet

pytestmark = [pytest.mark.ci, pytest.mark.django_db, needs_promtool]

MINUTES = timedelta(minutes=10)
BEHIND = {"outbox_held_back_seconds": "90", "outbox_age_seconds": "90"}


@pytest.fixture
def healthy(tmp_path: Path, settings: Any, alices: Wallet, bobs: Wallet) -> Iterator[Scrape]:
    """A server with a worker; it has been audited, and there is an anchor."""
    settings.DOCUMENTS_DIR = str(tmp_path)
    settings.ANCHORS_DIR = str(tmp_path / "anchors")
    (tmp_path / "anchors").mkdir()
    sandbox.make()
    metrics.METER.start(str(tmp_path / "counts"))
    load_duties()
    for name in DUTIES:
        DutyState.objects.add_report(DutyReport(name, runs=1))
    AuditLedger().perform_period()
    WriteAnchor().perform()
    scrape()  # what appears with the first request is there
    yield scrape()
    metrics.METER.store = None


def scrape() -> Scrape:
    answer = Browser().get("/metrics")
    assert answer.status_code == 200
    text = answer.content.decode()
    checked = promtool("check", "metrics", text=text)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    return series_of(text)


def pass_minutes() -> None:
    sandbox.set_clock(clock.now() + MINUTES)


def hold_expires(alices: Wallet, bobs: Wallet) -> None:
    """Nobody writes that a hold has expired."""
    people.place(alices, bobs, 10_00, expires_at=clock.now() + timedelta(minutes=1))
    pass_minutes()


def run_is_due(alices: Wallet, bobs: Wallet) -> None:
    """Nobody makes a run."""
    make_due(scheduled(alices, bobs))
    pass_minutes()


def events_wait(alices: Wallet, bobs: Wallet) -> None:
    """Nobody releases what was committed."""
    barrier.put(barrier.NEVER)
    people.transfer(alices, bobs, 10_00)
    pass_minutes()


def worker_stops(alices: Wallet, bobs: Wallet) -> None:
    """Two minutes pass in which no duty reports."""
    DutyState.objects.update(last_run_at=F("last_run_at") - timedelta(minutes=2))


def row_is_changed(alices: Wallet, bobs: Wallet) -> None:
    """The owner of the tables changes a wallet, and the next audit finds it."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE wallets_wallet SET received = received + 1 WHERE id = %s", [bobs.id])
    AuditLedger().perform_period()


def money_is_missing(alices: Wallet, bobs: Wallet) -> None:
    """A client's money is in no account, and the report of the day says so."""
    bank.an_account(alices.client)
    bank.receive(opening="0.00", closing="0.00")
    people.cash_in(
        people.first_wallet(people.a_user(people.a_client("Another"), people.ALICE)), 5_00
    )
    safeguarding_reports.make_report()


def receiver_is_gone(alices: Wallet, bobs: Wallet) -> None:
    """A receiver answers 410."""
    worker = Worker()
    with Receiver() as receiver:
        receiver.answering = lambda handler, _: handler.answer(410)
        endpoint = an_endpoint(alices.client, to(receiver))
        people.transfer(alices, bobs, 10_00)
        worker.run()
    worker.close()
    assert WebhookEndpoint.objects.get(id=endpoint.id).disabled_reason == "GONE"


def cash_out_waits(alices: Wallet, bobs: Wallet) -> None:
    """Nobody sends a cash-out for two hours, while the worker writes anchors."""
    a_cash_out(alices, 10_00)
    sandbox.set_clock(clock.now() + timedelta(hours=2))
    WriteAnchor().perform()


def server_refuses(alices: Wallet, bobs: Wallet) -> None:
    """A request is answered with 503: the database would lose payments."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        assert Browser().get("/readyz").status_code == 503
        cursor.execute("SET LOCAL synchronous_commit = on")


def disk_is_full(alices: Wallet, bobs: Wallet) -> None:
    """The database has no room for a row: its error is behind a 503."""
    with pytest.raises(OperationalError) as raised, transaction.atomic():
        connection.cursor().execute("DO $$ BEGIN RAISE SQLSTATE '53100'; END $$")
    assert problems.refusal(raised.value, None).status == 503


def the_anchor() -> Path:
    (found,) = Path(settings.ANCHORS_DIR).glob(FORM)
    return found


def anchors_are_removed(alices: Wallet, bobs: Wallet) -> None:
    """Somebody removes them."""
    the_anchor().unlink()


def no_anchor_was_written_tonight(alices: Wallet, bobs: Wallet) -> None:
    """The newest full anchor is of the night before last."""
    then = time.time() - timedelta(hours=27).total_seconds()
    os.utime(the_anchor(), (then, then))


def anchor_is_damaged(alices: Wallet, bobs: Wallet) -> None:
    """No other can be written after it, and a quarter of an hour passes."""
    the_anchor().write_text("damaged")
    people.transfer(alices, bobs, 10_00)
    sandbox.set_clock(clock.now() + 2 * MINUTES)
    with pytest.raises(BadAnchor):
        WriteAnchor().perform()


def receiver_of_anchors_is_away(alices: Wallet, bobs: Wallet) -> None:
    """Nobody takes the anchor, and a quarter of an hour passes."""
    values = {"ANCHORS_URL": "http://127.0.0.1:9/", "ANCHORS_SECRET": signatures.new_secret()}
    with override_settings(**values), pytest.raises(AnchorNotSent):
        SendAnchors().perform()
    sandbox.set_clock(clock.now() + 2 * MINUTES)
    WriteAnchor().perform()


def archive_fails(alices: Wallet, bobs: Wallet) -> None:
    """The folder of old events can't be made."""
    with pytest.raises(OSError, match="exists"):
        call_command("archive_events", the_anchor(), "--years", "5")


STATES: dict[str, Callable[[Wallet, Wallet], None]] = {
    "IocashHoldOverdue": hold_expires,
    "IocashRunOverdue": run_is_due,
    "IocashOutboxOld": events_wait,
    "IocashWorkerDead": worker_stops,
    "IocashAuditFinding": row_is_changed,
    "IocashAnchorLate": anchors_are_removed,
    "IocashEventArchiveFailing": archive_fails,
    "IocashSafeguardingWrong": money_is_missing,
    "IocashEndpointDisabled": receiver_is_gone,
    "IocashCashOutsUnsent": cash_out_waits,
    "IocashManyUnavailable": server_refuses,
    "IocashDiskFull": disk_is_full,
}
ELSEWHERE = {
    "IocashDatabaseDown",
    "IocashReplicaLags",
    "IocashTransactionBlocks",
    "IocashTransactionOld",
}
"""They take servers of their own: `tests/test_metrics_served.py` and `tests/test_incidents.py`."""


def test_every_alert_is_rehearsed():
    assert STATES.keys() | ELSEWHERE == {rule["alert"] for rule in RULES}


def test_rules_are_right():
    done = promtool("check", "rules", "deploy/alerts.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_configuration_of_the_page_is_right(tmp_path):
    """The one of docs/operations/watching.md, beside the rules."""
    page = (dev.ROOT / "docs" / "operations" / "watching.md").read_text()
    (text,) = re.findall(r"^```yaml\n(.*?)```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "prometheus.yml").write_text(text)
    (tmp_path / "alerts.yml").write_text(ALERTS.read_text())
    done = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_fires_on_a_healthy_server(healthy, tmp_path):
    for hour in (10, 13):
        assert firing(tmp_path, healthy, scrape(), hour=hour) == set()


@pytest.mark.spoils_the_books
@pytest.mark.parametrize("alert", STATES)
def test_alert_fires_alone(alert, healthy, alices, bobs, tmp_path):
    STATES[alert](alices, bobs)
    hour = 13 if alert == "IocashCashOutsUnsent" else 10
    later: Any = scrape()
    assert firing(tmp_path, healthy, later, hour=hour) == {alert}


@pytest.mark.parametrize(
    "happens", [no_anchor_was_written_tonight, anchor_is_damaged, receiver_of_anchors_is_away]
)
def test_late_anchor_fires_one_alert(happens, healthy, alices, bobs, tmp_path):
    happens(alices, bobs)
    assert firing(tmp_path, healthy, scrape()) == {"IocashAnchorLate"}


def test_archive_of_long_ago_fires_one_alert(healthy, tmp_path):
    call_command("archive_events", tmp_path / "events", "--years", "5")
    assert firing(tmp_path, healthy, scrape()) == set()
    then = F("last_success_at") - timedelta(days=36)
    DutyState.objects.filter(name=ARCHIVE).update(last_run_at=then, last_success_at=then)
    assert firing(tmp_path, healthy, scrape()) == {"IocashEventArchiveFailing"}


def of_group(name: str, scraped: Scrape) -> Scrape:
    """The figures of the database of one group, as `/metrics` has them where there are several."""
    names = {family.name for family in families.FAMILIES}
    return {
        series.replace(TARGET, f'{TARGET},group="{name}"'): value
        for series, value in scraped.items()
        if series.partition("{")[0] in names
    }


def test_worker_of_one_group_is_dead_while_that_of_another_works(healthy, alices, bobs, tmp_path):
    both = of_group("home", healthy) | of_group("west", healthy)
    worker_stops(alices, bobs)
    later = of_group("home", healthy) | of_group("west", scrape())
    assert firing(tmp_path, both, later) == {"IocashWorkerDead"}
    events_wait(alices, bobs)
    later = of_group("home", healthy) | of_group("west", scrape())
    assert firing(tmp_path, both, later) == {"IocashWorkerDead"}


def test_waiting_events_are_no_alert_beside_a_dead_worker(healthy, alices, bobs, tmp_path):
    worker_stops(alices, bobs)
    events_wait(alices, bobs)
    assert firing(tmp_path, healthy, scrape()) == {"IocashWorkerDead"}


@pytest.mark.parametrize(
    ("alert", "figures"),
    [
        ("IocashDatabaseDown", {"database_up": "0"}),
        ("IocashDiskFull", {"database_errors_total": "1"}),
        ("IocashTransactionBlocks", {"oldest_transaction_seconds": "90", **BEHIND}),
        ("IocashDiskFull", {"folder_free_bytes": "1"}),
    ],
)
def test_refusals_are_no_alert_beside_their_cause(alert, figures, healthy, alices, bobs, tmp_path):
    """What one cause brings about fires nothing else: the page of the cause is the right one."""
    server_refuses(alices, bobs)
    later = scrape()
    for name, value in figures.items():
        found = [each for each in later if each.startswith(f"iocash_{name}{{")]
        assert found
        later |= dict.fromkeys(found, value)
    assert firing(tmp_path, healthy, later) == {alert}


def test_cash_outs_may_wait_before_the_hour_of_the_cut_off(healthy, alices, bobs, tmp_path):
    cash_out_waits(alices, bobs)
    assert firing(tmp_path, healthy, scrape(), hour=12) == set()
