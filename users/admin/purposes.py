"""What each list of this package is for, and how it gets rows: an empty list says so."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from users import menu

menu.describe(
    {
        "users_user_changelist": _(
            "The people and companies that own wallets. Clients create them through the API."
        ),
        "users_review_changelist": _(
            "Users whose documents wait for a decision, those who have waited longest first. "
            "Nothing waits now. The filter shows all users with documents."
        ),
        "users_identityverification_changelist": _(
            "Verifications of identities by the identity provider. "
            "They begin when a client asks for one through the API."
        ),
        "users_termssignature_changelist": _(
            "Who has signed the terms, which version, and when. "
            "Users sign with a one-time password that a client asks for through the API."
        ),
        "users_access_changelist": _(
            "Who has opened the documents of users. An entry is added each time somebody does."
        ),
        "users_client_changelist": _(
            "The companies that call the API. Add a client, and issue an API key for it."
        ),
        "users_apikey_changelist": _(
            "The keys with which clients call the API. Issue a key on the page of its client."
        ),
        "users_signingkey_changelist": _(
            "The keys with which clients sign their own tokens. "
            "Register a public key on the page of its client."
        ),
        "users_otp_changelist": _(
            "One-time passwords that were sent to phones: when, and how often they were tried. "
            "The passwords themselves are not stored."
        ),
        "users_event_changelist": _(
            "Every change of users, wallets and keys: what, when and by whom. "
            "An entry is added with each change."
        ),
        "users_webhookendpoint_changelist": _(
            "The URLs of clients that get events. Clients create them through the API."
        ),
        "users_webhookdelivery_changelist": _(
            "Events that an endpoint did not take: those that are retried, and those whose last "
            "retry failed."
        ),
        "users_webhookattempt_changelist": _(
            "Each request that was sent to an endpoint in the last 30 days, and its result."
        ),
        "users_terms_changelist": _(
            "The versions of the terms that users sign. "
            "An operator publishes a version with the command publish_terms."
        ),
    }
)
