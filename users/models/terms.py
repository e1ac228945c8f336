"""The terms of the institution, in versions, and the signatures of users."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models.clients import Client, Owned, OwnedQuerySet
from users.models.users import User


class TermsQuerySet(models.QuerySet["Terms"]):
    def current(self) -> Terms | None:
        """The terms that users have to sign: the last version. Its content is not read."""
        return self.defer("content").order_by("-version").first()


class Terms(models.Model):
    """A version of the terms: a PDF, written once and kept for ever."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.PositiveIntegerField(unique=True)
    content = models.BinaryField()
    size = models.PositiveIntegerField(help_text="Bytes.")
    sha256 = models.BinaryField(max_length=32)
    published_by = models.CharField(max_length=60)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = TermsQuerySet.as_manager()

    class Meta:
        verbose_name = "terms"
        verbose_name_plural = "terms"
        constraints = [
            models.CheckConstraint(
                name="terms_have_the_hash_of_their_content",
                condition=Q(
                    sha256=Func(F("content"), function="sha256", output_field=models.BinaryField())
                ),
            ),
            models.CheckConstraint(
                name="terms_have_the_size_of_their_content",
                condition=Q(
                    size=Func(
                        F("content"), function="octet_length", output_field=models.IntegerField()
                    ),
                    size__gte=1,
                ),
            ),
            models.CheckConstraint(name="terms_are_numbered_from_one", condition=Q(version__gte=1)),
            models.UniqueConstraint(fields=["id", "sha256"], name="terms_have_one_hash"),
        ]

    def __str__(self) -> str:
        return gettext("version %(number)s") % {"number": self.version}

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, in hexadecimal."""
        return bytes(self.sha256).hex()


class TermsSignatureQuerySet(OwnedQuerySet["TermsSignature"]):
    def of(self, user: User) -> Self:
        return self.filter(client=user.client_id, user=user.id)


class TermsSignature(Owned):
    """A user has signed a version of the terms with a one-time password; never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    terms = models.ForeignKey(Terms, models.PROTECT, related_name="+")
    sha256 = models.BinaryField(max_length=32, help_text="Of the terms.")
    otp_id = models.UUIDField(help_text="The one-time password; of the user and its number.")
    otp_sent_at = models.DateTimeField(help_text="When the one-time password was sent.")
    signed_at = models.DateTimeField(help_text="When it was verified.")
    actor = models.CharField(max_length=60)
    request_id = models.CharField(max_length=64, blank=True)

    objects = TermsSignatureQuerySet.as_manager()

    class Meta:
        verbose_name = "signature of the terms"
        verbose_name_plural = "signatures of the terms"
        constraints = [
            models.UniqueConstraint(
                fields=["client", "user", "terms"], name="terms_are_signed_once_by_a_user"
            ),
            models.CheckConstraint(
                name="terms_signature_follows_its_otp",
                condition=Q(signed_at__gte=F("otp_sent_at")),
            ),
        ]
        indexes = [models.Index(fields=["user", "id"], name="terms_signature_of_user")]

    def __str__(self) -> str:
        return f"{self.terms_id} {self.user_id}"
