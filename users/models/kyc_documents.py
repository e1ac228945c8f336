"""The KYC documents that users submit, and which members of staff looked at them."""

from __future__ import annotations

from datetime import date
from typing import Any, Self

from django.core.files.storage import Storage, storages
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models.clients import Client, Owned, OwnedQuerySet, has_moved
from users.models.users import User

DOCUMENT = "DOCUMENT_"


def file_storage() -> Storage:
    """Where files are stored: outside of everything that is served."""
    return storages["documents"]


def place_of(document: KycDocument, name: str) -> str:
    """The files of a user are in one folder. Their names are ids."""
    return f"{document.user_id}/{document.id}"


class KycDocumentQuerySet(OwnedQuerySet["KycDocument"]):
    def of(self, user: User) -> Self:
        return self.filter(client=user.client_id, user=user.id)

    def current(self) -> Self:
        """What was not replaced: of each kind the last one sent, and what holds."""
        return self.exclude(status=KycDocument.Status.REPLACED)

    def waiting(self) -> Self:
        """What waits for a review in this group of clients."""
        return self.filter(status=KycDocument.Status.PENDING).exclude(has_moved())

    def replace_unapproved(self, kind: str) -> None:
        """Mark what is pending or rejected of a kind as replaced."""
        unapproved = [KycDocument.Status.PENDING, KycDocument.Status.REJECTED]
        self.filter(kind=kind, status__in=unapproved).update(status=KycDocument.Status.REPLACED)

    def approved(self) -> Self:
        return self.filter(status=KycDocument.Status.APPROVED)


class KycDocument(Owned):
    """What a user submits for review: a *block* of fields, or a *file*.

    A row is written once and reviewed at most once; what comes after it is another row. Of each
    kind at most one waits, and at most one is approved: that one holds until another is.
    """

    class Kind(models.TextChoices):
        IDENTITY = "IDENTITY", _("Identity")
        HOME_ADDRESS = "HOME_ADDRESS", _("Home address")
        EXTERNAL_IBAN = "EXTERNAL_IBAN", _("External IBAN")
        FINANCIAL_INFORMATION = "FINANCIAL_INFORMATION", _("Financial information")
        OCCUPATION = "OCCUPATION", _("Occupation")
        NAME = "NAME", _("New name")
        DOCUMENT_IDENTITY_FRONT = "DOCUMENT_IDENTITY_FRONT", _("Identity document, front")
        DOCUMENT_IDENTITY_BACK = "DOCUMENT_IDENTITY_BACK", _("Identity document, back")
        DOCUMENT_EXTERNAL_IBAN = "DOCUMENT_EXTERNAL_IBAN", _("Proof of the external IBAN")
        DOCUMENT_INCOME_TAX = "DOCUMENT_INCOME_TAX", _("Income tax return")
        DOCUMENT_COMPANY_DEED = "DOCUMENT_COMPANY_DEED", _("Company deed")

        @property
        def path(self) -> str:
            """Where it is, below its user: `home-address`, `documents/identity-front`."""
            folder = "documents/" if self.value.startswith(DOCUMENT) else ""
            return folder + self.value.removeprefix(DOCUMENT).lower().replace("_", "-")

    class Status(models.TextChoices):
        """PENDING: staff have to review it. APPROVED and REJECTED: they have decided. REPLACED: a
        later one has taken its place; only a replayed response shows it.
        """

        PENDING = "PENDING"
        APPROVED = "APPROVED"
        REJECTED = "REJECTED"
        REPLACED = "REPLACED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=30, choices=Kind)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    facts = models.JSONField(null=True, encoder=DjangoJSONEncoder, help_text="The data of a block.")
    file = models.FileField(storage=file_storage, upload_to=place_of, blank=True, max_length=200)
    media_type = models.CharField(max_length=20, blank=True)
    size = models.PositiveIntegerField(null=True, help_text="Bytes.")
    sha256 = models.BinaryField(max_length=32, null=True)
    expires_on = models.DateField(null=True, help_text="The last day of validity.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    reviewed_at = models.DateTimeField(null=True)
    reviewed_by = models.CharField(max_length=60, blank=True)
    reason = models.CharField(
        max_length=200, blank=True, help_text="Reason for rejection. The client can read it."
    )

    objects = KycDocumentQuerySet.as_manager()

    class Meta:
        verbose_name = "KYC document"
        constraints = [
            models.CheckConstraint(
                name="kyc_document_kind_is_known",
                condition=Q(
                    kind__in=[
                        "IDENTITY",
                        "HOME_ADDRESS",
                        "EXTERNAL_IBAN",
                        "FINANCIAL_INFORMATION",
                        "OCCUPATION",
                        "NAME",
                        "DOCUMENT_IDENTITY_FRONT",
                        "DOCUMENT_IDENTITY_BACK",
                        "DOCUMENT_EXTERNAL_IBAN",
                        "DOCUMENT_INCOME_TAX",
                        "DOCUMENT_COMPANY_DEED",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="kyc_document_is_a_block_or_a_file",
                condition=Q(
                    kind__startswith=DOCUMENT,
                    facts__isnull=True,
                    sha256__isnull=False,
                    size__isnull=False,
                    size__gte=1,
                )
                & ~Q(file="")
                & ~Q(media_type="")
                | ~Q(kind__startswith=DOCUMENT)
                & Q(facts__isnull=False, sha256=None, size=None, file="", media_type=""),
            ),
            models.CheckConstraint(
                name="kyc_document_identity_expires",
                condition=Q(kind="IDENTITY", expires_on__isnull=False)
                | (~Q(kind="IDENTITY") & Q(expires_on=None)),
            ),
            models.CheckConstraint(
                name="kyc_document_decision_has_a_reviewer",
                condition=(
                    Q(status__in=["APPROVED", "REJECTED"], reviewed_at__isnull=False)
                    & ~Q(reviewed_by="")
                )
                | Q(status="PENDING", reviewed_at=None, reviewed_by="")
                | Q(status="REPLACED"),
            ),
            models.CheckConstraint(
                name="kyc_document_rejection_has_a_reason",
                condition=~Q(status="REJECTED") | ~Q(reason=""),
            ),
            models.UniqueConstraint(
                fields=["client", "user", "kind"],
                condition=Q(status="PENDING"),
                name="kyc_document_is_pending_once",
            ),
            models.UniqueConstraint(
                fields=["client", "user", "kind"],
                condition=Q(status="APPROVED"),
                name="kyc_document_is_approved_once",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "id"], name="kyc_document_of_user"),
            models.Index(
                KeyTextTransform("identity_number", "facts"),
                condition=Q(kind="IDENTITY", status="APPROVED"),
                name="kyc_document_identity_number",
            ),
            models.Index(
                Upper(KeyTextTransform("identity_number", "facts")),
                condition=Q(kind="IDENTITY"),
                name="kyc_document_of_number",
            ),
            models.Index(
                KeyTextTransform("external_iban", "facts"),
                condition=Q(kind="EXTERNAL_IBAN"),
                name="kyc_document_of_iban",
            ),
            models.Index(
                fields=["created_at", "user"],
                condition=Q(status="PENDING"),
                name="kyc_document_pending",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def path(self) -> str:
        return self.Kind(self.kind).path

    @property
    def is_file(self) -> bool:
        return self.kind.startswith(DOCUMENT)

    def is_over(self, day: date) -> bool:
        """Tell whether it is valid no more."""
        return self.expires_on is not None and self.expires_on < day

    @property
    def values(self) -> dict[str, Any]:
        """The facts, with their dates as dates."""
        facts: dict[str, Any] = self.facts or {}
        return {
            name: date.fromisoformat(value) if name.endswith("_date") else value
            for name, value in facts.items()
        }


class Access(models.Model):
    """A member of staff looked at the KYC documents of a user."""

    class What(models.TextChoices):
        REVIEW = "REVIEW", "review page"
        BLOCK = "BLOCK", "block"
        DOCUMENT = "DOCUMENT", "document"
        EXPORT = "EXPORT", "export"

    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    what = models.CharField(max_length=8, choices=What)
    kind = models.CharField(max_length=30, blank=True)
    actor = models.CharField(max_length=60)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "accesses"
        indexes = [
            models.Index(fields=["user", "id"], name="access_to_user"),
            models.Index(fields=["actor", "created_at"], name="access_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.user_id}"


class Review(User):
    """A user whose KYC documents staff review; may be seen only with `view_review`."""

    class Meta:
        proxy = True
        verbose_name = "review"

    def __str__(self) -> str:
        return str(self.id)
