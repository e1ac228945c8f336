"""KYC documents: five blocks of data and five files, each submitted, read and replaced."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import IO, Any, ClassVar
from uuid import UUID

from django.conf import settings
from rest_framework.request import Request

from iocash import errors
from iocash.http import fields
from iocash.http.headers import Existence
from iocash.http.links import location
from iocash.http.operations import Operation, operation
from iocash.http.pages import PageQuery
from iocash.http.rendering import JSON, Response, dump
from iocash.http.views import Created
from users import kyc
from users.kyc import File, Kind, looks
from users.models import Access, KycDocument
from users.serializers.kyc import (
    DocumentAnswer,
    DocumentBody,
    DocumentContent,
    ExternalIbanAnswer,
    ExternalIbanBody,
    FinancialInformationAnswer,
    FinancialInformationBody,
    HomeAddressAnswer,
    HomeAddressBody,
    IdentityAnswer,
    IdentityBody,
    OccupationAnswer,
    OccupationBody,
    document_values,
)
from users.views.users import REPLAYED, UsersView


class KycDocumentView(UsersView):
    """A KYC document of one kind: the last one that the user has submitted."""

    model = KycDocument
    what: ClassVar[str] = Access.What.BLOCK

    @property
    def existence(self) -> Existence:
        """A KYC document has no ETag: the only `If-Match` that it can have is `*`."""
        if self.if_match is not None:
            raise errors.InvalidHeader(header="If-Match")
        return super().existence

    def found(self, user_id: UUID, kind: Kind) -> KycDocument:
        """What there is, or NotFound; that a member of staff looks at it is recorded."""
        user = self.user(user_id)
        document = kyc.current_documents(user).get(kind)
        if document is None:
            raise errors.NotFound()
        if self.caller.client_id is None:
            looks.record_access(user, self.what, self.by, kind)
        return document

    def sent(
        self, user_id: UUID, kind: Kind, says: Mapping[str, Any] | File, **how: Any
    ) -> Response:
        client_id = self.user(user_id).client_id
        sent = self.do(
            kyc.send, client_id=client_id, user_id=user_id, kind=kind, shown=says, by=self.by, **how
        )
        return self.answer(sent)

    def answer(self, sent: kyc.Sent) -> Response:
        data = self.show(document_values(sent.document))
        if not (sent.created or sent.replayed):
            return Response(data)
        user = location(self.request, "user", user_id=sent.document.user_id)
        headers = REPLAYED if sent.replayed else {}
        return Created(data, f"{user}/{sent.document.path}", headers=headers)


REFUSES = (errors.AlreadyExists, errors.UserNotActive)
SUBMISSION = Operation(keyed=True, refuses=REFUSES)
REPLACEMENT = Operation(statuses=(HTTPStatus.OK, HTTPStatus.CREATED), refuses=REFUSES)


class BlockView(KycDocumentView):
    """A KYC document that consists of fields. Its handlers are the same for each kind.

    Each kind names its `body` when its class is made: `class IdentityView(BlockView, body=…)`.
    """

    kind: ClassVar[Kind]
    texts: ClassVar[dict[str, str]]
    """What the OpenAPI document says of each method."""

    def __init_subclass__(cls, *, body: type[fields.Serializer], **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        operations = dict(cls.operations)
        for method, verb in (("GET", "get"), ("POST", "create"), ("PUT", "put")):
            name, text = f"{verb}_{cls.kind.path.replace('-', '_')}", cls.texts[method]
            sent = None if method == "GET" else body
            operations[method] = replace(operations[method], name=name, text=text, body=sent)
        cls.operations = operations

    @operation()
    def get(self, request: Request, user_id: UUID) -> Response:
        """Get the data that were last submitted, and their review."""
        return Response(self.show(document_values(self.found(user_id, self.kind))))

    @SUBMISSION
    def post(self, request: Request, user_id: UUID) -> Response:
        """Submit the data for review."""
        return self.sent(user_id, self.kind, self.body(), key=self.key)

    @REPLACEMENT
    def put(self, request: Request, user_id: UUID) -> Response:
        """Submit or replace the data."""
        return self.sent(user_id, self.kind, self.body(), **self.existence._asdict())


class IdentityView(BlockView, body=IdentityBody):
    """The identity data of the user."""

    title = "Identity of a user"
    kind = Kind.IDENTITY
    serializer_class = IdentityAnswer
    texts = {
        "GET": """Get the identity data.

            The data that were last submitted, with their review.
        """,
        "POST": """Submit the identity data.

            The number, nationality and dates of the identity document. Staff compare them with its
            two sides, which you submit as documents. If the user has identity data, also rejected
            ones, the response is 409 `already_exists`: replace them with PUT.
        """,
        "PUT": """Submit or replace the identity data.

            New data are pending until staff have reviewed them. Sending the present data again
            changes nothing.
        """,
    }


class HomeAddressView(BlockView, body=HomeAddressBody):
    """The home address of the user."""

    title = "Home address of a user"
    kind = Kind.HOME_ADDRESS
    serializer_class = HomeAddressAnswer
    texts = {
        "GET": """Get the home address.

            The address that was last submitted, with its review. For a company: its registered
            office.
        """,
        "POST": """Submit the home address.

            For a company: its registered office. Staff review it. If the user has one, also a
            rejected one, the response is 409 `already_exists`: replace it with PUT.
        """,
        "PUT": """Submit or replace the home address.

            A new address is pending until staff have reviewed it, for example after a move. Sending
            the present one again changes nothing.
        """,
    }


class ExternalIbanView(BlockView, body=ExternalIbanBody):
    """The user's bank account at another institution."""

    title = "External IBAN of a user"
    kind = Kind.EXTERNAL_IBAN
    serializer_class = ExternalIbanAnswer
    texts = {
        "GET": """Get the user's bank account.

            The account at another institution that was last submitted, with its review.
        """,
        "POST": """Submit the user's bank account.

            An account at another institution that belongs to the user, for review. It is no
            destination of cash-outs: for those, create external accounts of a wallet. If the user
            has one, also a rejected one, the response is 409 `already_exists`: replace it with PUT.
        """,
        "PUT": """Submit or replace the user's bank account.

            A new account is pending until staff have reviewed it. Sending the present one again
            changes nothing.
        """,
    }


class FinancialInformationView(BlockView, body=FinancialInformationBody):
    """The income bracket of the user."""

    title = "Financial information of a user"
    kind = Kind.FINANCIAL_INFORMATION
    serializer_class = FinancialInformationAnswer
    texts = {
        "GET": """Get the income bracket.

            The bracket that was last submitted, with its review.
        """,
        "POST": """Submit the income bracket.

            One letter, whose meaning you agree with your institution. Staff review it. If the user
            has one, also a rejected one, the response is 409 `already_exists`: replace it with PUT.
        """,
        "PUT": """Submit or replace the income bracket.

            A new bracket is pending until staff have reviewed it. Sending the present one again
            changes nothing.
        """,
    }


class OccupationView(BlockView, body=OccupationBody):
    """The occupation of the user."""

    title = "Occupation of a user"
    kind = Kind.OCCUPATION
    serializer_class = OccupationAnswer
    texts = {
        "GET": """Get the occupation.

            The occupation that was last submitted, with its review.
        """,
        "POST": """Submit the occupation.

            A code of four digits from ISCO-08 or CNO-11. Staff review it. If the user has one, also
            a rejected one, the response is 409 `already_exists`: replace it with PUT.
        """,
        "PUT": """Submit or replace the occupation.

            A new occupation is pending until staff have reviewed it. Sending the present one again
            changes nothing.
        """,
    }


DOCUMENTS = {
    kind.path.removeprefix("documents/"): kind for kind in Kind if kind.path.startswith("documents")
}
"""Every kind of document, by its name in the path."""


class DocumentKind(fields.Choice):
    """Which document: a side of the identity document, or the proof of another KYC document."""

    words = tuple(DOCUMENTS)
    is_open = False


LEFT_OUT = "(left out of this page: ask for application/json)"


def answers_json(request: Any) -> bool:
    """Whether a program reads the answer; a page for people has no room for a file."""
    return bool(request.accepted_renderer.media_type == JSON)


PIECE = 48 * 1024
"""Bytes of a document that are written as base64 at a time: threes, so no piece ends in `=`, if the
storage gives as many as it is asked for until the end."""


def with_content(answer: dict[str, Any], file: IO[bytes]) -> bytes:
    """Write an answer whose `content` is blank, with the file there.

    It is written once, in place: each further copy of 5 MB costs as much as the base64. No value
    holds the mark, since JSON puts a backslash before a quotation mark.
    """
    before, mark, after = dump(answer).partition(b'"content":"')
    if not mark:
        raise errors.Inconsistent("the answer has no place for the document")
    written = io.BytesIO()
    written.write(before + mark)
    for piece in iter(partial(file.read, PIECE), b""):
        written.write(base64.b64encode(piece))
    written.write(after)
    return written.getvalue()


class DocumentListView(UsersView):
    """The files of the user, without their content."""

    title = "Documents of a user"
    model = KycDocument
    serializer_class = DocumentAnswer
    collection = "documents"

    @operation(name="list_documents", query=PageQuery)
    def get(self, request: Request, user_id: UUID) -> Response:
        """List the files of a user.

        Those that were last submitted, one of each kind, with their reviews and without their
        content.
        """
        last = kyc.current_documents(self.user(user_id)).values()
        documents = KycDocument.objects.owned_by(self.caller.client_id)
        return self.page(documents.filter(id__in=[each.id for each in last if each.is_file]))

    def page_row(self, row: KycDocument) -> Any:
        return document_values(row)


FILE: dict[str, Any] = {
    "body": DocumentBody,
    "max_body_bytes": settings.MAX_DOCUMENT_BODY_BYTES,
    "refuses": (*REFUSES, errors.Overloaded),
}
"""What a submission and a replacement of a file declare beside."""


class DocumentView(KycDocumentView):
    """A file of the user: a PDF, PNG or JPEG, as base64."""

    title = "Document of a user"
    what = Access.What.DOCUMENT
    serializer_class = DocumentAnswer
    path_fields = {
        **KycDocumentView.path_fields,
        "kind": DocumentKind(help_text="Which document of the user."),
    }

    def kind(self, name: str) -> Kind:
        if name not in DOCUMENTS:
            raise errors.NotFound()
        return DOCUMENTS[name]

    @operation(name="get_document", answers=DocumentContent)
    def get(self, request: Request, user_id: UUID, kind: str) -> Response:
        """Get a document with its content.

        The file that was last submitted, as base64, with its review.
        """
        document = self.found(user_id, self.kind(kind))
        is_json = answers_json(request)
        content = "" if is_json else LEFT_OUT
        answer = DocumentContent(
            document_values(document) | {"content": content}, context=self.get_serializer_context()
        )
        if not is_json:
            return Response(answer.data)
        with looks.open_file(document) as file:
            return Response(with_content(answer.data, file))

    def body_example(self, method: str, shown: dict[str, Any]) -> dict[str, Any]:
        """An example for the browsable API's form, never the document that there is."""
        return super().body_example(method, {})

    @replace(SUBMISSION, name="create_document", **FILE)
    def post(self, request: Request, user_id: UUID, kind: str) -> Response:
        """Submit a document for review.

        A PDF, PNG or JPEG of at most 5 MB, as base64. Encrypted or damaged files, and files with
        active content, are refused. If the user has a document of this kind, the response is 409
        `already_exists`: replace it with PUT.
        """
        return self.sent(user_id, self.kind(kind), self.body()["content"], key=self.key)

    @replace(REPLACEMENT, name="put_document", **FILE)
    def put(self, request: Request, user_id: UUID, kind: str) -> Response:
        """Submit or replace a document.

        A new file is pending until staff have reviewed it. Sending the present file again changes
        nothing.
        """
        content = self.body()["content"]
        return self.sent(user_id, self.kind(kind), content, **self.existence._asdict())
