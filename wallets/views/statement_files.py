"""The endpoints of statements as files."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from iocash import errors
from iocash.db import clock
from iocash.http.languages import preferred_language
from iocash.http.operations import operation
from iocash.http.rendering import Response
from iocash.http.views import Accepted, Created
from iocash.times import add_months
from users.views.users import REPLAYED
from wallets.models import Movement, StatementFile
from wallets.serializers.statement_files import StatementFileAnswer, StatementFileBody
from wallets.statements import files
from wallets.statements.files import FilePeriod
from wallets.views.base import OrderView
from wallets.views.totals import MOST_MONTHS


class StatementFileView(OrderView):
    scope = "movements"
    model = Movement
    serializer_class = StatementFileAnswer


def require_past_period(body: dict[str, Any], now: datetime) -> None:
    """
    Raises:
        InvalidFields: the period is not over, or is longer than 13 months.
    """
    found = [
        errors.FieldError(name, "in_the_future", errors.Message("Must not be in the future."))
        for name, value in (("startDate", body["start_date"]), ("endDate", body["end_date"]))
        if value > now
    ]
    if body["start_date"] < add_months(body["end_date"], -MOST_MONTHS):
        words = errors.Message(
            "Must be at most {months} months before endDate.", months=MOST_MONTHS
        )
        found.append(errors.FieldError("startDate", "max_period", words))
    if found:
        raise errors.InvalidFields(*found)


class StatementFileListView(StatementFileView):
    """The statements of a wallet as files."""

    title = "Statement files of a wallet"

    @operation(
        name="create_statement_file",
        body=StatementFileBody,
        keyed=True,
        reads=True,
        statuses=(HTTPStatus.CREATED, HTTPStatus.ACCEPTED),
        staff_permissions=("wallets.view_movement",),
    )
    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Create a statement as a file.

        A PDF (tagged, PDF/UA-1 and PDF/A), a CSV for spreadsheets, or camt.053 for accounting
        programs. Up to 1,000 movements, the response is 201 with the content. With more it is 202:
        the file is PENDING, and its address shows the content when it is READY. A PDF can have
        5,000 movements, and the others 20,000. `Accept-Language` chooses the language of a PDF,
        English or Spanish. Files contain names, so the scope `users:read` is needed too.
        """
        self.caller.require("users:read")
        body, wallet = self.body(), self.wallet(wallet_id)
        require_past_period(body, clock.now())
        requested = self.do(
            files.request_file,
            wallet=wallet,
            period=FilePeriod(body["format"], body["start_date"], body["end_date"]),
            language=preferred_language(request),
            by=self.by,
            key=self.key,
        )
        file, shown = requested.file, self.show(requested.file)
        is_pending = file.status == StatementFile.Status.PENDING
        made = Accepted if is_pending or file.movements > files.AT_ONCE else Created
        headers = REPLAYED if requested.replayed else {}
        return made(shown, shown["_links"]["self"]["href"], headers=headers)


class StatementFileDetailView(StatementFileView):
    """A statement of a wallet as a file."""

    title = "Statement file"

    @operation(name="get_statement_file")
    def get(self, request: Request, wallet_id: UUID, file_id: UUID) -> Response:
        """Get a statement file.

        With its content while it is READY. The content is dropped 7 days after the request. As
        files contain names, the scope `users:read` is needed too.
        """
        self.caller.require("users:read")
        wallet = self.wallet(wallet_id)
        found = StatementFile.objects.of_wallet(wallet)
        return Response(self.show(get_object_or_404(found, id=file_id)))
