"""`/metrics`: who may read it, and what it says."""

from __future__ import annotations

import hmac
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser

from iocash import errors, metrics
from iocash.db import clock, groups
from iocash.db.pipeline import Pipeline
from iocash.worker.loop import DutyReport
from tests.support import barrier, people, sandbox
from tests.support.cash_outs import a_cash_out
from tests.support.groups import west_beside_home
from tests.support.prometheus import TARGET, series_of
from users.models import DutyState
from wallets.dashboard import figures
from wallets.posting.group_commit import Entry, GroupCommit

AT = "/metrics"
TOKEN = "a-long-random-token"
INDEXES = {
    "movement_waiting",
    "hold_expiring",
    "schedule_due",
    "otp_to_deliver",
    "bank_line_open",
    "approval_waiting",
    "bank_decision_open",
    "event_by_position",
    "wallets_audit_pkey",
}


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[None]:
    """This process counts, as one of a server."""
    metrics.METER.start(str(tmp_path))
    yield
    metrics.METER.store = None


def read(name: str, labels: str = "") -> float:
    """The value of a series."""
    answer = Browser().get(AT)
    assert answer.status_code == 200
    found = series_of(answer.content.decode())
    return float(found[f"{name}{{{','.join(filter(None, [TARGET, labels]))}}}"])


def refused(**headers: Any) -> tuple[int, str]:
    answer = Browser().get(AT, **headers)
    return answer.status_code, answer.json()["code"]


# --- Who may read it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "::1", "fd00::1", "::ffff:10.0.0.1"],
)
@pytest.mark.django_db
def test_private_network_reads_metrics(address):
    assert Browser().get(AT, REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"REMOTE_ADDR": "8.8.8.8"},
        {"REMOTE_ADDR": "172.32.0.1"},
        {"REMOTE_ADDR": "2001:db8::1"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "::ffff:8.8.8.8"},
        {"HTTP_X_FORWARDED_FOR": "8.8.8.8"},
        {"HTTP_X_FORWARDED_FOR": "10.0.0.1, 8.8.8.8"},
        {"HTTP_X_FORWARDED_FOR": "8.8.8.8, 10.0.0.1"},
        {"HTTP_X_FORWARDED_FOR": "unknown"},
        {"HTTP_X_FORWARDED_FOR": ""},
    ],
)
@pytest.mark.parametrize("proxies", [0, 1])
def test_outside_gets_403(headers, proxies, settings):
    settings.TRUSTED_PROXIES = proxies
    assert refused(**headers) == (403, "permission_denied")


@pytest.mark.django_db
def test_token_opens_metrics_from_anywhere(settings):
    settings.METRICS_TOKEN = TOKEN
    headers: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}", "REMOTE_ADDR": "8.8.8.8"}
    assert Browser().get(AT, **headers).status_code == 200


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (None, "not_authenticated"),
        ("Bearer", "not_authenticated"),
        (f"Bearer {TOKEN}x", "invalid_credentials"),
        (f"Bearer {TOKEN[:-1]}", "invalid_credentials"),
        (f"Basic {TOKEN}", "invalid_credentials"),
        ("Bearer é\udce9", "invalid_credentials"),
    ],
)
def test_wrong_token_gets_401_also_on_a_private_network(given, code, settings):
    settings.METRICS_TOKEN = TOKEN
    assert refused(**({"HTTP_AUTHORIZATION": given} if given else {})) == (401, code)


def test_tokens_are_compared_in_constant_time(settings, monkeypatch):
    """What is compared has one length, whatever the caller has sent."""
    settings.METRICS_TOKEN, compared = TOKEN, []
    compare = hmac.compare_digest

    def note(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", note)
    for token in ("a", TOKEN[:-1], TOKEN * 2):
        assert refused(HTTP_AUTHORIZATION=f"Bearer {token}")[0] == 401
    assert compared == [(32, 32)] * 3


def test_many_wrong_tokens_are_limited(settings):
    settings.METRICS_TOKEN, settings.RATE_LIMIT_REFUSED = TOKEN, 2
    codes = {
        refused(HTTP_AUTHORIZATION="Bearer no", REMOTE_ADDR="203.0.113.7")[1] for _ in range(9)
    }
    assert codes == {"invalid_credentials", "rate_limited"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_other_methods_are_refused(method):
    answer = Browser().generic(method, AT)
    assert (answer.status_code, answer["Allow"]) == (400, "GET")


# --- What it says --------------------------------------------------------------------------------


@pytest.mark.django_db
def test_scrape_takes_one_statement(counting, monkeypatch, django_assert_num_queries):
    asked = []
    ask = Pipeline.ask

    def note(self: Any, statement: str, *more: Any) -> Any:
        asked.append(statement)
        return ask(self, statement, *more)

    monkeypatch.setattr(Pipeline, "ask", note)
    with django_assert_num_queries(0):
        answer = Browser().get(AT)
    assert asked == [figures.ALL]
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_statement_reads_by_indexes():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {figures.ALL}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert [name for name in sorted(INDEXES) if name not in plan] == []


def test_requests_and_refusals_are_counted_by_names_of_ours(counting, api, alices, bobs):
    path = f"wallets/{alices.id}/movements"
    assert api.post(path, people.to(bobs)).status == 201
    assert api.post(path, people.to(bobs, "1000.00")).status == 409
    Browser().get('/nowhere"\\')
    Browser().generic("BREW", f"/api/v1/wallets/{alices.id}")
    assert read("iocash_refusals_total", 'code="insufficient_funds",status="409"') == 1
    assert read("iocash_refusals_total", 'code="lock_timeout",status="503"') == 0
    count = "iocash_request_duration_seconds_count"
    assert read(count, 'route="movements",method="POST",status="2xx"') == 1
    assert read(count, 'route="unknown",method="other",status="4xx"') == 1
    assert read(count, 'route="wallet",method="other",status="4xx"') == 1
    assert read("iocash_requests_in_progress") == 1
    assert read("iocash_server_processes") == 1


@pytest.mark.django_db
def test_group_is_counted_with_its_orders(counting):
    """Inside the transaction of a test, orders are posted alone; so a queue is filled by hand."""

    def post(orders: Any, before_asking: Any) -> Any:
        return [errors.NotFound() for _ in orders]

    groups = GroupCommit(post, lambda order: errors.NotFound(), room=9, patience=1.0, most=9)
    orders: Any = [SimpleNamespace(weight=1) for _ in range(3)]
    for order in orders[1:]:
        groups.queue.append(Entry(order))
    groups.queue[0].leads = True
    groups.lead()
    groups.submit(orders[0])
    assert read("iocash_group_orders_count") == 2
    assert read("iocash_group_orders_sum") == 3


def test_route_of_published_and_back_office_addresses(counting, nobody):
    Browser().get("/api/v1/public/wallets")
    Browser().get("/admin/login/")
    count = "iocash_request_duration_seconds_count"
    assert read(count, 'route="published",method="GET",status="4xx"') == 1
    assert read(count, 'route="admin",method="GET",status="2xx"') == 1


def test_ages_grow_with_the_clock_of_the_database(alices, bobs):
    sandbox.make()
    barrier.put(barrier.NEVER)
    people.place(alices, bobs, 10_00, expires_at=clock.now() + timedelta(minutes=1))
    a_cash_out(alices, 10_00)
    assert read("iocash_holds_overdue") == 0
    sandbox.set_clock(clock.now() + timedelta(minutes=11))
    assert read("iocash_holds_overdue") == 1
    assert 600 <= read("iocash_holds_overdue_oldest_seconds") < 660
    assert 660 <= read("iocash_outbox_age_seconds") < 900  # the rows may be three minutes old
    assert read("iocash_cash_outs", 'state="to_send"') == 1
    assert 660 <= read("iocash_cash_outs_oldest_seconds", 'state="to_send"') < 720
    assert read("iocash_cash_outs", 'state="sent"') == 0


@pytest.mark.django_db
def test_duty_that_failed_last_is_failing():
    DutyState.objects.add_report(DutyReport("one", done=3, runs=2))
    DutyState.objects.add_report(DutyReport("two", failures=1, failure="OSError", runs=1))
    assert read("iocash_duty_failing", 'duty="one"') == 0
    assert read("iocash_duty_failing", 'duty="two"') == 1
    assert read("iocash_duty_done_total", 'duty="one"') == 3
    assert read("iocash_duty_failures_total", 'duty="two"') == 1


@pytest.mark.django_db
def test_age_of_the_newest_anchor_is_that_of_its_file(tmp_path, settings):
    settings.ANCHORS_DIR = str(tmp_path)
    (tmp_path / "iocash-anchor-2026-01-02.txt").touch()
    assert 0 <= read("iocash_anchor_age_seconds") < 60


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_figures_have_the_group_where_there_are_several():
    groups.AWAY.clear()
    with west_beside_home():
        text = Browser().get("/metrics").content.decode()
        assert 'iocash_database_up{group="home"} 1' in text
        assert 'iocash_database_up{group="west"} 1' in text
        assert "iocash_requests_in_progress{group" not in text
    assert "iocash_database_up 1" in Browser().get("/metrics").content.decode()


@pytest.mark.django_db
def test_room_of_each_folder_is_shown(tmp_path, settings):
    settings.DOCUMENTS_DIR, settings.ANCHORS_DIR = str(tmp_path), str(tmp_path / "missing")
    free, size = (
        read(f"iocash_folder_{name}_bytes", 'folder="DOCUMENTS_DIR"') for name in ("free", "disk")
    )
    assert 0 <= free < size == shutil.disk_usage(tmp_path).total
    assert b'folder="ANCHORS_DIR"' not in Browser().get(AT).content
