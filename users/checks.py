"""System checks of the settings, the database roles and the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError
from django.utils import timezone

from iocash.db.backend import safety

CONTACT_SCHEMES = ("mailto:", "https://", "tel:")


@register
def roles_differ(**kwargs: Any) -> list[CheckMessage]:
    """The serving role must not own the tables, because an owner bypasses the grants.

    Without DATABASE_OWNER_URL, as in a serving process, there is nothing to compare.
    """
    default, owner = settings.DATABASES["default"], settings.DATABASES["owner"]
    if not settings.DATABASE_OWNER_URL or default["USER"] != owner["USER"]:
        return []
    return [
        checks.Warning(
            "DATABASE_URL and DATABASE_OWNER_URL connect as the same role.",
            hint="Set DATABASE_URL to a role that owns no tables. Only migrate needs the owner.",
            id="iocash.W001",
        )
    ]


@register
def codes_can_be_delivered(**kwargs: Any) -> list[CheckMessage]:
    """One-time passwords need a backend; `console` would write them to the production log."""
    from users.deliveries import BACKENDS  # noqa: PLC0415 (it imports models)

    backend = settings.OTP_BACKEND
    if backend not in BACKENDS:
        words = f"OTP_BACKEND is {backend!r}."
        hint = f"Set it to one of {', '.join(sorted(BACKENDS))}."
        return [Error(words, hint=hint, id="iocash.E001")]
    if backend == "console" and not settings.DEBUG:
        words = "OTP_BACKEND=console is for development only: it logs one-time passwords."
        return [Error(words, hint="Set it to email or sms.", id="iocash.E002")]
    if backend == "sms" and not settings.OTP_SMS_URL:
        hint = "Set OTP_SMS_URL to the address of the SMS gateway."
        return [Error("OTP_BACKEND=sms needs OTP_SMS_URL.", hint=hint, id="iocash.E003")]
    return []


@register
def documents_dir_is_set(**kwargs: Any) -> list[CheckMessage]:
    """Users' documents need a folder that every serving process can access."""
    if settings.DOCUMENTS_DIR:
        return []
    hint = "Set it to a folder for users' documents that every serving process can access."
    return [Error("DOCUMENTS_DIR is not set.", hint=hint, id="iocash.E004")]


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


@register
def schedules_have_an_hour(**kwargs: Any) -> list[CheckMessage]:
    """Clocks change between 22 and 4 o'clock; a run is due at an hour that no zone skips."""
    found: list[CheckMessage] = []
    if not 4 <= settings.SCHEDULE_HOUR <= 22:
        found.append(Error("SCHEDULE_HOUR must be from 4 to 22.", id="iocash.E009"))
    if settings.SCHEDULE_ZONE not in available_timezones():
        words = f"SCHEDULE_ZONE is {settings.SCHEDULE_ZONE!r}, which is no known time zone."
        found.append(Error(words, hint="Set it to an IANA name, like UTC.", id="iocash.E010"))
    return found


@register
def webhook_networks_exist(**kwargs: Any) -> list[CheckMessage]:
    """WEBHOOK_NETWORKS must have networks, so that a wrong one is found before a webhook is."""
    wrong = [name for name in settings.WEBHOOK_NETWORKS if not is_network(name)]
    hint = "Write networks like 10.1.0.0/16."
    return [
        Error(f"WEBHOOK_NETWORKS has {name!r}, which is no network.", hint=hint, id="iocash.E011")
        for name in wrong
    ]


def is_network(name: str) -> bool:
    try:
        ip_network(name)
    except ValueError:
        return False
    return True


@register(Tags.database)
def database_is_safe(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check the settings that durability depends on, with `manage.py check --database default`."""
    if "default" not in (databases or ()):
        return []
    try:
        found = safety.read_session()
        wrong = [*safety.wrong_rows()]
    except DatabaseError as error:
        hint = "Check DATABASE_URL, and that the database is running."
        return [Error(f"The database can't be queried: {error}", hint=hint, id="iocash.E006")]
    hint = "Set it for the role that serves, as compose.yaml does, or in postgresql.conf."
    return [
        *(Error(words, hint=hint, id="iocash.E005") for words in safety.unsafe(found)),
        *(Error(words, id="iocash.E012") for words in wrong),
    ]
