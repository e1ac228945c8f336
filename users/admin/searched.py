"""What lists of users, and of what is theirs, can be searched by."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

SEARCHED: Final = _(
    "Parts of a name, company, user name, e-mail address or phone number of a user (3 characters or"
    " more); a document number or IBAN; an id."
)
