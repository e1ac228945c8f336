"""Alice with every kind of personal text, each of which can be told wherever it is."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection

from tests.support import people
from tests.support.approvals import a_colleague, seen_now
from tests.support.backoffice import Office, page_of
from tests.support.identity import a_signature, a_verification, some_terms
from tests.support.notes import a_note
from tests.support.notices import a_notice
from tests.support.people import Api
from tests.support.tasks import a_task
from users import demo_documents, names, users
from users.approvals.deciding import approve_request
from users.kyc import NEEDED
from users.models import Approval, KycDocument, Review, User
from wallets import posting
from wallets.models import Movement, Wallet
from wallets.orders.users import ActivateUser

MARK = "qx~z"
"""In every text about Alice that she, Bob, their client or staff write; never in base64."""
TEXT: dict[str, Any] = {
    "concept": "Qx~z for lunch",
    "metadata": {"qx~z-note": "Qx~z"},
    "reference": "Qx~z-1001",
}
NUMBERS = ("611000001", "611000002", "600000011")
IBANS = ("ES7921000813610123456789", "DE89370400440532013000", "FR1420041010050500013M02606")
IDENTITY = "12345678Z"
MARKS = (MARK, *NUMBERS, *IBANS, IDENTITY)

ALICE = people.ALICE | {
    "user_name": "qx~z-alice",
    "first_name": "Qx~z",
    "last_name": "Qx~zample",
    "email": "qx~z@example.com",
    "mobile_phone": f"+34{NUMBERS[0]}",
    "dlt_address": "0xQX~Z1",
    "dlt_network": "qx~znet",
}
BLOCKS: dict[str, dict[str, Any]] = {
    "identity": {
        "identityType": "DNI",
        "identityNumber": IDENTITY,
        "nationality": "ES",
        "issueDate": "2024-03-01",
        "expiryDate": (date.today() + timedelta(days=400)).isoformat(),  # noqa: DTZ011
        "birthDate": "1990-05-17",
    },
    "home-address": {
        "address": "Qx~z Street 1",
        "city": "Qx~zcity",
        "countryCode": "ES",
        "postalCode": "QX~Z28",
        "province": "Qx~zland",
    },
    "external-iban": {"externalIban": IBANS[0]},
    "financial-information": {"incomeLevel": "B"},
    "occupation": {"occupationCode": "2511"},
}
DUMP = "SELECT coalesce(string_agg(row_to_json(t)::text, E'\\n'), '') FROM public.{} AS t"


@dataclass
class Scene:
    """Alice, whose every text is marked, and Bob; she has ended, and is about to be erased."""

    api: Api
    alice: User
    alices: Wallet
    bobs: Wallet
    holds: list[Any]

    def path(self, rest: str = "") -> str:
        return f"users/{self.alice.id}{rest}"


def scene(api: Api, alice: User, bob: User, staff: Any) -> Scene:
    """Live all of Alice's life: she shows who she is, pays, is paid, and ends."""
    alices, bobs = people.first_wallet(alice), people.first_wallet(bob)
    shown = Scene(api, alice, alices, bobs, [])
    office = Office(staff)
    shows(shown, office)
    changes(shown)
    pays(shown, office)
    for thing in (alice, alices, people.movements(alices)[0]):
        a_note(thing, "Qx~z called")
        a_task(thing, "Call Qx~z", text="Qx~z did not answer")
    a_notice(alices, "Qx~z does not live there")
    for name in ("", "/compliance"):
        api.get(shown.path(name))
    api.get("users?userName=qx~z-alice")
    api.get(f"users?mobilePhone=%2B34{NUMBERS[1]}")
    for thing in (alice, alices, people.movements(alices)[0]):
        office.get(page_of(thing))
    assert api.patch(shown.path(), {"status": "UNSUBSCRIBED"}).status == 200
    office.get(page_of(alice))
    return shown


def shows(scene: Scene, office: Office) -> None:
    """Every block and document, one replaced, and staff decide about them."""
    api, alice = scene.api, scene.alice
    for name, facts in BLOCKS.items():
        assert api.put(scene.path(f"/{name}"), facts).status == 201
    content = base64.b64encode(demo_documents.draw_pdf("Qx~z").content).decode()
    for kind in NEEDED["NATURAL"][2]:
        if kind.startswith("DOCUMENT_"):
            assert api.put(scene.path(f"/{kind.path}"), {"content": content}).status == 201
    again = BLOCKS["home-address"] | {"address": "Qx~z Street 2"}
    api.put(scene.path("/home-address"), again)
    verified(scene)
    review = Review.objects.get(id=alice.id)
    waiting = {each.kind: str(each.id) for each in KycDocument.objects.of(alice).waiting()}
    office.get(page_of(review))
    decide(office, review, "reject", [waiting["OCCUPATION"]], reason="Qx~z does not work there")
    decide(office, review, "approve", [waiting["IDENTITY"], waiting["HOME_ADDRESS"]])


def verified(scene: Scene) -> None:
    """Her identity is verified, with her client's own addresses; she signs the terms."""
    some_terms()
    a_signature(scene.alice)
    own = {"success_url": "https://qx~z.example/", "failure_url": "https://b.example/qx~z"}
    there = {"reference": "qx~z-1", "url": "https://provider.example/qx~z"}
    a_verification(scene.alice, **own, **there)


def decide(office: Office, review: Review, action: str, ids: list[str], **values: str) -> None:
    seen = names.seen(User.objects.get(id=review.id))
    body = {"documents": ids, "key": people.unknown_id(), "names": seen} | values
    address = page_of(review).replace("change/", f"action/{action}/")
    assert office.status("post", address, body) == 302


def changes(scene: Scene) -> None:
    """Another number is verified, and one more waits; a duplicate is refused."""
    alice = scene.alice
    about: dict[str, Any] = {"client_id": scene.alice.client_id, "by": people.BY}
    second, third = (f"+34{number}" for number in NUMBERS[1:])
    users.update(**about, user_id=alice.id, values={"mobile_phone": second})
    posting.submit(ActivateUser(**about, user_id=alice.id, phone=second))
    assert scene.api.patch(scene.path(), {"mobilePhone": third}).status == 200
    clash = {"kind": "NATURAL", "firstName": "Qx~z", "lastName": "Qx~z", "mobilePhone": second}
    for name in ("qx~z-alice", "qx~z-other"):
        assert scene.api.post("users", clash | {"userName": name}).status == 409
    labels = {"alias": "Qx~z's purse", "metadata": {"qx~z": "Qx~z"}}
    assert scene.api.patch(f"wallets/{scene.alices.id}", labels).status == 200


def pays(scene: Scene, office: Office) -> None:
    """Money in and out in every way; in the end nothing is left."""
    alices, bobs = scene.alices, scene.bobs
    people.cash_in(alices, 100_00, **TEXT)
    people.cash_in(bobs, 50_00, concept="Bob's own")
    people.transfer(alices, bobs, 10_00, **TEXT)
    people.transfer(bobs, alices, 10_00, **TEXT)
    own, other = f"wallets/{alices.id}", f"wallets/{bobs.id}"
    paid = people.movements(alices)[1]
    assert scene.api.post(f"{own}/movements/{paid.id}/reversal", TEXT).status == 201
    scene.api.post(f"{own}/movements/batch", {"movements": [people.to(bobs, "5.00", **TEXT)] * 2})
    own_too = people.cash("1.00", concept="Bob's own, in a batch")
    items = [people.to(alices, "5.00", **TEXT), own_too, people.to(alices, "5.00", **TEXT)]
    assert scene.api.post(f"{other}/movements/batch", {"movements": items}).status == 201
    pairs = ((alices, bobs), (bobs, alices))
    transfers = [
        {"sourceWalletId": str(one.id), "targetWalletId": str(two.id), "amount": "1.00", **TEXT}
        for one, two in pairs
    ]
    assert scene.api.post("operations", {"transfers": transfers}, key="all").status == 201
    by, for_ = people.place(alices, bobs, 5_00, **TEXT), people.place(bobs, alices, 5_00, **TEXT)
    scene.holds = [by, for_, people.place(bobs, alices, 1_00, **TEXT)]
    people.execute(by, **TEXT)
    people.execute(for_, **TEXT)
    account = {
        "alias": "Qx~z's bank",
        "iban": IBANS[1],
        "holderName": "Qx~z the holder",
        "metadata": {"qx~z": "Qx~z"},
    }
    account_id = scene.api.post(f"{own}/external-accounts", account).json["id"]
    cash_out(scene, office, {"externalAccountId": account_id}, "reject")
    schedules(scene, {"type": "EXTERNAL_BANK_ACCOUNT", "account": IBANS[1]})
    there = people.balances(alices)[0]
    all_of_it = {"amount": f"{there / 100:.2f}", "iban": IBANS[2]}
    all_of_it["holderName"] = "Qx~z the payee"
    cash_out(scene, office, all_of_it, "settle")


def schedules(scene: Scene, bank: dict[str, str]) -> None:
    """She has scheduled payments, and so has Bob, to her."""
    texts = {"alias": "Qx~z's rent", "concept": "Qx~z for rent", "amount": "1.00"}
    dates = {"startDate": f"{date.today().year + 2}-01-31", "frequency": "ONCE"}  # noqa: DTZ011
    to_her = {"type": "WALLET", "account": str(scene.alices.id)}
    for payer, receiver in ((scene.alices, bank), (scene.bobs, to_her)):
        body = {**texts, "receiver": receiver, "schedule": dates}
        path = f"wallets/{payer.id}/scheduled-operations"
        assert scene.api.post(path, body, key=f"rent-{payer.id}").status == 201


def cash_out(scene: Scene, office: Office, body: dict[str, Any], end: str) -> None:
    """Staff send it, and say how it ended."""
    said = {"type": "CASH_OUT", "amount": "5.00"} | TEXT | body
    answer = scene.api.post(f"wallets/{scene.alices.id}/movements", said)
    assert answer.status == 202, answer.json
    movement = Movement.objects.get(id=answer.json["id"])
    more: dict[str, str] = {}
    for number, action in enumerate(("send", end)):
        values = {"key": f"{movement.id}"[:-1] + str(number), "reason": "Qx~z has no such account"}
        address = page_of(movement).replace("change/", f"action/{action}/")
        assert office.status("post", address, values | more) == 302
        more = {"ask": "1", "approval_reason": "Qx~z has sent a letter"}
    asked = Approval.objects.waiting().get()
    seen = seen_now(asked)
    approve_request(asked.id, by=a_colleague(), seen=seen, decision="Qx~z is right")
    movement.refresh_from_db()
    assert movement.status == {"reject": "ERROR", "settle": "SUCCESS"}[end]


# --- What is left --------------------------------------------------------------------------------


def left() -> dict[str, str]:
    """Every row of every table and every stored file, by where it is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in cursor.fetchall()]
        found = {}
        for name in names:
            cursor.execute(DUMP.format(connection.ops.quote_name(name)))
            found[name] = cursor.fetchone()[0]
    found["sessions"] = str([session.get_decoded() for session in Session.objects.all()])
    return found | {str(path): path.read_bytes().decode("latin-1") for path in files()}


def files() -> list[Path]:
    folder = Path(settings.STORAGES["documents"]["OPTIONS"]["location"])
    return [path for path in folder.rglob("*") if path.is_file()]


def put_files(contents: dict[Path, bytes]) -> None:
    """Store these files, and no others."""
    for file in files():
        file.unlink()
    for file, content in contents.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def marks_in(found: dict[str, str]) -> dict[str, set[str]]:
    """Where marks are, and which."""
    wanted = [mark.lower() for mark in MARKS]
    marks = {
        name: {mark for mark in wanted if mark in text.lower()} for name, text in found.items()
    }
    return {name: some for name, some in marks.items() if some}
