"""A story of Alice and Bob through the whole API, and what is kept of it as examples.

It is the same each time: what differs between two tellings (ids, times, digests) is replaced.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
from django.test import override_settings
from django.utils import timezone

from iocash.db import clock
from iocash.db.sandbox import is_sandbox
from iocash.docs.client_calls import DRY_RUN
from iocash.times import moment
from tests.support import openapi, sandbox_story
from tests.support.identity import URLS, some_terms
from tests.support.people import Answer, Api, unknown_id
from tests.support.retelling import settled
from tests.support.schedules import found, make_due
from tests.support.user_bodies import ALICE, BOB
from users import otp
from users.models import Otp, PhoneUse, User, WebhookEndpoint
from users.serializers.kyc import BLOCKS, Content
from wallets import audit
from wallets.anchors import folder
from wallets.duties.schedules import RunSchedules
from wallets.statements import files

Json = Any

LEVEL_0 = {"0": {"balance": "150", "cashIn": "150", "cashOut": "150"}}
LIMITS = {"EUR": LEVEL_0, "USD": LEVEL_0}
"""The KYC limits while the story is recorded, and while its examples are run again."""

CODE = "123456"
FAR = "2099-12-31T12:00:00.000Z"
"""When Alice's promise ends: after any reader's day."""
IDS = {
    "alice": "0198f000-0000-7000-8000-0000000a11ce",
    "bob": "0198f000-0000-7000-8000-0000000000b0",
}
WALLET = "0198f000-0000-7000-8000-00000000e0e0"
BANK = "ES9121000418450200051332"
ALICIA = ALICE | {"firstName": "Alicia"}
DOCUMENT = {"content": Content.example}


class Recorder(Api):
    """A caller that keeps the first request and response of each kind."""

    def __init__(self, secret: str | None, kept: Json | None = None) -> None:
        super().__init__(secret)
        self.kept = {"operations": {}, "refusals": {}} if kept is None else kept

    def call(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Answer:
        answer = self.ask(method, path, body, **kwargs)
        if answer.status >= 400:
            self.kept["refusals"].setdefault(answer.code, answer.json)
            return answer
        operation = self.kept["operations"].setdefault(
            operation_of(method, path), {"requests": {}, "answers": {}}
        )
        kind = kind_of(path, body)
        if words := words_of(path):
            operation.setdefault("words", words)
        if path.partition("?")[2] and kind != DRY_RUN:
            operation.setdefault("query", query_of(path))
        if kwargs.get("key"):
            operation.setdefault("keys", {}).setdefault(kind, kwargs["key"])
        if body is not None:
            operation["requests"].setdefault(kind, body)
        operation["answers"].setdefault(str(answer.status), {}).setdefault(kind, answer.json)
        return answer

    def ask(self, method: str, path: str, body: Any, **kwargs: Any) -> Answer:
        """Send an order; others may send it by another way."""
        return super().call(method, path, body, **kwargs)


def address_of(path: str) -> str:
    return path if path.startswith("/") else f"/api/v1/{path}"


def operation_of(method: str, path: str) -> str:
    """Return the document's name of the operation: the method, and the path with named ids."""
    return f"{method} {openapi.path_of(address_of(path).partition('?')[0])}"


def words_of(path: str) -> dict[str, str]:
    """What stands in the path for names that are no ids."""
    address = address_of(path).partition("?")[0]
    named = zip((openapi.path_of(address) or "").split("/"), address.split("/"), strict=True)
    return {name[1:-1]: word for name, word in named if re.fullmatch(r"\{\w+(?<!Id)\}", name)}


def kind_of(path: str, body: Any) -> str:
    if DRY_RUN in query_of(path):
        return DRY_RUN
    if not isinstance(body, dict):
        return "example"
    return str(body.get("type") or body.get("format") or "example")


def query_of(path: str) -> dict[str, str]:
    return dict(parse_qsl(path.partition("?")[2]))


def tell(api: Recorder, stranger: Recorder, reader: Recorder) -> Json:
    """Tell the story; `reader` may only look at wallets. Return what is kept of it."""
    begin = timezone.now()
    of_the_server(api)
    create_users(api)
    wallets = open_wallets(api)
    submit_kyc_documents(api)
    move_money(api, *wallets)
    settle_up(api, *wallets)
    place_holds(api, *wallets)
    schedule_payments(api, *wallets)
    read_wallets(api, wallets[0], begin)
    get_refusals(wallets[0], stranger, reader)
    if is_sandbox():
        sandbox_story.use_the_sandbox(api, IDS["alice"], wallets[0])
    return settled(api.kept, begin)


def of_the_server(api: Recorder) -> None:
    for path in ("/livez", "/readyz", "/api/v1", "me"):
        api.get(path)


def create_users(api: Recorder) -> None:
    alice = f"users/{IDS['alice']}"
    api.post("users", ALICE, key="alice-1")
    api.post("users", ALICE)
    api.post("users", ALICE | {"mobilePhone": "600"})
    api.post("users", raw=b"{")
    api.post("users", BOB, key="alice-1")
    User.objects.all().update(user_name="before", mobile_phone="+34600000009")
    pass_two_minutes()
    api.put(alice, ALICE)
    api.put(alice, ALICE)
    api.put(f"users/{IDS['bob']}", BOB)
    api.put(alice, ALICE | {"kind": "JURIDICAL", "companyName": "Example Ltd"})
    api.post(f"{alice}/request-otp", {})
    pass_two_minutes()
    api.post(f"{alice}/request-otp", {})
    verified(api, "bob")
    api.post(f"{alice}/validate-otp", {"otp": "654321"})
    verified(api, "alice")
    api.post(f"{alice}/request-otp", {})
    stale = api.get(alice).headers["ETag"]
    api.put(alice, ALICIA)
    api.patch(alice, {"email": "alice@example.com"}, headers={"If-Match": stale})
    api.patch(alice, {"email": "alice@example.com"})
    api.get("users?userName=alice")
    api.get("users?size=0")


def pass_two_minutes() -> None:
    """Let two minutes pass since the last code was sent."""
    before = timezone.now() - timedelta(minutes=2)
    PhoneUse.objects.update(asked_at=before, sent_at=before)


def verified(api: Recorder, name: str) -> None:
    """Replace the code sent to the phone by a fixed one, and verify it."""
    user = User.objects.get(id=IDS[name])
    digest = otp.code_digest(user.id, user.phone_to_verify or "", CODE)
    Otp.objects.filter(user=user).update(digest=digest)
    assert api.post(f"users/{user.id}/validate-otp", {"otp": CODE}).status == 200


def open_wallets(api: Recorder) -> tuple[str, str]:
    alices, bobs = (
        api.get(f"wallets?userId={IDS[name]}").json["_embedded"]["wallets"][0]["id"]
        for name in ("alice", "bob")
    )
    api.get(f"users/{IDS['alice']}/wallets?currency=EUR")
    order = {"userId": IDS["alice"], "currency": "USD", "alias": "Dollars"}
    dollars = api.post("wallets", order, key="dollars-1").json["id"]
    for _ in ("opened", "as it was"):
        api.put(f"wallets/{WALLET}", {"userId": IDS["bob"], "alias": "Savings"})
    api.post("wallets", order | {"userId": str(unknown_id())})
    api.patch(f"wallets/{dollars}", {"alias": "Travel"})
    api.patch(f"wallets/{dollars}", {"status": "UNSUBSCRIBED"})
    api.post(f"wallets/{alices}/movements", transfer(dollars, "1.00"))
    api.post(f"wallets/{alices}/create-iban", {}, key="iban-1")
    api.post(f"wallets/{alices}/create-iban", {})
    return alices, bobs


def submit_kyc_documents(api: Recorder) -> None:
    alice, bob = (f"users/{user_id}" for user_id in IDS.values())
    blocks = {
        kind.lower().replace("_", "-"): block().get_initial() for kind, block in BLOCKS.items()
    }
    api.post(f"{alice}/request-kyc-terms-signature", {})
    some_terms()
    shown = blocks | {"documents/identity-front": DOCUMENT}
    for name, body in shown.items():
        api.post(f"{alice}/{name}", body, key=f"{name.removeprefix('documents/')}-1")
        api.put(f"{bob}/{name}", body)
        api.put(f"{alice}/{name}", body)
        api.get(f"{alice}/{name}")
    api.get(f"{alice}/documents")
    verify_identity(api, alice, key="verify-1")
    api.get(f"{alice}/compliance")
    sign_terms(api, alice, key="sign-1")


def verify_identity(api: Recorder, user: str, key: str | None = None) -> None:
    api.post(f"{user}/verify-identity", URLS, key=key)
    api.get(f"{user}/verify-identity")


def sign_terms(api: Recorder, user: str, key: str | None = None) -> None:
    """Replace the code sent to sign the terms by a fixed one, and sign."""
    pass_two_minutes()
    api.post(f"{user}/request-kyc-terms-signature", {})
    for otp_ in Otp.objects.filter(about__gt="").select_related("user"):
        digest = otp.code_digest(otp_.user_id, otp_.mobile_phone, CODE)
        Otp.objects.filter(id=otp_.id).update(digest=digest)
    assert api.post(f"{user}/sign-kyc-terms", {"otp": CODE}, key=key).status == 201
    api.get(f"{user}/kyc-terms")
    api.post(f"{user}/sign-kyc-terms", {"otp": CODE})


def transfer(target: str, amount: str, **more: Any) -> Json:
    return {"type": "TRANSFER", "targetWalletId": target, "amount": amount, **more}


def cash_out(amount: str, **more: Any) -> Json:
    return {
        "type": "CASH_OUT",
        "amount": amount,
        "iban": BANK,
        "holderName": "Alice Example",
        **more,
    }


def move_money(api: Recorder, alices: str, bobs: str) -> None:
    movements = f"wallets/{alices}/movements"
    cash_in = {"type": "CASH_IN", "amount": "100.00", "concept": "Card"}
    api.post(movements, cash_in, key="card-1")
    api.post(movements, cash_in)
    lunch = transfer(
        bobs, "12.50", concept="Lunch", metadata={"order": "1001"}, reference="INV-1001"
    )
    api.post(f"{movements}?dryRun=true", lunch)
    paid = api.post(movements, lunch, key="lunch-1").json["id"]
    api.post(movements, lunch | {"amount": "13.00"}, key="lunch-1")
    api.post(movements, transfer(bobs, "500.00"))
    api.post(movements, transfer(str(unknown_id()), "1.00"))
    taken = api.post(movements, cash_out("20.00", concept="To the bank"), key="bank-1").json["id"]
    api.get(f"{movements}/{taken}")
    api.patch(f"{movements}/{taken}", {"status": "CANCELLED"})
    api.patch(f"{movements}/{taken}", {"status": "CANCELLED"})
    api.post(f"{movements}/{taken}/reversal", {})
    tip = {"amount": "2.50", "concept": "Tip"}
    api.post(f"{movements}/{paid}/reversal?dryRun=true", tip)
    api.post(f"{movements}/{paid}/reversal", tip, key="tip-1")
    api.post(f"{movements}/{paid}/reversal", {"amount": "12.50"})
    batch = {"movements": [transfer(bobs, "1.00", concept=each) for each in ("Tea", "Coffee")]}
    api.post(f"{movements}/batch?dryRun=true", {"movements": batch["movements"][:1]})
    api.post(f"{movements}/batch", batch, key="batch-1")
    api.post(
        f"{movements}/batch", {"movements": [transfer(bobs, "1.00"), transfer(bobs, "999.00")]}
    )
    api.get(f"{movements}?type=TRANSFER&direction=OUT&size=1")
    api.get("movements?reference=INV-1001&expand=counterparty&size=1")
    api.get(f"movements/{paid}")
    api.patch(f"wallets/{alices}", {"status": "UNSUBSCRIBED"})
    accounts = f"wallets/{alices}/external-accounts"
    kept = api.post(
        accounts, {"alias": "My bank", "iban": BANK, "holderName": "Alice Example"}, key="account-1"
    ).json["id"]
    api.get(accounts)
    api.get(f"{accounts}/{kept}")
    api.get(f"external-accounts?userId={IDS['alice']}&status=ACTIVE")
    api.patch(f"{accounts}/{kept}", {"metadata": {"contract": "7"}})
    api.patch(f"{accounts}/{kept}", {"status": "REMOVED"})
    removed = {"type": "CASH_OUT", "amount": "1.00", "externalAccountId": kept}
    api.post(movements, removed)


def settle_up(api: Recorder, alices: str, bobs: str) -> None:
    pairs = ((alices, bobs, "3.00", "Tickets"), (bobs, alices, "1.20", "Coffee"))
    transfers = [
        {"sourceWalletId": one, "targetWalletId": other, "amount": amount, "concept": concept}
        for one, other, amount, concept in pairs
    ]
    api.post("operations?dryRun=true", {"transfers": transfers[:1]})
    made = api.post("operations", {"transfers": transfers}, key="settle-up-1").json
    api.get(f"operations/{made['operationId']}?size=1")


def place_holds(api: Recorder, alices: str, bobs: str) -> None:
    holds = f"wallets/{alices}/holds"
    order = {"targetWalletId": bobs, "amount": "30.00", "concept": "Deposit", "expiration": FAR}
    api.post(f"{holds}?dryRun=true", order)
    hold = api.post(holds, order, key="deposit-1").json["id"]
    api.get(f"{holds}/{hold}")
    part = {"amount": "10.00", "keepOpen": True}
    api.post(f"{holds}/{hold}/executions?dryRun=true", part)
    api.post(f"{holds}/{hold}/executions", part, key="deposit-1-a")
    api.post(f"{holds}/{hold}/executions", {"amount": "30.00"})
    api.get(f"{holds}?status=OPEN")
    api.get(f"holds?targetWalletId={bobs}&status=OPEN,EXECUTED")
    api.get(f"holds/{hold}")
    api.patch(f"{holds}/{hold}", {"status": "RELEASED"})
    api.patch(f"{holds}/{hold}", {"expiration": None})


def schedule_payments(api: Recorder, alices: str, bobs: str) -> None:
    operations = f"wallets/{alices}/scheduled-operations"
    dates = {"startDate": "2031-01-31", "frequency": "MONTHLY", "timeZone": "Europe/Madrid"}
    duration = {"type": "NUMBER_OF_EXECUTIONS", "value": "12"}
    order = {
        "alias": "Rent",
        "amount": "1.00",
        "receiver": {"type": "WALLET", "account": bobs},
        "schedule": dates | {"duration": duration},
    }
    made = api.post(operations, order, key="rent-1").json["id"]
    api.get(f"{operations}?status=ACTIVE")
    make_due(found(UUID(made)))
    RunSchedules().perform()
    executions = f"{operations}/{made}/executions"
    (execution,) = api.get(f"{executions}?status=SUCCESS").json["_embedded"]["executions"]
    api.get(f"{executions}/{execution['id']}")
    api.get(f"{operations}/{made}")
    api.patch(f"{operations}/{made}", {"status": "PAUSED"})
    api.patch(f"{operations}/{made}", {"status": "CANCELLED"})
    api.patch(f"{operations}/{made}", {"status": "ACTIVE"})


def read_wallets(api: Recorder, alices: str, begin: datetime) -> None:
    wallet = f"wallets/{alices}"
    api.get(wallet)
    api.get(f"{wallet}/balance")
    start = moment(begin - timedelta(days=1))
    api.get(f"totals?groupBy=type&startDate={start}")
    api.get(f"{wallet}/statement?startDate={start}&endDate={moment(timezone.now())}&size=1")
    get_files_and_proofs(api, wallet)
    events = api.get(f"events?walletId={alices}&kind=movement.settled&size=1&wait=20").json
    api.get(f"events/{events['_embedded']['events'][0]['id']}")
    use_webhooks(api, events["_embedded"]["events"][0]["id"])


def get_files_and_proofs(api: Recorder, wallet: str) -> None:
    """Statements as files: one that the request makes, and one that the worker makes."""
    begin, end = "2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z"
    asked = {"format": "CSV", "startDate": begin, "endDate": end}
    file = api.post(f"{wallet}/statement-files", asked, key="statement-1").json["id"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "AT_ONCE", -1)
        api.post(f"{wallet}/statement-files", asked | {"format": "PDF"}, key="statement-2")
    api.get(f"{wallet}/statement-files/{file}")
    page = api.get(f"{wallet}/movements?status=SUCCESS&sort=createdAt,asc").json
    proof = f"{wallet}/movements/{page['_embedded']['movements'][0]['id']}/proof"
    api.get(proof)
    with TemporaryDirectory() as kept, override_settings(ANCHORS_DIR=kept):
        with audit.snapshot():
            folder.write_next(Path(kept), clock.now())
        api.get(proof)


def use_webhooks(api: Recorder, event: str) -> None:
    body = {"url": "https://app.example/webhooks", "kinds": ["movement.*"], "description": "Shop"}
    endpoint = api.post("webhook-endpoints", body, key="webhooks-1").json["id"]
    path = f"webhook-endpoints/{endpoint}"
    api.get("webhook-endpoints?size=1")
    api.post(f"{path}/ping", {}, key="ping-1")
    api.get(f"{path}/attempts")
    WebhookEndpoint.objects.filter(id=endpoint).update(status="ENABLED", verified_at=timezone.now())
    api.post(f"{path}/resend", {"eventId": event}, key="resend-1")
    api.post(f"{path}/replay", {"fromEvent": event}, key="replay-1")
    api.post(f"{path}/rotate-secret", {}, key="rotate-1")
    api.patch(path, {"status": "DISABLED"})
    api.get(path)


def get_refusals(alices: str, stranger: Recorder, reader: Recorder) -> None:
    path = f"wallets/{alices}"
    stranger.get(path)
    Recorder(None, stranger.kept).get(path)
    Recorder("iocash_unknown", stranger.kept).get(path)
    reader.patch(path, {"alias": "Mine"})
