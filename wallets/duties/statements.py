"""The duties that write files of statements and drop them."""

from __future__ import annotations

from iocash.worker import Duty
from wallets.statements import files


class WriteStatementFiles(Duty):
    """Write the files of statements that requests have left to the worker.

    A file that a killed process was writing is due again when its lease is over.
    """

    name = "write-statement-files"
    every = 0.5
    patience = 60.0

    def perform(self) -> int:
        """Write one file; return 0 if none is pending.

        Raises:
            LockTimeout, DatabaseUnavailable, Inconsistent: it is tried again later.
        """
        return files.write_next_file()


class DropStatementFiles(Duty):
    """Drop the contents of files that are older than a week."""

    name = "drop-statement-files"
    every = 60.0

    def perform(self) -> int:
        return files.drop_old_files()
