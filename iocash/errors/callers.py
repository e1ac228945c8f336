"""401: who are you? 403: I know you, and you may not."""

from iocash.errors.registry import Forbidden, Unauthorized


class NotAuthenticated(Unauthorized):
    """No credentials came with the request."""

    code = "not_authenticated"
    detail = "Send an API key: Authorization: Bearer <key>."


class InvalidCredentials(Unauthorized):
    """The credentials are unknown or malformed."""

    code = "invalid_credentials"
    detail = "The API key is unknown or malformed."


class CredentialsExpired(Unauthorized):
    """The API key was valid once; its time is over."""

    code = "credentials_expired"
    detail = "The API key has expired."


class CredentialsRevoked(Unauthorized):
    """The API key was revoked."""

    code = "credentials_revoked"
    detail = "The API key was revoked."


class InsufficientScope(Forbidden):
    """The credentials lack the scope that this operation needs."""

    code = "insufficient_scope"
    detail = "This needs the scope {scope}."
    carries = ("scope",)


class HttpsRequired(Forbidden):
    """Credentials came over plain HTTP. Anybody on the way may have read them: revoke the key."""

    code = "https_required"
    detail = "Use HTTPS. These credentials were sent unencrypted: revoke the key."


class ClientSuspended(Forbidden):
    """The client is suspended; none of its keys works until it is active again."""

    code = "client_suspended"
    detail = "The client is suspended."


class PermissionDenied(Forbidden):
    """A member of staff lacks the permission, or this needs a client's API key."""

    code = "permission_denied"
    detail = "You have no permission for this."


class CsrfFailed(Forbidden):
    """A change by a logged-in member of staff came without the CSRF token of their session."""

    code = "csrf_failed"
    detail = "The CSRF token is missing or wrong."
