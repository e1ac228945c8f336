"""The endpoints of wallets, movements, holds and external accounts."""

from wallets.views.accounts import (
    ExternalAccountDetailView,
    ExternalAccountListView,
)
from wallets.views.compliance import ComplianceView
from wallets.views.holds import (
    HoldDetailView,
    HoldExecutionView,
    HoldListView,
)
from wallets.views.movements import (
    BatchView,
    MovementDetailView,
    MovementListView,
    ReversalView,
)
from wallets.views.statements import (
    BalanceView,
    StatementView,
)
from wallets.views.users import (
    OtpValidationView,
    UserDetailView,
)
from wallets.views.wallets import (
    IbanView,
    WalletDetailView,
    WalletListView,
)

__all__ = [
    "BalanceView",
    "BatchView",
    "ComplianceView",
    "ExternalAccountDetailView",
    "ExternalAccountListView",
    "HoldDetailView",
    "HoldExecutionView",
    "HoldListView",
    "IbanView",
    "MovementDetailView",
    "MovementListView",
    "OtpValidationView",
    "ReversalView",
    "StatementView",
    "UserDetailView",
    "WalletDetailView",
    "WalletListView",
]
