"""`manage.py settle_moves`: after a group was restored, let each client be active in one group."""

from __future__ import annotations

from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from iocash.db import groups
from wallets.management.commands.move_client import opened_groups
from wallets.moves import MoveRefused
from wallets.moves.restored import settle_moves, unsettled_moves


class Command(BaseCommand):
    help = (
        "After one group was restored from a backup: say which clients have moved from or to it "
        "since. With --apply, let each of them be active in one group. Run it in the restored "
        "group, before its workers and the web servers use it; it connects with the owner's URLs. "
        "Exit code 1: something is left to do."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--apply", action="store_true", help="Change the groups; otherwise only say what."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.settle(apply=options["apply"])
        except MoveRefused as refused:
            raise CommandError(str(refused)) from refused
        except psycopg.Error as error:
            raise CommandError(f"{str(error).strip()}\nRun the command again.") from error

    def settle(self, *, apply: bool) -> None:
        with opened_groups() as sides:
            found = unsettled_moves(lambda name, query, values: sides[name].ask(query, values))
            for each in found:
                self.stdout.write(str(each))
            if found and not apply:
                raise MoveRefused(f"{len(found)} clients. Nothing was changed: --apply.")
            if apply:
                refused = settle_moves(sides, groups.current(), found, self.stdout.write)
                if refused:
                    raise MoveRefused("\n".join(refused))
        self.stdout.write("Each client is active in one group.")
