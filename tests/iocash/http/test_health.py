"""The health endpoints: the process is alive; the database is ready."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.urls import path

from iocash.db import groups
from iocash.db.backend import safety
from iocash.http import health
from tests.support.groups import west_beside_home

urlpatterns = [
    path("livez", health.LivezView.as_view()),
    path("readyz", health.ReadyzView.as_view()),
]

pytestmark = pytest.mark.urls(__name__)


def test_livez_does_not_query_the_database() -> None:  # and has no database to ask
    answer = Client().get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_queries_the_database() -> None:
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_is_503_while_migrations_are_pending() -> None:
    MigrationRecorder.Migration.objects.filter(app="users").delete()
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer["Retry-After"] == "2"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("transaction_read_only = on", "The database is read-only."),
        ("synchronous_commit = off", "synchronous_commit is off"),
        ("lock_timeout = 0", "The role's lock_timeout must be above 0"),
    ],
)
def test_readyz_is_503_when_database_settings_are_unsafe(setting: str, words: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL {setting}")
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.json()["detail"].startswith(words)


@pytest.mark.django_db
def test_readyz_is_503_on_a_standby(monkeypatch: pytest.MonkeyPatch) -> None:
    standby = safety.read_session()._replace(is_standby=True, is_read_only=True)
    monkeypatch.setattr(safety, "read_session", lambda: standby)
    assert (
        Client().get("/readyz").json()["detail"]
        == "The database is a standby; it takes no changes."
    )


@pytest.mark.django_db
@pytest.mark.parametrize("apart", [-61, 61])
def test_readyz_is_503_when_the_clocks_differ(apart: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = safety.read_session()
    monkeypatch.setattr(safety, "read_session", lambda: found._replace(clock=found.clock + apart))
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.json()["detail"].startswith(f"The database's clock is {apart} s ahead")


@pytest.mark.django_db
def test_readyz_asks_a_long_question_until_nothing_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [["Rows are wrong."], []]
    monkeypatch.setattr(safety, "ASKED_ONCE", [lambda: iter(answers.pop(0))])
    assert Client().get("/readyz").json()["detail"] == "Rows are wrong."
    assert [Client().get("/readyz").status_code for _ in range(2)] == [200, 200]
    assert answers == []


def test_readyz_is_503_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: Any) -> Any:
        raise OperationalError("connection refused")

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", gone)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")


@pytest.mark.parametrize("at", ["/livez", "/readyz"])
def test_health_endpoints_refuse_parameters_and_other_methods(at: str) -> None:
    assert Client().get(f"{at}?x=1").json()["code"] == "invalid_parameters"
    answer = Client().post(at)
    assert (answer.status_code, answer["Allow"]) == (400, "GET, HEAD, OPTIONS")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_readyz_names_unreachable_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    groups.AWAY.clear()
    with west_beside_home():
        assert health.GROUPS_AWAY not in Client().get("/readyz").headers
        groups.AWAY["west"] = float("inf")
        answer = Client().get("/readyz")
        assert (answer.status_code, answer[health.GROUPS_AWAY]) == (200, "west")
        groups.AWAY.clear()
        with groups.entered("west"):
            MigrationRecorder.Migration.objects.filter(app="users").delete()
        assert Client().get("/readyz")[health.GROUPS_AWAY] == "west"
