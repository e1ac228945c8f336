"""ioCash's published calls about users: by kind, and with an address for each file."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.http import fields
from iocash.published.user_serializers import JuridicalBody, NaturalBody, PhoneChange
from users.models import User
from users.views.kyc import DocumentView
from users.views.users import UserListView
from wallets.views.users import UserDetailView

CREATION = UserListView.operations["POST"]
FILE = DocumentView.operations


class SideQuery(fields.Serializer):
    """The side of the identity document."""

    side = fields.Choice(("front", "back"), help_text="Which side of the identity document.")


class NaturalUsersView(UserListView):
    """The users who are people."""

    title = "People"
    of_kind = User.Kind.NATURAL

    @replace(CREATION, body=NaturalBody)
    def post(self, request: Request) -> Response:
        return super().post(request)


class JuridicalUsersView(UserListView):
    """The users that are companies."""

    title = "Companies"
    of_kind = User.Kind.JURIDICAL

    @replace(CREATION, body=JuridicalBody)
    def post(self, request: Request) -> Response:
        return super().post(request)


class MobilePhoneView(UserDetailView):
    """Change the phone number. The old one stays valid until the new one is verified."""

    title = "Phone number of a user"
    http_method_names = ["patch", "options", "head"]

    @replace(
        UserDetailView.operations["PATCH"],
        body=PhoneChange,
        refuses=(errors.AlreadyExists, errors.UserNotActive, errors.OtpTooSoon),
    )
    def patch(self, request: Request, user_id: UUID) -> Response:
        """Change the phone number. The old one stays valid until the new one is verified."""
        return super().patch(request, user_id)


class FileView(DocumentView):
    """A file of the user, at its published address. The content is base64."""

    title = "File of a user"
    name: ClassVar[str] = ""
    """Our own name of the document."""

    @FILE["GET"]
    def get(self, request: Request, user_id: UUID) -> Response:  # type: ignore[override]
        return super().get(request, user_id, self.name)

    @FILE["POST"]
    def post(self, request: Request, user_id: UUID) -> Response:  # type: ignore[override]
        return super().post(request, user_id, self.name)

    @FILE["PUT"]
    def put(self, request: Request, user_id: UUID) -> Response:  # type: ignore[override]
        return super().put(request, user_id, self.name)


class IdentityFileView(DocumentView):
    """One side of the identity document."""

    title = "Identity document of a user"

    @replace(FILE["GET"], query=SideQuery)
    def get(self, request: Request, user_id: UUID) -> Response:  # type: ignore[override]
        return super().get(request, user_id, self.name)

    @replace(FILE["POST"], query=SideQuery)
    def post(self, request: Request, user_id: UUID) -> Response:  # type: ignore[override]
        return super().post(request, user_id, self.name)

    @replace(FILE["PUT"], query=SideQuery)
    def put(self, request: Request, user_id: UUID) -> Response:  # type: ignore[override]
        return super().put(request, user_id, self.name)

    @property
    def name(self) -> str:
        return f"identity-{self.query['side']}"
