"""What two people change about a client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django import forms
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.actions import Action, ActionForm
from users.approvals.actions import ActionFact, Approvable, register_action
from users.approvals.asking import approval_refusal
from users.approvals.pages import require_approval
from users.models import Approval, Client, events
from users.models.approvals import ApprovalKind
from users.models.events import By, EventKind
from users.templatetags.words import code_in_words

CHANGE_CLIENT: Final = "users.change_client"


class ClientAction(Approvable):
    """It is about a client, and locks it."""

    permission = CHANGE_CLIENT
    view = "users.view_client"
    is_exclusive = True

    def lock(self, asked: Approval) -> None:
        list(Client.objects.select_for_update(no_key=True).filter(pk=asked.subject_id))

    def client(self, asked: Approval) -> Client:
        return Client.objects.get(pk=asked.subject_id)

    def address(self, asked: Approval) -> str:
        return reverse("admin:users_client_change", args=[asked.subject_id])


@register_action
class CashInsSourceAction(ClientAction):
    """Another source of a client's cash-ins. The payload has it.

    The database notes the time: it decides which cash-ins can be credits of later statements.
    """

    kind = ApprovalKind.CASH_INS_SOURCE
    label = _("Source of cash-ins")
    labels: ClassVar[Any] = {
        "client": _("Client"),
        "client_status": _("Status of the client"),
        "source_code": _("Source of cash-ins"),
        "source_after_code": _("Source afterwards"),
    }

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        client = self.client(asked)
        return [
            ActionFact("client", client.name),
            ActionFact("client_status", client.status),
            ActionFact("source_code", client.cash_ins),
            ActionFact("source_after_code", asked.payload["cash_ins"]),
        ]

    def effect(self, asked: Approval) -> str:
        if asked.payload["cash_ins"] == Client.CashIns.BANK:
            text = gettext(
                "From now on statements of the bank bring the cash-ins of %(client)s. Others are "
                "refused. Credits that can be earlier cash-ins are matched with them, or wait."
            )
        else:
            text = gettext(
                "From now on %(client)s orders its cash-ins. Statements of the bank book none of "
                "them, and are matched with them."
            )
        return text % {"client": self.client(asked).name}

    def rehearse(self, asked: Approval, by: By) -> None:
        if asked.payload["cash_ins"] not in Client.CashIns.values:
            raise errors.Inconsistent("the source of cash-ins is not known")
        if self.client(asked).cash_ins == asked.payload["cash_ins"]:
            raise approval_refusal(gettext("This is the source already."))

    def perform(self, asked: Approval, by: By) -> None:
        self.rehearse(asked, by)
        client = self.client(asked)
        client.cash_ins = asked.payload["cash_ins"]
        client.save(update_fields=["cash_ins"])
        events.record_about_client(client, EventKind.CLIENT_CHANGED, by)


class CashInsForm(ActionForm):
    cash_ins = forms.ChoiceField(
        label=_("Source of cash-ins"),
        choices=[(each, code_in_words(each)) for each in Client.CashIns.values],
        help_text=_("There is one source, so that no money is booked twice."),
    )

    def offer(self, obj: Any) -> None:
        self.fields["cash_ins"].initial = obj.cash_ins if obj else ""


def asked_source(client: Client, values: dict[str, Any]) -> Approval:
    """The request for another source of the client's cash-ins."""
    return Approval(
        kind=ApprovalKind.CASH_INS_SOURCE,
        client_id=client.pk,
        subject="client",
        subject_id=str(client.pk),
        payload={"cash_ins": values["cash_ins"]},
    )


CHANGE_SOURCE: Final = Action(
    name="cash-ins",
    label=_("Change source of cash-ins"),
    permission=CHANGE_CLIENT,
    form=CashInsForm,
    do=require_approval,
    asks=asked_source,
    warning=_("With the bank as source, all other cash-ins are refused."),
)
