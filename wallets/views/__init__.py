"""The endpoints of wallets, movements, holds and external accounts."""

from wallets.views.accounts import (
    ExternalAccountDetail,
    ExternalAccountList,
)
from wallets.views.compliance import ComplianceView
from wallets.views.holds import (
    Executions,
    HoldDetail,
    HoldList,
)
from wallets.views.movements import (
    MovementBatch,
    MovementDetail,
    MovementList,
    Reversals,
)
from wallets.views.statements import (
    BalanceAt,
    StatementView,
)
from wallets.views.users import (
    UserDetailWithEnd,
    ValidateOtp,
)
from wallets.views.wallets import (
    IbanView,
    WalletDetail,
    WalletList,
)

__all__ = [
    "BalanceAt",
    "ComplianceView",
    "Executions",
    "ExternalAccountDetail",
    "ExternalAccountList",
    "HoldDetail",
    "HoldList",
    "IbanView",
    "MovementBatch",
    "MovementDetail",
    "MovementList",
    "Reversals",
    "StatementView",
    "UserDetailWithEnd",
    "ValidateOtp",
    "WalletDetail",
    "WalletList",
]
