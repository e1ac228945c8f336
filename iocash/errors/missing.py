"""404: it does not exist, or it belongs to another client."""

from iocash.errors.registry import Missing


class NotFound(Missing):
    """The path or resource does not exist, the id is malformed, or another client owns it."""

    code = "not_found"
    detail = "The resource does not exist."


class UserNotFound(Missing):
    """The body names a user that the client does not have."""

    code = "user_not_found"
    detail = "The client has no user {user_id}."
    carries = ("user_id",)


class SourceWalletNotFound(Missing):
    """The body names a source wallet that the client does not have."""

    code = "source_wallet_not_found"
    detail = "The client has no wallet {source_wallet_id}."
    carries = ("source_wallet_id",)


class TargetWalletNotFound(Missing):
    """The body names a target wallet that the client does not have."""

    code = "target_wallet_not_found"
    detail = "The client has no wallet {target_wallet_id}."
    carries = ("target_wallet_id",)


class ExternalAccountNotFound(Missing):
    """The body names an external account that the wallet does not have."""

    code = "external_account_not_found"
    detail = "The wallet has no external account {external_account_id}."
    carries = ("external_account_id",)
