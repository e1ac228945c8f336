"""The models of wallets and what is below them, with their constraints.

Amounts are integers in minor units of the currency. Only the ledger changes these rows;
constraints, triggers and grants of the database refuse invalid changes.

Queries and their indexes. Ids are UUIDs of version 7, so new rows are adjacent in every index of
ids. Updates of wallets change no indexed column (HOT, fillfactor 60).

| query | index |
|---|---|
| the wallets, movements or holds that an order names | the primary keys |
| all wallets of a user: limits, lists, closing a user | `wallets_wallet_user_id_…` |
| a client's wallets, page by page | `wallet_page` |
| the wallet of an IBAN; uniqueness of IBANs | `wallet_iban_is_given_once` |
| client and currency of a movement's wallet | `wallet_is_of_one_client_and_currency` |
| a wallet's movements, page by page, between dates | `movement_page` |
| a wallet's chain: audit, balances, statements | `movement_seq_is_given_once_per_wallet` |
| a client's movements, page by page, between dates | `movement_of_client` |
| a client's movements of a reference, to an IBAN | `movement_of_reference`, `…_clients_iban` |
| a client's movements but transfers; the unsettled ones | `movement_of_clients_type`, `…_status` |
| the legs of one operation, or of a batch | `movement_of_operation` |
| cash-ins and cash-outs of 30 days | `movement_crossing_of_wallet` |
| flows from and to the outside, by day | `movement_crossing_sums` (one leg, settled), alone |
| pending cash-outs, of all or of a wallet | `movement_waiting`, `movement_waiting_of_wallet` |
| failed cash-outs, of all or of a wallet | `movement_unsettled`, `movement_failed_of_wallet` |
| all but transfers, of all or of a wallet | `movement_of_type`, `movement_of_type_in_wallet` |
| blocked and closed wallets | `wallet_not_ready` |
| executions of a hold; reversals of a movement | `movement_of_hold`, `movement_reversing` |
| a wallet's holds, page by page; the open ones by expiry | `hold_page`, `hold_open` |
| the open holds that expire soon | `hold_expiring` |
| the freezes of a case | `hold_of_case` |
| a client's holds, page by page; the open ones | `hold_of_client`, `hold_open_of_client` |
| the notices about a dormant wallet; of a member | `dormancy_notice_of_wallet`, `…_by_actor` |
| the holds for a wallet; of a reference | `hold_of_target_page`, `hold_of_reference` |
| a client's external accounts, page by page | `external_account_of_client` |
| a wallet's scheduled operations | `schedule_page` |
| the due scheduled operations: by dates, by triggers | `schedule_due`, `schedule_watching` |
| the runs of a scheduled operation, page by page | `run_page` |
| the run of a movement; the failed runs | `run_of_movement`, `run_failed` |
| the bank account of an IBAN | `bank_account_is_added_once` |
| a file of a bank by its hash | `bank_statement_file_is_stored_once` |
| the latest statements of a bank account | `bank_statement_of_account` |
| the statements of banks, page by page | `bank_statement_page` |
| the uploaded files that wait; page by page | `bank_upload_waiting`, `bank_upload_page` |
| the files of banks to erase by their age | `bank_statement_file_to_erase`, … |
| the uploads and answers to erase | `bank_upload_to_erase`, `bank_report_to_erase` |
| the lines with texts, by their age | `bank_line_to_erase` |
| the lines of a bank account | `bank_line_of_account` |
| the lines in suspense; those that nobody has looked at | `bank_line_open`, `bank_line_new` |
| the bank line of a movement | `bank_outcome_names_a_movement_once` |
| the bank lines of a wallet | `bank_outcome_of_wallet` |
| the decisions that wait for a second person | `bank_decision_open` |
| the payments of a bank file; the files of a cash-out | `bank_payment_is_once_…`, `…_of_movement` |
| the cash-outs in bank files, by id | `movement_in_a_file` |
| the bank files to approve and to send | `bank_file_unsent` |
| a wallet's statement files | `statement_file_of_wallet` |
| the statement files to write, and to drop | `statement_file_pending`, `…_kept` |
| a used key; the key that created an object | the primary key of `users_key`; `key_of_made` |
| the events of an object | `event_of_subject` |
"""

from wallets.models.accounts import ExternalAccount
from wallets.models.audits import Audit, AuditProgress
from wallets.models.bank_accounts import BankAccount
from wallets.models.bank_decisions import BankDecision
from wallets.models.bank_files import BankFile, BankPayment, BankReport
from wallets.models.bank_lines import BankLine, BankOutcome
from wallets.models.bank_statements import BankStatement, BankStatementFile
from wallets.models.bank_uploads import BankUpload
from wallets.models.closings import Closing, ClosingPayment
from wallets.models.holds import Hold, HoldQuerySet
from wallets.models.movement_querysets import MovementQuerySet
from wallets.models.movements import Movement
from wallets.models.moves import ClientMove
from wallets.models.notices import DormancyNotice
from wallets.models.safeguarding import (
    SafeguardingReport,
    SafeguardingSignature,
    UnexplainedMovement,
)
from wallets.models.schedules import ScheduledOperation, ScheduledRun
from wallets.models.statement_files import StatementFile
from wallets.models.wallets import Wallet, WalletQuerySet

__all__ = [
    "Audit",
    "AuditProgress",
    "BankAccount",
    "BankDecision",
    "BankFile",
    "BankLine",
    "BankOutcome",
    "BankPayment",
    "BankReport",
    "BankStatement",
    "BankStatementFile",
    "BankUpload",
    "ClientMove",
    "Closing",
    "ClosingPayment",
    "DormancyNotice",
    "ExternalAccount",
    "Hold",
    "HoldQuerySet",
    "Movement",
    "MovementQuerySet",
    "SafeguardingReport",
    "SafeguardingSignature",
    "ScheduledOperation",
    "ScheduledRun",
    "StatementFile",
    "UnexplainedMovement",
    "Wallet",
    "WalletQuerySet",
]
