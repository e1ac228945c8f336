"""`manage.py each_group`: run a command in each group of clients, one after another."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import REMAINDER
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from iocash.db import groups


class Command(BaseCommand):
    help = (
        "Run a command in each group of clients, one after another: each_group migrate. A failure "
        "does not keep it from the other groups. The exit code is the highest one."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs=REMAINDER, metavar="COMMAND", help="With its options.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["words"]:
            raise CommandError("Name a command.")
        worst = 0
        for name in groups.names():
            if groups.are_several():
                self.stderr.write(f"group {name}:")
            code = run_in(name, options["words"])
            worst = max(worst, abs(code))
        if worst:
            sys.exit(worst)


def run_in(name: str, words: list[str]) -> int:
    """Run a command whose default database is that of the group. Returns its exit code."""
    command = [sys.executable, sys.argv[0], *words]
    return subprocess.run(command, env={**os.environ, "GROUP": name}, check=False).returncode
