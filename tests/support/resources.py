"""What is expected of every resource: which rows it has, its endpoints, and who may call them.

The tests of access, bad input, grants, lists, the back office and fuzzing read it. It repeats on
purpose what the code declares; `tests/test_resources.py` fails if anything is missing here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Model

from iocash.http.naming import camel
from tests.support import people
from tests.support.cash_outs import a_cash_out
from tests.support.ibans import OTHER_IBAN, an_iban
from tests.support.identity import a_verification, stored_terms
from tests.support.schedules import a_bank_schedule, an_execution
from tests.support.statement_files import a_file
from tests.support.webhooks import an_endpoint
from users.models import Event
from wallets import posting
from wallets.models import (
    ExternalAccount,
    Hold,
    Movement,
    ScheduledOperation,
    ScheduledRun,
    Wallet,
)
from wallets.orders.external_accounts import AddExternalAccount

# --- Rows ----------------------------------------------------------------------------------------


def a_hold(source: Wallet, target: Wallet, number: int) -> UUID:
    return people.place(source, target, number, concept="Deposit").id


def an_account(source: Wallet, target: Wallet, number: int) -> UUID:
    order = AddExternalAccount(**people.about(source), iban=an_iban(number), alias="Rent")
    return posting.submit(order).id


@dataclass(frozen=True)
class Resource:
    """A model of `wallets`, and what is expected of its rows."""

    model: type[Model]
    updates: str
    """The columns that the serving role may update. It may insert rows, and delete none."""
    make: Callable[[Wallet, Wallet, int], UUID] | None = None
    """Make one in the first wallet, for the second if it names another; each number gives another.

    None: only opening a wallet or moving money makes it.
    """
    name: str = ""
    """Its id in a path, without `_id`."""
    is_personal: bool = True
    """Whether it has personal texts."""


RESOURCES = [
    Resource(
        Wallet,
        "alert_below, alias, balance, dlt_address, dlt_network, head, held, iban, metadata,"
        " next_expiry, received, seq, settled_at, status, updated_at",
    ),
    Resource(
        Movement,
        "balance_after, bank_file_id, digest, ended_at, reason, received_after, sent_at, seq,"
        " settled_at, status, updated_at",
    ),
    Resource(Hold, "ended_at, expires_at, reason, remaining, status, updated_at", a_hold, "hold"),
    Resource(ExternalAccount, "metadata, status, updated_at", an_account, "account"),
    Resource(
        ScheduledOperation,
        "alias, amount, concept, counted, counted_on, next_at, next_number, status, taken_until,"
        " updated_at",
        a_bank_schedule,
        "schedule",
    ),
    Resource(ScheduledRun, "", an_execution, "execution", is_personal=False),
]
MODELS = [resource.model for resource in RESOURCES]
MADE = {resource.model: resource.make for resource in RESOURCES if resource.make}


def table_of(resource: Resource) -> str:
    return resource.model._meta.db_table


def subject_of(model: type[Model]) -> str:
    """The name of the model in the kinds of events."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", model.__name__).lower()


def make_each(source: Wallet, target: Wallet, number: int) -> dict[str, UUID]:
    """Make one of each resource that a wallet has; return their ids by their names in paths."""
    return {
        resource.name: resource.make(source, target, number)
        for resource in RESOURCES
        if resource.make
    }


# --- Endpoints -----------------------------------------------------------------------------------

USER = "users/{user}"
WALLET = "wallets/{wallet}"
CASH_OUT = f"{WALLET}/movements/{{cash_out}}"
REVERSAL = f"{WALLET}/movements/{{movement}}/reversal"
OPERATION = "operations/{operation}"
ANY_MOVEMENT = "movements/{movement}"
ANY_HOLD = "holds/{hold}"
HOLD = f"{WALLET}/holds/{{hold}}"
ACCOUNT = f"{WALLET}/external-accounts/{{account}}"
SCHEDULE = f"{WALLET}/scheduled-operations/{{schedule}}"
WEBHOOK = "webhook-endpoints/{endpoint}"

TRANSFER = {"type": "TRANSFER", "targetWalletId": "{bob}", "amount": "{amount}"}
PAYMENT = {"sourceWalletId": "{wallet}", "targetWalletId": "{bob}", "amount": "{amount}"}
FILE = {"format": "CSV", "startDate": "2026-01-01", "endDate": "2026-02-01"}
SCHEDULED = {
    "amount": "{amount}",
    "receiver": {"type": "WALLET", "account": "{bob}"},
    "schedule": {
        "startDate": f"{datetime.now(UTC).year + 1}-01-31",
        "frequency": "MONTHLY",
        "duration": {"type": "INDEFINITE"},
    },
}
NEW_USER = {
    "kind": "NATURAL",
    "userName": "alice-again",
    "firstName": "Alice",
    "lastName": "Example",
    "mobilePhone": "+34600000007",
}


@dataclass(frozen=True)
class Endpoint:
    """A method at a path below `/api/v1`, as the clients of the API see it."""

    method: str
    path: str
    scope: str | None
    """None: any credentials are accepted."""
    permission: str
    """Which permission of `wallets` or `users` staff need for it."""
    body: Any = None
    """A body that it accepts if there are only `things`. None: it takes no body, or refuses all."""
    status: int = 0
    """Of its success; 0: 201 of a POST, 200 of any other method."""
    is_body_optional: bool = False
    beside: tuple[str, ...] = ()
    """The other scopes that it needs."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def success(self) -> int:
        return self.status or (201 if self.method == "POST" else 200)

    def at(self, there: dict[str, Any], **other: Any) -> str:
        return self.path.format(**there | other)

    def body_for(self, there: dict[str, Any], amount: str = "10.00") -> Any:
        """Its body, with these ids and this amount in it."""
        text = json.dumps(self.body)
        for name, value in (there | {"amount": amount}).items():
            text = text.replace(f"{{{name}}}", str(value))
        return json.loads(text)


def of_kyc(path: str) -> list[Endpoint]:
    address = f"{USER}/{path}"
    return [
        Endpoint("GET", address, "users:read", "view_kycdocument"),
        Endpoint("POST", address, "users:write", "add_kycdocument"),
        Endpoint("PUT", address, "users:write", "change_kycdocument"),
    ]


KYC = ("identity", "home-address", "external-iban", "financial-information", "occupation")
ENDPOINTS = [
    Endpoint("GET", "me", None, ""),
    Endpoint("GET", "users", "users:read", "view_user"),
    Endpoint("POST", "users", "users:write", "add_user", NEW_USER, 202),
    Endpoint("GET", USER, "users:read", "view_user"),
    Endpoint("PUT", USER, "users:write", "change_user"),
    Endpoint("PATCH", USER, "users:write", "change_user", {"firstName": "Alicia"}),
    Endpoint("POST", f"{USER}/request-otp", "users:write", "add_user", None, 202),
    Endpoint("POST", f"{USER}/validate-otp", "users:write", "add_user"),
    Endpoint("GET", f"{USER}/compliance", "users:read", "view_user"),
    Endpoint("GET", f"{USER}/wallets", "wallets:read", "view_wallet"),
    Endpoint("GET", f"{USER}/documents", "users:read", "view_kycdocument"),
    *(endpoint for path in (*KYC, "documents/{kind}") for endpoint in of_kyc(path)),
    Endpoint("GET", f"{USER}/verify-identity", "users:read", "view_identityverification"),
    Endpoint("POST", f"{USER}/verify-identity", "users:write", "add_identityverification"),
    Endpoint("GET", f"{USER}/kyc-terms", "users:read", "view_termssignature"),
    Endpoint(
        "POST",
        f"{USER}/request-kyc-terms-signature",
        "users:write",
        "add_termssignature",
        None,
        202,
    ),
    Endpoint("POST", f"{USER}/sign-kyc-terms", "users:write", "add_termssignature"),
    Endpoint("GET", "wallets", "wallets:read", "view_wallet"),
    Endpoint("POST", "wallets", "wallets:write", "add_wallet", {"userId": "{user}"}),
    Endpoint("GET", WALLET, "wallets:read", "view_wallet"),
    Endpoint("PUT", WALLET, "wallets:write", "change_wallet", {"userId": "{user}"}),
    Endpoint("PATCH", WALLET, "wallets:write", "change_wallet", {"alias": "Trips"}),
    Endpoint("POST", f"{WALLET}/create-iban", "wallets:write", "add_wallet", {}, 201, True),
    Endpoint("GET", f"{WALLET}/balance", "wallets:read", "view_wallet"),
    Endpoint("GET", f"{WALLET}/statement", "movements:read", "view_movement"),
    Endpoint(
        "POST",
        f"{WALLET}/statement-files",
        "movements:read",
        "view_movement",
        FILE,
        beside=("users:read",),
    ),
    Endpoint(
        "GET",
        f"{WALLET}/statement-files/{{file}}",
        "movements:read",
        "view_movement",
        beside=("users:read",),
    ),
    Endpoint("GET", f"{WALLET}/movements", "movements:read", "view_movement"),
    Endpoint("POST", f"{WALLET}/movements", "movements:write", "add_movement", TRANSFER),
    Endpoint("GET", CASH_OUT, "movements:read", "view_movement"),
    Endpoint("PATCH", CASH_OUT, "movements:write", "change_movement", {"status": "CANCELLED"}),
    Endpoint(
        "POST",
        f"{WALLET}/movements/batch",
        "movements:write",
        "add_movement",
        {"movements": [TRANSFER]},
    ),
    Endpoint(
        "POST", REVERSAL, "movements:write", "reverse_movement", {"amount": "{amount}"}, 201, True
    ),
    Endpoint("GET", f"{WALLET}/movements/{{movement}}/proof", "movements:read", "view_movement"),
    Endpoint("POST", "operations", "movements:write", "add_movement", {"transfers": [PAYMENT]}),
    Endpoint("GET", OPERATION, "movements:read", "view_movement"),
    Endpoint("GET", "movements", "movements:read", "view_movement"),
    Endpoint("GET", ANY_MOVEMENT, "movements:read", "view_movement"),
    Endpoint("GET", "events", "events:read", "view_event"),
    Endpoint("GET", "events/{event}", "events:read", "view_event"),
    Endpoint("GET", "totals", "movements:read", "view_movement"),
    Endpoint("GET", "holds", "movements:read", "view_hold"),
    Endpoint("GET", ANY_HOLD, "movements:read", "view_hold"),
    Endpoint("GET", "external-accounts", "wallets:read", "view_externalaccount"),
    Endpoint("GET", f"{WALLET}/holds", "movements:read", "view_hold"),
    Endpoint(
        "POST",
        f"{WALLET}/holds",
        "movements:write",
        "add_hold",
        {"targetWalletId": "{bob}", "amount": "{amount}"},
    ),
    Endpoint("GET", HOLD, "movements:read", "view_hold"),
    Endpoint("PATCH", HOLD, "movements:write", "release_hold", {"status": "RELEASED"}),
    Endpoint(
        "POST",
        f"{HOLD}/executions",
        "movements:write",
        "add_movement",
        {"amount": "{amount}"},
        201,
        True,
    ),
    Endpoint("GET", f"{WALLET}/external-accounts", "wallets:read", "view_externalaccount"),
    Endpoint(
        "POST",
        f"{WALLET}/external-accounts",
        "wallets:write",
        "add_externalaccount",
        {"iban": OTHER_IBAN, "alias": "Rent {amount}"},
    ),
    Endpoint("GET", ACCOUNT, "wallets:read", "view_externalaccount"),
    Endpoint("PATCH", ACCOUNT, "wallets:write", "change_externalaccount", {"status": "REMOVED"}),
    Endpoint("GET", f"{WALLET}/scheduled-operations", "movements:read", "view_scheduledoperation"),
    Endpoint(
        "POST",
        f"{WALLET}/scheduled-operations",
        "movements:write",
        "add_scheduledoperation",
        SCHEDULED,
    ),
    Endpoint("GET", SCHEDULE, "movements:read", "view_scheduledoperation"),
    Endpoint(
        "PATCH", SCHEDULE, "movements:write", "change_scheduledoperation", {"status": "PAUSED"}
    ),
    Endpoint("GET", f"{SCHEDULE}/executions", "movements:read", "view_scheduledoperation"),
    Endpoint(
        "GET",
        f"{SCHEDULE}/executions/{{execution}}",
        "movements:read",
        "view_scheduledoperation",
    ),
    Endpoint("GET", "webhook-endpoints", "events:read", "view_webhookendpoint"),
    Endpoint(
        "POST",
        "webhook-endpoints",
        "events:write",
        "add_webhookendpoint",
        {"url": "https://shop.example/hooks", "kinds": ["movement.*"]},
    ),
    Endpoint("GET", WEBHOOK, "events:read", "view_webhookendpoint"),
    Endpoint(
        "PATCH", WEBHOOK, "events:write", "change_webhookendpoint", {"description": "Shop {amount}"}
    ),
    Endpoint("GET", f"{WEBHOOK}/attempts", "events:read", "view_webhookattempt"),
    Endpoint("POST", f"{WEBHOOK}/ping", "events:write", "change_webhookendpoint", {}, 202, True),
    Endpoint(
        "POST",
        f"{WEBHOOK}/resend",
        "events:write",
        "change_webhookendpoint",
        {"eventId": "{event}"},
        202,
    ),
    Endpoint(
        "POST",
        f"{WEBHOOK}/replay",
        "events:write",
        "change_webhookendpoint",
        {"fromEvent": "{event}"},
        202,
    ),
    Endpoint(
        "POST", f"{WEBHOOK}/rotate-secret", "events:write", "change_webhookendpoint", {}, 200, True
    ),
]
BELOW_A_WALLET = [each for each in ENDPOINTS if each.path.startswith(f"{WALLET}/")]
PATHS = dict.fromkeys(each.path for each in ENDPOINTS)
READ = dict.fromkeys(each.path for each in ENDPOINTS if each.method == "GET")
LISTS = [
    *(path for path in READ if any(re.fullmatch(rf"{path}/{{\w+}}", other) for other in READ)),
    f"{WALLET}/statement",
    f"{USER}/wallets",
    "external-accounts",
    "totals",
]
"""The paths that answer with pages."""
LINKS = {
    camel(path.removeprefix(f"{WALLET}/").replace("-", "_")): path.removeprefix(f"{WALLET}/")
    for path in (each.path for each in BELOW_A_WALLET if each.method == "GET")
    if path.count("{") == 1
}
"""The links of a wallet to what is below it, by their names."""


def at_each(endpoints: Iterable[Endpoint]) -> Any:
    return pytest.mark.parametrize("endpoint", endpoints, ids=str)


def things(alices: Wallet, bobs: Wallet, number: int = 5_00) -> dict[str, Any]:
    """Return the ids that paths and bodies of the endpoints name; all but Bob's wallet are Alice's.

    It changes no balance: the amounts are held. The terms are published, and not signed.
    """
    a_verification(alices.user)
    stored_terms()
    movement = people.movements(alices)[0]
    return {
        "user": alices.user_id,
        "wallet": alices.id,
        "bob": bobs.id,
        "movement": movement.id,
        "operation": movement.operation_id,
        "event": Event.objects.get(subject_id=movement.id).id,
        "cash_out": a_cash_out(alices, 1_00).id,
        "kind": "identity-front",
        "endpoint": an_endpoint(alices.client).id,
        "file": a_file(alices).id,
        **make_each(alices, bobs, number),
    }
