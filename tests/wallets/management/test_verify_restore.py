"""`manage.py verify_restore`: each thing that a restore can lose is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as settings_of_tests
from django.core.management import CommandError, call_command
from django.db import connection

from iocash.db import clock, intact
from iocash.times import moment
from tests.support import limits, people
from tests.support.anchors import write_anchor
from tests.support.kyc import CARD
from users import kyc
from users.kyc import Kind
from users.models.kyc_documents import file_storage
from wallets import audit, posting
from wallets.anchors import folder, missing
from wallets.anchors.file import time_of
from wallets.management.commands import verify_restore

pytestmark = pytest.mark.django_db

TIMEOUTS = (
    "SET LOCAL lock_timeout = '2s'",
    "SET LOCAL statement_timeout = '10s'",
    "SET LOCAL idle_in_transaction_session_timeout = '15s'",
)
"""Those of the role that serves: the anchor was written in the transaction of the test."""


@pytest.fixture(autouse=True)
def places(settings: Any, tmp_path: Path) -> Path:
    """An empty folder of anchors."""
    settings.ANCHORS_DIR = str(tmp_path / "anchors")
    (tmp_path / "anchors").mkdir()
    return tmp_path / "anchors"


@pytest.fixture
def paid(alices, bobs, places) -> Path:
    """A payment, and the anchor that has it."""
    people.transfer(alices, bobs, 1_00)
    return write_anchor(places)


class Verified:
    """The report of the command, and its exit code."""

    def __init__(self, *words: str) -> None:
        tell(*TIMEOUTS)
        out, self.code = StringIO(), 0
        try:
            call_command("verify_restore", "--json", *words, stdout=out)
        except CommandError as error:
            self.code = error.returncode
        self.report: Any = json.loads(out.getvalue() or "null")

    @property
    def wrong(self) -> dict[str, list[str]]:
        return {each["name"]: each["wrong"] for each in self.report["checks"] if each["wrong"]}


def tell(*statements: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in statements:
            cursor.execute(statement)


def a_file(user: Any) -> Path:
    """Where the document is stored that Alice has sent."""
    sent = kyc.send(
        client_id=user.client_id,
        user_id=user.id,
        kind=Kind.DOCUMENT_IDENTITY_FRONT,
        shown=CARD,
        by=people.BY,
    )
    return Path(file_storage().path(str(sent.document.file)))


def test_complete_server_passes_every_check(paid, alice):
    a_file(alice)
    done = Verified()
    assert (done.code, done.wrong, done.report["right"]) == (0, {}, True)
    assert [each["name"] for each in done.report["checks"]] == [
        "server",
        "schema",
        "rights",
        "moves",
        "documents",
        "ledger",
        "until",
        "anchor",
    ]
    assert done.report["anchors"][0]["missing"] == {}


def test_report_is_also_printed_for_people(paid):
    tell(*TIMEOUTS)
    out = StringIO()
    call_command("verify_restore", stdout=out)
    assert "right  documents" in out.getvalue()
    assert "The restore is complete." in out.getvalue()


# --- The anchor ----------------------------------------------------------------------------------


@pytest.fixture
def later(paid: Path, alices: Any, bobs: Any, places: Path) -> Path:
    """An anchor of what happened in a future that the ledger then loses."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before")
    people.transfer(alices, bobs, 2_00)
    people.transfer(alices, bobs, 3_00)
    posting.submit(limits.a_cash_out(alices, 1_00))
    people.place(alices, bobs, 2_00)
    other = people.a_user(
        alices.client, people.ALICE | {"user_name": "c", "mobile_phone": "+34600000003"}
    )
    people.cash_in(people.first_wallet(other), 5_00)
    anchor = write_anchor(places)
    with connection.cursor() as cursor:
        cursor.execute("ROLLBACK TO before")
    return anchor


def test_movements_that_only_the_anchor_has_are_counted(later):
    done = Verified()
    assert done.code == 1
    lost = {"movements": 5, "wallets": 1, "cash-outs": 1, "holds": 1}
    assert done.report["anchors"][-1]["missing"] == lost
    (sentence,) = done.wrong["anchor"]
    assert sentence.startswith("1 cash-outs, 1 holds, 5 movements, 1 wallets of the anchor of ")


def test_loss_in_any_part_since_the_full_anchor_is_found(paid, alices, bobs, places):
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before")
    parts = []
    for source, target in ((alices, bobs), (bobs, alices)):
        people.transfer(source, target, 50)
        with audit.snapshot():
            written = folder.write_part(places, clock.now() + timedelta(milliseconds=1))
        assert written
        parts.append(written.path)
    with connection.cursor() as cursor:
        cursor.execute("ROLLBACK TO before")
    done = Verified()
    assert done.code == 1
    assert [each["file"] for each in done.report["anchors"]] == [str(paid), *map(str, parts)]
    assert [each["missing"] for each in done.report["anchors"]] == [
        {},
        {"movements": 2},
        {"movements": 4},
    ]


def test_restore_to_an_earlier_instant_may_lack_later_movements(paid, later, monkeypatch):
    now = moment(clock.now())
    assert Verified("--until", now).code == 1
    times = dated({later: clock.now() + timedelta(hours=1)})
    for module in (missing, verify_restore):
        monkeypatch.setattr(module, "time_of", times)
    done = Verified("--until", now)
    assert (done.code, done.wrong) == (0, {})
    assert [each["file"] for each in done.report["anchors"]] == [str(paid), str(later)]
    assert done.report["anchors"][1]["missing"]["movements"] == 5


def dated(times: dict[Path, datetime]) -> Callable[[Path], datetime]:
    """The times of anchors, some of them in the future."""
    return lambda anchor: times.get(anchor) or time_of(anchor)


def test_anchor_that_can_not_be_read_is_not_verified(paid):
    paid.write_text(paid.read_text()[:-20])
    assert Verified().code == 2
    assert Verified("--anchor", str(paid.with_name("none"))).code == 2
    paid.write_text("")
    assert Verified("--until", moment(clock.now())).code == 2


def test_missing_anchor_is_wrong(alices):
    assert Verified().wrong == {
        "anchor": ["There is no anchor to compare with. Name one: --anchor FILE."]
    }


@pytest.mark.spoils_the_books
def test_movement_that_differs_from_the_anchor_is_reported(paid):
    tell(
        "ALTER TABLE wallets_movement DISABLE TRIGGER USER",
        "UPDATE wallets_movement SET digest = sha256('other') WHERE seq = 1",
        "ALTER TABLE wallets_movement ENABLE TRIGGER USER",
    )
    assert {"anchor", "ledger"} <= Verified().wrong.keys()


def test_event_later_than_the_instant_is_wrong(paid):
    until = moment(clock.now() - timedelta(hours=1))
    assert "later than the instant" in Verified("--until", until).wrong["until"][0]


# --- The documents -------------------------------------------------------------------------------


def test_missing_and_changed_documents_are_named(paid, alice):
    file = a_file(alice)
    content = file.read_bytes()
    file.write_bytes(content + b" ")
    assert "differs from its SHA-256" in Verified().wrong["documents"][0]
    file.unlink()
    assert "can't be read: No such file" in Verified().wrong["documents"][0]


def test_files_without_a_row_are_listed_and_right(paid, alice):
    file = a_file(alice)
    file.with_name("other").write_bytes(b"x")
    done = Verified()
    unknown = done.report["unknownFiles"]
    assert (done.code, f"{alice.id}/other" in unknown) == (0, True)
    assert f"{alice.id}/{file.name}" not in unknown


# --- The database --------------------------------------------------------------------------------


def test_missing_and_unknown_migrations_are_named(paid):
    tell(
        "DELETE FROM django_migrations WHERE app = 'users' AND name LIKE '0023%'",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('users', '9999_x', now())",
    )
    lacking, unknown = Verified().wrong["schema"]
    assert lacking.startswith("The migration users.0023_")
    assert unknown.startswith("The migration users.9999_x is unknown")


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("ALTER TABLE users_note DROP COLUMN text CASCADE", "The column users_note.text"),
        (
            "ALTER TABLE wallets_wallet DROP CONSTRAINT wallet_balance_covers_held",
            "wallet_balance_covers_held of wallets_wallet is missing",
        ),
        ("DROP INDEX kyc_document_pending", "kyc_document_pending of users_kycdocument"),
        (
            "ALTER TABLE wallets_movement DISABLE TRIGGER movement_is_written_once",
            "The trigger wallets_movement.movement_is_written_once is disabled.",
        ),
    ],
)
def test_missing_parts_of_the_schema_are_named(paid, statement, sentence):
    tell(statement)
    assert [each for each in intact.wrong_tables() if each.startswith(sentence)]


needs_two_roles = pytest.mark.skipif(
    settings_of_tests.DATABASES["default"]["USER"] == settings_of_tests.DATABASE_ROLE,
    reason="one role both owns and serves",
)


@needs_two_roles
def test_migrations_grant_exactly_the_rights_of_the_role(paid):
    assert list(intact.wrong_rights()) == []
    assert ("wallets_movement", "INSERT") in intact.granted_rights()
    assert ("wallets_movement", "UPDATE") not in intact.granted_rights()


@needs_two_roles
@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("REVOKE INSERT ON wallets_movement FROM {}", "{} lacks INSERT on wallets_movement."),
        (
            "REVOKE UPDATE (scopes) ON users_apikey FROM {}",
            "{} lacks UPDATE on users_apikey.scopes.",
        ),
        (
            "REVOKE USAGE ON SEQUENCE wallets_iban_number FROM {}",
            "{} lacks USAGE on wallets_iban_number.",
        ),
        (
            "GRANT UPDATE (amount) ON wallets_movement TO {}",
            "{} has UPDATE on wallets_movement.amount, which no migration grants.",
        ),
        (
            "GRANT DELETE ON wallets_movement TO {}",
            "{} has DELETE on wallets_movement, which no migration grants.",
        ),
    ],
)
def test_other_rights_than_granted_are_named(paid, settings, statement, sentence):
    tell(statement.format(settings.DATABASE_ROLE))
    assert list(intact.wrong_rights()) == [sentence.format(settings.DATABASE_ROLE)]
