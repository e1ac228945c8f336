"""The endpoint about the caller."""

from __future__ import annotations

from typing import ClassVar

from rest_framework.request import Request

from iocash.db.sandbox import is_sandbox
from iocash.http.operations import operation
from iocash.http.rendering import Response
from users.models import ApiKey, Client, SigningKey
from users.models.clients import Credential
from users.views.users import ClientView
from wallets.serializers.me import Me, MeAnswer


class MeView(ClientView):
    """The caller: its client, its key, its scopes, and the limits that apply to it."""

    title = "Caller"
    scope: ClassVar[str | None] = None  # type: ignore[assignment]
    """Any valid credentials are accepted."""
    model = Client
    serializer_class = MeAnswer

    @operation(name="get_me")
    def get(self, request: Request) -> Response:
        """Get the caller.

        The client, the key, its scopes, the limits that apply, the currencies of wallets, and
        whether the server is a sandbox. Any valid credentials are accepted.
        """
        key = self.credential()
        mode = "SANDBOX" if is_sandbox() else "LIVE"
        me = Me(key.client if key else None, key, sorted(self.caller.scopes), mode)
        return Response(self.show(me))

    def credential(self) -> Credential | None:
        """The API key or public key of the caller; None for staff."""
        if self.caller.client_id is None:
            return None
        key_id = self.caller.actor.removeprefix("key:")
        for kind in (ApiKey, SigningKey):
            found: Credential | None = (
                kind.objects.filter(id=key_id).select_related("client").first()
            )
            if found:
                return found
        return None
