"""Clients, and the API keys that they call with."""

from __future__ import annotations

import hashlib
import secrets
import string
import uuid
from datetime import datetime
from typing import Any, Self, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from iocash.db.sandbox import is_sandbox

ALPHABET = string.ascii_letters + string.digits
SCOPES = (
    "users:read",
    "users:write",
    "wallets:read",
    "wallets:write",
    "movements:read",
    "movements:write",
    "events:read",
    "events:write",
    "cash-in:write",
)

MONEY_SCOPES = ("cash-in:write", "movements:write")
"""The scopes that create or move money, which two people grant to a key."""
ISSUED_SCOPES = tuple(scope for scope in SCOPES if scope not in MONEY_SCOPES)
"""The scopes that one person gives a key."""
SANDBOX_SCOPE = "sandbox:write"
"""The scope that exists in sandboxes only; a trigger refuses it elsewhere."""
KNOWN_SCOPES = (*SCOPES, SANDBOX_SCOPE)


def scopes_here(scopes: tuple[str, ...] = SCOPES) -> list[str]:
    """The scopes that a key can have on this server: with that of sandboxes, if it is one."""
    return [*scopes, *([SANDBOX_SCOPE] if is_sandbox() else [])]


class Client(models.Model):
    """A company that calls the API. Each resource has one client; others can't access it."""

    class Status(models.TextChoices):
        """MOVING: its requests get 503. MOVED: another group has it, and this one nothing of it."""

        ACTIVE = "ACTIVE"
        SUSPENDED = "SUSPENDED"
        MOVING = "MOVING"
        MOVED = "MOVED"

    class CashIns(models.TextChoices):
        """Where cash-ins come from. There is one source, so that no money is booked twice."""

        API = "API"
        BANK = "BANK"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100, unique=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    contact = models.EmailField(blank=True, db_default="", help_text="Gets mails about webhooks.")
    cash_ins = models.CharField(
        _("source of cash-ins"),
        max_length=4,
        choices=CashIns,
        default=CashIns.API,
        db_default=CashIns.API,
        help_text="API: the client orders cash-ins. BANK: statements of the bank bring them.",
    )
    cash_ins_since = models.DateTimeField(
        _("source since"),
        null=True,
        editable=False,
        help_text="When the source was changed last; a trigger writes it.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="client_cash_ins_are_known", condition=models.Q(cash_ins__in=["API", "BANK"])
            ),
            models.CheckConstraint(
                name="client_status_is_known",
                condition=models.Q(status__in=["ACTIVE", "SUSPENDED", "MOVING", "MOVED"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_suspended(self) -> bool:
        """Whether its keys are refused, its scheduled runs skipped and its webhooks held back."""
        return self.status == self.Status.SUSPENDED


IS_AWAY = Q(client__in=Client.objects.filter(status__in=["MOVING", "MOVED"]))
"""Whether the client of a row is being moved to another group, or has moved there. What time does
to the row is done there."""
NOT_AWAY = "client_id NOT IN (SELECT id FROM users_client WHERE status IN ('MOVING', 'MOVED'))"
"""The opposite, in SQL."""
HAS_NOT_MOVED = "client_id NOT IN (SELECT id FROM users_client WHERE status = 'MOVED')"
"""What sums of money ask: another group counts the rest."""


def has_moved(client: str = "client") -> Q:
    """Whether the client of a row has moved to another group, which counts the row and works on it.

    A client that is being moved is counted here until it is active there. `client` is the path from
    the row to it.
    """
    return Q(**{f"{client}__in": Client.objects.filter(status=Client.Status.MOVED)})


Row_co = TypeVar("Row_co", bound=models.Model, covariant=True)


class OwnedQuerySet(models.QuerySet[Row_co]):
    """Rows with a client."""

    def owned_by(self, client_id: uuid.UUID | None) -> Self:
        """The rows of one client; with None, of all clients (for staff)."""
        return self.all() if client_id is None else self.filter(client_id=client_id)

    def with_pairs(self, pairs: str) -> Self:
        """The rows whose metadata have all of these pairs, an object in JSON."""
        asked = Cast(Value(pairs), models.JSONField())
        has_them = CombinedExpression(
            F("metadata"), "@>", asked, output_field=models.BooleanField()
        )
        return self.filter(has_them)


def pairs_index(name: str) -> GinIndex:
    """What finds the rows with some pairs in their metadata; it has no rows without metadata."""
    return GinIndex(
        fields=["metadata"],
        opclasses=["jsonb_path_ops"],
        condition=Q(metadata__isnull=False),
        name=name,
    )


class Owned(models.Model):
    """A row with a client; `save` updates it only among the rows of that client."""

    client_id: uuid.UUID

    class Meta:
        abstract = True

    def _do_update(self, base_qs: Any, *args: Any, **kwargs: Any) -> Any:
        return super()._do_update(base_qs.filter(client=self.client_id), *args, **kwargs)


class Credential(models.Model):
    """A credential of a client, with its scopes; it can expire or be revoked."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+")
    label = models.CharField(max_length=100, help_text="The client's name for this key.")
    scopes = ArrayField(models.CharField(max_length=20), help_text=", ".join(SCOPES))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_revoked(self) -> bool:
        return self.revoked_at is not None and self.revoked_at <= timezone.now()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def matching(self, secret: str) -> Self:
        return self.filter(digest=ApiKey.digest_of(secret)).select_related("client")


class ApiKey(Credential):
    """An API key. Only its SHA-256 digest is stored; `prefix` identifies it for people."""

    prefix = models.CharField(max_length=16, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                name="api_key_scopes_are_known",
                condition=models.Q(scopes__contained_by=list(KNOWN_SCOPES)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    @staticmethod
    def digest_of(secret: str) -> bytes:
        return hashlib.sha256(secret.encode()).digest()

    @classmethod
    def issue(
        cls,
        *,
        client: Client,
        label: str,
        scopes: list[str],
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """Create a key for `client`. Returns it with its secret, which is not stored."""
        secret = "iocash_" + "".join(secrets.choice(ALPHABET) for _ in range(40))
        key = cls.objects.create(
            client=client,
            label=label,
            prefix=secret[:12],
            digest=cls.digest_of(secret),
            scopes=sorted(set(scopes)),
            expires_at=expires_at,
        )
        return key, secret
