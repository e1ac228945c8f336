"""An importer of what a bank sends, in a process that can be killed: a program for a `Nursery`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.bank_work import book_apart, serve

ANSWER, STATEMENT = ".pain.xml", ".camt.xml"
MODULE = "tests.support.bank_importer"


@dataclass
class Delivery:
    """A folder with what a bank has sent. The files are imported in the sequence of their names."""

    folder: str
    is_apart: bool = False
    """The control: movements and outcomes are written in transactions of their own."""


def work(delivery: Delivery, told: Callable[[str], None]) -> None:
    """Import all files, then look again at the lines in suspense, as the worker does."""
    from users.models.events import By
    from wallets.bank import answers, booking
    from wallets.bank.statements import import_statement

    if delivery.is_apart:
        book_apart()
    for path in sorted(Path(delivery.folder).iterdir()):
        told(path.name)
        if path.name.endswith(ANSWER):
            answers.import_status(content=path.read_bytes(), by=By("system:tests"))
        else:
            import_statement(path.read_bytes(), name=path.name, actor="system:tests")
    told("retry")
    booking.retry()


if __name__ == "__main__":
    serve(Delivery, work)
