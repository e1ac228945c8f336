"""The operations of sandboxes: the clock, one-time passwords, and what banks and providers do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Final
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from iocash import errors, money
from iocash.db import clock
from iocash.db.sandbox import is_sandbox
from iocash.db.transactions import read_back
from iocash.http import fields, problems
from iocash.http.chapters import SANDBOX
from iocash.http.operations import operation
from iocash.http.rendering import Response
from iocash.times import Duration, duration_text
from iocash.worker.ahead import advance_with_duties
from users import otp
from users.kyc import identity
from users.models import IdentityVerification, Sandbox, User
from users.models.sandbox import advance_clock_to
from users.serializers.identity import IdentityVerificationAnswer, verification_values
from users.serializers.users import Nothing
from wallets import posting
from wallets.bank import simulated
from wallets.books.rows import count_minor
from wallets.models import Movement, Wallet
from wallets.orders.payments import BANK, CashIn
from wallets.serializers.movements import MovementAnswer
from wallets.serializers.sandbox import (
    BankTransferAnswer,
    BankTransferBody,
    ClockAnswer,
    ClockBody,
    LastOtpAnswer,
    RejectBody,
    SimulatedIdentityBody,
)
from wallets.views.base import OrderView

LAST_TIME: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""The clock of a sandbox does not pass it."""
NO_TIME: Final = errors.FieldError("advance", "min_value", "Must be greater than zero.")
TOO_FAR: Final = errors.FieldError("advance", "max_value", "Must be at most a year.")
TOO_LATE: Final = errors.FieldError(
    "advance", "max_value", "The clock of a sandbox ends in the year 2100."
)


class SandboxView(OrderView):
    """A view that exists in sandboxes only: elsewhere its address is unknown."""

    scope = "sandbox"
    reading_scope = "write"
    chapter = SANDBOX
    model = None  # type: ignore[assignment]  # staff use the back office
    path_fields: ClassVar[dict[str, fields.Field]] = {
        **OrderView.path_fields,
        "user_id": fields.Id(help_text="The id of the user."),
    }

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not is_sandbox():
            return problems.unknown_path(request)
        return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let only clients in.

        Raises:
            PermissionDenied: the caller is a member of staff.
        """
        super().initial(request, *args, **kwargs)
        if self.caller.client_id is None:
            raise errors.PermissionDenied("This operation requires a client's API key.")

    def user(self, user_id: UUID) -> User:
        return get_object_or_404(User, client=self.client_id, id=user_id)


class SandboxClockView(SandboxView):
    """The clock of the sandbox."""

    title = "Clock of the sandbox"
    serializer_class = ClockAnswer

    @operation(name="get_sandbox_clock", refuses=(errors.NotFound,))
    def get(self, request: Request) -> Response:
        """Read the clock.

        In sandboxes only: the time, and how far it is ahead of the real one. Without a worker, what
        has become due since the clock was advanced is done when it is advanced again.
        """
        return Response(self.show(clock_answer(clock.now())))

    @operation(
        name="advance_sandbox_clock",
        body=ClockBody,
        statuses=(HTTPStatus.OK,),
        refuses=(errors.NotFound,),
    )
    def post(self, request: Request) -> Response:
        """Advance the clock.

        In sandboxes only. The clock is that of the whole server, for all of its clients. What
        becomes due on the way is done at its time and in its order, before the response: holds
        expire, scheduled operations are executed, KYC levels and approvals end. Two requests at the
        same time don't add up.
        """
        begun = clock.now()
        target = target_of(begun, self.body()["advance"])
        now = self.do(advance_with_duties, target, advance_clock_to)
        remaining = duration_text(target - now) if now < target else None
        return Response(self.show(clock_answer(now) | {"remaining": remaining}))


def clock_answer(now: datetime) -> dict[str, Any]:
    """The answer about the clock of the sandbox."""
    offset = Sandbox.objects.get().clock_offset
    sign = "-" if offset < timedelta(0) else ""
    return {"now": now, "offset": sign + duration_text(abs(offset)), "remaining": None}


def target_of(begun: datetime, duration: Duration) -> datetime:
    """The time that is so much later.

    Raises:
        InvalidFields: it is nothing, more than a year, or too far in the future.
    """
    if duration.months > 12 or duration.time.days > 366 * 2:
        raise errors.InvalidFields(TOO_FAR)
    target = duration.after(begun)
    if target <= begun:
        raise errors.InvalidFields(NO_TIME)
    if target > Duration(12, timedelta(0)).after(begun):
        raise errors.InvalidFields(TOO_FAR)
    if target > LAST_TIME:
        raise errors.InvalidFields(TOO_LATE)
    return target


class SandboxOtpView(SandboxView):
    """The last one-time password of a user."""

    title = "Last one-time password of a user"
    serializer_class = LastOtpAnswer

    @operation(name="get_last_otp")
    def get(self, request: Request, user_id: UUID) -> Response:
        """Get the last one-time password of a user.

        In sandboxes only, so that tests need no phone. 404 if none is valid.
        """
        found, code = otp.last_code(self.user(user_id))
        about = {"otp": code, "terms_id": UUID(found.about) if found.about else None}
        names = "mobile_phone", "sent_at", "expires_at"
        return Response(self.show(about | {name: getattr(found, name) for name in names}))


class SandboxIdentityView(SandboxView):
    """The end of the pending identity verification of a user."""

    title = "Simulated identity verification"
    serializer_class = IdentityVerificationAnswer

    @operation(
        name="simulate_identity_verification",
        body=SimulatedIdentityBody,
        statuses=(HTTPStatus.OK,),
        refuses=(errors.InvalidTransition,),
    )
    def post(self, request: Request, user_id: UUID) -> Response:
        """End an identity verification.

        In sandboxes only. Decides the last verification of the user, as the identity provider would
        do: an approval approves the identity data and documents that were pending when it began.
        404 if none was begun.
        """
        found = identity.latest(self.user(user_id))
        if found is None:
            raise errors.NotFound()
        body = self.body()
        about = {"provider": found.provider, "verification_id": found.id}
        self.do(identity.decide, **about, status=body["status"], reason=body.get("reason", ""))
        decided = read_back(lambda: IdentityVerification.objects.get(id=found.id))
        return Response(self.show(verification_values(decided, clock.now())))


class SandboxCashOutView(SandboxView):
    """The end of a cash-out, as the bank decides it."""

    serializer_class = MovementAnswer
    refuses: ClassVar[errors.Refusals] = (
        errors.MovementNotPending,
        errors.CashOutInFile,
        errors.CashOutSent,
        errors.VersionConflict,
        errors.CashOutNotSent,
        errors.Overloaded,
    )

    def end(self, wallet_id: UUID, movement_id: UUID, status: str, reason: str = "") -> Response:
        """End a pending cash-out, and answer it."""
        movements = Movement.objects.owned_by(self.client_id).filter(wallet=wallet_id)
        found = get_object_or_404(movements.select_related("bank_file"), id=movement_id)
        self.do(simulated.end_cash_out, found, status, reason=reason)
        seen = Movement.objects.owned_by(self.client_id).seen()
        return Response(self.show(read_back(lambda: seen.get(id=movement_id))))


class SandboxSettlementView(SandboxCashOutView):
    """The settlement of a pending cash-out."""

    title = "Settlement of a cash-out"

    @operation(
        name="settle_cash_out",
        body=Nothing,
        body_optional=True,
        statuses=(HTTPStatus.OK,),
        refuses=SandboxCashOutView.refuses,
    )
    def post(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        """Settle a cash-out.

        In sandboxes only: the bank says that it has paid. A cash-out in a payment file is settled
        by a message of the bank about the file, which must have been sent.
        """
        self.body()
        return self.end(wallet_id, movement_id, simulated.SETTLED)


class SandboxRejectionView(SandboxCashOutView):
    """The rejection of a pending cash-out."""

    title = "Rejection of a cash-out"

    @operation(
        name="reject_cash_out",
        body=RejectBody,
        body_optional=True,
        statuses=(HTTPStatus.OK,),
        refuses=SandboxCashOutView.refuses,
    )
    def post(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        """Reject a cash-out.

        In sandboxes only: the bank says that it does not pay, and the wallet gets the money back.
        """
        reason = self.body().get("reason_code", "")
        return self.end(wallet_id, movement_id, simulated.REJECTED, reason)


class SandboxTransferView(SandboxView):
    """A transfer from a bank to a wallet."""

    title = "Transfer from a bank"
    serializer_class = BankTransferAnswer

    @operation(
        name="simulate_bank_transfer",
        body=BankTransferBody,
        statuses=(HTTPStatus.OK,),
        refuses=(*CashIn.refuses, errors.Overloaded),
    )
    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Send a transfer from a bank to a wallet.

        In sandboxes only. If statements of the bank bring the cash-ins of the client, a statement
        with the transfer is imported. Otherwise it is a cash-in, without a statement.
        """
        wallet = get_object_or_404(Wallet, client=self.client_id, id=wallet_id)
        body = self.body()
        if wallet.client.cash_ins == wallet.client.CashIns.BANK:
            return Response(self.show(self.by_statement(wallet, body)))
        order = CashIn(client_id=self.client_id, by=BANK, wallet_id=wallet_id, **body)
        outcome = self.do(posting.submit, order)
        return Response(self.show(booked(wallet_id, outcome.id)))

    def by_statement(self, wallet: Wallet, body: dict[str, Any]) -> dict[str, Any]:
        """Import a statement with the transfer, and say what became of its line."""
        minor = count_minor(body["amount"], wallet.currency)
        amount = money.to_text(minor, wallet.currency)
        text = body.get("concept") or ""
        line = self.do(simulated.pay_in, wallet=wallet, amount=amount, text=text)
        outcome = line.outcomes.first()
        if outcome is None:
            return booked(wallet.id, None) | {"status": "SUSPENSE", "reason": line.reason}
        return booked(wallet.id, outcome.movement_id)


def booked(wallet_id: UUID, movement_id: UUID | None) -> dict[str, Any]:
    """The answer about a transfer that is booked."""
    return {
        "status": "BOOKED",
        "wallet_id": wallet_id,
        "movement_id": movement_id,
        "reason": None,
    }
