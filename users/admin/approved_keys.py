"""The scopes that create or move money are granted to a key of a client by two people.

Who issued the key may have its secret, so the issuer is neither of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar, Final

from django import forms
from django.db.models import Case, Exists, OuterRef, Q, UUIDField, When
from django.db.models.functions import Cast
from django.db.models.lookups import Exact
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.actions import Action, ActionForm
from users.approvals.actions import ActionFact, Approvable, register_action
from users.approvals.influence import are_independent, influences_for
from users.approvals.pages import require_approval
from users.history import names_of
from users.models import ApiKey, Approval, Event, SigningKey, events
from users.models.approvals import ApprovalKind
from users.models.clients import MONEY_SCOPES
from users.models.events import STAFF, By, EventKind

CASH_IN: Final = MONEY_SCOPES[0]
ADD_CASH_IN: Final = "wallets.add_cash_in"
BEGINNINGS: Final = (EventKind.API_KEY_ISSUED, EventKind.PUBLIC_KEY_REGISTERED)
CHANGES: Final = {
    "api_key": EventKind.API_KEY_CHANGED,
    "public_key": EventKind.PUBLIC_KEY_CHANGED,
}
ID: Final = UUIDField()
KEYS: Final[dict[str, type[ApiKey] | type[SigningKey]]] = {
    "api_key": ApiKey,
    "public_key": SigningKey,
}


@register_action
class GrantScopesAction(Approvable):
    """Only who may add cash-ins may ask for it and approve it. The payload has the scopes."""

    kind = ApprovalKind.ISSUE_API_KEY
    label = _("Key that moves money")
    permission = ADD_CASH_IN
    view = "users.view_apikey"
    is_exclusive = True
    labels: ClassVar[Any] = {
        "client": _("Client"),
        "client_status": _("Status of the client"),
        "key": _("Key"),
        "label": _("Label"),
        "scopes": _("Scopes"),
        "scopes_after": _("Scopes afterwards"),
        "issued_by": _("Issued by"),
        "issued": _("Issued"),
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

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        key = self.key(asked)
        return [
            ActionFact("client", key.client.name),
            ActionFact("client_status", key.client.status),
            ActionFact("key", str(key)),
            ActionFact("label", key.label),
            ActionFact("scopes", ", ".join(key.scopes)),
            ActionFact("scopes_after", ", ".join(sorted({*key.scopes, *asked.payload["scopes"]}))),
            ActionFact("issued_by", issuer_in_words(key)),
            ActionFact("issued", key.created_at.isoformat(timespec="seconds")),
            ActionFact("expires", key.expires_at.isoformat() if key.expires_at else ""),
            ActionFact("revoked", key.revoked_at.isoformat() if key.revoked_at else ""),
        ]

    def effect(self, asked: Approval) -> str:
        key = self.key(asked)
        values = {"key": key, "client": key.client.name}
        if CASH_IN in asked.payload["scopes"]:
            text = gettext("The key %(key)s of %(client)s can create money by cash-ins.")
        else:
            text = gettext("The key %(key)s of %(client)s can pay with the money of customers.")
        return text % values

    def why_not(self, asked: Approval, member: Any) -> str:
        """Who issued the key, or depends on the issuer, does not grant it money."""
        issuer = issuer_of(self.key(asked))
        if issuer is None or are_independent(issuer, member.pk, influences_for(member)):
            return ""
        return gettext(
            "You have issued this key, or depend on the person who has. Somebody else must grant "
            "its scopes."
        )

    def undecidable(self, member: Any, dependent: Collection[int]) -> Q:
        key = Case(
            When(Exact(OuterRef("kind"), self.kind.value), then=Cast(OuterRef("subject_id"), ID))
        )
        began = Event.objects.filter(client=OuterRef("client"), subject_id=key, kind__in=BEGINNINGS)
        return Q(Exists(began.filter(actor__in=[f"{STAFF}{pk}" for pk in dependent])))

    def rehearse(self, asked: Approval, by: By) -> None:
        key = self.key(asked)
        if not {*asked.payload["scopes"]} <= {*MONEY_SCOPES}:
            raise errors.Inconsistent("only scopes about money are asked for")
        if key.is_revoked:
            raise errors.CredentialsRevoked("The key was revoked. Issue a new one.")
        if key.is_expired:
            raise errors.CredentialsExpired("The key has expired. Issue a new one.")

    def perform(self, asked: Approval, by: By) -> None:
        self.rehearse(asked, by)
        key = self.key(asked)
        added = [scope for scope in asked.payload["scopes"] if scope not in key.scopes]
        key.scopes = sorted({*key.scopes, *added})
        key.save(update_fields=["scopes"])
        events.record_about_client(key, CHANGES[asked.subject], by, scopes=added)

    def address(self, asked: Approval) -> str:
        return reverse(f"admin:{page_of_key(asked.subject)}_change", args=[asked.subject_id])


def issuer_of(key: ApiKey | SigningKey) -> int | None:
    """The member of staff who issued a key; None: the shell or the system did."""
    actor = issue_event(key)
    return int(actor.removeprefix(STAFF)) if actor.startswith(STAFF) else None


def issue_event(key: ApiKey | SigningKey) -> str:
    """The actor of the event with which a key began."""
    first = Event.objects.about(key.pk).filter(kind__in=BEGINNINGS).first()
    return str(first.actor) if first else ""


def issuer_in_words(key: ApiKey | SigningKey) -> str:
    actor = issue_event(key)
    return names_of({actor}).get(actor, actor)


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
        payload={"scopes": sorted(values["scopes"])},
    )


class ScopesForm(ActionForm):
    scopes = forms.MultipleChoiceField(label=_("Scopes"), widget=forms.CheckboxSelectMultiple)

    def offer(self, obj: Any) -> None:
        scopes = self.fields["scopes"]
        assert isinstance(scopes, forms.MultipleChoiceField)
        scopes.choices = [(scope, scope) for scope in missing_scopes(obj)] if obj else []


def missing_scopes(key: ApiKey | SigningKey) -> list[str]:
    """The scopes about money that a key lacks."""
    return [scope for scope in MONEY_SCOPES if scope not in key.scopes]


GRANT_SCOPES: Final = Action(
    name="grant-scopes",
    label=_("Grant scopes about money"),
    permission=ADD_CASH_IN,
    form=ScopesForm,
    do=require_approval,
    asks=ask_for_scope,
    is_available=lambda key: not (key.is_revoked or key.is_expired) and bool(missing_scopes(key)),
    warning=_("The key can then create or move money. Somebody else must approve it."),
)
