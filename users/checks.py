"""What `manage.py check` says about the settings, the roles and the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError
from django.utils import timezone

from iocash.db.backend import safety

CONTACT_SCHEMES = ("mailto:", "https://", "tel:")


@register
def roles_are_two(**kwargs: Any) -> list[CheckMessage]:
    """The role that serves must not own the tables: it could then do what no migration granted.

    A server that serves knows its own role alone; then there is nothing to compare.
    """
    default, owner = settings.DATABASES["default"], settings.DATABASES["owner"]
    if not settings.DATABASE_OWNER_URL or default["USER"] != owner["USER"]:
        return []
    return [
        checks.Warning(
            "DATABASE_URL and DATABASE_OWNER_URL connect as the same role.",
            hint="Serve with a role that owns nothing; only migrate needs the owner.",
            id="iocash.W001",
        )
    ]


@register
def codes_can_be_delivered(**kwargs: Any) -> list[CheckMessage]:
    """A one-time password on the console of a production server would be in its logs."""
    from users.deliveries import BACKENDS  # noqa: PLC0415 (it needs the models)

    backend = settings.OTP_BACKEND
    if backend not in BACKENDS:
        words = f"OTP_BACKEND is {backend!r}; it must be one of {', '.join(sorted(BACKENDS))}."
        return [Error(words, id="iocash.E001")]
    if backend == "console" and not settings.DEBUG:
        return [Error("OTP_BACKEND=console is for development only.", id="iocash.E002")]
    if backend == "sms" and not settings.OTP_SMS_URL:
        return [Error("OTP_BACKEND=sms needs OTP_SMS_URL.", id="iocash.E003")]
    return []


@register
def documents_have_a_place(**kwargs: Any) -> list[CheckMessage]:
    """Documents are kept apart from the code, where every process that serves finds them."""
    if settings.DOCUMENTS_DIR:
        return []
    words = "DOCUMENTS_DIR is not set: where are users' documents to be kept?"
    return [Error(words, id="iocash.E004")]


@register
def security_contact_is_complete(**kwargs: Any) -> list[CheckMessage]:
    """RFC 9116 requires a contact, as a URI, and a date at most a year ahead."""
    contacts, expires = settings.SECURITY_CONTACT, settings.SECURITY_EXPIRES
    if bool(contacts) != bool(expires):
        words = "SECURITY_CONTACT and SECURITY_EXPIRES must be set together."
        return [Error(words, id="iocash.E007")]
    if not all(contact.startswith(CONTACT_SCHEMES) for contact in contacts):
        words = f"SECURITY_CONTACT must have URIs that begin with {', '.join(CONTACT_SCHEMES)}."
        return [Error(words, id="iocash.E008")]
    today = timezone.now().date()
    if expires and not today < expires <= today + timedelta(days=366):
        words = "SECURITY_EXPIRES must be in the future, and at most a year ahead."
        hint = "Check that the contact is still right, and set a new date."
        return [checks.Warning(words, hint=hint, id="iocash.W002")]
    return []


@register(Tags.database)
def database_is_safe(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """What acknowledged payments rest on must be set; for `manage.py check --database default`."""
    if "default" not in (databases or ()):
        return []
    try:
        found = safety.read_session()
    except DatabaseError as error:
        return [Error(f"The database can't be asked: {error}", id="iocash.E006")]
    hint = "Set it for the role that serves, as compose.yaml does, or in postgresql.conf."
    return [Error(words, hint=hint, id="iocash.E005") for words in safety.unsafe(found)]
