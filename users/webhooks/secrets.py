"""The secrets that sign requests to webhook endpoints. They are encrypted in the database."""

from __future__ import annotations

from typing import Final

from django.utils import timezone

from iocash.db.transactions import single_transaction
from users.models import WebhookEndpoint
from users.models.clients import IS_AWAY
from users.sealing import Seal

SEAL: Final = Seal("users.webhooks")


def valid_secrets(endpoint: WebhookEndpoint) -> list[str]:
    """The secrets that sign now, decrypted, the newest first."""
    until = endpoint.secrets_until
    is_rotating = until is not None and until > timezone.now()
    return [SEAL.open(each) for each in endpoint.secrets[: None if is_rotating else 1]]


def sealed(*secrets: str) -> list[str]:
    """Secrets as they are stored."""
    return [SEAL.close(secret).decode() for secret in secrets]


def reseal_secrets() -> int:
    """Encrypt with the present SECRET_KEY what former ones have encrypted.

    Return how many endpoints were changed. Afterwards a former secret can be removed.
    """
    stored = WebhookEndpoint.objects.exclude(IS_AWAY).values_list("id", "secrets")
    old = [id_ for id_, secrets in stored if not all(map(SEAL.is_current, secrets))]
    for endpoint_id in old:
        with single_transaction():
            endpoint = WebhookEndpoint.objects.locked(endpoint_id)
            if endpoint is not None:
                endpoint.secrets = sealed(*map(SEAL.open, endpoint.secrets))
                endpoint.save(update_fields=["secrets"])
    return len(old)
