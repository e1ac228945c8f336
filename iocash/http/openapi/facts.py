"""The facts of a 409, which `conflict` has as members: their schemas, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from iocash import errors
from iocash.http.fields.amounts import Currency
from iocash.http.fields.plain import Id
from iocash.http.fields.times import Moment
from iocash.http.naming import camel

Json = dict[str, Any]

MONEY, WALLETS = "10.00", 5


def _text(description: str, example: str) -> Json:
    return {"type": "string", "description": description, "examples": [example]}


def _id(description: str) -> Json:
    return {**_text(description, Id.example), "format": "uuid"}


def _time(description: str) -> Json:
    return {**_text(description, Moment.example), "format": "date-time"}


def _money(description: str) -> Json:
    return _text(f"{description}, in units of `currency`.", MONEY)


def _count(description: str, example: int) -> Json:
    return {"type": "integer", "description": description, "examples": [example]}


FACTS: Json = {
    "amount": _money("The amount of the movement"),
    "available": _money("The available balance of the wallet"),
    "balance": _money("The settled balance of the wallet"),
    "count": _count("The number of items in the batch.", 2),
    "currency": _text("The currency of the amounts, or of your wallet (ISO 4217).", "EUR"),
    "current": _text("The present `ETag` of the resource.", '"8d3c2f0a"'),
    "endpoints": _count("How many webhook endpoints the client has that are not disabled.", 10),
    "evidenceId": _id("The KYC document."),
    "externalAccountId": _id("The external account."),
    "field": _text("The field whose value is taken or can't change.", "mobilePhone"),
    "holdId": _id("The hold."),
    "iban": _text("The IBAN that the wallet has already.", "ES9121000418450200051332"),
    "id": _id("The id of what the first request created."),
    "idempotencyKey": _text("The key that was used for another request.", "order-1234"),
    "items": {
        "type": "array",
        "items": {"$ref": "#/components/schemas/RefusedItem"},
        "description": "The items of the batch that were refused, in their order.",
    },
    "keptUntil": _time("When the retention period ends."),
    "kind": _text("The kind of the user.", "JURIDICAL"),
    "left": _money("The amount of the movement that is not yet reversed"),
    "limit": _money("The limit"),
    "limitType": _text(
        "Which limit: `balance`, `cashIn` or `cashOut` of the user, `walletBalance` or "
        "`walletReceived` of the wallet.",
        "cashIn",
    ),
    "maxEndpoints": _count("How many webhook endpoints a client can have.", 10),
    "maxReplays": _count("How many replays of an endpoint can run at the same time.", 3),
    "maxWallets": _count("How many open wallets a user can have.", WALLETS),
    "movementId": _id("The movement."),
    "nextAnchorAt": {
        **_time("When the next anchor is written. Null: none is planned."),
        "type": ["string", "null"],
    },
    "open": _count("How many open wallets the user has.", WALLETS),
    "orderCurrency": _text("The currency of the order (ISO 4217).", "USD"),
    "refused": _count("The number of items that were refused.", 1),
    "remaining": _money("The amount that the hold still reserves"),
    "replays": _count("How many replays of the endpoint are running.", 3),
    "requested": {
        **_money("What you requested"),
        "description": "What you requested: an amount in units of `currency`, or, where `status` "
        "is present, the status.",
    },
    "required": _money("The amount that you requested"),
    "resetsAt": {
        **_time("When the request would be within the limit again. Null: waiting does not help."),
        "type": ["string", "null"],
    },
    "resource": _text("What the first request created: `movement`, `hold`, `user`, …", "movement"),
    "retryAt": _time("When you may request the next one-time password."),
    "reversed": _money("The amount of the movement that is reversed already"),
    "sentAt": _time("When the cash-out was sent to the bank."),
    "signedAt": _time("When the user signed the terms."),
    "scheduledOperationId": _id("The scheduled operation."),
    "sourceWalletId": _id("The source wallet, which the client does not have."),
    "status": _text("The present status of the resource.", "BLOCKED"),
    "targetWalletId": _id("The target wallet, which the client does not have."),
    "type": _text("The type of the movement.", "CASH_OUT"),
    "used": _money("What is used of the limit already"),
    "userId": _id("The user."),
    "verificationId": _id("The identity verification."),
    "webhookEndpointId": _id("The webhook endpoint."),
    "version": _count("The version of the terms.", 2),
    "walletId": _id("The wallet."),
}
FACTS["currency"]["pattern"] = FACTS["orderCurrency"]["pattern"] = Currency().schema()["pattern"]

OF_ITEMS = (
    errors.CurrencyMismatch,
    errors.ExternalAccountNotFound,
    errors.ExternalAccountRemoved,
    errors.InsufficientFunds,
    errors.LimitExceeded,
    errors.SourceWalletNotFound,
    errors.TargetWalletNotFound,
    errors.UserNotActive,
    errors.WalletNotReady,
)
"""What an item of a batch can be refused with. Some are the code of no response."""


def carried(kinds: Iterable[type[errors.Refused]]) -> Json:
    """The facts that refusals may carry."""
    names = dict.fromkeys(camel(name) for kind in kinds for name in kind.carries)
    return {name: FACTS[name] for name in sorted(names)}


def conflict_name(kind: type[errors.Refused]) -> str:
    """The name of the schema of a refusal's `conflict`: `InsufficientFundsConflict`."""
    return f"{kind.__name__}Conflict"


def conflict_schemas(kinds: Iterable[type[errors.Refused]]) -> Json:
    """One schema of `conflict` for each code, one with all facts, and that of items of a batch."""
    known = [kind for kind in kinds if issubclass(kind, errors.Conflict)]
    item = [kind for kind in kinds if kind in OF_ITEMS]
    return {
        **{conflict_name(kind): _object(f"`conflict` of `{kind.code}`.", kind) for kind in known},
        "Conflict": {
            **_object(
                "With each 409: the facts that show the cause and help to resolve it. Each code "
                "has its own facts: `x-schemas` names the schema with them.",
                *known,
            ),
            "x-schemas": {kind.code: conflict_name(kind) for kind in known},
        },
        "RefusedItem": _refused_item(item),
    }


def _object(description: str, *kinds: type[errors.Refused]) -> Json:
    return {"type": "object", "description": description, "properties": carried(kinds)}


def _refused_item(kinds: Iterable[type[errors.Refused]]) -> Json:
    item = _object("An item of a batch that was refused, with the facts of its refusal.", *kinds)
    own: Json = {
        "index": _count("The place of the item in the batch, from 0.", 1),
        "code": {"$ref": "#/components/schemas/ErrorCode"},
        "detail": _text("For people; the text may change.", "The wallet is BLOCKED."),
    }
    return {**item, "properties": own | item["properties"], "required": list(own)}
