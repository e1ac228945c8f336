"""When somebody may be erased, by whom, and what an interrupted erasure leaves for the next one."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone
from psycopg import errors as pg

from iocash import errors
from tests.support import people
from tests.support.approvals import a_colleague, approve
from tests.support.backoffice import Office, page_of
from tests.support.personal_texts import left, marks_in
from users import demo_documents, kyc
from users.models import Approval, Event, User
from wallets import erasure, posting
from wallets.models import Hold, Movement
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db

REASON = "AUTHORITY_ORDER"


def unsubscribe(user: User) -> User:
    posting.submit(UnsubscribeUser(client_id=user.client_id, by=people.BY, user_id=user.id))
    user.refresh_from_db()
    return user


def erase(user: User, reason: str = REASON) -> User:
    return erasure.erase(user_id=user.id, by=people.BY, reason=reason)


@pytest.fixture
def ended(alice: User) -> User:
    """Alice, who had no money and has shown her occupation, has ended just now."""
    demo_documents.send_samples(
        alice, frozenset({kyc.Kind.OCCUPATION, kyc.Kind.DOCUMENT_INCOME_TAX}), people.BY
    )
    return unsubscribe(alice)


def is_erased(user: User) -> bool:
    return User.objects.get(id=user.id).erased_at is not None


# --- When ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["ACTIVATED", "BLOCKED"])
def test_erasure_of_an_open_user_is_refused(status, alice):
    User.objects.update(status=status)
    with pytest.raises(errors.InvalidTransition) as refused:
        erase(alice)
    assert refused.value.facts["status"] == status


def test_erasure_of_an_unknown_user_is_refused(db):
    with pytest.raises(errors.NotFound):
        erasure.erase(user_id=people.unknown_id(), by=people.BY)


def test_erasure_during_the_retention_period_is_refused(ended, settings):
    settings.RETENTION_YEARS = 4
    with pytest.raises(errors.RetentionNotOver) as refused:
        erase(ended, erasure.RETENTION_OVER)
    kept_until = ended.unsubscribed_at + timedelta(days=4 * 365 + 1)
    assert refused.value.facts == {"user_id": ended.id, "kept_until": kept_until}
    assert not is_erased(ended)


def test_erasure_after_the_retention_period_needs_no_reason(ended):
    User.objects.update(unsubscribed_at=F("unsubscribed_at") - timedelta(days=5 * 365.25))
    assert erase(ended, erasure.RETENTION_OVER).erased_at


@pytest.mark.parametrize("reason", ["AUTHORITY_ORDER", "USER_REQUEST", "OTHER"])
def test_erasure_with_another_reason_ignores_the_retention_period(reason, ended):
    erase(ended, reason)
    assert is_erased(ended)


def test_an_erased_user_is_erased_once(ended):
    first = erase(ended).erased_at
    assert erase(ended).erased_at == first
    assert Event.objects.filter(kind="user.erased").count() == 1


# --- The command, and the button -----------------------------------------------------------------


def run(*arguments: Any) -> str:
    out = StringIO()
    call_command("erase_user", *arguments, stdout=out)
    return out.getvalue()


def test_command_erases_one_user_with_a_reason(ended):
    assert run(str(ended.id), "--reason", "USER_REQUEST") == f"Erased: {ended.id}\n"
    (event,) = Event.objects.filter(kind="user.erased")
    assert (event.actor, event.data["reason"]) == ("system:erase_user", "USER_REQUEST")


def test_command_reports_the_refusal(ended):
    with pytest.raises(CommandError, match="retention period"):
        run(str(ended.id))
    assert not is_erased(ended)


def test_command_erases_only_users_after_their_retention_period(ended, bob):
    unsubscribe(bob)
    old = timezone.now() - timedelta(days=5 * 365.25)
    User.objects.filter(id=ended.id).update(unsubscribed_at=old)
    User.objects.filter(id=bob.id).update(unsubscribed_at=old + timedelta(minutes=1))
    assert run("--due") == f"Erased: {ended.id}\n"
    assert [is_erased(user) for user in (ended, bob)] == [True, False]
    assert run("--due") == ""


@pytest.mark.slow
def test_staff_erase_from_the_users_page(ended, staff):
    office, address = Office(staff), page_of(ended).replace("change/", "action/erase/")
    values = {"key": people.unknown_id(), "reason": erasure.RETENTION_OVER}
    assert office.status("post", address, values) == 200
    assert not is_erased(ended)
    values |= {"reason": "USER_REQUEST"}
    assert office.status("post", address, values) == 200
    assert not is_erased(ended)
    asking = values | {"ask": "1", "approval_reason": "Letter"}
    assert office.status("post", address, asking) == 302
    approve(Approval.objects.get(), a_colleague())
    assert is_erased(ended)
    (event,) = Event.objects.filter(kind="user.erased")
    assert event.actor == f"staff:{staff.pk}"
    assert "action/erase" not in office.get(page_of(ended))


# --- Interrupted, and repeated -------------------------------------------------------------------


@contextmanager
def interrupted_at(number: int) -> Iterator[None]:
    """The server goes away before so many chunks are erased."""
    asked: list[str] = []

    def count(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        asked.extend([sql] * ("wallets_erase_texts" in sql))
        if len(asked) == number:
            raise KeyboardInterrupt
        return execute(sql, *rest)

    with connection.execute_wrapper(count), pytest.raises(KeyboardInterrupt):
        yield
    assert len(asked) == number


@pytest.mark.parametrize("most", [1, 2, 7, 5_000])
def test_everything_is_erased_with_any_chunk_size(most, scene, monkeypatch):
    monkeypatch.setattr(erasure, "MOST", most)
    erase(scene.alice)
    assert marks_in(left()) == {}


def test_next_call_completes_an_erasure_interrupted_between_chunks(scene, monkeypatch):
    monkeypatch.setattr(erasure, "MOST", 2)
    with interrupted_at(3):
        erase(scene.alice)
    assert not is_erased(scene.alice)
    assert "wallets_movement" in marks_in(left())
    erase(scene.alice)
    assert marks_in(left()) == {}


@pytest.mark.parametrize("name", ["erase_texts", "erase_files", "blank", "events.record_about"])
def test_interrupted_erasure_is_due_again(name, scene, monkeypatch, settings):
    def interrupted(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    settings.RETENTION_YEARS = 0
    with monkeypatch.context() as patch:
        patch.setattr(f"wallets.erasure.{name}", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run("--due")
    assert marks_in(left())
    assert run("--due") == f"Erased: {scene.alice.id}\n"
    assert marks_in(left()) == {}


# --- The role that serves ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_serving_role_erases_only_the_texts_of_closed_users(as_serving):
    client = people.a_client()
    alice, bob = people.a_user(client, people.ALICE), people.a_user(client, people.BOB)
    alices, bobs = people.first_wallet(alice), people.first_wallet(bob)
    people.cash_in(alices, 10_00, concept="Card")
    people.cash_in(bobs, 10_00, concept="Card")
    people.transfer(alices, bobs, 10_00, concept="Lunch")
    with pytest.raises(Exception) as refused:  # noqa: PT011
        erasure.erase_texts(alices.id)
    assert isinstance(refused.value.__cause__, pg.CheckViolation)
    erase(unsubscribe(alice))
    assert is_erased(alice)
    with pytest.raises(Exception) as refused:  # noqa: PT011
        erasure.erase_texts(bobs.id)
    assert isinstance(refused.value.__cause__, pg.CheckViolation)
    assert [each.concept for each in people.movements(alices)] == [None, None]
    assert [each.concept for each in people.movements(bobs)] == ["Card", None]


def test_text_erasure_is_granted_only_to_the_serving_role(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(string_agg(grantee::regrole::text, ' ' ORDER BY 1), '')"
            " FROM pg_proc, aclexplode(proacl)"
            " WHERE proname = 'wallets_erase_texts' AND grantee <> proowner"
        )
        assert cursor.fetchone() == ("iocash_app",)


# --- Many movements ------------------------------------------------------------------------------

MANY = 200_000
COPY = """
    INSERT INTO wallets_movement SELECT (copy).* FROM (
        SELECT jsonb_populate_record(leg, jsonb_build_object(
            'id', gen_random_uuid(), 'operation_id', md5(number::text)::uuid,
            'seq', leg.seq + number, 'created_at', leg.created_at + number * interval '1 ms',
            'settled_at', leg.created_at + number * interval '1 ms')) AS copy
        FROM wallets_movement AS leg CROSS JOIN generate_series(1, {}) AS number
        WHERE leg.operation_id = %s) AS copies
"""
COPY_HOLD = """
    INSERT INTO wallets_hold SELECT (jsonb_populate_record(hold, jsonb_build_object(
        'id', gen_random_uuid()))).*
    FROM wallets_hold AS hold CROSS JOIN generate_series(1, {})
"""


@pytest.mark.long
@pytest.mark.spoils_the_books
def test_chunk_time_does_not_grow_with_the_number_of_chunks(alices, bobs, monkeypatch, capsys):
    """Each chunk must also end before the statement timeout of the role that serves.

    Takes a minute: it erases 200,000 movements.
    """
    people.execute(people.place(alices, bobs, 100_00, concept="Rent"), concept="Rent")
    paid = Movement.objects.get(wallet=alices.id, type="TRANSFER")
    with connection.cursor() as cursor:
        cursor.execute(COPY.format(MANY), [paid.operation_id])
        cursor.execute(COPY_HOLD.format(MANY // 4))
        cursor.execute("ANALYZE wallets_movement, wallets_hold")
    unsubscribe(alices.user)
    times: list[float] = []

    def measure(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        begun = time.perf_counter()
        answer = execute(sql, *rest)
        times.extend([time.perf_counter() - begun] * ("wallets_erase_texts" in sql))
        return answer

    with connection.execute_wrapper(measure):
        erase(alices.user)
    with capsys.disabled():
        sys.stdout.write(f" {len(times)} chunks: {sum(times):.1f} s, at most {max(times):.2f} s ")
    assert not Movement.objects.exclude(salt=None).exists()
    assert not Hold.objects.exclude(concept=None).exists()
    assert max(times) < 5
    early, late = times[1:11], times[-11:-1]
    assert statistics.median(late) < 3 * statistics.median(early)
