"""ioCash's published calls about documents: each file has its own address."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from iocash.http import fields
from users.views.kyc import Documents


class SideQuery(fields.Serializer):
    """The side of the identity document."""

    side = fields.Choice(("front", "back"))


class FileView(Documents):
    """A file of the user, at its published address. The content is base64."""

    name: ClassVar[str] = ""
    """Our own name of the document."""

    def get(self, request: Request, user_id: UUID) -> Response:  # type: ignore[override]
        return super().get(request, user_id, self.document)

    def post(self, request: Request, user_id: UUID) -> Response:  # type: ignore[override]
        return super().post(request, user_id, self.document)

    def put(self, request: Request, user_id: UUID) -> Response:  # type: ignore[override]
        return super().put(request, user_id, self.document)

    @property
    def document(self) -> str:
        return self.name


class IdentityFileView(FileView):
    """One side of the identity document."""

    query_class = SideQuery
    queried = frozenset({"GET", "HEAD", "POST", "PUT"})

    @property
    def document(self) -> str:
        return f"identity-{self.query['side']}"
