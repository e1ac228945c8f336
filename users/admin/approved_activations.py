"""A suspended client is activated by two people: its keys work again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.actions import Action
from users.admin.approved_clients import CHANGE_CLIENT, ClientAction
from users.approvals.actions import ActionFact, register_action
from users.approvals.asking import approval_refusal
from users.approvals.pages import require_approval
from users.history import actor_in_words, names_of
from users.models import Approval, Client, Event, events
from users.models.approvals import ApprovalKind
from users.models.events import By, EventKind
from users.webhooks import endpoints


@register_action
class ActivateClientAction(ClientAction):
    """The end of a suspension. Who has suspended the client, and when, are facts."""

    kind = ApprovalKind.ACTIVATE_CLIENT
    label = _("Activation of a client")
    labels: ClassVar[Any] = {
        "client": _("Client"),
        "client_status": _("Status of the client"),
        "suspended": _("Suspended"),
        "suspended_by": _("Suspended by"),
    }

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        client = self.client(asked)
        found = [ActionFact("client", client.name), ActionFact("client_status", client.status)]
        last = Event.objects.about(client.pk).filter(kind=EventKind.CLIENT_SUSPENDED).last()
        if last is None:
            return found
        who = actor_in_words(last.actor, names_of({last.actor}))
        when = last.created_at.isoformat(timespec="seconds")
        return [*found, ActionFact("suspended", when), ActionFact("suspended_by", who)]

    def effect(self, asked: Approval) -> str:
        text = gettext("The keys of %(client)s work again, with its scheduled runs and webhooks.")
        return text % {"client": self.client(asked).name}

    def rehearse(self, asked: Approval, by: By) -> None:
        if not self.client(asked).is_suspended:
            raise approval_refusal(gettext("The client is active already."))

    def perform(self, asked: Approval, by: By) -> None:
        self.rehearse(asked, by)
        client = self.client(asked)
        client.status = Client.Status.ACTIVE
        client.save(update_fields=["status"])
        events.record_about_client(client, EventKind.CLIENT_ACTIVATED, by)
        endpoints.forget_failures(client.pk)


def ask_to_activate(client: Client, values: dict[str, Any]) -> Approval:
    return Approval(
        kind=ApprovalKind.ACTIVATE_CLIENT,
        client_id=client.pk,
        subject="client",
        subject_id=str(client.pk),
        payload={},
    )


ACTIVATE: Final = Action(
    name="activate",
    label=_("Activate"),
    permission=CHANGE_CLIENT,
    do=require_approval,
    asks=ask_to_activate,
    is_available=lambda client: client.is_suspended,
)
