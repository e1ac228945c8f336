"""The endpoints of external accounts."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from iocash import errors
from iocash.db.transactions import read_back
from iocash.http.links import location
from iocash.http.operations import operation
from iocash.http.pages import ScanningPages
from iocash.http.rendering import Response
from iocash.http.views import Created
from wallets.models import ExternalAccount
from wallets.models.accounts import ExternalAccountQuerySet
from wallets.orders.external_accounts import AddExternalAccount, RemoveExternalAccount
from wallets.serializers.accounts import (
    ExternalAccountAnswer,
    ExternalAccountBody,
    ExternalAccountChange,
    ExternalAccountQuery,
    ExternalAccountsQuery,
)
from wallets.views.base import OrderView, of_wallets


class ExternalAccountView(OrderView):
    scope = "wallets"
    model = ExternalAccount
    serializer_class = ExternalAccountAnswer

    def accounts(self, wallet_id: UUID) -> ExternalAccountQuerySet:
        return ExternalAccount.objects.owned_by(self.caller.client_id).filter(wallet=wallet_id)

    def account(self, wallet_id: UUID, account_id: UUID) -> ExternalAccount:
        return get_object_or_404(self.accounts(wallet_id), id=account_id)

    def matching(self, filters: dict[str, Any], wallets: list[UUID] | None) -> Response:
        """Answer a page of the accounts of these wallets (None: of all) that the filters leave."""
        every = ExternalAccount.objects.owned_by(self.caller.client_id)
        found = every.filter(**{f"{name}__in": values for name, values in filters.items()})
        return self.listed(found, of_wallets(wallets), every if filters else None)


class EveryExternalAccountView(ExternalAccountView):
    """The external bank accounts of all wallets of the client."""

    collection = "externalAccounts"
    pagination_class = ScanningPages

    @operation(query=ExternalAccountsQuery)
    def get(self, request: Request) -> Response:
        """List the external accounts of all wallets, with filters."""
        filters = self.filters()
        return self.matching(filters, self.asked_wallets(filters))


class ExternalAccountListView(ExternalAccountView):
    """The external bank accounts of a wallet."""

    collection = "externalAccounts"
    pagination_class = ScanningPages

    @operation(query=ExternalAccountQuery, spends_proof=True)
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """List the external accounts of a wallet."""
        return self.matching(self.filters(), [self.wallet(wallet_id).id])

    @operation(
        body=ExternalAccountBody,
        keyed=True,
        refuses=(*AddExternalAccount.refuses, errors.Overloaded),
    )
    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Store a bank account for later cash-outs."""
        values = self.body()
        order = AddExternalAccount(
            **self.common(wallet_id),
            key=self.key,
            iban=values["external_iban"]["account_number"],
            alias=values.get("alias", ""),
            metadata=values.get("metadata") or None,
        )
        outcome = self.submit(order)
        shown = self.show(read_back(partial(self.account, wallet_id, outcome.id)))
        ids = {"wallet_id": wallet_id, "account_id": outcome.id}
        where = location(request, "external-account", **ids)
        return Created(shown, where, headers=self.replayed(outcome))


class ExternalAccountDetailView(ExternalAccountView):
    """One external bank account."""

    @operation()
    def get(self, request: Request, wallet_id: UUID, account_id: UUID) -> Response:
        """Get one external account."""
        return Response(self.show(self.account(wallet_id, account_id)))

    @operation(
        body=ExternalAccountChange,
        refuses=(*RemoveExternalAccount.refuses, errors.Overloaded),
    )
    def patch(self, request: Request, wallet_id: UUID, account_id: UUID) -> Response:
        """Remove an external account permanently."""
        self.body(partial=False)
        order = RemoveExternalAccount(**self.common(wallet_id), account_id=account_id)
        self.submit(order)
        return Response(self.show(read_back(partial(self.account, wallet_id, account_id))))
