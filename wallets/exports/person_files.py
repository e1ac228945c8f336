"""The export of a person as files: JSON with the documents, in a folder or as a ZIP, and PDF."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile

from django.utils.translation import get_language, gettext

from iocash.db import clock
from iocash.processes import Job
from users.documents.processes import TYPESET_LONG
from users.models import Case, User
from wallets import audit
from wallets.exports.people import (
    OF_PERSON,
    bank_lines_of,
    documents_of,
    person_data,
    shown_cases_of,
    shown_pairs,
)
from wallets.models import BankLine, Hold, Movement, Wallet
from wallets.statements.counterparties import show_counterparties
from wallets.statements.pdf_file import (
    breakable,
    pdf_row,
    shown_time,
    typeset_with_look,
)

DATA: Final = "data.json"
TEMPLATE: Final = Path(__file__).with_name("person.typ")
MOST_MOVEMENTS: Final = 1_000
"""The most movements of a wallet that the PDF has; the JSON has all."""


def data_bytes(user: User) -> bytes:
    """The JSON of a person, of one snapshot."""
    with audit.snapshot():
        return json.dumps(person_data(user), ensure_ascii=False, indent=1).encode()


def write_folder(user: User, folder: Path) -> int:
    """Write the JSON and the documents; return how many documents are missing in the storage.

    Raises:
        OSError: the folder is there, or can't be written.
    """
    folder.mkdir(mode=0o700, parents=True)
    (folder / "documents").mkdir(mode=0o700)
    write_for_owner(folder / DATA, data_bytes(user))
    missing = 0
    for document in documents_of(user):
        try:
            with document.file.open() as source:
                write_for_owner(folder / "documents" / str(document.id), source.read())
        except FileNotFoundError:
            missing += 1
    return missing


def write_for_owner(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads."""
    path.touch(mode=0o600)
    path.write_bytes(content)


def write_zip(user: User, out: BytesIO) -> None:
    """Write the JSON and the documents as a ZIP. Documents that are missing are left out."""
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        archive.writestr(DATA, data_bytes(user))
        for document in documents_of(user):
            try:
                with (
                    document.file.open() as source,
                    archive.open(f"documents/{document.id}", "w") as target,
                ):
                    shutil.copyfileobj(source, target)
            except FileNotFoundError:
                continue


# --- PDF -----------------------------------------------------------------------------------------


def write_person_pdf(user: User, job: Job = TYPESET_LONG) -> bytes:
    """The export as PDF, in the active language: without the events, and without documents.

    Raises:
        PdfFailed: the process failed, or exceeded its limits.
        Overloaded: too many documents are being processed.
    """
    at = clock.now()
    with audit.snapshot():
        data = person_pdf_data(user, shown_time(at))
    return typeset_with_look(TEMPLATE, data, at, job)


def person_pdf_data(user: User, made: str) -> dict[str, Any]:
    """What the template shows."""
    own = {"client": user.client_id, "user": user.id}
    wallets = [*Wallet.objects.seen().filter(**own).order_by("created_at", "id")]
    return {
        "language": (get_language() or "en").partition("-")[0],
        "title": gettext("Data that are kept about a person"),
        "issuer": user.client.name,
        "footer": gettext("User %(user)s") % {"user": user.id},
        "words": {
            "movements": gettext("Movements"),
            "none": gettext("No movements."),
            "columns": [
                gettext("Date (UTC)"),
                gettext("Movement"),
                gettext("Amount"),
                gettext("Balance"),
            ],
        },
        "facts": [(gettext("Issued"), made), *labelled_values(user)],
        "sections": [*sections_of(user, wallets)],
        "wallets": [wallet_section(wallet) for wallet in wallets],
    }


def sections_of(user: User, wallets: list[Wallet]) -> Iterator[dict[str, Any]]:
    """What there is beside the wallets: a heading, and the facts of each row."""
    own = {"client": user.client_id, "user": user.id}
    for model in OF_PERSON:
        names = {field.name for field in model._meta.local_fields}
        if model is not Wallet and {"client", "user"} <= names:
            yield from section(model, model._default_manager.filter(**own).order_by("pk"))
    yield from section(Case, shown_cases_of(user).order_by("pk"))
    yield from section(BankLine, bank_lines_of(wallets))


def wallet_section(wallet: Wallet) -> dict[str, Any]:
    own = {"client": wallet.client_id, "wallet": wallet.id}
    movements = Movement.objects.filter(**own)
    settled = [*reversed(movements.filter(seq__isnull=False).order_by("-seq")[:MOST_MOVEMENTS])]
    show_counterparties(settled)
    parts = [*section(Movement, movements.filter(seq=None).order_by("created_at", "id"))]
    for model in OF_PERSON:
        names = {field.name for field in model._meta.local_fields}
        if "wallet" in names and model is not Movement:
            about = own if "client" in names else {"wallet": wallet.id}
            found = model._default_manager.filter(**about).order_by("pk")
            parts += section(model, found.filter(target__isnull=False) if model is Hold else found)
    return {
        "title": f"{wallet._meta.verbose_name} {wallet.id}".capitalize(),
        "facts": labelled_values(wallet),
        "sections": parts,
        "rows": [pdf_row(movement) for movement in settled],
    }


def section(model: Any, rows: Any) -> Iterator[dict[str, Any]]:
    """A heading with the facts of rows; nothing if there are none."""
    if found := [labelled_values(row) for row in rows]:
        yield {"title": str(model._meta.verbose_name_plural).capitalize(), "rows": found}


def labelled_values(row: Any) -> list[tuple[str, str]]:
    """The values of a row that are not empty, with their names in the active language."""
    fields = {field.attname: field.verbose_name for field in row._meta.local_fields}
    found = []
    for name in OF_PERSON[type(row)].split():
        label = str(fields.get(name, name.replace("_", " "))).capitalize()
        for key, value in shown_pairs(row, [name]):
            if value not in (None, "", {}, []):
                shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                found.append((key if name == "facts" else label, breakable(shown)))
    return found
