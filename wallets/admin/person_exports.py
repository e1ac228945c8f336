"""The button on a user's page that downloads everything that is kept about the user."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.actions import Action, ActionForm, address_of, by
from users.documents.processes import TYPESET
from users.kyc import looks
from users.models import Access, User
from wallets.exports.person_files import write_person_pdf, write_zip
from wallets.models import Movement
from wallets.statements.pdf_file import PdfFailed

EXPORT_USER: Final = "users.export_user"
MOST_MOVEMENTS_AT_ONCE: Final = 20_000
ZIP, PDF = "ZIP", "PDF"
FORMATS: Final = ((ZIP, _("JSON and documents (ZIP)")), (PDF, "PDF"))
CONTENT_TYPES: Final = {ZIP: "application/zip", PDF: "application/pdf"}


class PersonForm(ActionForm):
    format = forms.ChoiceField(label=_("Format"), choices=FORMATS)


def download_person(request: HttpRequest, user: User, values: dict[str, Any]) -> str | HttpResponse:
    """Answer with the file. The access log of the user says who downloaded it."""
    own = Movement.objects.filter(client=user.client_id, wallet__user=user)
    if own[MOST_MOVEMENTS_AT_ONCE:].exists():
        words = gettext(
            "This user has too many movements for a download. Use manage.py export_user."
        )
        messages.error(request, words)
        return HttpResponseRedirect(address_of(user))
    looks.record_access(user, Access.What.EXPORT, by(request))
    content = pdf_of(user) if values["format"] == PDF else zip_of(user)
    name = f"user-{user.id}.{values['format'].lower()}"
    return HttpResponse(
        content,
        content_type=CONTENT_TYPES[values["format"]],
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def zip_of(user: User) -> bytes:
    out = BytesIO()
    write_zip(user, out)
    return out.getvalue()


def pdf_of(user: User) -> bytes:
    """The PDF.

    Raises:
        Overloaded: it took too much time or memory.
    """
    try:
        return write_person_pdf(user, TYPESET)
    except PdfFailed:
        raise errors.Overloaded(
            "The PDF takes too much time. Choose the ZIP, or use manage.py export_user."
        ) from None


EXPORT_PERSON: Final = Action(
    name="export",
    label=_("Export the data"),
    permission=EXPORT_USER,
    form=PersonForm,
    do=download_person,
    effect=lambda user: (
        gettext(
            "You download everything that is kept about %(name)s, to give it to this person. "
            "The access log says who did it."
        )
        % {"name": user.display_name}
    ),
)
