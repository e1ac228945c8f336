"""The duty that puts approved files into the folder of the bank."""

from __future__ import annotations

from django.conf import settings

from iocash.db import groups
from iocash.worker import Duty
from wallets.bank.folder import place_next_file


class PlaceBankFiles(Duty):
    """Put approved files into BANK_FILES_DIR; without it they are downloaded by staff."""

    name = "place-bank-files"
    every = 1.0

    def perform(self) -> int:
        """Put one file there.

        Raises:
            OSError: the folder can't be written to.
        """
        return (
            place_next_file(groups.folder(settings.BANK_FILES_DIR))
            if settings.BANK_FILES_DIR
            else 0
        )
