"""Bodies, queries and answers about wallets. They check shape only, no rules."""

from wallets.serializers.accounts import (
    ExternalAccountAnswer,
    ExternalAccountBody,
    ExternalAccountChange,
    ExternalAccountQuery,
)
from wallets.serializers.compliance import ComplianceAnswer
from wallets.serializers.holds import (
    ExecutionBody,
    HoldAnswer,
    HoldBody,
    HoldChange,
    HoldQuery,
)
from wallets.serializers.movements import (
    BatchAnswer,
    BatchBody,
    BatchMade,
    MovementAnswer,
    MovementBody,
    MovementChange,
    MovementQuery,
    ReversalBody,
)
from wallets.serializers.statements import (
    BalanceAnswer,
    BalanceQuery,
    StatementAnswer,
    StatementQuery,
)
from wallets.serializers.wallets import (
    UserChangeOrEnd,
    WalletAnswer,
    WalletBody,
    WalletChange,
    WalletQuery,
)

__all__ = [
    "BalanceAnswer",
    "BalanceQuery",
    "BatchAnswer",
    "BatchBody",
    "BatchMade",
    "ComplianceAnswer",
    "ExecutionBody",
    "ExternalAccountAnswer",
    "ExternalAccountBody",
    "ExternalAccountChange",
    "ExternalAccountQuery",
    "HoldAnswer",
    "HoldBody",
    "HoldChange",
    "HoldQuery",
    "MovementAnswer",
    "MovementBody",
    "MovementChange",
    "MovementQuery",
    "ReversalBody",
    "StatementAnswer",
    "StatementQuery",
    "UserChangeOrEnd",
    "WalletAnswer",
    "WalletBody",
    "WalletChange",
    "WalletQuery",
]
