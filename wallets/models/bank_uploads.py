"""Files of the bank that staff have uploaded: a second person releases or refuses each of them."""

from __future__ import annotations

from typing import Final, Self

from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now

OF_STAFF: Final = "^staff:[0-9]+$"
"""An actor that is a member of staff, with an account of their own."""


class BankUploadQuerySet(models.QuerySet["BankUpload"]):
    def waiting(self) -> Self:
        """Those that nobody has released or refused."""
        return self.filter(answered_at=None)

    def locked(self) -> Self:
        return self.select_for_update(no_key=True)


class BankUpload(models.Model):
    """A file as a member of staff has uploaded it. It books nothing until another one releases it.

    What is imported has the hash that was released. No setting and no role disables the second
    person. Files that a command or a folder brings are no uploads: they need access to the host.
    Its content is erased with a user whom it quotes, or by its age; its hash stays.
    """

    class Kind(models.TextChoices):
        STATEMENT = "STATEMENT", _("Statement")
        ANSWER = "ANSWER", _("Answer to a bank file")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("kind"), max_length=9, choices=Kind)
    name = models.CharField(_("file"), max_length=200)
    content = models.BinaryField(null=True)
    sha256 = models.BinaryField(max_length=32)
    uploaded_by = models.CharField(max_length=60)
    uploaded_at = models.DateTimeField(_("uploaded"), db_default=Now(), editable=False)
    answered_by = models.CharField(max_length=60, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    is_released = models.BooleanField(_("released"), null=True)

    objects = BankUploadQuerySet.as_manager()

    class Meta:
        verbose_name = _("uploaded file")
        verbose_name_plural = _("uploaded files")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "sha256"],
                condition=Q(answered_at=None),
                name="bank_upload_waits_once",
            ),
            models.CheckConstraint(
                name="bank_upload_kind_is_known", condition=Q(kind__in=["STATEMENT", "ANSWER"])
            ),
            models.CheckConstraint(
                name="bank_upload_has_its_hash",
                condition=Q(content=None)
                | Q(
                    sha256=Func(F("content"), function="sha256", output_field=models.BinaryField())
                ),
            ),
            models.CheckConstraint(
                name="bank_upload_is_released_by_another",
                condition=Q(uploaded_by__regex=OF_STAFF)
                & (
                    Q(answered_by="", answered_at=None, is_released=None)
                    | (
                        Q(
                            answered_by__regex=OF_STAFF,
                            answered_at__isnull=False,
                            is_released__isnull=False,
                        )
                        & ~Q(answered_by=F("uploaded_by"))
                    )
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["uploaded_at", "id"],
                condition=Q(answered_at=None),
                name="bank_upload_waiting",
            ),
            models.Index(fields=["-uploaded_at", "-id"], name="bank_upload_page"),
            models.Index(
                fields=["uploaded_at"],
                condition=Q(content__isnull=False),
                name="bank_upload_to_erase",
            ),
        ]
        permissions = [
            ("release_bankupload", "Can release files of the bank that somebody else has uploaded")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def hash(self) -> str:
        """The hash of the content, as people read it."""
        return bytes(self.sha256).hex()
