"""What may be asked of the ledger: each order says what it needs and refuses, and what it does."""

from wallets.orders.base import (
    MoneyOrder,
    Order,
    Outcome,
    PartOrder,
    Payment,
    UserOrder,
    WalletOrder,
    WordedOrder,
    attempt,
)
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import (
    CancelCashOut,
    CashOut,
    CashOutOrder,
    MarkCashOutSent,
    RejectCashOut,
    SettleCashOut,
)
from wallets.orders.external_accounts import AddExternalAccount, RemoveExternalAccount
from wallets.orders.holds import ExecuteHold, HoldOrder, PlaceHold, ReleaseHold, RenewHold
from wallets.orders.ibans import CreateIban
from wallets.orders.needs import Needs
from wallets.orders.payments import Adjust, CashIn, Reverse, Transfer
from wallets.orders.users import (
    BLOCK_REASONS,
    ActivateUser,
    BlockUser,
    UnblockUser,
    UnsubscribeUser,
)
from wallets.orders.wallets import BlockWallet, ChangeWallet, OpenWallet, PutWallet, UnblockWallet

__all__ = [
    "BLOCK_REASONS",
    "ActivateUser",
    "AddExternalAccount",
    "Adjust",
    "Batch",
    "BlockUser",
    "BlockWallet",
    "CancelCashOut",
    "CashIn",
    "CashOut",
    "CashOutOrder",
    "ChangeWallet",
    "CreateIban",
    "ExecuteHold",
    "HoldOrder",
    "MarkCashOutSent",
    "MoneyOrder",
    "Needs",
    "OpenWallet",
    "Order",
    "Outcome",
    "PartOrder",
    "Payment",
    "PlaceHold",
    "PutWallet",
    "RejectCashOut",
    "ReleaseHold",
    "RemoveExternalAccount",
    "RenewHold",
    "Reverse",
    "SettleCashOut",
    "Transfer",
    "UnblockUser",
    "UnblockWallet",
    "UnsubscribeUser",
    "UserOrder",
    "WalletOrder",
    "WordedOrder",
    "attempt",
]
