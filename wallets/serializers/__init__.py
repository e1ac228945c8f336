"""The shapes of wallets and their money, in requests and answers. Shape only."""

from wallets.serializers.accounts import (
    ExternalAccountAnswer,
    ExternalAccountChange,
    ExternalAccountOrder,
    ExternalAccountQuery,
)
from wallets.serializers.compliance import ComplianceAnswer
from wallets.serializers.holds import (
    ExecutionOrder,
    HoldAnswer,
    HoldChange,
    HoldOrder,
    HoldQuery,
)
from wallets.serializers.movements import (
    BatchAnswer,
    BatchMade,
    BatchOrder,
    MovementAnswer,
    MovementChange,
    MovementOrder,
    MovementQuery,
    ReversalOrder,
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
    WalletChange,
    WalletOrder,
    WalletQuery,
)

__all__ = [
    "BalanceAnswer",
    "BalanceQuery",
    "BatchAnswer",
    "BatchMade",
    "BatchOrder",
    "ComplianceAnswer",
    "ExecutionOrder",
    "ExternalAccountAnswer",
    "ExternalAccountChange",
    "ExternalAccountOrder",
    "ExternalAccountQuery",
    "HoldAnswer",
    "HoldChange",
    "HoldOrder",
    "HoldQuery",
    "MovementAnswer",
    "MovementChange",
    "MovementOrder",
    "MovementQuery",
    "ReversalOrder",
    "StatementAnswer",
    "StatementQuery",
    "UserChangeOrEnd",
    "WalletAnswer",
    "WalletChange",
    "WalletOrder",
    "WalletQuery",
]
