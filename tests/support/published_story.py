"""The story of Alice, Bob and a company once more, over the addresses that ioCash published."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from tests.support import people
from tests.support.retelling import settled
from tests.support.story import (
    BANK,
    CODE,
    DOCUMENT,
    Recorder,
    pass_two_minutes,
    sign_terms,
    verify_identity,
)
from users import otp
from users.models import Otp, User
from users.serializers.kyc import BLOCKS

Json = Any

BASE = "/api/v1/public"
ALICE = {"userName": "alice", "firstName": "Alice", "lastName": "Example"}
BOB = {"userName": "bob", "firstName": "Bob", "lastName": "Example"}
COMPANY = {"userName": "example", "companyName": "Example Ltd"}
OTHER = {"userName": "sample", "companyName": "Sample Ltd"}
DAYS = "startDate=2020-02-28 12:00:00&endDate=2099-04-05 7:00:00"
FAR, FARTHER = "2099-08-05T15:10:23+02", "2099-12-05T15:10:23+01"
FILES = ("identity-file?side=front", "external-iban-file", "income-tax-file")


def tell(api: Recorder) -> Json:
    """Tell the story; return what is kept of it."""
    begin = timezone.now()
    alice, bob = create_users(api, "users/natural", "users/natural", ALICE, BOB)
    create_users(api, "users/juridical", "users/juridical", COMPANY, OTHER)
    again = {"userName": "alice-2"}, {"userName": "bob-2"}
    create_users(api, "users/natural", "users", ALICE | again[0], BOB | again[1])
    alices, bobs = open_wallets(api, alice, bob)
    move_money(api, alices, bobs)
    place_holds(api, alices, bobs)
    schedule_payments(api, alices, bobs)
    return settled(api.kept, begin)


def create_users(api: Recorder, kind: str, place: str, *orders: Json) -> list[str]:
    """Create two users and submit their KYC documents, with POST for one and PUT for the other."""
    ids = [create_user(api, kind, place, order) for order in orders]
    first, second = (f"{BASE}/{place}/{user_id}" for user_id in ids)
    for name, body in shown().items():
        api.post(f"{first}/{name}", body)
        api.get(f"{first}/{name}")
        api.put(f"{second}/{name}", body)
        api.put(f"{second}/{name}", body)
    api.get(first)
    if kind == "users/natural":
        verify_identity(api, first)
    api.get(f"{first}/compliance")
    sign_terms(api, first)
    if kind == place:
        api.patch(first, {"email": f"{orders[0]['userName']}@example.com"})
    api.patch(f"{first}/mobile-phone", {"mobilePhone": phone()})
    api.get(f"{BASE}/{place}?userName={orders[0]['userName']}")
    return ids


def create_user(api: Recorder, kind: str, place: str, order: Json) -> str:
    """Create a user and verify the phone."""
    made = api.post(f"{BASE}/{kind}", order | {"mobilePhone": phone()})
    user = User.objects.get(id=made.json["id"])
    path = f"{BASE}/{place}/{user.id}"
    sent = Otp.objects.filter(user=user)
    pass_two_minutes()
    api.post(f"{path}/request-otp", {})
    sent.update(digest=otp.code_digest(user.id, user.phone_to_verify or "", CODE))
    assert api.post(f"{path}/validate-otp", {"otp": CODE}).status == 200
    return str(user.id)


def phone() -> str:
    """Return an unused phone number."""
    return f"+346000001{Otp.objects.count():02}"


def shown() -> Json:
    blocks = {
        kind.lower().replace("_", "-"): block().get_initial() for kind, block in BLOCKS.items()
    }
    return blocks | dict.fromkeys(FILES, DOCUMENT)


def open_wallets(api: Recorder, alice: str, bob: str) -> tuple[str, str]:
    wallets = f"{BASE}/wallets"
    alices, bobs = (
        api.get(f"{wallets}?userId={user_id}").json["_embedded"]["wallets"][0]["id"]
        for user_id in (alice, bob)
    )
    api.post(wallets, {"userId": alice, "dltAddress": "0x1", "dltNetwork": "IOB"})
    api.post(f"{wallets}/{alices}/create-iban", {})
    api.get(f"{wallets}/{alices}")
    return alices, bobs


def move_money(api: Recorder, alices: str, bobs: str) -> None:
    cash_in = {"type": "CASH_IN", "amount": "100.00"}
    people.Api(api.secret).post(f"wallets/{alices}/movements", cash_in)
    wallet = f"{BASE}/wallets/{alices}"
    lunch = {"amount": "12.50", "targetWalletId": bobs, "concept": "Lunch"}
    paid = api.post(f"{wallet}/transfer", lunch).json["id"]
    api.post(
        f"{wallet}/cashOuts",
        {"amount": "20.00", "iban": {"accountNumber": BANK}, "concept": "To the bank"},
    )
    accounts = f"{wallet}/favourite-external-accounts"
    kept = api.post(accounts, {"alias": "My bank", "externalIban": {"accountNumber": BANK}}).json[
        "id"
    ]
    api.get(accounts)
    api.get(f"{accounts}/{kept}")
    taken = {"amount": "5.00", "favouriteExternalAccountId": kept}
    api.post(f"{wallet}/cashout-to-favourite-external-account", taken)
    api.get(f"{wallet}/movements?{DAYS}&status=SUCCESS")
    api.get(f"{wallet}/movements/{paid}")


def place_holds(api: Recorder, alices: str, bobs: str) -> None:
    holds = f"{BASE}/wallets/{alices}/holds"
    order = {"targetWallet": bobs, "amount": "30.00", "concept": "Deposit", "expiration": FAR}
    hold, other = (api.post(holds, order).json["id"] for _ in ("executed", "released"))
    api.get(f"{holds}/{hold}")
    api.get(f"{holds}?status=OPEN")
    api.post(f"{holds}/{hold}/renewHold", {"expiration": FARTHER})
    api.post(f"{holds}/{hold}/executeHoldAndKeepOpen", {"amount": "10.00"})
    api.post(f"{holds}/{hold}/executeHold", {"amount": "5.00", "concept": "Damage"})
    api.post(f"{holds}/{other}/releaseHold", {})


def schedule_payments(api: Recorder, alices: str, bobs: str) -> None:
    operations = f"{BASE}/wallets/{alices}/scheduled-operations"
    duration = {"type": "END_DATE", "value": "2031-12-31"}
    order = {
        "alias": "Rent",
        "concept": "Rent",
        "amount": "1.00",
        "receiver": {"type": "WALLET", "account": bobs},
        "schedule": {"startDate": "2031-01-31", "frequency": "MONTHLY", "duration": duration},
    }
    made = api.post(operations, order).json["id"]
    api.get(operations)
    api.get(f"{operations}/{made}")
    api.get(f"{operations}/{made}/executions")
