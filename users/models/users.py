"""The people and companies that own wallets, and the one-time passwords sent to them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, Self

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchQueryField, SearchVectorField
from django.db import models
from django.db.models import BooleanField, Func, Q, Value
from django.db.models.expressions import CombinedExpression
from django.utils.translation import gettext
from uuid_utils.compat import uuid7

from iocash.db.clock import CreationTime, Now, Today
from users.models.clients import Client, Owned, OwnedQuerySet, pairs_index
from users.models.ids import as_id
from users.models.searches import (
    FOUND,
    MOST_FOUND,
    MOST_NEAR,
    NEAR,
    PENDING_KB,
    HasIdOf,
    found_by,
    near_words,
)
from users.models.versions import version

SEARCHED: Final = (
    "first_name",
    "last_name",
    "company_name",
    "user_name",
    "email",
    "mobile_phone",
    "unverified_phone",
)
"""The columns in which staff search for parts of words."""


class NameVector(Func):
    """The words of a user's names, in lower case and without accents."""

    function = "users_name_vector"
    output_field = SearchVectorField()

    def __init__(self, *names: Any) -> None:
        super().__init__(*(names or ("first_name", "last_name", "company_name")))


class NameQuery(Func):
    """What finds names in which each word of a text begins a word; NULL without words."""

    function = "users_name_query"
    output_field = SearchQueryField()


class PartsVector(Func):
    """The parts of words by which staff find a user: each word from each of its letters on."""

    function = "users_parts_vector"
    output_field = SearchVectorField()

    def __init__(self, *texts: Any) -> None:
        super().__init__(*(texts or SEARCHED))


class UserQuerySet(OwnedQuerySet["User"]):
    def with_name(self, words: str) -> Self:
        """Users in whose names each of the words begins a word; case and accents are ignored."""
        asked = NameQuery(Value(words))
        is_found = CombinedExpression(NameVector(), "@@", asked, output_field=BooleanField())
        return self.filter(is_found)

    def locked(self) -> Self:
        """Lock the users, always by id and always before wallets."""
        return self.order_by("id").select_for_update(no_key=True)

    def lapsed(self) -> Self:
        """The users whose KYC level has ended by time and whose rows still have it."""
        return self.filter(kyc_until__lt=Today(), erased_at=None)

    def named(self, words: str, most: int = MOST_FOUND) -> Self:
        """What staff search: an id or its beginning, parts of names, e-mail addresses and phone
        numbers, a document number, or the IBAN of a KYC document.

        Case and accents are ignored. Of more than `most` users, any are found.
        """
        if found := as_id(words):
            return self.filter(id=found)
        return self.filter(HasIdOf.found(FOUND, found_by(words, most)))

    def misspelled(self, words: str) -> Self:
        """Users whose names have these words, with at most one typing error in each of them.

        Words that somebody's name has are taken as they are.
        """
        return self.filter(HasIdOf.found(NEAR, [near_words(words), MOST_NEAR]))


class User(Owned):
    """A person (NATURAL) or a company (JURIDICAL) that owns wallets."""

    class Kind(models.TextChoices):
        """NATURAL: a person. JURIDICAL: a company."""

        NATURAL = "NATURAL"
        JURIDICAL = "JURIDICAL"

    class Status(models.TextChoices):
        """CREATED: the phone is not verified. VERIFIED: it is; the user is about to be activated.
        ACTIVATED: can use its wallets. BLOCKED: staff have stopped it. UNSUBSCRIBED: closed
        permanently.
        """

        CREATED = "CREATED"
        VERIFIED = "VERIFIED"
        ACTIVATED = "ACTIVATED"
        BLOCKED = "BLOCKED"
        UNSUBSCRIBED = "UNSUBSCRIBED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=9, choices=Kind)
    status = models.CharField(max_length=12, choices=Status, default=Status.CREATED)
    user_name = models.CharField(max_length=100)
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    company_name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(blank=True)
    mobile_phone = models.CharField(max_length=16, help_text="E.164")
    unverified_phone = models.CharField(
        max_length=16, blank=True, help_text="Replaces mobile_phone after verification."
    )
    dlt_address = models.CharField(max_length=100, blank=True, help_text="For the first wallet.")
    dlt_network = models.CharField(max_length=50, blank=True, help_text="For the first wallet.")
    kyc_level = models.PositiveSmallIntegerField(
        "KYC level", default=0, help_text="The level that staff approved."
    )
    kyc_until = models.DateField("KYC until", null=True, help_text="Level valid until; then 0.")
    metadata = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=CreationTime(), editable=False)
    updated_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="Last change of what the ETag covers; null: none since its creation.",
    )
    unsubscribed_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True, help_text="Personal data erased at.")

    objects = UserQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "id"], name="user_is_of_one_client"),
            models.UniqueConstraint(
                fields=["client", "user_name"],
                condition=~Q(user_name=""),
                name="user_name_is_taken_once",
            ),
            models.UniqueConstraint(
                fields=["client", "mobile_phone"],
                condition=~Q(mobile_phone=""),
                name="user_mobile_phone_is_taken_once",
            ),
            models.CheckConstraint(
                name="user_status_is_known",
                condition=Q(
                    status__in=["CREATED", "VERIFIED", "ACTIVATED", "BLOCKED", "UNSUBSCRIBED"]
                ),
            ),
            models.CheckConstraint(
                name="user_kind_has_its_names",
                condition=(
                    Q(kind="NATURAL", company_name="") & ~Q(first_name="") & ~Q(last_name="")
                )
                | (Q(kind="JURIDICAL", first_name="", last_name="") & ~Q(company_name=""))
                | Q(erased_at__isnull=False),
            ),
            models.CheckConstraint(
                name="user_can_be_reached_until_erased",
                condition=(Q(erased_at=None) & ~Q(user_name="") & ~Q(mobile_phone=""))
                | Q(
                    erased_at__isnull=False,
                    user_name="",
                    first_name="",
                    last_name="",
                    company_name="",
                    email="",
                    mobile_phone="",
                    unverified_phone="",
                    dlt_address="",
                    dlt_network="",
                    metadata__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="user_end_has_a_time",
                condition=Q(status="UNSUBSCRIBED", unsubscribed_at__isnull=False)
                | (~Q(status="UNSUBSCRIBED") & Q(unsubscribed_at=None)),
            ),
            models.CheckConstraint(
                name="user_is_erased_after_its_end",
                condition=Q(erased_at=None) | Q(status="UNSUBSCRIBED"),
            ),
            models.CheckConstraint(
                name="user_kyc_level_is_known", condition=Q(kyc_level__in=[0, 1, 2])
            ),
        ]
        indexes = [
            models.Index(fields=["client", "created_at", "id"], name="user_page"),
            models.Index(
                OpClass("user_name", name="varchar_pattern_ops"),
                condition=~Q(user_name=""),
                name="user_of_beginning_of_name",
            ),
            models.Index(fields=["email"], condition=~Q(email=""), name="user_of_email"),
            models.Index(
                fields=["kyc_until", "id"],
                condition=Q(kyc_until__isnull=False, erased_at=None),
                name="user_lapsing",
            ),
            models.Index(
                fields=["unsubscribed_at", "id"],
                condition=Q(status="UNSUBSCRIBED", erased_at=None),
                name="user_to_erase",
            ),
            GinIndex(NameVector(), name="user_of_words_of_name"),
            GinIndex(
                PartsVector(), name="user_of_parts_of_words", gin_pending_list_limit=PENDING_KB
            ),
            pairs_index("user_of_pairs"),
        ]
        permissions = [
            ("block_user", "Can block and unblock users"),
            ("erase_user", "Can erase users' personal data"),
            ("export_user", "Can export everything that is kept about a user"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def name(self) -> str:
        """The full name of a person, or that of a company; empty once erased."""
        return self.company_name or f"{self.first_name} {self.last_name}".strip()

    @property
    def display_name(self) -> str:
        """The name for people to read: the full name, else the user name; never empty."""
        return self.name or self.user_name or gettext("Erased user")

    @property
    def changed_at(self) -> datetime:
        """When what the ETag covers last changed, or when the user was created."""
        return self.updated_at or self.created_at

    @property
    def version(self) -> str:
        """The ETag: a digest of the rendered fields."""
        shown = ("id", "kind", "status", "user_name", "first_name", "last_name", "company_name")
        reach = ("email", "mobile_phone", "unverified_phone")
        values = {name: getattr(self, name) for name in (*shown, *reach)}
        if self.metadata:
            values["metadata"] = sorted(self.metadata.items())
        return version("user", values)

    def level_on(self, day: date) -> int:
        """The KYC level on a day; it ends when the identity document expires."""
        return kyc_level_on(self.kyc_level, self.kyc_until, day)

    @property
    def phone_to_verify(self) -> str:
        """The number to verify; empty if there is none."""
        if self.unverified_phone:
            return self.unverified_phone
        return self.mobile_phone if self.status == self.Status.CREATED else ""


def kyc_level_on(level: int, until: date | None, day: date) -> int:
    """The KYC level on a day, if the level is valid until a day (included)."""
    return level if until is None or day <= until else 0


class OtpQuerySet(OwnedQuerySet["Otp"]):
    def void(self) -> int:
        """Make them right for nothing; they are not delivered any more."""
        return self.update(digest=None, sealed=None, next_try_at=None)

    def waiting(self) -> Self:
        """Those that are valid and not delivered yet."""
        return self.filter(sealed__isnull=False, expires_at__gt=Now())


class Otp(Owned):
    """A one-time password for one number of a user; void if `digest` is null."""

    LIFETIME_SECONDS = 600
    MAX_TRIES = 5

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    mobile_phone = models.CharField(max_length=16)
    digest = models.BinaryField(max_length=32, null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    about = models.CharField(
        max_length=36,
        blank=True,
        db_default="",
        help_text="The terms that it signs; empty: it verifies the number.",
    )
    sealed = models.BinaryField(max_length=200, null=True)
    """The encrypted code, until it is delivered, void or over."""
    next_try_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(db_default=0)
    """How often its delivery was begun."""

    objects = OtpQuerySet.as_manager()

    class Meta:
        verbose_name = "one-time password"
        constraints = [
            models.UniqueConstraint(
                fields=["client", "user", "mobile_phone"], name="otp_of_a_number_is_one"
            ),
            models.CheckConstraint(name="otp_tries_are_few", condition=Q(tries__lte=5)),
            models.CheckConstraint(
                name="otp_to_deliver_is_right",
                condition=Q(sealed=None, next_try_at=None)
                | Q(sealed__isnull=False, next_try_at__isnull=False, digest__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], condition=Q(sealed__isnull=False), name="otp_to_deliver"
            )
        ]

    def __str__(self) -> str:
        return gettext("one-time password of %(user)s") % {"user": self.user_id}

    def is_open(self, now: datetime) -> bool:
        return self.digest is not None and now < self.expires_at
