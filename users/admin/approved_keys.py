"""The scope that creates money is granted to a key of a client by two people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.actions import Action
from users.approvals.acts import ActFact, Approvable, register_act
from users.models import ApiKey, Approval, SigningKey
from users.models.approvals import ApprovalKind
from users.models.events import By

CASH_IN: Final = "cash-in:write"
"""The scope that creates money."""
ADD_CASH_IN: Final = "wallets.add_cash_in"
KEYS: Final[dict[str, type[ApiKey] | type[SigningKey]]] = {
    "api_key": ApiKey,
    "public_key": SigningKey,
}


@register_act
class GrantCashInAct(Approvable):
    """Only who may add cash-ins may ask for it and approve it."""

    kind = ApprovalKind.ISSUE_API_KEY
    label = _("Key that creates money")
    permission = ADD_CASH_IN
    is_exclusive = True
    labels: ClassVar[Any] = {
        "client": _("Client"),
        "client_status": _("Status of the client"),
        "key": _("Key"),
        "label": _("Label"),
        "scopes": _("Scopes"),
        "expires": _("Expires"),
        "revoked": _("Revoked"),
    }

    def lock(self, asked: Approval) -> None:
        rows = KEYS[asked.subject]._default_manager.filter(pk=asked.subject_id)
        list(rows.select_for_update(no_key=True))

    def key(self, asked: Approval) -> Any:
        return (
            KEYS[asked.subject]
            ._default_manager.select_related("client")
            .get(pk=asked.subject_id, client=asked.client_id)
        )

    def facts(self, asked: Approval) -> Sequence[ActFact]:
        key = self.key(asked)
        return [
            ActFact("client", key.client.name),
            ActFact("client_status", key.client.status),
            ActFact("key", str(key)),
            ActFact("label", key.label),
            ActFact("scopes", ", ".join(key.scopes)),
            ActFact("expires", key.expires_at.isoformat() if key.expires_at else ""),
            ActFact("revoked", key.revoked_at.isoformat() if key.revoked_at else ""),
        ]

    def effect(self, asked: Approval) -> str:
        key = self.key(asked)
        values = {"key": key, "client": key.client.name}
        return gettext("The key %(key)s of %(client)s can create money by cash-ins.") % values

    def rehearse(self, asked: Approval, by: By) -> None:
        key = self.key(asked)
        if key.is_revoked:
            raise errors.CredentialsRevoked("The key was revoked. Issue a new one.")
        if key.is_expired:
            raise errors.CredentialsExpired("The key has expired. Issue a new one.")

    def perform(self, asked: Approval, by: By) -> None:
        self.rehearse(asked, by)
        key = self.key(asked)
        key.scopes = sorted({*key.scopes, CASH_IN})
        key.save(update_fields=["scopes"])

    def address(self, asked: Approval) -> str:
        return reverse(f"admin:{page_of_key(asked.subject)}_change", args=[asked.subject_id])


def page_of_key(subject: str) -> str:
    options = KEYS[subject]._meta
    return f"{options.app_label}_{options.model_name}"


def ask_for_scope(key: ApiKey | SigningKey, values: dict[str, Any]) -> Approval:
    subject = "api_key" if isinstance(key, ApiKey) else "public_key"
    return Approval(
        kind=ApprovalKind.ISSUE_API_KEY,
        client_id=key.client_id,
        subject=subject,
        subject_id=str(key.pk),
        payload={"scope": CASH_IN},
    )


def grant_scope(request: HttpRequest, key: Any, values: dict[str, Any]) -> str:
    """
    Raises:
        ApprovalRequired: always.
    """
    raise errors.ApprovalRequired("Somebody else must approve this.")


GRANT_CASH_IN: Final = Action(
    name="grant-cash-in",
    label=_("Grant cash-in:write"),
    permission=ADD_CASH_IN,
    do=grant_scope,
    asks=ask_for_scope,
    is_available=lambda key: not (key.is_revoked or key.is_expired) and CASH_IN not in key.scopes,
    warning=_("The key can then create money. Somebody else must approve it."),
)
