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
from iocash.http.pages import Listing, Parts, ScanningPages
from iocash.http.rendering import Response
from iocash.http.views import Created
from users.views.lists import ReleasedScanningPages
from wallets.models import ExternalAccount
from wallets.models.accounts import ExternalAccountQuerySet
from wallets.orders.external_accounts import (
    AddExternalAccount,
    ChangeExternalAccount,
    RemoveExternalAccount,
)
from wallets.serializers.accounts import (
    ExternalAccountAnswer,
    ExternalAccountBody,
    ExternalAccountChange,
    ExternalAccountQuery,
    ExternalAccountsQuery,
)
from wallets.views.base import OrderView, of_wallets, parts_of


class ExternalAccountView(OrderView):
    scope = "wallets"
    model = ExternalAccount
    serializer_class = ExternalAccountAnswer
    versioned = True

    def accounts(self, wallet_id: UUID) -> ExternalAccountQuerySet:
        return ExternalAccount.objects.owned_by(self.caller.client_id).filter(wallet=wallet_id)

    def account(self, wallet_id: UUID, account_id: UUID) -> ExternalAccount:
        return get_object_or_404(self.accounts(wallet_id), id=account_id)

    def shown(self, account: ExternalAccount) -> Response:
        return Response(self.show(account), headers=self.tag(account))

    def listed(self, filters: dict[str, Any]) -> Response:
        values = {"client_id": self.listed_client, "filters": filters}
        return self.page(Listing(rows_of_accounts, values))


def rows_of_accounts(client_id: UUID | None, filters: dict[str, Any]) -> Parts:
    """The external accounts of a client that the filters leave."""
    every = ExternalAccount.objects.owned_by(client_id)
    others = {**filters}
    wallets, pairs = others.pop("wallet__in", None), others.pop("metadata", None)
    found = every.filter(**{f"{name}__in": values for name, values in others.items()})
    if pairs:
        return parts_of(found.with_pairs(pairs), of_wallets(wallets))
    return parts_of(found, of_wallets(wallets), every if others else None)


class EveryExternalAccountView(ExternalAccountView):
    """The external bank accounts of all wallets of the client."""

    title = "External accounts"
    collection = "externalAccounts"
    pagination_class = ReleasedScanningPages

    @operation(
        name="list_all_external_accounts",
        query=ExternalAccountsQuery,
        spends_proof=True,
        reads_replica=True,
    )
    def get(self, request: Request) -> Response:
        """List the external accounts of all wallets.

        Removed ones are included: filter by `status`. Filters can be combined, and most take
        several values, separated by commas.
        """
        return self.listed(self.filters_of_wallets())


class ExternalAccountListView(ExternalAccountView):
    """The external bank accounts of a wallet."""

    title = "External accounts of a wallet"
    collection = "externalAccounts"
    pagination_class = ScanningPages

    @operation(
        name="list_external_accounts",
        query=ExternalAccountQuery,
        spends_proof=True,
        reads_replica=True,
    )
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """List the external accounts of a wallet.

        The bank accounts that are stored for cash-outs, removed ones included: filter by `status`.
        """
        return self.listed(self.filters_of_wallet(wallet_id))

    @operation(
        name="create_external_account",
        body=ExternalAccountBody,
        keyed=True,
        refuses=(*AddExternalAccount.refuses, errors.Overloaded),
    )
    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Store a bank account for cash-outs.

        A CASH_OUT can name it by `externalAccountId` instead of an IBAN. A wallet has each IBAN
        once.
        """
        values = self.body()
        order = AddExternalAccount(
            **self.common(wallet_id),
            key=self.key,
            iban=values["iban"],
            holder_name=values.get("holder_name", ""),
            alias=values.get("alias", ""),
            metadata=values.get("metadata"),
        )
        outcome = self.submit(order)
        account = read_back(partial(self.account, wallet_id, outcome.id))
        ids = {"wallet_id": wallet_id, "account_id": outcome.id}
        where = location(request, "external-account", **ids)
        headers = self.tag(account) | self.replayed(outcome)
        return Created(self.show(account), where, headers=headers)


class ExternalAccountDetailView(ExternalAccountView):
    """One external bank account."""

    title = "External account"

    @operation(name="get_external_account")
    def get(self, request: Request, wallet_id: UUID, account_id: UUID) -> Response:
        """Get an external account.

        A bank account that is stored for cash-outs of the wallet; also a removed one.
        """
        return self.shown(self.account(wallet_id, account_id))

    @operation(
        name="update_external_account",
        body=ExternalAccountChange,
        refuses=(
            *RemoveExternalAccount.refuses,
            *ChangeExternalAccount.refuses,
            errors.Overloaded,
        ),
    )
    def patch(self, request: Request, wallet_id: UUID, account_id: UUID) -> Response:
        """Change or remove an external account.

        Send `metadata` to replace it, or `{"status": "REMOVED"}` to remove the account permanently;
        one of the two, not both. Pending cash-outs to a removed account are not affected.
        """
        change = self.body()
        about = {
            **self.common(wallet_id),
            "account_id": account_id,
            "if_match": self.if_match,
        }
        if "metadata" in change:
            self.submit(ChangeExternalAccount(**about, metadata=change["metadata"]))
        else:
            self.submit(RemoveExternalAccount(**about))
        return self.shown(read_back(partial(self.account, wallet_id, account_id)))
