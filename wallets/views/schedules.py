"""The endpoints of scheduled operations and of their executions."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from iocash import errors
from iocash.db.transactions import read_back
from iocash.http.operations import operation
from iocash.http.pages import Listing, Parts, ScanningPages
from iocash.http.rendering import Response
from iocash.http.views import Created
from wallets.models import ScheduledOperation, ScheduledRun
from wallets.models.schedules import ScheduledOperationQuerySet, ScheduledRunQuerySet
from wallets.orders.schedules import ChangeSchedule, CreateSchedule
from wallets.serializers.scheduled import ScheduledExecutionAnswer, ScheduledOperationAnswer
from wallets.serializers.schedules import (
    ScheduledExecutionQuery,
    ScheduledOperationBody,
    ScheduledOperationChange,
    ScheduledOperationQuery,
)
from wallets.views.base import OrderView, of_wallets, parts_of


class ScheduledOperationView(OrderView):
    scope = "movements"
    model = ScheduledOperation
    serializer_class = ScheduledOperationAnswer
    versioned = True

    def schedules(self, wallet_id: UUID) -> ScheduledOperationQuerySet:
        return ScheduledOperation.objects.owned_by(self.caller.client_id).filter(wallet=wallet_id)

    def schedule(self, wallet_id: UUID, schedule_id: UUID) -> ScheduledOperation:
        return get_object_or_404(self.schedules(wallet_id), id=schedule_id)

    def shown(self, schedule: ScheduledOperation) -> Response:
        return Response(self.show(schedule), headers=self.tag(schedule))


def rows_of_schedules(client_id: UUID | None, filters: dict[str, Any]) -> Parts:
    """The scheduled operations of a client that the filters leave."""
    every = ScheduledOperation.objects.owned_by(client_id)
    wallets = of_wallets(filters["wallet__in"])
    if statuses := filters.get("status"):
        return parts_of(every.filter(status__in=statuses), wallets, every)
    return parts_of(every, wallets)


class ScheduledOperationListView(ScheduledOperationView):
    """The scheduled operations of a wallet."""

    title = "Scheduled operations of a wallet"
    collection = "scheduledOperations"
    pagination_class = ScanningPages

    @operation(
        name="list_scheduled_operations",
        query=ScheduledOperationQuery,
        spends_proof=True,
        reads_replica=True,
    )
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """List the scheduled operations of a wallet.

        The payments that the server repeats, ended ones included: filter by `status`.
        """
        filters = self.filters_of_wallet(wallet_id)
        values = {"client_id": self.listed_client, "filters": filters}
        return self.page(Listing(rows_of_schedules, values))

    @operation(
        name="create_scheduled_operation",
        body=ScheduledOperationBody,
        keyed=True,
        refuses=(*CreateSchedule.refuses, errors.Overloaded),
    )
    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Schedule a payment.

        The server makes each payment that becomes due exactly once, and records what came of it as
        an execution. A payment without funds fails: it is not retried, unless `retryUntil` asks for
        it. Dates are counted from `startDate` and never drift: from 31 January, a monthly payment
        is made on 28 February and on 31 March.
        """
        order = CreateSchedule(**self.common(wallet_id), key=self.key, **order_fields(self.body()))
        outcome = self.submit(order)
        schedule = read_back(partial(self.schedule, wallet_id, outcome.id))
        shown = self.show(schedule)
        headers = self.tag(schedule) | self.replayed(outcome)
        return Created(shown, shown["_links"]["self"]["href"], headers=headers)


def order_fields(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of the order of a valid body."""
    receiver, schedule = body.pop("receiver"), body.pop("schedule", {})
    trigger, duration = body.pop("trigger", {}), schedule.pop("duration", {})
    account, value = receiver["account"], duration.get("value")
    has_id = len(account) == len(str(UUID(int=0))) and account.count("-")
    to_wallet = receiver["type"] == ScheduledOperation.Receiver.WALLET
    is_once = schedule.get("frequency") == ScheduledOperation.Frequency.ONCE
    is_number = isinstance(value, int)
    values = {
        **body,
        **schedule,
        "receiver": str(receiver["type"]),
        "target_id": UUID(account) if to_wallet else None,
        "account_id": UUID(account) if has_id and not to_wallet else None,
        "iban": "" if to_wallet or has_id else account.replace(" ", ""),
        "count": value if is_number else 1 if is_once and value is None else None,
        "end_date": None if is_number else value,
    }
    if trigger:
        values["trigger"] = str(trigger["type"])
        values["threshold"] = trigger["target"]
        values["watched_id"] = trigger.get("watched_wallet_id")
    return {name: value for name, value in values.items() if value is not None}


class ScheduledOperationDetailView(ScheduledOperationView):
    """One scheduled operation."""

    title = "Scheduled operation"

    @operation(name="get_scheduled_operation")
    def get(self, request: Request, wallet_id: UUID, schedule_id: UUID) -> Response:
        """Get a scheduled operation.

        With the number and the time of its next execution.
        """
        return self.shown(self.schedule(wallet_id, schedule_id))

    @operation(
        name="update_scheduled_operation",
        body=ScheduledOperationChange,
        refuses=(*ChangeSchedule.refuses, errors.Overloaded),
    )
    def patch(self, request: Request, wallet_id: UUID, schedule_id: UUID) -> Response:
        """Pause, resume, cancel or change a scheduled operation.

        Executions that become due while it is PAUSED are skipped, and count. After CANCELLED was
        answered there are no further executions. Receiver and dates can't be changed: cancel it,
        and create another.
        """
        change = self.body()
        order = ChangeSchedule(
            **self.common(wallet_id),
            if_match=self.if_match,
            schedule_id=schedule_id,
            alias=text_of_change(change, "alias"),
            concept=text_of_change(change, "concept"),
            amount=change.get("amount"),
            new_status=change.get("status"),
        )
        self.submit(order)
        return self.shown(read_back(partial(self.schedule, wallet_id, schedule_id)))


def text_of_change(change: dict[str, Any], name: str) -> str | None:
    """A text to change; blank: remove it, None: leave it."""
    return change[name] or "" if name in change else None


class ScheduledExecutionView(OrderView):
    scope = "movements"
    model = ScheduledOperation
    serializer_class = ScheduledExecutionAnswer

    def runs(self, wallet_id: UUID, schedule_id: UUID) -> ScheduledRunQuerySet:
        every = ScheduledRun.objects.owned_by(self.caller.client_id).seen()
        return every.filter(wallet=wallet_id, schedule=schedule_id)


def rows_of_runs(client_id: UUID | None, schedule_id: UUID, filters: dict[str, Any]) -> Parts:
    """The executions of a scheduled operation that the filters leave."""
    every = ScheduledRun.objects.owned_by(client_id).filter(schedule=schedule_id)
    wallets = of_wallets(filters["wallet__in"])
    if statuses := filters.get("status"):
        return parts_of(every.seen().with_standing(statuses), wallets, every)
    return parts_of(every.seen(), wallets)


class ScheduledExecutionListView(ScheduledExecutionView):
    """The executions of a scheduled operation."""

    title = "Executions of a scheduled operation"
    collection = "executions"
    pagination_class = ScanningPages

    @operation(name="list_scheduled_executions", query=ScheduledExecutionQuery, reads_replica=True)
    def get(self, request: Request, wallet_id: UUID, schedule_id: UUID) -> Response:
        """List the executions of a scheduled operation.

        One for each time that it was due: paid, failed or skipped. One to a bank account is PENDING
        until its cash-out has ended.
        """
        schedules = ScheduledOperation.objects.owned_by(self.caller.client_id)
        schedule = get_object_or_404(schedules, wallet=wallet_id, id=schedule_id)
        filters = {**self.filters(), "wallet__in": [wallet_id]}
        about = {"client_id": schedule.client_id, "schedule_id": schedule_id}
        return self.page(Listing(rows_of_runs, {**about, "filters": filters}))


class ScheduledExecutionDetailView(ScheduledExecutionView):
    """One execution of a scheduled operation."""

    title = "Execution of a scheduled operation"

    @operation(name="get_scheduled_execution")
    def get(
        self, request: Request, wallet_id: UUID, schedule_id: UUID, execution_id: UUID
    ) -> Response:
        """Get an execution of a scheduled operation.

        With its movement, or the code of why there is none.
        """
        run = get_object_or_404(self.runs(wallet_id, schedule_id), id=execution_id)
        return Response(self.show(run))
