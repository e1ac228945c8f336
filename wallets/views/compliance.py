"""The KYC status of a user."""

from __future__ import annotations

from uuid import UUID

from rest_framework.request import Request

from iocash import errors
from iocash.http.operations import operation
from iocash.http.rendering import Response
from users.models import User
from users.views.users import UsersView
from wallets import compliance
from wallets.serializers.compliance import ComplianceAnswer


class ComplianceView(UsersView):
    """The KYC level of a user, its limits, and the documents missing for the next level."""

    title = "KYC level of a user"
    model = User
    serializer_class = ComplianceAnswer

    @operation(name="get_compliance", spends_proof=True)
    def get(self, request: Request, user_id: UUID) -> Response:
        """Get the KYC status of a user.

        The KYC level, the limits that it sets and what is used of them, and the documents that are
        missing for the next level.
        """
        client_id = self.caller.client_id or self.user(user_id).client_id
        found = compliance.of(client_id, user_id, self.proof.fetch)
        if self.of_kind not in {None, found.user.kind}:
            raise errors.NotFound()
        return Response(self.show(found))
