"""The shapes of wallets and their money, in requests and answers. Shape only."""

from wallets.serializers.accounts import (
    ExternalAccountAnswer,
    ExternalAccountChange,
    ExternalAccountOrder,
    ExternalAccountQuery,
)
from wallets.serializers.holds import (
    ExecutionOrder,
    HoldAnswer,
    HoldChange,
    HoldOrder,
    HoldQuery,
)
from wallets.serializers.movements import (
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
    StatementQuery,
    StatementSummary,
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
    "BatchOrder",
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
    "StatementQuery",
    "StatementSummary",
    "UserChangeOrEnd",
    "WalletAnswer",
    "WalletChange",
    "WalletOrder",
    "WalletQuery",
]
