"""A client that moves to another server: everything goes on there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone
from standardwebhooks import Webhook

from tests.support import every_verb, people, schedules, statement_files
from tests.support import kyc as shown
from tests.support.anchors import write_anchor
from tests.support.people import Api
from tests.support.proofs import path_of, root_of
from tests.support.proofs import run as verify
from tests.support.receivers import Receiver
from tests.support.second_server import passphrase_file, second_server
from tests.support.webhooks import (
    Worker,
    an_endpoint,
    events_after,
    ids,
    pay,
    refusing,
    sent_of,
    to,
)
from tests.support.webhooks import make_due as make_deliveries_due
from users.kyc import Kind
from users.models import Client, Event, KycDocument, WebhookEndpoint
from users.models.barrier import release_events
from users.models.kyc_documents import file_storage
from users.webhooks.secrets import valid_secrets
from wallets import anchors
from wallets.audit.proofs import AuditProof
from wallets.duties.holds import ExpireOverdueHolds
from wallets.duties.schedules import RunSchedules
from wallets.models import Hold, Movement, ScheduledOperation, ScheduledRun, Wallet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ci]


def move_out(client: Client, folder: Path) -> None:
    """Suspend a client, and export it."""
    Client.objects.filter(id=client.id).update(status="SUSPENDED")
    file = passphrase_file(folder.parent)
    call_command("export_client", str(client.id), str(folder), "--passphrase-file", file)


def move_in(client: Client, folder: Path) -> None:
    """Import a client, and activate it."""
    call_command(
        "import_client", str(folder), "--passphrase-file", str(folder.parent / "passphrase")
    )
    Client.objects.filter(id=client.id).update(status="ACTIVE")


@dataclass
class Before:
    """What the old server has answered."""

    api: Api
    paid: Any
    proof: Any
    anchor: Path
    file: Any
    last_position: int
    secret: str
    hold: Hold
    begin: int
    body: Any = field(default_factory=dict)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def released_worker() -> Worker:
    worker = Worker()
    release_events()
    return worker


@pytest.fixture
def before(
    client_demo: Client,
    alices: Wallet,
    bobs: Wallet,
    receiver: Receiver,
    settings: Any,
    tmp_path: Any,
) -> Before:
    """A client whose events were delivered in part, with a hold, a schedule and an anchor."""
    settings.ANCHORS_DIR = str(tmp_path / "anchors")
    (tmp_path / "anchors").mkdir()
    api = Api(people.a_key(client_demo))
    endpoint = an_endpoint(client_demo, to(receiver))
    begin = endpoint.streams.get().position
    paid = api.post(f"wallets/{alices.id}/movements", people.to(bobs, "10.00"), key="paid")
    worker = released_worker()
    worker.run()
    receiver.answering = refusing(bobs)
    pay(bobs, alices)
    worker.run()
    worker.close()
    receiver.answering = lambda handler, _: handler.answer(200)
    pay(alices, bobs)
    hold = people.place(alices, bobs, 5_00, expires_at=timezone.now() + timedelta(hours=1))
    schedules.scheduled(alices, bobs)
    body = statement_files.body("CSV")
    file = api.post(f"wallets/{alices.id}/statement-files", body, key="file")
    anchor = write_anchor(tmp_path / "anchors")
    proof = api.get(path_of(people.movements(alices)[-1])).json
    secret = valid_secrets(WebhookEndpoint.objects.get())[0]
    last = Event.objects.latest("position").position
    return Before(api, paid, proof, anchor, file, last, secret, hold, begin, body)


def test_client_goes_on_after_a_move(before, client_demo, alices, bobs, receiver, tmp_path):
    """Takes 10 s."""
    expected = [event.id for event in events_after(before.begin, client_demo)]
    got = len(receiver.received)
    move_out(client_demo, tmp_path / "export")
    assert verify(tmp_path / "export").returncode == 0
    with second_server(tmp_path):
        move_in(client_demo, tmp_path / "export")
        check_answers(before, alices, bobs)
        check_proofs(before, alices)
        check_deliveries(before, receiver, expected, got, bobs)
        check_time(before, alices, bobs)
        people.transfer(alices, bobs, 1_00)
        last = Event.objects.latest("position")
        assert last.position > before.last_position
        call_command("audit")


def check_answers(before: Before, alices: Wallet, bobs: Wallet) -> None:
    """The keys work, and old requests get their old answers."""
    path = f"wallets/{alices.id}/movements"
    again = before.api.post(path, people.to(bobs, "10.00"), key="paid")
    assert (again.status, again.json) == (before.paid.status, before.paid.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert before.api.post(path, people.to(bobs, "11.00"), key="paid").status == 409
    file = before.api.post(f"wallets/{alices.id}/statement-files", before.body, key="file")
    assert file.json["sha256"] == before.file.json["sha256"]
    assert file.json["digest"] == before.file.json["digest"]


def check_proofs(before: Before, alices: Wallet) -> None:
    """Anchors of the old server verify the ledger of the new one."""
    with before.anchor.open() as lines:
        assert anchors.compare(lines) is None
    movement = Movement.objects.get(id=before.proof["movementId"])
    assert before.api.get(path_of(movement)).json == before.proof
    assert before.proof["anchor"]["root"] == root_of(before.anchor)
    write_anchor(before.anchor.parent)


def check_deliveries(
    before: Before, receiver: Receiver, expected: list[Any], got: int, bobs: Wallet
) -> None:
    """No event is lost, or sent twice; one that was refused is sent again, signed as before."""
    refused = {each for each in ids(receiver)[:got] if ids(receiver)[:got].count(each) >= 1}
    worker = released_worker()
    make_deliveries_due()
    worker.run()
    worker.close()
    sent = ids(receiver)[got:]
    assert len(sent) == len({*sent})
    waiting = refused & {*sent}
    assert len(waiting) == 1
    assert {*ids(receiver)} == {*expected}
    assert sorted(ids(receiver)[:got] + sent) == sorted([*expected, *waiting])
    for received in receiver.received[got:]:
        Webhook(before.secret).verify(received.body, received.headers)
    assert [*dict.fromkeys(sent_of(bobs, receiver))] == sorted({*sent_of(bobs, receiver)})


def check_time(before: Before, alices: Wallet, bobs: Wallet) -> None:
    """Holds expire, and schedules run."""
    people.pass_time(timedelta(hours=2), alices)
    ExpireOverdueHolds().perform()
    assert Hold.objects.get(id=before.hold.id).status == "EXPIRED"
    schedules.make_due(*ScheduledOperation.objects.all())
    RunSchedules().perform()
    assert ScheduledRun.objects.get().status == "SUCCESS"


def test_every_verb_survives_a_move(settings, tmp_path):
    """All rows are the same, and the audit is right. Takes 30 s."""
    settings.KYC_LIMITS = every_verb.LIMITS | {"USD": every_verb.LIMITS["EUR"]}
    every_verb.play()
    client = Client.objects.get(name="Verbs")
    others = [
        word for each in Client.objects.exclude(id=client.id) for word in ("--with", str(each.id))
    ]
    Client.objects.update(status="SUSPENDED")
    folder, again = tmp_path / "export", tmp_path / "again"
    file = ("--passphrase-file", passphrase_file(tmp_path))
    call_command("export_client", "Verbs", str(folder), *others, *file)
    assert verify(folder).returncode == 0
    with second_server(tmp_path):
        call_command("import_client", str(folder), *file)
        call_command("export_client", "Verbs", str(again), *others, *file)
        assert KycDocument.objects.exclude(file="").exists()
    sealed = {"users_webhookendpoint.ndjson", "users_otp.ndjson"}
    for path in folder.glob("*.ndjson"):
        if path.name not in sealed:
            assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_move_without_secrets_gives_endpoints_new_ones(client_demo, alices, tmp_path):
    """Takes 5 s."""
    an_endpoint(client_demo)
    former = valid_secrets(WebhookEndpoint.objects.get())
    Client.objects.update(status="SUSPENDED")
    folder = tmp_path / "export"
    call_command("export_client", "Demo", str(folder), "--without-secrets")
    assert former[0] not in (folder / "users_webhookendpoint.ndjson").read_text()
    with second_server(tmp_path):
        call_command("import_client", str(folder))
        (secret,) = valid_secrets(WebhookEndpoint.objects.get())
        assert secret.startswith("whsec_")
        assert secret not in former


def test_failed_import_leaves_nothing(client_demo, alices, tmp_path):
    """A ledger that is wrong is imported not even in part. Takes 5 s."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE wallets_wallet SET balance = balance + 1, received = received + 1")
    try:
        move_out(client_demo, tmp_path / "export")
        with second_server(tmp_path):
            with pytest.raises(Exception, match="The ledger would be wrong: balance violated"):
                move_in(client_demo, tmp_path / "export")
            assert not Client.objects.exists()
            assert not Event.objects.exists()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE wallets_wallet SET balance = balance - 1, received = received - 1"
            )


def test_commit_without_an_answer_keeps_the_documents(
    new_ids, client_demo, alices, tmp_path, monkeypatch
):
    """The rows may be there, and name them. Takes 5 s."""
    shown.send(alices.user, Kind.DOCUMENT_IDENTITY_FRONT)
    move_out(client_demo, tmp_path / "export")
    with second_server(tmp_path):
        commit = connection.commit

        def lost() -> None:
            commit()
            if KycDocument.objects.exists():
                raise OperationalError("the server closed the connection unexpectedly")

        monkeypatch.setattr(connection, "commit", lost)
        with pytest.raises(OperationalError):
            move_in(client_demo, tmp_path / "export")
        monkeypatch.undo()
        (document,) = KycDocument.objects.all()
        assert file_storage().exists(str(document.file))


def test_audit_goes_on_after_an_import(client_demo, alices, bobs, tmp_path):
    """What was imported is older than the last proof of this server. Takes 5 s."""
    people.transfer(alices, bobs, 1_00)
    move_out(client_demo, tmp_path / "export")
    with second_server(tmp_path):
        call_command("audit")
        move_in(client_demo, tmp_path / "export")
        call_command("audit")
        call_command("audit")
        proof = AuditProof.last()
        assert proof
        assert proof.totals == {f"{client_demo.id} EUR": 100_00}
