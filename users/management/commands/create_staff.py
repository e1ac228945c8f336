"""`manage.py create_staff NAME`: add a member of staff, and print the link to set a password."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.urls import reverse

from iocash.db import groups
from users.management.commands.issue_key import login
from users.staff import members, roles

log = logging.getLogger(__name__)

ENOUGH = 2
"""Members of staff who can add others: one asks, the other approves."""


class Command(BaseCommand):
    help = (
        "Add a member of staff, and print a link with which this person sets a password. The link "
        "works once, for a day. Once two members of staff can add others in the back office, "
        "--reason is required, and recorded."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="For the log-in. It can't be changed later.")
        parser.add_argument("--email", default="", help="The e-mail address.")
        parser.add_argument("--first-name", default="")
        parser.add_argument("--last-name", default="")
        parser.add_argument(
            "--role",
            action="append",
            default=[],
            metavar="ROLE",
            help=f"Repeat for several roles: {', '.join(roles.LABELS)}, or a group of your own.",
        )
        parser.add_argument(
            "--superuser",
            action="store_true",
            help="Give all permissions. Two people are required for the same actions as before.",
        )
        parser.add_argument(
            "--reason", default="", help="Why the back office can't be used. It is recorded."
        )
        parser.add_argument(
            "--new-link",
            action="store_true",
            help="Print another link for a member who has not set a password yet.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if groups.current() != groups.HOME:
            raise CommandError("Members of staff are managed at home: run it without GROUP.")
        require_reason(options["reason"])
        person = waiting_member(options) if options["new_link"] else self.added(options)
        uid, token = members.new_link(person, by=person)
        self.stderr.write(
            f"Send this link to {person} through a secure channel. It works once, for a day:"
        )
        self.stdout.write(address() + reverse("admin:set-password", args=[uid, token]))

    def added(self, options: dict[str, Any]) -> Any:
        if not options["role"] and not options["superuser"]:
            raise CommandError(f"Name a role: {names_of_roles()}. Or give --superuser.")
        values = checked(options)
        words = "; ".join(filter(None, [words_of_shell(options), options["reason"]]))
        try:
            person = members.add_from_shell(
                values, options["role"], is_superuser=options["superuser"], words=words
            )
        except IntegrityError as error:
            raise taken(values["username"]) from error
        log.warning("member of staff %s was added on the command line by %s", person.pk, login())
        return person


def require_reason(reason: str) -> None:
    """Where two people can add a member in the back office, the shell is for emergencies."""
    able = members.who_can_add()
    if len(able) >= ENOUGH and not reason.strip():
        names = ", ".join(str(each) for each in able)
        raise CommandError(
            f"These members of staff can add others in the back office: {names}. One asks, and "
            "another approves. If they can't, say why: --reason TEXT. It is recorded."
        )


def waiting_member(options: dict[str, Any]) -> Any:
    """The member of staff who has not set a password yet."""
    name = options["username"]
    person = get_user_model().objects.filter(username=name, is_staff=True, is_active=True).first()
    if person is None:
        raise CommandError(f"There is no active member of staff {name!r}.")
    if person.has_usable_password():
        raise CommandError(f"{name} has a password. Two others can reset it in the back office.")
    return person


def checked(options: dict[str, Any]) -> dict[str, str]:
    """The values of the new member."""
    unknown = sorted({*options["role"]} - {role.name for role in roles.every_role()})
    if unknown:
        raise CommandError(f"Unknown role: {', '.join(unknown)}. There are: {names_of_roles()}.")
    names = ("username", "email", "first_name", "last_name")
    person = get_user_model()(**{name: options[name].strip() for name in names})
    try:
        person.clean_fields(exclude={"password"})
    except ValidationError as error:
        lines = [f"{field}: {' '.join(texts)}" for field, texts in error.message_dict.items()]
        raise CommandError("; ".join(lines)) from error
    person.clean()  # normalizes the name and the address
    if members.is_taken(person.get_username()):
        raise taken(person.get_username())
    return {name: getattr(person, name) for name in names}


def taken(name: str) -> CommandError:
    return CommandError(f"There is already a member of staff with the name {name!r}.")


def names_of_roles() -> str:
    return ", ".join(role.name for role in roles.every_role())


def words_of_shell(options: dict[str, Any]) -> str:
    """Who used the shell, and what was given, for the record."""
    given = ["superuser"] if options["superuser"] else []
    return f"{login()} → {', '.join([*given, *sorted(options['role'], key=roles.rank_of)])}"


def address() -> str:
    """Where the back office is."""
    host = next((each for each in settings.ALLOWED_HOSTS if not each.startswith((".", "*"))), "")
    scheme = "https" if settings.HTTPS else "http"
    return settings.PUBLIC_URL or f"{scheme}://{host or 'localhost'}"
