"""Old events in files: complete, chained, and only then removed from the database."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

import dev
from iocash.db import clock, groups
from tests.support import audited, barrier, people, sandbox
from tests.support.groups import west_beside_home
from tests.support.server import OURS, database_of_tests
from tests.support.webhooks import a_failed_delivery, an_endpoint, last_position
from users import archives
from users.models import Barrier, Client, DutyState, Event, WebhookStream
from users.models.duties import ARCHIVE
from users.models.ids import new_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "events"
    made.mkdir()
    return made


@pytest.fixture
def years_later(alices, bobs):
    """Alice has paid Bob twice, and two years have passed."""
    people.transfer(alices, bobs, 1_00)
    people.transfer(alices, bobs, 2_00)
    with sandbox.made(timedelta(days=800)):
        yield


def archive(folder: Path, *, size: int = 3, years: float = 1) -> list[archives.ArchiveManifest]:
    until = clock.now() - timedelta(days=365.25 * years)
    return [*archives.write_archive(connection, folder, until, size)]


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(folder.glob("*.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


def verify(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "docs/verify.py", "events", folder, *words],
        cwd=dev.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_archive_has_every_old_event_as_it_is_stored(folder, years_later):
    archive(folder)
    rows = [*Event.objects.order_by("position").values("position", "id", "kind", "data")]
    assert len(rows) > 6
    found = [
        {"position": each["position"], "id": each["id"], "kind": each["kind"], "data": each["data"]}
        for each in lines_of(folder)
    ]
    assert found == [row | {"id": str(row["id"])} for row in rows]


def test_archive_goes_on_behind_its_last_file(folder, years_later, alices, bobs):
    before = archive(folder)
    people.transfer(alices, bobs, 1)
    assert archive(folder) == []
    sandbox.set_clock(clock.now() + timedelta(days=400))
    (added,) = archive(folder)
    assert (added.first, added.number) == (before[-1].last + 1, len(before) + 1)
    assert added.previous == before[-1].digest


def twin_of(event: Event) -> Event:
    """A settlement of another client with the same position, as a move brings it."""
    others = Client.objects.get_or_create(name="Others")[0]
    values = {each: getattr(event, each) for each in ("subject", "kind", "actor", "data")}
    about = {"subject_id": new_id(), "client": others, "created_at": event.created_at}
    return Event.objects.create(position=event.position, **values | about)


def test_two_clients_events_with_one_position_are_in_one_file(folder, years_later):
    third = Event.objects.order_by("position")[2]
    twin = twin_of(third)
    archive(folder)
    twin.delete()
    assert {each["id"] for each in lines_of(folder)} >= {str(third.id), str(twin.id)}


def test_event_in_no_file_is_not_removed(folder, years_later):
    archive(folder)
    settled = Event.objects.filter(kind="movement.settled").earliest("position")
    twin = twin_of(settled)
    archives.remove_events(connection, folder, share=0)
    left = Event.objects.filter(position=settled.position)
    assert [*left.values_list("id", flat=True)] == [twin.id]
    left.delete()


def test_young_event_is_not_archived(folder, alices, bobs):
    people.transfer(alices, bobs, 1)
    assert archive(folder) == []


def test_event_is_kept_until_webhooks_have_it(folder, alices, bobs):
    begin = last_position()
    endpoint = an_endpoint(alices.client, "https://receiver.example/hooks")
    endpoint.streams.update(position=begin)
    people.transfer(alices, bobs, 1)
    with sandbox.made(timedelta(days=800)):
        assert archive(folder)[-1].last <= begin


def test_moved_client_holds_no_archive_up(folder, alices, bobs):
    """Its webhooks go on in another group, so their places here stay where they are."""
    begin = last_position()
    endpoint = an_endpoint(alices.client, "https://receiver.example/hooks")
    endpoint.streams.update(position=begin)
    people.transfer(alices, bobs, 1)
    event = Event.objects.latest("position")
    again = {"status": "WAITING", "failed_at": None, "next_attempt_at": timezone.now()}
    a_failed_delivery(endpoint, event, **again)
    with sandbox.made(timedelta(days=800)):
        Client.objects.filter(id=alices.client_id).update(status="MOVED")
        assert archive(folder)[-1].last == last_position()
        Client.objects.filter(id=alices.client_id).update(status="ACTIVE")


@pytest.mark.spoils_the_books
def test_only_settled_movements_of_callers_are_removed(folder, years_later):
    last = Event.objects.filter(kind="movement.settled").order_by("position").last()
    assert last
    Event.objects.filter(pk=last.pk).update(actor="staff:1")
    archive(folder)
    before = {*Event.objects.values_list("id", "kind", "actor")}
    archives.remove_events(connection, folder, share=0)
    gone = before - {*Event.objects.values_list("id", "kind", "actor")}
    assert {kind for _, kind, _ in gone} == {"movement.settled"}
    assert Event.objects.filter(pk=last.pk).exists()
    assert gone == {e for e in before if e[1] == "movement.settled" and e[2][:6] != "staff:"}


@pytest.mark.spoils_the_books
def test_audit_takes_archived_events_as_read_and_finds_a_younger_one_missing(
    folder, years_later, alices, bobs
):
    people.transfer(alices, bobs, 3_00)
    archive(folder)
    assert archives.remove_events(connection, folder, share=0) >= 4
    assert audited.violated() == set()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM users_event WHERE kind = 'movement.settled'")
    assert audited.violated() == {"events"}


def test_changed_file_stops_the_removal(folder, years_later):
    first, *_ = archive(folder)
    path = folder / f"{first.name}.ndjson.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"{}\n"))
    before = Event.objects.count()
    with pytest.raises(archives.WrongArchive, match="not as its manifest says"):
        archives.remove_events(connection, folder, share=0)
    assert Event.objects.count() == before
    assert Barrier.objects.get().archived_position == 0


def test_edited_manifest_stops_the_archive(folder, years_later):
    archive(folder)
    path = folder / "events-000001.json"
    path.write_text(path.read_text().replace('"events": 3', '"events": 2'))
    with pytest.raises(archives.WrongArchive, match="does not follow"):
        archive(folder)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--years", "0.5"], "at least 1"),
        (["--years", "2", "--remove"], "needs --as-owner"),
    ],
)
def test_command_refuses_wrong_options(folder, words, message):
    with pytest.raises(CommandError, match=message):
        call_command("archive_events", folder, *words)


def test_command_writes_the_archive_and_names_its_last_manifest(folder, years_later):
    out = StringIO()
    call_command("archive_events", folder, "--years", "1", "--size", "3", stdout=out)
    known = archives.load_manifests(folder)
    assert f"{len(known)} files. The last manifest: {known[-1].digest}" in out.getvalue()
    assert verify(folder, known[-1].digest)[0] == 0


def test_command_says_that_webhooks_hold_the_archive_up(folder, alices, bobs):
    begin = last_position()
    an_endpoint(alices.client, "https://receiver.example/hooks").streams.update(position=begin)
    people.transfer(alices, bobs, 1)
    with sandbox.made(timedelta(days=800)):
        with pytest.raises(CommandError, match="an endpoint of webhooks has not got them"):
            call_command("archive_events", folder, "--years", "1")
        assert archives.load_manifests(folder)[-1].last <= begin
        state = DutyState.objects.get(name=ARCHIVE)
        assert (state.has_failed, state.last_failure, state.failures) == (True, "HeldUp", 1)
        WebhookStream.objects.update(position=last_position())
        call_command("archive_events", folder, "--years", "1")
        state.refresh_from_db()
        assert (state.has_failed, state.failures) == (False, 1)


def test_run_is_no_duty_of_the_worker(folder, years_later):
    """Else a run by hand would hide that no worker reports, and be late a minute afterwards."""
    call_command("archive_events", folder, "--years", "1")
    assert DutyState.objects.filter(name=ARCHIVE).exists()
    assert DutyState.objects.present() == []
    text = Browser().get("/metrics").content.decode()
    assert "iocash_event_archive_failing 0" in text
    assert f'duty="{ARCHIVE}"' not in text


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_group_has_an_archive_of_its_own(folder, years_later):
    barrier.put(barrier.ALWAYS)
    call_command("archive_events", folder, "--years", "1")
    with west_beside_home(), groups.entered("west"):
        client = people.a_client("Of the west")
        about = {"client": client, "subject": "wallet", "subject_id": new_id(), "kind": "x"}
        old = clock.now() - timedelta(days=900)
        Event.objects.create(**about, actor="key:1", created_at=old, position=1)
        barrier.put(barrier.ALWAYS)
        call_command("archive_events", folder, "--years", "1")
    (manifest,) = archives.load_manifests(folder / "west")
    assert (manifest.first, manifest.events) == (1, 1)
    assert verify(folder)[0] == 0


@pytest.mark.parametrize("broken", ["edited", "rewritten", "missing", "cut", "unknown root", "gap"])
def test_verify_refuses_a_damaged_archive(folder, years_later, broken):
    known = archive(folder)
    file = folder / f"{known[0].name}.ndjson.gz"
    words = ["0" * 64] if broken == "unknown root" else []
    if broken in {"edited", "rewritten"}:
        content = gzip.decompress(file.read_bytes()).replace(b"wallet", b"purses", 1)
        file.write_bytes(gzip.compress(content, mtime=0))
    if broken == "rewritten":  # with its manifest; the next one names the former manifest
        manifest = folder / f"{known[0].name}.json"
        text = manifest.read_text()
        assert known[0].sha256 in text
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        manifest.write_text(text.replace(known[0].sha256, digest))
    if broken == "missing":
        file.unlink()
    if broken == "cut":
        (folder / f"{known[-1].name}.json").unlink()
        words = [known[-1].digest]
    if broken == "gap":
        (folder / f"{known[0].name}.json").unlink()
    assert verify(folder)[0] == (0 if words else 1)
    assert verify(folder, *words)[0] == 1


# --- What callers see ----------------------------------------------------------------------------


def test_cursor_of_a_removed_event_is_refused(folder, api, years_later, alices, bobs):
    first = api.get("events?size=1")
    archive(folder)
    archives.remove_events(connection, folder, share=0)
    people.transfer(alices, bobs, 1)
    refused = api.call("GET", first.json["_links"]["next"]["href"])
    assert (refused.status, refused.json["code"]) == (400, "invalid_parameters")
    (error,) = refused.json["errors"]
    assert (error["field"], error["code"]) == ("cursor", "archived")
    assert "are archived" in error["detail"]


def test_list_begins_behind_the_archive(folder, api, years_later, alices, bobs):
    archive(folder)
    archives.remove_events(connection, folder, share=0)
    people.transfer(alices, bobs, 1)
    page = api.get("events").json
    assert [each["kind"] for each in page["_embedded"]["events"]] == ["movement.settled"] * 2
    resumed = api.call("GET", page["_links"]["resume"]["href"])
    assert resumed.status == 200


def test_date_of_removed_events_is_refused(folder, api, years_later, alices, bobs):
    archive(folder)
    archives.remove_events(connection, folder, share=0)
    early = (clock.now() - timedelta(days=900)).strftime("%Y-%m-%dT%H:%M:%SZ")
    refused = api.get(f"events?startDate={early}")
    assert [each["field"] for each in refused.json["errors"]] == ["startDate"]
    late = (clock.now() - timedelta(days=100)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert api.get(f"events?startDate={late}").status == 200


# --- Killed --------------------------------------------------------------------------------------

OLD = """
    INSERT INTO users_event (id, client_id, subject, subject_id, kind, actor, request_id, data,
                             created_at)
    SELECT uuidv7(), %s, 'movement', uuidv7(), CASE number %% 5 WHEN 0 THEN 'movement.pending'
           ELSE 'movement.settled' END, 'key:1', '', '{}', iocash_now() - interval '3 years'
    FROM generate_series(1, 4000) AS number
"""


@pytest.mark.ci
@pytest.mark.spoils_the_books
@pytest.mark.django_db(transaction=True)
def test_killed_process_loses_no_event(folder, client_demo):
    """Killed 12 times anywhere, and started again each time. Takes 40 s."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM users_event")
        cursor.execute(OLD, [client_demo.id])
    Barrier.objects.update(barrier_position=10**9, released_position=10**9)
    events = {str(key): kind for key, kind in Event.objects.values_list("id", "kind")}
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    address = database_of_tests()
    owner = address.replace("user=iocash_app", "user=iocash_owner")
    environment = kept | {"DEBUG": "1", "DATABASE_URL": address, "DATABASE_OWNER_URL": owner}
    words = ["--years", "2", "--remove", "--as-owner", "--size", "150"]
    program = [sys.executable, "manage.py", "archive_events", folder, *words]
    killed = 0
    for _ in range(40):
        process = subprocess.Popen(program, cwd=dev.ROOT, env=environment)
        while process.poll() is None and not [*folder.glob("*.gz")]:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        archived = {each["id"] for each in lines_of(folder)}
        here = {str(key) for key in Event.objects.values_list("id", flat=True)}
        assert archived | here == {*events}
        if killed == 12:
            break
    assert killed > 3
    assert subprocess.run(program, cwd=dev.ROOT, env=environment, check=False).returncode == 0
    assert sorted(each["id"] for each in lines_of(folder)) == sorted(events)
    here = {str(key) for key in Event.objects.values_list("id", flat=True)}
    assert here == {key for key, kind in events.items() if kind != "movement.settled"}
    assert verify(folder)[0] == 0
    assert not [*folder.glob("*.draft")]
