"""Orders: the commands of the ledger. Each names its needs, checks its rules and is applied."""

from wallets.orders.base import (
    MoneyOrder,
    Order,
    Outcome,
    Result,
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
    "PlaceHold",
    "PutWallet",
    "RejectCashOut",
    "ReleaseHold",
    "RemoveExternalAccount",
    "RenewHold",
    "Result",
    "Reverse",
    "SettleCashOut",
    "Transfer",
    "UnblockUser",
    "UnblockWallet",
    "UnsubscribeUser",
    "attempt",
]
