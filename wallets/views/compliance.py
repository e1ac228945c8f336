"""Where a user stands."""

from __future__ import annotations

from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from users.models import User
from users.views import ClientView
from wallets import compliance, serializers


class ComplianceView(ClientView):
    """The level of a user, what it allows, and what is missing for the next one."""

    scope = "users"
    model = User
    serializer_class = serializers.ComplianceAnswer

    def get(self, request: Request, user_id: UUID) -> Response:
        user = get_object_or_404(User.objects.owned_by(self.caller.client_id), id=user_id)
        return Response(self.show(compliance.of(user)))
