"""`manage.py move_client CLIENT --to GROUP`: move a client to another group."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from uuid import UUID

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import load_backend
from psycopg.conninfo import make_conninfo

from iocash.db import groups
from wallets.moves import Differs, GroupSide, Move, MoveRefused

FIND: Final = "SELECT id, status FROM users_client WHERE id::text = %(name)s OR name = %(name)s"

LEFT: Final = """
    SELECT id FROM wallets_clientmove
    WHERE subject_id = %s AND other_group = %s AND way = 'OUT' AND stage = 'DONE'
"""
"""Whether a group has rows of a client that has moved."""


class Command(BaseCommand):
    help = (
        "Move a client to another group, while it works; it waits for some seconds in the end. Run "
        "the command again after an interruption: it goes on. It connects with the owner's URLs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client", help="The client's id, or its name.")
        parser.add_argument("--to", required=True, metavar="GROUP", help="The new group.")
        parser.add_argument(
            "--back",
            action="store_true",
            help="Take back a move that was interrupted: the client goes on in its old group.",
        )
        parser.add_argument(
            "--purge",
            action="store_true",
            help="Remove the rows in the old group afterwards. Anchors of it have them no more.",
        )
        parser.add_argument(
            "--longest-wait",
            type=float,
            default=3.0,
            metavar="SECONDS",
            help="How long transactions that are under way at the stop are waited for (3).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, interrupt)
        name = options["to"]
        if name not in groups.names():
            raise CommandError(f"The group must be one of {', '.join(groups.names())}.")
        try:
            with opened_groups() as sides:
                self.move(sides, name, options)
        except (MoveRefused, Differs) as error:
            raise CommandError(f"{error}") from error
        except psycopg.Error as error:
            raise CommandError(f"{str(error).strip()}\nRun the command again.") from error
        except KeyboardInterrupt:
            raise CommandError("Interrupted. Run the command again, or with --back.") from None

    def move(self, sides: dict[str, GroupSide], name: str, options: dict[str, Any]) -> None:
        client_id, where = find_client(sides, options["client"])
        target = sides[name]
        old = [side for side in where if where[side] in {"MOVING", "ACTIVE", "SUSPENDED"}]
        old.sort(key=lambda side: where[side] != "MOVING")
        if not old:
            raise MoveRefused("The client is in no group that can be reached.")
        if old[0] is not target:
            move = self.planned(old[0], target, client_id, options)
            if options["back"]:
                move.back()
                return
            move.forward()
        elif not options["purge"]:
            raise MoveRefused(f"The client is in {name} already.")
        if options["purge"]:
            self.purge(sides, target, client_id, options)

    def purge(
        self,
        sides: dict[str, GroupSide],
        target: GroupSide,
        client_id: UUID,
        options: dict[str, Any],
    ) -> None:
        """Remove the client's rows from the groups that it has left."""
        for side in sides.values():
            if side is not target and side.ask(LEFT, [client_id, target.name]):
                removed = self.planned(side, target, client_id, options).purge()
                self.say(f"Removed {removed} rows in {side.name}.")

    def planned(
        self, source: GroupSide, target: GroupSide, client_id: UUID, options: dict[str, Any]
    ) -> Move:
        return Move(
            source,
            target,
            client_id,
            settings.DATABASE_ROLE,
            self.say,
            longest_wait=options["longest_wait"],
        )

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def interrupt(*_: object) -> None:
    """End as after Control-C: the client goes on in the old group."""
    raise KeyboardInterrupt


@contextmanager
def opened_groups() -> Iterator[dict[str, GroupSide]]:
    """Connections with all groups, as their owners.

    Raises:
        MoveRefused: one can't be reached.
    """
    sides: dict[str, GroupSide] = {}
    try:
        for name in groups.names():
            sides[name] = GroupSide(name, partial(owner_connection, name))
        yield sides
    finally:
        for side in sides.values():
            side.close()


def owner_connection(name: str) -> psycopg.Connection[Any]:
    """Connect with a group as the owner of its tables.

    Django's wrapper only finds the server: what it adds to a connection is made for requests.
    """
    given = {**settings.GROUPS[name]["owner"]}
    filled = connections.configure_settings({DEFAULT_DB_ALIAS: given})[DEFAULT_DB_ALIAS]
    wrapper: Any = load_backend(filled["ENGINE"]).DatabaseWrapper(filled, DEFAULT_DB_ALIAS)
    opened: psycopg.Connection[Any] = wrapper.get_new_connection(wrapper.get_connection_params())
    words = {**opened.info.get_parameters(), "password": opened.info.password}
    opened.close()
    return psycopg.connect(make_conninfo(**words))


def find_client(sides: dict[str, GroupSide], name: str) -> tuple[UUID, dict[GroupSide, str]]:
    """The id of a client, and its status in each group that has a row of it.

    Raises:
        MoveRefused: no client has this id or name, or several clients have.
    """
    found = {side: side.ask(FIND, {"name": name}) for side in sides.values()}
    ids = {client_id for rows in found.values() for client_id, _ in rows}
    if len(ids) != 1:
        raise MoveRefused(f"{'Several clients have' if ids else 'No client has'} the name {name}.")
    (client_id,) = ids
    return client_id, {side: rows[0][1] for side, rows in found.items() if rows}
