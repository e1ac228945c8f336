"""The part of the story (`story`) that can be told in a sandbox only."""

from __future__ import annotations

from tests.support.ibans import IBAN
from tests.support.people import Api
from users.models import ApiKey
from users.models.clients import KNOWN_SCOPES


def use_the_sandbox(api: Api, alice: str, alices: str) -> None:
    """Call every operation of sandboxes; the key gets their scope first."""
    ApiKey.objects.matching(str(api.secret)).update(scopes=list(KNOWN_SCOPES))
    user, wallet = f"users/{alice}", f"sandbox/wallets/{alices}"
    api.patch(user, {"mobilePhone": "+34600000055"})
    api.get(f"sandbox/{user}/last-otp")
    api.post(f"sandbox/{user}/simulate-identity-verification", {"status": "APPROVED"})
    api.post(f"{wallet}/bank-transfer-in", {"amount": "5.00", "concept": "Salary"})
    for verb, body in (("settle", {}), ("reject", {"reasonCode": "AC04"})):
        asked = {"type": "CASH_OUT", "amount": "1.00", "iban": IBAN}
        movement = api.post(f"wallets/{alices}/movements", asked).json["id"]
        api.post(f"{wallet}/movements/{movement}/{verb}", body)
    api.post("sandbox/clock", {"advance": "P1D"})
    api.get("sandbox/clock")
