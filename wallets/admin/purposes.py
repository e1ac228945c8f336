"""What each list of this package is for, and how it gets rows: an empty list says so."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from users import menu

menu.describe(
    {
        "wallets_wallet_changelist": _(
            "The wallets of users, each in one currency. Clients open them through the API."
        ),
        "wallets_movement_changelist": _(
            "Every change of a wallet's balance. "
            "Clients and staff move money; the button above adds a movement."
        ),
        "wallets_hold_changelist": _(
            "Amounts that are reserved for a later payment. Clients place holds through the API."
        ),
        "wallets_externalaccount_changelist": _(
            "Bank accounts of users, to which payments out go. "
            "Clients register them through the API."
        ),
        "wallets_scheduledoperation_changelist": _(
            "Payments that the server repeats, on dates or when a balance asks for it. "
            "Clients schedule them through the API."
        ),
        "wallets_scheduledrun_changelist": _(
            "What came of each run of the scheduled operations: paid, failed or skipped."
        ),
        "wallets_audit_changelist": _(
            "The results of the audits of the ledger. "
            "An operator runs an audit with the command audit."
        ),
    }
)
