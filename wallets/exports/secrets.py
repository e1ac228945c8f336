"""The secrets of an export: encrypted with a passphrase instead of the server's SECRET_KEY."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from users import deliveries
from users.models import WebhookEndpoint
from users.sealing import Seal
from users.signatures import new_secret
from users.webhooks import secrets as webhook_secrets
from wallets.exports.folder import BadExport

ENDPOINTS: Final = WebhookEndpoint._meta.db_table
CODES: Final = "users_otp"
COST: Final = {"length": 32, "n": 2**15, "r": 8, "p": 1}

Change = Callable[[dict[str, Any]], None]
"""Changes the secrets of a row in place."""


def new_lock() -> dict[str, Any]:
    """What the key is derived with, for the manifest."""
    return {"kdf": "scrypt", "salt": b64encode(os.urandom(16)).decode()}


def cipher_of(passphrase: str, lock: dict[str, Any]) -> Fernet:
    key = Scrypt(salt=b64decode(lock["salt"]), **COST).derive(passphrase.encode())
    return Fernet(urlsafe_b64encode(key))


def for_export(cipher: Fernet | None) -> dict[str, Change]:
    """How the secrets of each table leave the server: with the cipher, or not at all."""

    def endpoint(row: dict[str, Any]) -> None:
        seal = webhook_secrets.SEAL
        row["secrets"] = [sent(seal, each) for each in row["secrets"]] if cipher else []

    def code(row: dict[str, Any]) -> None:
        if row["sealed"] and cipher:
            sealed = b64decode(row["sealed"])
            row["sealed"] = b64encode(sent(deliveries.SEAL, sealed).encode()).decode()
        else:
            row["sealed"] = row["next_try_at"] = None

    def sent(seal: Seal, sealed: bytes | str) -> str:
        return cipher.encrypt(seal.open(sealed).encode()).decode() if cipher else ""

    return {ENDPOINTS: endpoint, CODES: code}


def for_import(cipher: Fernet | None) -> dict[str, Change]:
    """How they arrive: encrypted with the SECRET_KEY of this server.

    Endpoints whose secrets were left out get new ones, which the client replaces by
    `rotate-secret`.
    """

    def endpoint(row: dict[str, Any]) -> None:
        known = [opened(each) for each in row["secrets"]] or [new_secret()]
        row["secrets"] = webhook_secrets.sealed(*known)

    def code(row: dict[str, Any]) -> None:
        if row["sealed"]:
            text = opened(b64decode(row["sealed"]))
            row["sealed"] = b64encode(deliveries.SEAL.close(text)).decode()

    def opened(sealed: bytes | str) -> str:
        if cipher is None:
            raise BadExport("The manifest says that the secrets were left out.")
        try:
            return cipher.decrypt(sealed).decode()
        except InvalidToken:
            raise BadExport("The passphrase is wrong.") from None

    return {ENDPOINTS: endpoint, CODES: code}
