"""What each permission allows, in a sentence. Pages about roles are written from these.

`tests/users/test_roles.py` fails if a page or an action requires a permission without a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

SENTENCES: Final = {
    # Customers and their money
    "users.view_user": _("Can see users, their names and how to reach them."),
    "wallets.view_wallet": _("Can see wallets and their balances."),
    "wallets.view_movement": _("Can see movements and the money outstanding."),
    "wallets.view_hold": _("Can see holds."),
    "wallets.view_externalaccount": _("Can see the bank accounts of users."),
    "users.view_identityverification": _("Can see the results of identity verifications."),
    "users.view_terms": _("Can see the terms."),
    "users.view_termssignature": _("Can see who has signed the terms."),
    "users.view_otp": _("Can see when one-time passwords were sent."),
    "users.add_user": _("Can send one-time passwords to users over the API."),
    "users.change_user": _("Can change the data of users over the API."),
    "users.block_user": _("Can block and unblock users."),
    "users.erase_user": _("Can erase the personal data of closed users."),
    "users.export_user": _("Can download everything that is kept about a user."),
    "wallets.block_wallet": _("Can block and unblock wallets."),
    "wallets.add_wallet": _("Can open wallets for users over the API."),
    "wallets.change_wallet": _("Can change and close wallets over the API."),
    "wallets.add_cash_in": _("Can add cash-ins: creates money in a wallet."),
    "wallets.add_movement": _("Can add cash-ins, transfers and payments out over the API."),
    "wallets.change_movement": _("Can cancel pending payments out over the API."),
    "wallets.adjust_balance": _("Can correct balances: creates or removes money in a wallet."),
    "wallets.reverse_movement": _("Can reverse transfers and cash-ins."),
    "wallets.add_hold": _("Can place holds over the API."),
    "wallets.change_hold": _("Can renew, release and execute holds over the API."),
    "wallets.release_hold": _("Can release holds."),
    "wallets.freeze_amount": _(
        "Can freeze amounts at the request of an authority, and lift freezes."
    ),
    "wallets.add_externalaccount": _("Can add bank accounts of users over the API."),
    "wallets.change_externalaccount": _("Can change and remove bank accounts over the API."),
    "wallets.view_scheduledoperation": _("Can see scheduled operations."),
    "wallets.view_scheduledrun": _("Can see the runs of scheduled operations."),
    "wallets.add_scheduledoperation": _("Can schedule payments over the API."),
    "wallets.change_scheduledoperation": _("Can pause, resume and cancel scheduled operations."),
    "wallets.send_cash_out": _("Can mark payments out as sent to the bank."),
    "wallets.settle_cash_out": _("Can settle and reject payments out."),
    "wallets.view_bankfile": _("Can see bank files and their payments."),
    "wallets.add_bankfile": _("Can make bank files of payments out, and discard them."),
    "wallets.approve_bankfile": _("Can approve bank files that somebody else has made."),
    "wallets.send_bankfile": _("Can download approved bank files, to take them to the bank."),
    "wallets.add_bankreport": _("Can upload the answers of the bank to bank files."),
    "wallets.view_bankaccount": _("Can see the bank accounts of the institution."),
    "wallets.add_bankaccount": _("Can add bank accounts of the institution."),
    "wallets.change_bankaccount": _("Can change and close bank accounts of the institution."),
    "wallets.view_closing": _("Can see which users are paid out to be closed."),
    "wallets.add_closing": _(
        "Can order closings: pays out all money of a user, then closes the user."
    ),
    "wallets.change_closing": _("Can finish and stop closings, and order payments out again."),
    "wallets.view_dormancynotice": _("Can see the notices to the owners of dormant wallets."),
    "wallets.add_dormancynotice": _("Can record notices to the owners of dormant wallets."),
    "wallets.view_bankstatement": _("Can see the statements of banks."),
    "wallets.import_statement": _("Can upload statements of banks."),
    "wallets.view_bankupload": _("Can see the uploaded files of banks."),
    "wallets.release_bankupload": _(
        "Can release files of banks that somebody else has uploaded: books what they bring."
    ),
    "wallets.view_bankline": _("Can see the lines of statements of banks."),
    "wallets.view_bankdecision": _("Can see the decisions about bank lines in suspense."),
    "wallets.add_bankdecision": _("Can ask for decisions about bank lines in suspense."),
    "wallets.answer_bankdecision": _(
        "Can approve or refuse decisions about bank lines that somebody else has asked for."
    ),
    "wallets.view_safeguardingreport": _("Can see the reports of safeguarding."),
    "wallets.add_safeguardingsignature": _("Can sign off reports of safeguarding."),
    # Reviews
    "users.view_review": _("Can see who waits for a review, and what was submitted."),
    "users.view_kycdocument": _("Can see submitted identity data and documents."),
    "users.add_kycdocument": _("Can submit documents for users over the API."),
    "users.change_kycdocument": _("Can submit identity data for users over the API."),
    "users.add_identityverification": _("Can begin identity verifications over the API."),
    "users.add_termssignature": _("Can request and record signatures of the terms over the API."),
    "users.change_review": _("Can approve and reject submitted identity data and documents."),
    "users.view_access": _("Can see who looked at identity data and documents."),
    "users.view_reviewassignment": _("Can see who works on a review."),
    "users.add_reviewassignment": _("Can assign reviews."),
    "users.view_rejectionreason": _("Can use the prepared reasons for rejections."),
    "users.add_rejectionreason": _("Can add prepared reasons for rejections."),
    "users.change_rejectionreason": _("Can change prepared reasons for rejections."),
    # Records
    "users.view_note": _("Can read the notes of staff."),
    "users.add_note": _("Can write notes on users, wallets and movements."),
    "users.view_case": _("Can see cases: complaints, disputes and requests of authorities."),
    "users.add_case": _("Can open cases."),
    "users.change_case": _("Can work on cases: owner, due date, notes and outcome."),
    "users.view_task": _("Can see the tasks of staff."),
    "users.add_task": _("Can add tasks, and give them to members of staff."),
    "users.change_task": _("Can have tasks: mark them as done, assign them, change the due date."),
    "users.view_event": _("Can see the events: what was changed, and by whom."),
    "wallets.view_audit": _("Can see the results of the ledger's audits."),
    # Approvals
    "users.view_approval": _("Can see what needs a second person, and withdraw own requests."),
    "users.change_approval": _(
        "Can approve and refuse what others ask for, if the permission for the action is there too."
    ),
    "users.view_threshold": _("Can see what one person may do alone."),
    "users.change_threshold": _("Can lower thresholds, and ask for higher ones."),
    # Clients and their keys
    "users.view_client": _("Can see the clients of the API."),
    "users.add_client": _("Can add clients of the API."),
    "users.change_client": _("Can suspend and activate clients of the API."),
    "users.view_apikey": _("Can see which API keys exist, but not their secrets."),
    "users.add_apikey": _("Can issue and rotate API keys."),
    "users.change_apikey": _("Can revoke API keys."),
    "users.view_signingkey": _("Can see the public keys of clients."),
    "users.add_signingkey": _("Can register public keys of clients."),
    "users.change_signingkey": _("Can revoke public keys of clients."),
    "users.view_webhookendpoint": _("Can see the webhook endpoints of clients."),
    "users.change_webhookendpoint": _(
        "Can ping, enable and disable webhook endpoints, and have events sent again."
    ),
    "users.view_webhookdelivery": _("Can see the events that webhook endpoints did not take."),
    "users.view_webhookattempt": _("Can see the requests to webhook endpoints."),
    # Staff
    "auth.view_user": _(
        "Can see the members of staff, where they are logged in, failed log-ins, and what each "
        "member did."
    ),
    "auth.add_user": _("Can add members of staff."),
    "auth.change_user": _(
        "Can change, deactivate and log out members of staff, and reset their password and their "
        "second factor."
    ),
    "auth.delete_user": _("Can delete members of staff who have never logged in."),
    "users.give_roles": _("Can give members of staff any role, but not to themselves."),
}


def names_in(permissions: QuerySet[Permission]) -> frozenset[str]:
    """The names of permissions, like `users.view_user`."""
    pairs = permissions.values_list("content_type__app_label", "codename")
    return frozenset(f"{app}.{codename}" for app, codename in pairs)


def sentences_of(permissions: Iterable[str]) -> list[str]:
    """The sentences of permissions, in their order. Permissions that no page uses have none."""
    held = frozenset(permissions)
    return [str(sentence) for name, sentence in SENTENCES.items() if name in held]
