"""`manage.py work`: do what is due without a request."""

from __future__ import annotations

import sys
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from iocash import worker
from iocash.db.backend.base import DatabaseWrapper
from iocash.worker import Duty, loop
from users.models import DutyState


class Command(BaseCommand):
    help = (
        "Do what is due without a request, until SIGTERM or SIGINT. Run as many processes as you "
        "like: they share the work. Each can be killed at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only", nargs="+", metavar="NAME", default=[], help="Perform only these duties."
        )
        parser.add_argument(
            "--once",
            action="store_true",
            help="Do what is due now, then exit. The exit code is 1 if a duty failed.",
        )
        parser.add_argument("--list", action="store_true", help="Print the names of all duties.")

    def handle(self, *args: Any, **options: Any) -> None:
        loop.load_duties()
        duties = named_duties(options["only"])
        if options["list"]:
            for duty in duties:
                self.stdout.write(duty.name)
        elif options["once"]:
            self.work_once(duties)
        else:
            self.work_on(duties)

    def work_once(self, duties: list[Duty]) -> None:
        record = DutyState.objects.add_report
        failed = [duty.name for duty in duties if not loop.perform_once(duty, record)]
        if failed:
            raise CommandError(f"Duties that failed: {', '.join(failed)}.")

    def work_on(self, duties: list[Duty]) -> None:
        DatabaseWrapper.patience = settings.DATABASE_PATIENCE
        ended = Event()
        with loop.signals_setting(ended):
            code = loop.perform_until_ended(duties, DutyState.objects.add_report, ended)
        if code:
            sys.exit(code)


def named_duties(names: list[str]) -> list[Duty]:
    try:
        return worker.chosen_duties(names)
    except KeyError as error:
        known = ", ".join(worker.DUTIES)
        raise CommandError(f"There is no duty {error}. There are: {known}.") from error
