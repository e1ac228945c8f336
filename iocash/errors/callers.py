"""401: the credentials are missing or not valid. 403: the caller is not allowed to do this."""

from iocash.errors.registry import Forbidden, Unauthorized


class NotAuthenticated(Unauthorized):
    """The request has no credentials."""

    code = "not_authenticated"
    detail = "Send an API key: Authorization: Bearer <key>."
    challenge = ""
    carries = ("scope",)


class InvalidCredentials(Unauthorized):
    """The credentials are unknown or malformed."""

    code = "invalid_credentials"
    detail = "The API key is unknown or malformed."


class CredentialsExpired(Unauthorized):
    """The API key has expired."""

    code = "credentials_expired"
    detail = "The API key has expired."


class CredentialsRevoked(Unauthorized):
    """The API key was revoked."""

    code = "credentials_revoked"
    detail = "The API key was revoked."


class InvalidSignature(Unauthorized):
    """A callback of the identity provider has no valid signature, or is older than five minutes."""

    code = "invalid_signature"
    detail = "The signature is missing, wrong or too old."
    challenge = ""


class InsufficientScope(Forbidden):
    """The credentials don't have the scope that this operation requires."""

    code = "insufficient_scope"
    detail = "This operation requires the scope {scope}."
    challenge = "insufficient_scope"
    carries = ("scope",)


class CashInsFromBank(Forbidden):
    """The statements of the bank bring the client's cash-ins. Nobody orders them."""

    code = "cash_ins_from_bank"
    detail = "Cash-ins of this client come from the statements of the bank. Nobody orders them."


class HttpsRequired(Forbidden):
    """The credentials were sent over plain HTTP, so others may have read them. Revoke the key."""

    code = "https_required"
    detail = "Use HTTPS. These credentials were sent unencrypted; revoke the key."


class ClientSuspended(Forbidden):
    """The client is suspended. None of its keys works until staff activate it again."""

    code = "client_suspended"
    detail = "The client is suspended."


class PermissionDenied(Forbidden):
    """The member of staff lacks the permission, or the operation requires a client's API key."""

    code = "permission_denied"
    detail = "You don't have permission for this operation."


class ApprovalRequired(PermissionDenied):
    """A member of staff may not do it alone: somebody else must approve it in the back office."""


class CsrfFailed(Forbidden):
    """A logged-in member of staff sent a change without the CSRF token of the session."""

    code = "csrf_failed"
    detail = "The CSRF token is missing or wrong."
