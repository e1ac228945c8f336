"""How the API shows a movement."""

from __future__ import annotations

from typing import Any

from wallets.models import Movement, Wallet

HOST = "http://testserver/api/v1"


def shown_transfer(movement: Movement, payer: Wallet, target: Wallet, **shown: Any) -> Any:
    """The payer's movement, without its times; `shown` says what differs, and further links."""
    here = f"{HOST}/wallets/{payer.id}"
    links = {
        "self": {"href": f"{here}/movements/{movement.id}"},
        "wallet": {"href": here},
        "counterpartyWallet": {"href": f"{HOST}/wallets/{target.id}"},
    }
    return {
        "id": str(movement.id),
        "walletId": str(payer.id),
        "operationId": str(movement.operation_id),
        "type": "TRANSFER",
        "direction": "OUT",
        "status": "SUCCESS",
        "currency": "EUR",
        "counterpartyWalletId": str(target.id),
        "counterparty": None,
        "holdId": None,
        "reversalOf": None,
        "iban": None,
        "holderName": None,
        "reason": None,
        "sentAt": None,
        "reversedAmount": "0.00",
        "reference": None,
        "externalAccountId": None,
        "idempotencyKey": None,
        "_links": links | shown.pop("links", {}),
        **shown,
    }
