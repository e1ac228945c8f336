"""The KYC status of a user."""

from __future__ import annotations

from uuid import UUID

from rest_framework.request import Request

from iocash.http.operations import operation
from iocash.http.rendering import Response
from users.models import User
from users.views.users import UsersView
from wallets import compliance
from wallets.serializers.compliance import ComplianceAnswer


class ComplianceView(UsersView):
    """The KYC level of a user, its limits, and the documents missing for the next level."""

    model = User
    serializer_class = ComplianceAnswer

    @operation(name="get_compliance")
    def get(self, request: Request, user_id: UUID) -> Response:
        """Get the KYC status of a user.

        The KYC level, the limits that it sets and what is used of them, and the documents that are
        missing for the next level.
        """
        return Response(self.show(compliance.of(self.user(user_id))))
