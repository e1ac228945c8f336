"""Holds over the API: where a hold is, and the body that releases it."""

from __future__ import annotations

from wallets.models import Hold

RELEASE = {"status": "RELEASED"}


def at(hold: Hold) -> str:
    return f"wallets/{hold.wallet_id}/holds/{hold.id}"
