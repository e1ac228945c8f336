"""Bodies, queries and answers about movements."""

from __future__ import annotations

from collections.abc import Iterable, Set
from functools import cached_property
from typing import Any, Final, NamedTuple
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import ListSerializer, SerializerMethodField

from iocash.http import fields
from iocash.http.links import LINKS, location
from iocash.http.serializers import Variant
from users.serializers.users import METADATA, UPDATED_AT
from wallets.models import Movement
from wallets.serializers.shared import (
    HOLDER,
    HOLDER_NAME,
    AcrossWallets,
    AmountQuery,
    HolderName,
    PayeeIban,
    ReferenceAnswer,
    Words,
    hrefs,
)

LARGEST_BATCH: Final = 1_000


class Direction(fields.Choice):
    """IN: the balance of the wallet grows. OUT: it shrinks."""

    words = ("IN", "OUT")


class CounterpartyAnswer(fields.Serializer):
    """The other wallet of a payment, and its owner."""

    wallet_id = fields.Id(read_only=True, help_text="The other wallet.")
    user_id = fields.Id(read_only=True, help_text="The user who owns the other wallet.")
    name = fields.Text(
        201,
        read_only=True,
        allow_null=True,
        example="Bob Example",
        help_text="The name of that user: first and last name, or the company's. Null after "
        "erasure.",
    )


class MovementAnswer(fields.Serializer):
    """One change of the balance of one wallet. A transfer creates one in each wallet."""

    id = fields.Id(read_only=True, help_text="The id of the movement.")
    wallet_id = fields.Id(read_only=True, help_text="The wallet whose balance changes.")
    operation_id = fields.Id(
        read_only=True,
        help_text="The same for all movements of one request: both sides of a transfer, all items "
        "of a batch.",
    )
    type = fields.Choice(Movement.Type, read_only=True)
    direction = Direction(read_only=True)
    status = fields.Choice(Movement.Status, read_only=True)
    amount = fields.Money(
        source="magnitude",
        example="12.50",
        help_text="The amount, in units of `currency`; never negative, see `direction`.",
    )
    reversed_amount = fields.Money(
        example="0.00",
        help_text="The sum of the movement's reversals, in units of `currency`.",
    )
    currency = fields.Currency(read_only=True)
    reference = ReferenceAnswer()
    concept = fields.Text(
        140,
        read_only=True,
        allow_null=True,
        example="Lunch",
        help_text="What it is for. Null: none, or erased.",
    )
    counterparty_wallet_id = fields.Id(
        source="counterparty_id",
        read_only=True,
        allow_null=True,
        help_text="The other wallet of a transfer or of its reversal. Null: there is none.",
    )
    counterparty = CounterpartyAnswer(
        source="counterparty_shown",
        read_only=True,
        allow_null=True,
        help_text="The other wallet and its owner. Null without `expand=counterparty`, and if "
        "there is none.",
    )
    hold_id = fields.Id(
        read_only=True,
        allow_null=True,
        help_text="The hold that this movement pays. Null: it pays none.",
    )
    reversal_of = fields.Id(
        source="reversal_of_id",
        read_only=True,
        allow_null=True,
        help_text="The movement of this wallet that this one reverses. Null: it is no reversal.",
    )
    balance_after = fields.Money(
        allow_null=True,
        example="87.50",
        help_text="The settled balance of the wallet after this movement, in units of `currency`. "
        "Null: it is not settled.",
    )
    iban = fields.Iban(
        read_only=True,
        allow_null=True,
        help_text="The bank account that a cash-out pays. Null for other types, and after erasure.",
    )
    holder_name = fields.Text(
        70,
        read_only=True,
        allow_null=True,
        example=HOLDER,
        help_text=f"{HOLDER_NAME} Null: none, or erased.",
    )
    external_account_id = fields.Id(
        read_only=True,
        allow_null=True,
        help_text="The external account that a cash-out pays. Null: none was named.",
    )
    idempotency_key = fields.Text(
        255,
        read_only=True,
        allow_null=True,
        example="order-1234",
        help_text="The `Idempotency-Key` that created it. Null: there was none.",
    )
    reason = fields.Text(
        140,
        read_only=True,
        allow_null=True,
        example="Account closed",
        help_text="Why staff rejected the cash-out, or adjusted the balance. Null: none.",
    )
    metadata = fields.StringMap(read_only=True, allow_null=True, help_text=METADATA)
    created_at = fields.Moment(read_only=True, help_text="When the movement was created.")
    updated_at = fields.Moment(source="changed_at", read_only=True, help_text=UPDATED_AT)
    sent_at = fields.Moment(
        read_only=True,
        allow_null=True,
        help_text="When staff sent the cash-out to the bank. From then on it can't be cancelled. "
        "Null: it was not sent.",
    )
    settled_at = fields.Moment(
        read_only=True,
        allow_null=True,
        help_text="When the balance changed. Null: it has not.",
    )
    ended_at = fields.Moment(
        source="over_at",
        read_only=True,
        allow_null=True,
        help_text="When the movement settled, or was rejected or cancelled. Null: it is pending.",
    )
    _links = SerializerMethodField(method_name="links")

    @cached_property
    def wallets(self) -> str:
        """The address of the wallets, for the links of all movements of a page."""
        return location(self.context["request"], "wallets")

    @extend_schema_field(LINKS)
    def links(self, movement: Movement) -> dict[str, Any]:
        wallets, other = self.wallets, movement.counterparty_id
        wallet = f"{wallets}/{movement.wallet_id}"
        links = {"self": f"{wallet}/movements/{movement.id}", "wallet": wallet}
        if other:
            links["counterpartyWallet"] = f"{wallets}/{other}"
        if movement.hold_id:
            payer = movement.wallet_id if movement.amount < 0 else other or movement.wallet_id
            links["hold"] = f"{wallets}/{payer}/holds/{movement.hold_id}"
        if movement.reversal_of_id:
            links["reversalOf"] = f"{wallet}/movements/{movement.reversal_of_id}"
        return hrefs(links)


class MovementDryRun(MovementAnswer):
    """The movement that the request would create. It has no id, and `createdAt` is now."""

    id = None  # type: ignore[assignment]  # how a serializer leaves out an inherited field
    operation_id = None  # type: ignore[assignment]

    @extend_schema_field(LINKS)
    def links(self, movement: Any) -> dict[str, Any]:
        links = MovementAnswer.links(self, movement)
        return {rel: link for rel, link in links.items() if rel != "self"}


OWN_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    Movement.Type.CASH_IN: (),
    Movement.Type.CASH_OUT: ("iban", "external_account_id"),
    Movement.Type.TRANSFER: ("target_wallet_id",),
}
"""The types that a client can order, and the fields of which each needs one."""


class MovementBody(Words):
    """A cash-in, a cash-out to a bank account, or a transfer to another wallet.

    A CASH_OUT has an `iban`, perhaps with `holderName`, or the id of one of the wallet's external
    accounts, which has its own.
    """

    told_apart_by = "type"
    variants = {
        Movement.Type.CASH_IN: Variant(
            "CashInBody", "Money that comes in from outside. Requires `cash-in:write` too."
        ),
        Movement.Type.CASH_OUT: Variant(
            "CashOutBody",
            "Money that is paid to a bank account: to an `iban`, perhaps with `holderName`, or to "
            "an external account of the wallet, which has its own. Send one of the two, not both.",
            ("iban", "holderName", "externalAccountId"),
        ),
        Movement.Type.TRANSFER: Variant(
            "TransferBody",
            "Money that is paid to another wallet of the same currency.",
            ("targetWalletId",),
            required=("targetWalletId",),
        ),
    }
    default_error_messages = {
        "one_only": "Must not be sent together with iban.",
        "with_iban_only": "Must be sent together with iban only.",
    }

    type = fields.Choice(list(OWN_FIELDS))
    target_wallet_id = fields.Id(required=False, help_text="The wallet that is paid.")
    iban = PayeeIban(required=False)
    holder_name = HolderName()
    external_account_id = fields.Id(
        required=False, help_text="The external account of the wallet that is paid."
    )
    amount = fields.Amount(
        example="12.50",
        help_text="The amount, in units of the wallet's currency, with at most its decimals.",
    )

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if "type" not in values:
            return {}
        own = OWN_FIELDS[values["type"]]
        others = {name for names in OWN_FIELDS.values() for name in names if name not in own}
        wrong = {name: "unknown_field" for name in others if name in given}
        named = [name for name in own if name in given]
        if "holder_name" in given and "iban" not in named:
            wrong["holder_name"] = "with_iban_only" if "iban" in own else "unknown_field"
        if own and not named:
            wrong[own[0]] = "required"
        return wrong | dict.fromkeys(named[1:], "one_only")


class BatchBody(fields.Serializer):
    """Up to 1,000 movements of one wallet, executed together: all or none."""

    movements = fields.Items(
        child=MovementBody(),
        allow_empty=False,
        max_length=LARGEST_BATCH,
        help_text="The movements, in the order in which they are checked and executed.",
    )

    def get_initial(self) -> dict[str, Any]:
        return {"movements": [MovementBody().get_initial()]}


class Movements(fields.Serializer):
    """A list of movements."""

    movements: ListSerializer[Any] = ListSerializer(
        child=MovementAnswer(), help_text="The movements."
    )


class BatchMade(NamedTuple):
    """The movements that a batch created in its wallet, and the address of their list."""

    operation_id: UUID
    movements: Iterable[Any]
    where: str
    key: str | None


class BatchAnswer(fields.Serializer):
    """The movements that the batch created in its wallet, in the order of its items."""

    operation_id = fields.Id(
        read_only=True, help_text="The operation; filter the list of movements by it."
    )
    _links = SerializerMethodField(method_name="links")
    _embedded = SerializerMethodField(method_name="embedded")

    @extend_schema_field(LINKS)
    def links(self, batch: BatchMade) -> dict[str, Any]:
        return hrefs({"self": batch.where})

    @extend_schema_field(Movements)
    def embedded(self, batch: BatchMade) -> dict[str, Any]:
        answer, key = MovementAnswer(context=self.context), {"idempotencyKey": batch.key}
        return {"movements": [answer.to_representation(each) | key for each in batch.movements]}


class DryRunMovements(fields.Serializer):
    """A list of movements that would be created."""

    movements: ListSerializer[Any] = ListSerializer(
        child=MovementDryRun(), help_text="The movements."
    )


class BatchDryRun(fields.Serializer):
    """The movements that the batch would create in its wallet, in the order of its items."""

    _links = SerializerMethodField(method_name="links")
    _embedded = SerializerMethodField(method_name="embedded")

    @extend_schema_field(LINKS)
    def links(self, movements: Iterable[Any]) -> dict[str, Any]:
        """None: nothing exists. Clients that expect the answer of the real request read them."""
        return {}

    @extend_schema_field(DryRunMovements)
    def embedded(self, movements: Iterable[Any]) -> dict[str, Any]:
        answer = MovementDryRun(context=self.context)
        return {"movements": [answer.to_representation(each) for each in movements]}


class ReversalBody(Words):
    """The `amount` to reverse; the full remaining amount by default."""

    amount = fields.Amount(
        required=False,
        example="2.50",
        help_text="What to reverse, in units of the wallet's currency; at most what is not yet "
        "reversed. Left out: all of it.",
    )


class MovementChange(fields.Serializer):
    """CANCELLED cancels a pending cash-out; nothing else can be changed."""

    status = fields.Choice(("CANCELLED",), help_text="Cancel the pending cash-out.")


class OneMovementQuery(fields.Serializer):
    """What is shown of a movement beside its own fields."""

    expand = fields.Several(
        fields.Choice(("counterparty",)),
        required=False,
        help_text="`counterparty` needs the scope `users:read`.",
    )


class MovementQuery(AmountQuery, OneMovementQuery):
    """The filters of the list of movements."""

    status = fields.Several(
        fields.Choice(Movement.Status),
        required=False,
        help_text="Only movements with one of these statuses.",
    )
    type = fields.Several(
        fields.Choice(Movement.Type),
        required=False,
        help_text="Only movements of one of these types.",
    )
    direction = Direction(required=False, help_text="Only incoming or only outgoing movements.")
    operation_id = fields.Id(required=False, help_text="Only the movements of this operation.")
    hold_id = fields.Id(required=False, help_text="Only the movements that paid this hold.")
    reversal_of = fields.Id(
        required=False, help_text="Only the movements that reverse this movement."
    )
    counterparty_wallet_id = fields.Several(
        fields.Id(),
        required=False,
        help_text="Only movements whose other wallet is one of these.",
    )
    iban = fields.Several(
        fields.Iban(),
        required=False,
        help_text="Only the cash-outs to one of these bank accounts.",
    )


class MovementsQuery(AcrossWallets, MovementQuery):
    """The filters of the list of movements across wallets."""
