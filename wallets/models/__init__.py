"""Wallets and their money: the facts, and what must never be false about them.

Amounts are integers of the currency's minor units. Only the ledger changes what is here; the
constraints, triggers and the grants of the database refuse what the ledger would never do.

What is asked, and the index that answers it. Ids are UUIDs of version 7, so that new rows are
neighbours in every index of ids; updates of wallets touch no indexed column (HOT, fillfactor 60).

| question | index |
|---|---|
| the wallets, movements or holds that an order names | the primary keys |
| all wallets of a user: limits, lists, a user's end | `wallets_wallet_user_id_…` |
| a client's wallets, page by page | `wallet_page` |
| the wallet of an IBAN; that none is given twice | `wallet_iban_is_given_once` |
| that a movement has its wallet's client and currency | `wallet_is_of_one_client_and_currency` |
| a wallet's movements, page by page, between dates | `movement_page` |
| a wallet's chain: audit, balances, statements | `movement_seq_is_given_once_per_wallet` |
| the legs of one operation, or of a batch | `movement_of_operation` |
| what came in and went out in 30 days | `movement_crossing_of_wallet` (cash-ins and cash-outs) |
| what crosses to the outside, by day | `movement_crossing` (one leg, settled) |
| cash-outs that wait, of all or of a wallet | `movement_waiting`, `movement_waiting_of_wallet` |
| cash-outs that failed, of all or of a wallet | `movement_unsettled`, `movement_failed_of_wallet` |
| what is no transfer, of all or of a wallet | `movement_of_type`, `movement_of_type_in_wallet` |
| wallets that are blocked or closed | `wallet_not_ready` |
| what a hold paid; what was given back | `movement_of_hold`, `movement_reversing` |
| a wallet's holds, page by page; the open ones by expiry | `hold_page`, `hold_open` |
| whether a key was used; which key made a thing | the primary key of `users_key`; `key_of_made` |
| the events about a thing | `event_of_subject` |
"""

from wallets.models.accounts import ExternalAccount
from wallets.models.audits import Audit
from wallets.models.holds import Hold, HoldQuerySet
from wallets.models.movements import Movement, MovementQuerySet
from wallets.models.wallets import Wallet, WalletQuerySet

__all__ = [
    "Audit",
    "ExternalAccount",
    "Hold",
    "HoldQuerySet",
    "Movement",
    "MovementQuerySet",
    "Wallet",
    "WalletQuerySet",
]
