"""The export of a person: everything that is kept about it, and nothing of others."""

from __future__ import annotations

import io
import json
from typing import Any
from zipfile import ZipFile

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from tests.support import bank, people, schedules
from tests.support import kyc as shown
from tests.support.camt import incoming
from tests.support.cases import a_case
from tests.support.freezes import freeze, lift
from tests.support.identity import a_signature, a_verification, stored_terms
from tests.support.notes import a_note
from tests.support.staff import SUPERVISOR, VIEWER, a_member
from tests.support.statement_files import text_of
from users.kyc import Kind
from users.models import Access, Case, User
from wallets import erasure
from wallets.exports import people as exported
from wallets.exports.person_files import write_person_pdf
from wallets.models import Hold, Wallet

pytestmark = pytest.mark.django_db

OWN = {User, Wallet}


@pytest.fixture
def person(alices: Any, bobs: Any) -> User:
    """Alice, of whom something of each kind is kept."""
    alice = alices.user
    shown.send(alice, Kind.HOME_ADDRESS, Kind.DOCUMENT_IDENTITY_FRONT)
    stored_terms()
    a_signature(alice)
    a_verification(alice)
    a_note(alice, "Called on Monday.")
    a_case(alice)
    people.transfer(alices, bobs, 10_00, concept="Lunch")
    people.place(alices, bobs, 1_00)
    schedules.scheduled(alices, bobs)
    freeze(alices, 1_00)
    return User.objects.select_related("client").get(id=alice.id)


@pytest.fixture
def data(person: User) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(exported.person_data(person)))
    return found


def test_every_model_that_refers_to_a_person_is_in_a_list():
    referring = {
        model._meta.label
        for model in apps.get_models()
        if not model._meta.proxy
        and any(field.related_model in OWN for field in model._meta.local_fields)
    }
    copied = {model._meta.label for model in exported.OF_PERSON}
    assert referring <= copied | exported.NOT_OF_PERSON.keys()
    assert not copied & exported.NOT_OF_PERSON.keys()


def test_every_column_of_the_user_is_copied_or_in_no_answer(person):
    names = {field.attname for field in User._meta.local_fields}
    assert names == {*exported.OF_PERSON[User].split()}


def test_person_gets_everything(data, alices):
    assert data["user"]["userName"] == "alice"
    assert data["user"]["mobilePhone"] == people.ALICE["mobile_phone"]
    assert data["kycBlocks"][0]["kind"] == "HOME_ADDRESS"
    assert data["kycBlocks"][0]["postalCode"]
    assert data["documents"][0]["sha256"]
    assert data["terms"][0]["version"] == 1
    assert data["identityVerifications"]
    assert data["notes"][0]["text"] == "Called on Monday."
    assert [each["kind"] for each in data["cases"]] == ["COMPLAINT"]
    (wallet,) = data["wallets"]
    assert (wallet["id"], wallet["balance"]) == (str(alices.id), "90.00")
    assert [each["amount"] for each in wallet["movements"]] == ["100.00", "-10.00"]
    assert wallet["movements"][1]["concept"] == "Lunch"
    assert [each["amount"] for each in wallet["holds"]] == ["1.00"]
    assert wallet["scheduledOperations"][0]["frequency"] == "DAILY"
    assert {"user.created", "wallet.opened"} <= {each["kind"] for each in data["events"]}


def test_requests_of_authorities_are_left_out(data):
    text = json.dumps(data)
    assert "AUTHORITY" not in text
    assert "amount_frozen" not in text


def test_person_gets_nothing_of_others(data, bobs):
    text = json.dumps(data)
    assert "bob" not in text
    assert people.BOB["mobile_phone"] not in text


def test_lines_of_banks_that_name_the_person_are_in_it(client_demo, alices):
    bank.an_account(client_demo)
    iban = bank.an_iban(alices)
    bank.receive(incoming("5.00", "R1", target=iban, name="Alice Payer"))
    bank.receive(incoming("6.00", "R2", name="A stranger"), name="S2")
    user = User.objects.get(id=alices.user_id)
    (line,) = exported.person_data(user)["bankLines"]
    assert (line["name"], line["amount"]) == ("Alice Payer", "5.00")


def test_export_of_an_erased_person_lacks_erased_values(person, settings, alices):
    settings.RETENTION_YEARS = 0
    User.objects.filter(id=person.id).update(
        status="UNSUBSCRIBED", unsubscribed_at=person.created_at
    )
    lift(Hold.objects.get(target=None))
    erasure.erase(user_id=person.id, by=people.BY, reason="USER_REQUEST")
    person.refresh_from_db()
    data = exported.person_data(person)
    text = json.dumps(data)
    for gone in ("Alice", "alice", people.ALICE["mobile_phone"], "Lunch", "Called"):
        assert gone not in text
    assert data["documents"] == data["kycBlocks"] == data["notes"] == []
    assert [each["amount"] for each in data["wallets"][0]["movements"]] == ["100.00", "-10.00"]


def test_command_writes_a_folder(person, tmp_path):
    folder = tmp_path / "alice"
    call_command("export_user", str(person.id), "--folder", str(folder), "--pdf")
    data = json.loads((folder / "data.json").read_text())
    (document,) = data["documents"]
    assert (folder / document["file"]).stat().st_size == document["size"]
    assert (folder / "data.pdf").read_bytes().startswith(b"%PDF-")
    assert folder.stat().st_mode & 0o077 == 0
    access = Access.objects.get(user=person, what="EXPORT")
    assert access.actor.startswith("system:export_user:")
    with pytest.raises(CommandError, match="File exists"):
        call_command("export_user", str(person.id), "--folder", str(folder))


def test_command_refuses_an_unknown_user():
    with pytest.raises(CommandError, match="There is no user"):
        call_command("export_user", str(people.unknown_id()))


def test_pdf_has_the_data_in_words(person):
    text = text_of(write_person_pdf(person))
    for word in ("alice", "Lunch", "90.00", "Called on Monday."):
        assert word in text


def test_pdf_has_the_cases_but_no_request_of_an_authority(person):
    request = a_case(person)
    Case.objects.filter(pk=request.pk).update(kind="AUTHORITY", title="Seizure")
    text = text_of(write_person_pdf(person))
    assert "Fees" in text
    assert "Seizure" not in text


def address(user: User) -> str:
    return f"/admin/users/user/{user.id}/action/export/"


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "begin"), [("ZIP", b"PK"), ("PDF", b"%PDF-")])
def test_staff_download_the_data_and_are_recorded(person, client, kind, begin):
    member = a_member(SUPERVISOR)
    client.force_login(member)
    form = client.get(address(person)).context["form"]
    answer = client.post(address(person), {"format": kind, "key": form["key"].value()})
    content = answer.getvalue()
    assert content.startswith(begin)
    assert f"user-{person.id}.{kind.lower()}" in answer["Content-Disposition"]
    if kind == "ZIP":
        with ZipFile(io.BytesIO(content)) as archive:
            data = json.loads(archive.read("data.json"))
            assert {*archive.namelist()} == {"data.json", data["documents"][0]["file"]}
    access = Access.objects.get(user=person, what="EXPORT")
    assert access.actor == f"staff:{member.pk}"


def test_staff_without_the_permission_have_no_button(person, client):
    client.force_login(a_member(VIEWER))
    assert address(person) not in client.get(f"/admin/users/user/{person.id}/change/").text
    assert client.get(address(person)).status_code == 403
    assert not Access.objects.filter(what="EXPORT").exists()
