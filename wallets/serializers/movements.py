"""Bodies, queries and answers about movements."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final, NamedTuple
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import ListSerializer, SerializerMethodField

from iocash.http import fields
from iocash.http.links import location
from iocash.http.rendering import camel
from users.serializers.users import LINKS
from wallets.models import Movement
from wallets.serializers.shared import (
    LONGEST_REFERENCE,
    AcrossWallets,
    AmountQuery,
    BankAccount,
    Words,
    hrefs,
)

LARGEST_BATCH: Final = 1_000


class CounterpartyAnswer(fields.Serializer):
    """The other wallet of a payment, and its owner. The name is null after it was erased."""

    wallet_id = fields.Id(read_only=True)
    user_id = fields.Id(read_only=True)
    name = fields.Text(201, read_only=True, allow_null=True)


class MovementAnswer(fields.Serializer):
    """One change of the balance of one wallet. A transfer creates one in each wallet."""

    id = fields.Id(read_only=True)
    wallet_id = fields.Id(read_only=True)
    operation_id = fields.Id(read_only=True)
    type = fields.Choice(Movement.Type, read_only=True)
    direction = fields.Choice(("IN", "OUT"), read_only=True)
    status = fields.Choice(Movement.Status, read_only=True)
    amount = fields.Money(source="magnitude")
    reversed_amount = fields.Money(help_text="The sum of its reversals.")
    currency = fields.Currency(read_only=True)
    reference = fields.Text(
        LONGEST_REFERENCE, read_only=True, allow_null=True, help_text="Your own id for this."
    )
    concept = fields.Text(140, read_only=True, allow_null=True)
    counterparty_wallet_id = fields.Id(source="counterparty_id", read_only=True, allow_null=True)
    counterparty = CounterpartyAnswer(
        source="counterparty_shown",
        read_only=True,
        allow_null=True,
        help_text="The other wallet and its owner, with `expand=counterparty`; otherwise null.",
    )
    hold_id = fields.Id(read_only=True, allow_null=True)
    reversal_of = fields.Id(source="reversal_of_id", read_only=True, allow_null=True)
    balance_after = fields.Money(allow_null=True)
    iban = fields.Iban(read_only=True, allow_null=True)
    external_account_id = fields.Id(
        read_only=True,
        allow_null=True,
        help_text="The external account to which a cash-out goes, if the request named one.",
    )
    idempotency_key = fields.Text(
        255,
        read_only=True,
        allow_null=True,
        help_text="The Idempotency-Key of the request that created this operation.",
    )
    reason = fields.Text(140, read_only=True, allow_null=True)
    metadata = fields.StringMap(read_only=True, allow_null=True)
    created_at = fields.Moment(read_only=True)
    sent_at = fields.Moment(read_only=True, allow_null=True)
    settled_at = fields.Moment(read_only=True, allow_null=True)
    ended_at = fields.Moment(
        source="over_at",
        read_only=True,
        allow_null=True,
        help_text="When it settled, or was rejected or cancelled; null while it is pending.",
    )
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, movement: Movement) -> dict[str, Any]:
        request = self.context["request"]
        wallet_id = movement.wallet_id
        links = {
            "self": location(request, "movement", wallet_id=wallet_id, movement_id=movement.id),
            "wallet": location(request, "wallet", wallet_id=wallet_id),
        }
        if movement.counterparty_id:
            links["counterpartyWallet"] = location(
                request, "wallet", wallet_id=movement.counterparty_id
            )
        if movement.hold_id:
            payer = wallet_id if movement.amount < 0 else movement.counterparty_id or wallet_id
            ids = {"wallet_id": payer, "hold_id": movement.hold_id}
            links["hold"] = location(request, "hold", **ids)
        if movement.reversal_of_id:
            links["reversalOf"] = location(
                request, "movement", wallet_id=wallet_id, movement_id=movement.reversal_of_id
            )
        return hrefs(links)


OWN_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    Movement.Type.CASH_IN: (),
    Movement.Type.CASH_OUT: ("iban", "external_account_id"),
    Movement.Type.TRANSFER: ("target_wallet_id",),
}
"""The types that a client can order, and the fields of which each needs one."""


def _alone(kind: str, *needed: str) -> dict[str, Any]:
    """The schema of one type: its required fields, and the forbidden fields of other types."""
    names = {camel(name) for own in OWN_FIELDS.values() for name in own}
    foreign: dict[str, Any] = dict.fromkeys(sorted(names - {*needed}), False)
    return {"properties": {"type": {"const": kind}} | foreign, "required": ["type", *needed]}


class MovementBody(Words):
    """A cash-in, a cash-out to a bank account, or a transfer to another wallet.

    A CASH_OUT has an `iban`, or the id of one of the wallet's external accounts.
    """

    together = {
        "oneOf": [
            _alone("CASH_IN"),
            _alone("CASH_OUT", "iban"),
            _alone("CASH_OUT", "externalAccountId"),
            _alone("TRANSFER", "targetWalletId"),
        ]
    }
    default_error_messages = {"one_only": "Must not be sent together with iban."}

    type = fields.Choice(list(OWN_FIELDS))
    target_wallet_id = fields.Id(required=False)
    iban = BankAccount(required=False)
    external_account_id = fields.Id(required=False)
    amount = fields.Amount()

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if "type" not in values:
            return {}
        own = OWN_FIELDS[values["type"]]
        others = {name for names in OWN_FIELDS.values() for name in names if name not in own}
        wrong = {name: "unknown_field" for name in others if name in given}
        named = [name for name in own if name in given]
        if own and not named:
            wrong[own[0]] = "required"
        return wrong | dict.fromkeys(named[1:], "one_only")


class BatchBody(fields.Serializer):
    """Up to 1,000 movements of one wallet, executed together: all or none."""

    together = {
        "allOf": [{"properties": {"movements": {"minItems": 1, "maxItems": LARGEST_BATCH}}}],
    }
    movements: ListSerializer[Any] = ListSerializer(
        child=MovementBody(), allow_empty=False, max_length=LARGEST_BATCH
    )

    def get_initial(self) -> dict[str, Any]:
        return {"movements": [MovementBody().get_initial()]}


class Movements(fields.Serializer):
    """A list of movements."""

    movements: ListSerializer[Any] = ListSerializer(child=MovementAnswer())


class BatchMade(NamedTuple):
    """The movements that a batch created in its wallet, and the address of their list."""

    operation_id: UUID
    movements: Iterable[Any]
    where: str
    key: str | None


class BatchAnswer(fields.Serializer):
    """The movements that the batch created in its wallet, in the order of its items."""

    operation_id = fields.Id(read_only=True)
    _links = SerializerMethodField(method_name="links")
    _embedded = SerializerMethodField(method_name="embedded")

    @extend_schema_field(LINKS)
    def links(self, batch: BatchMade) -> dict[str, Any]:
        return hrefs({"self": batch.where})

    @extend_schema_field(Movements)
    def embedded(self, batch: BatchMade) -> dict[str, Any]:
        answer, key = MovementAnswer(context=self.context), {"idempotencyKey": batch.key}
        return {"movements": [answer.to_representation(each) | key for each in batch.movements]}


class ReversalBody(Words):
    """The `amount` to reverse; the full remaining amount by default."""

    amount = fields.Amount(required=False)


class MovementChange(fields.Serializer):
    """CANCELLED cancels a pending cash-out; nothing else can be changed."""

    status = fields.Choice(("CANCELLED",))


EXPANSIONS: Final = ("counterparty",)


class OneMovementQuery(fields.Serializer):
    """What is shown of a movement beside its own fields."""

    expand = fields.Several(
        fields.Choice(EXPANSIONS),
        required=False,
        help_text="`counterparty` needs the scope `users:read`.",
    )


class MovementQuery(AmountQuery, OneMovementQuery):
    """The filters of the list of movements."""

    status = fields.Several(fields.Choice(Movement.Status), required=False)
    type = fields.Several(fields.Choice(Movement.Type), required=False)
    direction = fields.Choice(("IN", "OUT"), required=False)
    operation_id = fields.Id(required=False)
    hold_id = fields.Id(required=False)
    reversal_of = fields.Id(required=False, help_text="The movement that was reversed.")
    counterparty_wallet_id = fields.Several(fields.Id(), required=False)
    iban = fields.Several(
        fields.Iban(), required=False, help_text="The bank accounts to which cash-outs went."
    )


class MovementsQuery(AcrossWallets, MovementQuery):
    """The filters of the list of movements across wallets."""
