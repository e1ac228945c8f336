"""The bodies of events about wallets and what they have: each has the wallet's money afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from iocash.db.prepared import read_each
from iocash.http import fields
from users.models import Event
from users.models.events import EventKind
from users.serializers import event_bodies
from users.serializers.event_bodies import EventDescription
from wallets.models import Hold, Movement, Wallet
from wallets.serializers.movements import Direction

BEFORE: Final = "Null: the event was recorded by a version before 0.2.0."


class WalletEventBody(fields.Serializer):
    """The money of the wallet after the change.

    Keep a copy of every balance: take over these values when `seq` is not below that of the last
    event of the wallet.
    """

    currency = fields.Currency(read_only=True)
    balance = fields.Money(
        allow_null=True,
        example="87.50",
        help_text=f"The settled balance after the change, in units of `currency`. {BEFORE}",
    )
    held_balance = fields.Money(
        source="held",
        allow_null=True,
        example="0.00",
        help_text="What holds and pending cash-outs reserve after the change, in units of "
        f"`currency`. {BEFORE}",
    )
    seq = fields.Whole(
        0,
        10**18,
        read_only=True,
        allow_null=True,
        example=3,
        help_text=f"How many movements of the wallet have settled. {BEFORE}",
    )


class WalletOpenedBody(WalletEventBody):
    """The owner of a new wallet, which has no money."""

    user_id = fields.Id(source="user", read_only=True, help_text="The user who owns the wallet.")


class WalletReasonBody(WalletEventBody):
    """Why staff did it, and the money of the wallet."""

    reason = fields.Text(
        30, read_only=True, example="SUSPECTED_FRAUD", help_text="The reason, as a code."
    )


class FreezeEventBody(WalletEventBody):
    """What the institution froze or lifted, and the money of the wallet after the change."""

    amount = fields.Money(
        example="25.00", help_text="The amount that was frozen or lifted, in units of `currency`."
    )


class AlertEventBody(WalletEventBody):
    """The alert of the wallet, and its money after the movement."""

    alert_below = fields.Money(
        example="20.00", help_text="The `alertBelow` of the wallet, in units of `currency`."
    )


class MovementEventBody(WalletEventBody):
    """The movement, and the money of its wallet after the change."""

    type = fields.Choice(Movement.Type, read_only=True, example="TRANSFER")
    direction = Direction(read_only=True, example="OUT")
    amount = fields.Money(
        example="12.50",
        help_text="The amount of the movement, in units of `currency`; never negative.",
    )
    counterparty_wallet_id = fields.Id(
        read_only=True,
        allow_null=True,
        help_text="The other wallet of a transfer. Null: there is none.",
    )
    hold_id = fields.Id(
        read_only=True, allow_null=True, help_text="The hold that it pays. Null: none."
    )
    reversal_of = fields.Id(
        read_only=True, allow_null=True, help_text="The movement that it reverses. Null: none."
    )
    external_account_id = fields.Id(
        read_only=True,
        allow_null=True,
        help_text="The external account that a cash-out pays. Null: none was named.",
    )


class EventMoment(fields.Moment):
    """A time that the data of an event contain as text."""

    def to_representation(self, value: Any) -> str:
        return fields.Moment.to_representation(datetime.fromisoformat(value))


class HoldEventBody(WalletEventBody):
    """The hold, and the money of its wallet after the change."""

    target_wallet_id = fields.Id(read_only=True, help_text="The wallet that an execution pays.")
    amount = fields.Money(
        example="30.00", help_text="What was reserved at first, in units of `currency`."
    )
    remaining_amount = fields.Money(
        source="remaining",
        allow_null=True,
        example="20.00",
        help_text=f"What the hold reserves after the change, in units of `currency`. {BEFORE}",
    )
    expiration = EventMoment(
        source="expires_at",
        read_only=True,
        allow_null=True,
        help_text="When the hold expires, after the change. Null: never.",
    )


class ScheduledOperationEventBody(WalletEventBody):
    """Why staff changed the scheduled operation, and the money of its wallet."""

    reason = fields.Text(
        30,
        read_only=True,
        allow_null=True,
        example="CUSTOMER_REQUEST",
        help_text="The reason of staff, as a code. Null: staff did not do it.",
    )


class ScheduledExecutionEventBody(WalletEventBody):
    """The execution, and the money of the wallet afterwards."""

    scheduled_operation_id = fields.Id(
        source="schedule", read_only=True, help_text="The scheduled operation."
    )
    number = fields.Text(
        10, read_only=True, example="3", help_text="The number of the execution, from 1 on."
    )
    movement_id = fields.Id(
        source="movement",
        read_only=True,
        allow_null=True,
        help_text="The movement that it made. Null: it failed, or was skipped.",
    )
    error_code = fields.Text(
        40,
        read_only=True,
        allow_null=True,
        source="code",
        example="insufficient_funds",
        help_text="Why it failed or was skipped. Null: it has a movement.",
    )


WALLET_KINDS: Final[Mapping[EventKind, EventDescription]] = {
    EventKind.WALLET_OPENED: EventDescription("A wallet was opened.", WalletOpenedBody),
    EventKind.WALLET_CHANGED: EventDescription(
        "Alias, metadata or DLT address of the wallet changed.", WalletEventBody
    ),
    EventKind.WALLET_IBAN_CREATED: EventDescription("The wallet got its IBAN.", WalletEventBody),
    EventKind.WALLET_BLOCKED: EventDescription("Staff blocked the wallet.", WalletReasonBody),
    EventKind.WALLET_UNBLOCKED: EventDescription("Staff unblocked the wallet.", WalletReasonBody),
    EventKind.WALLET_AMOUNT_FROZEN: EventDescription(
        "Staff froze an amount at the request of an authority; it is held.", FreezeEventBody
    ),
    EventKind.WALLET_AMOUNT_UNFROZEN: EventDescription(
        "Staff lifted a freeze; its amount is available again.", FreezeEventBody
    ),
    EventKind.WALLET_BALANCE_BELOW: EventDescription(
        "A movement has brought the balance below `alertBelow`. It follows `movement.settled`.",
        AlertEventBody,
    ),
    EventKind.WALLET_UNSUBSCRIBED: EventDescription("The wallet was closed.", WalletEventBody),
    EventKind.MOVEMENT_SETTLED: EventDescription(
        "A movement settled: the balance changed, and `seq` increased by one.", MovementEventBody
    ),
    EventKind.MOVEMENT_PENDING: EventDescription(
        "A cash-out was requested; its amount is held.", MovementEventBody
    ),
    EventKind.MOVEMENT_SENT: EventDescription(
        "Staff sent a cash-out to the bank.", MovementEventBody
    ),
    EventKind.MOVEMENT_RECALLED: EventDescription(
        "Staff took a sent cash-out back before it reached the bank: it waits to be sent again.",
        MovementEventBody,
    ),
    EventKind.MOVEMENT_ERROR: EventDescription(
        "Staff rejected a cash-out; its amount is available again.", MovementEventBody
    ),
    EventKind.MOVEMENT_CANCELLED: EventDescription(
        "A cash-out was cancelled; its amount is available again.", MovementEventBody
    ),
    EventKind.HOLD_PLACED: EventDescription("A hold was placed.", HoldEventBody),
    EventKind.HOLD_RENEWED: EventDescription("The expiration of a hold changed.", HoldEventBody),
    EventKind.HOLD_PARTLY_EXECUTED: EventDescription(
        "A part of a hold was paid, and the rest stays reserved. `movement.settled` follows.",
        HoldEventBody,
    ),
    EventKind.HOLD_EXECUTED: EventDescription(
        "A hold was paid; what was left is available again. `movement.settled` follows.",
        HoldEventBody,
    ),
    EventKind.HOLD_RELEASED: EventDescription(
        "A hold was released; its amount is available again.", HoldEventBody
    ),
    EventKind.HOLD_EXPIRED: EventDescription(
        "A hold expired; its amount is available again. The event is recorded later than the "
        "expiration.",
        HoldEventBody,
    ),
    EventKind.EXTERNAL_ACCOUNT_ADDED: EventDescription(
        "A bank account was added to a wallet.", WalletEventBody
    ),
    EventKind.EXTERNAL_ACCOUNT_CHANGED: EventDescription(
        "The metadata of a bank account changed.", WalletEventBody
    ),
    EventKind.EXTERNAL_ACCOUNT_REMOVED: EventDescription(
        "A bank account was removed.", WalletEventBody
    ),
    EventKind.SCHEDULED_OPERATION_CREATED: EventDescription(
        "A scheduled operation was created.", ScheduledOperationEventBody
    ),
    EventKind.SCHEDULED_OPERATION_CHANGED: EventDescription(
        "Alias, concept or amount of a scheduled operation changed.", ScheduledOperationEventBody
    ),
    EventKind.SCHEDULED_OPERATION_PAUSED: EventDescription(
        "A scheduled operation was paused: executions that become due are skipped.",
        ScheduledOperationEventBody,
    ),
    EventKind.SCHEDULED_OPERATION_RESUMED: EventDescription(
        "A paused scheduled operation goes on.", ScheduledOperationEventBody
    ),
    EventKind.SCHEDULED_OPERATION_CANCELLED: EventDescription(
        "A scheduled operation was cancelled, or its wallet was closed.",
        ScheduledOperationEventBody,
    ),
    EventKind.SCHEDULED_OPERATION_COMPLETED: EventDescription(
        "The last execution of a scheduled operation is over.", ScheduledOperationEventBody
    ),
    EventKind.SCHEDULED_EXECUTION_SUCCEEDED: EventDescription(
        "An execution has paid a wallet. It follows `movement.settled`.",
        ScheduledExecutionEventBody,
    ),
    EventKind.SCHEDULED_EXECUTION_PENDING: EventDescription(
        "An execution has requested a cash-out, whose own events tell how it ends.",
        ScheduledExecutionEventBody,
    ),
    EventKind.SCHEDULED_EXECUTION_FAILED: EventDescription(
        "The payment of an execution was refused, as `errorCode` says.",
        ScheduledExecutionEventBody,
    ),
    EventKind.SCHEDULED_EXECUTION_SKIPPED: EventDescription(
        "An execution was not tried, as `errorCode` says.", ScheduledExecutionEventBody
    ),
}
"""Each kind, in the order of the documentation."""


def load(events: Sequence[Event]) -> dict[UUID, dict[str, Any]]:
    """Read what the bodies of these events need beside their data, in one trip."""
    of_wallets = [each for each in events if each.wallet_id]
    if not of_wallets:
        return {}
    clients = {each.client_id for each in of_wallets}
    wanted: list[tuple[type[Any], set[UUID]]] = [
        (Wallet, {each.wallet_id for each in of_wallets if each.wallet_id}),
        *((kind, subject_ids(of_wallets, subject)) for subject, kind in SUBJECTS.items()),
    ]
    asked = [(kind, ids) for kind, ids in wanted if ids]
    rows = read_each(
        *(kind._default_manager.filter(client__in=clients, id__in=ids) for kind, ids in asked)
    )
    found = {row.id: row for some in rows for row in some}
    return {each.id: about(each, found) for each in of_wallets}


SUBJECTS: Final[Mapping[str, type[Any]]] = {"movement": Movement, "hold": Hold}
"""What events are about that is read for their bodies."""


def subject_ids(events: Iterable[Event], subject: str) -> set[UUID]:
    return {each.subject_id for each in events if each.subject == subject}


def about(event: Event, found: Mapping[UUID, Any]) -> dict[str, Any]:
    """What never changes of the wallet, and of the movement or hold, that an event is about."""
    values = {"currency": found[event.wallet_id].currency} if event.wallet_id else {}
    row = found.get(event.subject_id)
    if isinstance(row, Movement):
        values |= {
            "operation_id": row.operation_id,
            "type": row.type,
            "direction": row.direction,
            "amount": row.magnitude,
            "counterparty_wallet_id": row.counterparty_id,
            "hold_id": row.hold_id,
            "reversal_of": row.reversal_of_id,
            "external_account_id": row.external_account_id,
        }
    if isinstance(row, Hold):
        values |= {"target_wallet_id": row.target_id, "amount": row.amount}
    return values


event_bodies.describe(WALLET_KINDS, load)
