"""Files of statements: requested, written at once or by the worker, and dropped."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from iocash.db import clock
from iocash.processes import Job
from tests.support import people, sandbox
from tests.support.staff import VIEWER, a_member, browser_of
from tests.support.statement_files import a_file, body, camt_of, csv_of, decoded, text_of
from users.documents import processes
from wallets import erasure
from wallets.duties.statements import TAKE, DropStatementFiles, WriteStatementFiles
from wallets.models import StatementFile
from wallets.statements import files
from wallets.statements.content import StatementContent

pytestmark = pytest.mark.django_db

TINY = Job(processes.FORKER, "typeset", cpu=0.001, seconds=0.01, memory=1, patience=1)


@pytest.fixture
def path(wallet) -> str:
    return f"{wallet}/statement-files"


@pytest.fixture
def worker(monkeypatch) -> WriteStatementFiles:
    """A worker that writes all files: requests write none."""
    monkeypatch.setattr(files, "AT_ONCE", -1)
    return WriteStatementFiles()


def again(file: StatementFile) -> StatementFile:
    return StatementFile.objects.get(id=file.id)


@pytest.mark.parametrize(
    ("kind", "media_type", "ending"),
    [
        ("PDF", "application/pdf", ".pdf"),
        ("CSV", "text/csv; charset=utf-8", ".csv"),
        ("CAMT_053", "application/xml", ".xml"),
    ],
)
def test_short_period_is_answered_with_its_file(api, history, path, kind, media_type, ending):
    answer = api.post(path, body(kind))
    shown = answer.json
    assert (answer.status, shown["status"], shown["contentType"]) == (201, "READY", media_type)
    assert shown["fileName"].endswith(ending)
    assert shown["sha256"] == hashlib.sha256(decoded(answer)).hexdigest()
    assert shown["digest"] == bytes(history[-1].digest).hex()
    assert shown["movementCount"] == 3
    assert api.get(answer.headers["Location"]).json == shown


def test_files_agree_with_the_statement(api, history, wallet, path):
    asked = body("CSV")
    query = f"startDate={asked['startDate']}&endDate={asked['endDate']}"
    statement = api.get(f"{wallet}/statement?{query}").json
    opening, *rows, closing = csv_of(decoded(api.post(path, asked)))
    assert (opening["balance"], closing["balance"]) == (
        statement["openingBalance"],
        statement["closingBalance"],
    )
    assert closing["digest"] == statement["closingDigest"]
    assert [row["movementId"] for row in rows] == [
        each["id"] for each in statement["_embedded"]["movements"]
    ]
    root = camt_of(decoded(api.post(path, body("CAMT_053", asked["startDate"], asked["endDate"]))))
    amounts = [each.text for each in root.iterfind(".//{*}Bal/{*}Amt")]
    assert amounts == [statement["openingBalance"], statement["closingBalance"]]


def test_period_includes_its_start_and_not_its_end(api, alices, history, path):
    second = history[1].settled_at
    assert second is not None
    at = (second + timedelta(milliseconds=1)).isoformat(timespec="milliseconds")[:-6] + "Z"
    whole = body("CSV")
    first = csv_of(decoded(api.post(path, body("CSV", whole["startDate"], at))))
    rest = csv_of(decoded(api.post(path, body("CSV", at, whole["endDate"]))))
    ids = [row["movementId"] for row in (*first, *rest) if row["movementId"]]
    assert ids == [str(movement.id) for movement in history]
    assert first[-1]["balance"] == rest[0]["balance"]


@pytest.mark.parametrize("kind", ["PDF", "CSV", "CAMT_053"])
def test_period_without_movements_is_a_file(api, bobs, kind):
    answer = api.post(f"wallets/{bobs.id}/statement-files", body(kind))
    assert (answer.status, answer.json["movementCount"], answer.json["digest"]) == (201, 0, None)


@pytest.mark.slow
def test_accept_language_chooses_the_language_of_a_pdf(api, history, path):
    english = text_of(decoded(api.post(path, body("PDF"))))
    spanish = text_of(decoded(api.post(path, body("PDF"), headers={"Accept-Language": "es"})))
    assert "Closing balance" in english
    assert "Saldo final" in spanish
    assert "95,00" in spanish


# --- Wrong requests ------------------------------------------------------------------------------


def test_wrong_fields_are_all_named(api, path):
    answer = api.post(path, {"format": "XLS", "startDate": "1", "more": 1})
    assert (answer.status, answer.wrong) == (
        400,
        {
            "format": "invalid_choice",
            "startDate": "invalid",
            "endDate": "required",
            "more": "unknown_field",
        },
    )


def test_empty_or_inverted_period_is_refused(api, path):
    for start, end in (("2026-01-02", "2026-01-02"), ("2026-01-02", "2026-01-01")):
        answer = api.post(path, body("CSV", start, end))
        assert (answer.status, answer.wrong) == (400, {"endDate": "invalid_range"})


def test_future_is_refused(api, path):
    ahead = f"{clock.now() + timedelta(days=2):%Y-%m-%d}"
    answer = api.post(path, body("CSV", end=ahead))
    assert (answer.status, answer.wrong) == (400, {"endDate": "in_the_future"})


def test_period_of_more_than_13_months_is_refused(api, path):
    answer = api.post(path, body("CSV", "2024-01-01", "2025-02-02"))
    assert (answer.status, answer.wrong) == (400, {"startDate": "max_period"})
    assert api.post(path, body("CSV", "2024-01-01", "2025-02-01")).status == 201


def test_too_many_movements_are_refused(api, history, path, monkeypatch):
    monkeypatch.setitem(files.MOST, files.Format.CSV, 2)
    answer = api.post(path, body("CSV"), key="k")
    assert (answer.status, answer.wrong) == (400, {"endDate": "too_many_movements"})
    assert not StatementFile.objects.exists()


def test_wallet_and_file_of_another_client_are_404(api, alices, history, path):
    mine = api.post(path, body("CSV")).json
    other = people.Api(people.a_key(people.a_client("Another"), "movements:read", "users:read"))
    assert other.post(path, body("CSV")).status == 404
    assert other.get(mine["_links"]["self"]["href"]).status == 404
    assert api.get(f"{path}/{uuid4()}").status == 404


def test_key_without_users_read_is_403(client_demo, history, path):
    reader = people.Api(people.a_key(client_demo, "movements:read"))
    answer = reader.post(path, body("CSV"))
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    both = people.Api(people.a_key(client_demo, "movements:read", "users:read"))
    assert both.post(path, body("CSV")).status == 201


def test_closed_wallet_has_statements(api, history, alices, bobs, path):
    people.transfer(alices, bobs, 95_00)
    people.close(alices)
    assert csv_of(decoded(api.post(path, body("CSV"))))[-1]["balance"] == "0.00"


@pytest.mark.slow
def test_file_of_staff_is_of_the_wallets_client_and_names_the_asker(alices, path):
    member = a_member(VIEWER)
    answer = browser_of(member).post(f"/api/v1/{path}", body("CSV"), "application/json")
    assert answer.status_code == 201
    file = StatementFile.objects.get()
    assert (file.actor, file.client_id) == (f"staff:{member.pk}", alices.client_id)


# --- Idempotency ---------------------------------------------------------------------------------


def test_same_key_returns_the_same_file(api, history, path):
    asked = body("CSV")
    first, second = api.post(path, asked, key="k"), api.post(path, asked, key="k")
    assert (first.status, second.status) == (201, 201)
    assert second.json == first.json
    assert second.headers["Idempotent-Replayed"] == "true"
    other = api.post(path, asked | {"format": "PDF"}, key="k")
    assert (other.status, other.code) == (409, "idempotency_key_reused")
    assert StatementFile.objects.count() == 1


# --- The worker ----------------------------------------------------------------------------------


def test_long_period_is_left_to_the_worker(api, history, path, worker):
    answer = api.post(path, body("CSV"), key="k")
    assert (answer.status, answer.json["status"], answer.json["content"]) == (202, "PENDING", None)
    assert [worker.perform(), worker.perform()] == [1, 0]
    shown = api.get(answer.headers["Location"])
    assert (shown.json["status"], len(csv_of(decoded(shown)))) == ("READY", 5)
    assert api.post(path, body("CSV"), key="other").status == 202


@pytest.mark.slow
def test_pdf_without_room_is_left_to_the_worker(api, history, path, monkeypatch):
    monkeypatch.setattr(processes, "TYPESET", TINY)
    answer = api.post(path, body("PDF"))
    assert (answer.status, answer.json["status"]) == (202, "PENDING")
    assert WriteStatementFiles().perform() == 1
    assert decoded(api.get(answer.headers["Location"])).startswith(b"%PDF-")


@pytest.mark.slow
def test_file_that_can_not_be_made_fails(alices, history, worker, monkeypatch, caplog):
    monkeypatch.setattr(processes, "TYPESET_LONG", TINY)
    file = a_file(alices, "PDF")
    assert [worker.perform() for _ in range(7)] == [1, 1, 1, 1, 1, 1, 0]
    assert again(file).status == "FAILED"
    assert "has failed" in caplog.text


def test_file_of_a_killed_worker_is_due_after_its_lease(alices, history, worker):
    file = a_file(alices)
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [120])
    assert worker.perform() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE wallets_statementfile SET leased_until = clock_timestamp()")
    assert worker.perform() == 1
    assert again(file).status == "READY"


def test_late_worker_changes_nothing(alices, history, worker):
    a_file(alices)
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [0])
        late = files.stored_file(*cursor.fetchone())
    assert worker.perform() == 1
    assert files.write_file(late, processes.TYPESET) is False
    assert again(late).attempts == 2


def test_file_of_movements_that_do_not_add_up_is_not_made(alices, history, worker, monkeypatch):
    file = a_file(alices)
    monkeypatch.setattr(StatementContent, "chunks", lambda content: iter([]))
    with pytest.raises(Exception, match="don't lead to its closing"):
        worker.perform()
    assert again(file).status == "PENDING"


@pytest.mark.slow
def test_content_is_dropped_after_a_week(api, history, path):
    sandbox.make()
    answer = api.post(path, body("CSV"), key="k")
    drop = DropStatementFiles()
    sandbox.set_clock(clock.now() + timedelta(days=7) - timedelta(minutes=1))
    assert drop.perform() == 0
    sandbox.set_clock(clock.now() + timedelta(minutes=2))
    assert [drop.perform(), drop.perform()] == [1, 0]
    shown = api.get(answer.headers["Location"]).json
    assert (shown["status"], shown["content"], shown["sha256"]) == ("EXPIRED", None, None)


# --- Erasure -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_erasure_drops_the_files_of_the_user_and_renews_others(scene: Any):
    own, others = a_file(scene.alices), a_file(scene.bobs)
    before = bytes(again(others).content or b"").decode().lower()
    assert "qx~z" in before
    erasure.erase(user_id=scene.alice.id, by=people.BY, reason="AUTHORITY_ORDER")
    assert (again(own).status, again(own).content) == ("EXPIRED", None)
    assert again(others).status == "PENDING"
    WriteStatementFiles().perform()
    after = bytes(again(others).content or b"").decode().lower()
    assert "qx~z" not in after
    assert "qx~z" not in bytes(again(a_file(scene.alices)).content or b"").decode().lower()


@pytest.mark.slow
def test_worker_that_read_before_an_erasure_writes_nothing(scene: Any, worker):
    a_file(scene.bobs)
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [120])
        taken = files.stored_file(*cursor.fetchone())
    erasure.erase(user_id=scene.alice.id, by=people.BY, reason="AUTHORITY_ORDER")
    assert files.write_file(taken, processes.TYPESET) is False
    assert again(taken).content is None
