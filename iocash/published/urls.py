"""The published addresses of ioCash: aliases without rules of their own.

They are served under `/api/v1/public` and `/api/v2/public`. An alias may set the kind of user,
rename a field or answer 202, as ioCash does; it uses our own views. All of them are deprecated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from django.http import HttpResponseBase
from django.urls import URLPattern, path

from iocash.http.views import View
from iocash.published import user_views, wallet_views
from users.models import User
from users.views.identity import VerifyIdentityView
from users.views.kyc import (
    ExternalIbanView,
    FinancialInformationView,
    HomeAddressView,
    IdentityView,
    OccupationView,
)
from users.views.terms import TermsDetailView, TermsRequestView, TermsSignatureView
from users.views.users import OtpView, UserListView
from wallets.views.compliance import ComplianceView
from wallets.views.holds import HoldDetailView
from wallets.views.movements import MovementDetailView
from wallets.views.schedules import ScheduledExecutionListView, ScheduledOperationDetailView
from wallets.views.users import OtpValidationView, UserDetailView
from wallets.views.wallets import IbanView, WalletDetailView, WalletListView

USER = "users/<uuid:user_id>"
WALLET = "wallets/<uuid:wallet_id>"
HOLD = f"{WALLET}/holds/<uuid:hold_id>"
SCHEDULES = f"{WALLET}/scheduled-operations"
ACCOUNTS = f"{WALLET}/favourite-external-accounts"

SINCE: Final = datetime(2026, 12, 1, tzinfo=UTC)
"""When the published paths became deprecated: the day of version 0.2.0. The guide about versions
shows it; `tests/test_release.py` compares it with the changelog."""
SUNSET: Final[datetime | None] = None
"""From when on they may be gone; no date is set."""

READ = ["get", "head", "options"]
READ_AND_PATCH = ["patch", *READ]


def deprecated(view: type[View], **kwargs: Any) -> Callable[..., HttpResponseBase]:
    """The view at a published address: each of its operations is deprecated there."""
    operations = {
        method: replace(operation, deprecated=SINCE, sunset=SUNSET)
        for method, operation in view.operations.items()
    }
    return view.as_view(operations=operations, **kwargs)


def of_user(prefix: str, **kind: Any) -> list[URLPattern]:
    """The addresses below a user; `kind` is set if the path contains it."""
    return [
        path(f"{prefix}/mobile-phone", deprecated(user_views.MobilePhoneView, **kind)),
        path(f"{prefix}/request-otp", deprecated(OtpView, **kind)),
        path(f"{prefix}/validate-otp", deprecated(OtpValidationView, **kind)),
        path(f"{prefix}/compliance", deprecated(ComplianceView, **kind)),
        path(f"{prefix}/identity", deprecated(IdentityView, **kind)),
        path(f"{prefix}/home-address", deprecated(HomeAddressView, **kind)),
        path(f"{prefix}/external-iban", deprecated(ExternalIbanView, **kind)),
        path(f"{prefix}/financial-information", deprecated(FinancialInformationView, **kind)),
        path(f"{prefix}/occupation", deprecated(OccupationView, **kind)),
        path(f"{prefix}/identity-file", deprecated(user_views.IdentityFileView, **kind)),
        path(
            f"{prefix}/external-iban-file",
            deprecated(user_views.FileView, name="external-iban", **kind),
        ),
        path(
            f"{prefix}/income-tax-file", deprecated(user_views.FileView, name="income-tax", **kind)
        ),
        path(f"{prefix}/kyc-terms", deprecated(TermsDetailView, **kind)),
        path(f"{prefix}/request-kyc-terms-signature", deprecated(TermsRequestView, **kind)),
        path(f"{prefix}/sign-kyc-terms", deprecated(TermsSignatureView, **kind)),
    ]


def of_person(prefix: str, **kind: Any) -> list[URLPattern]:
    """The addresses below a user that companies don't have."""
    return [path(f"{prefix}/verify-identity", deprecated(VerifyIdentityView, **kind))]


def users_of_kind(name: str, kind: str, users_view: type[UserListView]) -> list[URLPattern]:
    """The users of one kind."""
    detail = deprecated(UserDetailView, of_kind=kind, http_method_names=READ_AND_PATCH)
    return [
        path(f"users/{name}", deprecated(users_view)),
        path(f"users/{name}/<uuid:user_id>", detail),
        *of_user(f"users/{name}/<uuid:user_id>", of_kind=kind),
    ]


patterns = [
    path("users", deprecated(UserListView, http_method_names=READ)),
    path(USER, deprecated(UserDetailView, http_method_names=READ)),
    *users_of_kind("natural", User.Kind.NATURAL, user_views.NaturalUsersView),
    *users_of_kind("juridical", User.Kind.JURIDICAL, user_views.JuridicalUsersView),
    *of_user(USER),
    *of_person(USER),
    *of_person("users/natural/<uuid:user_id>", of_kind=User.Kind.NATURAL),
    path("wallets", deprecated(WalletListView)),
    path(WALLET, deprecated(WalletDetailView, http_method_names=READ)),
    path(f"{WALLET}/create-iban", deprecated(IbanView)),
    path(ACCOUNTS, deprecated(wallet_views.AccountListView)),
    path(f"{ACCOUNTS}/<uuid:account_id>", deprecated(wallet_views.AccountDetailView)),
    path(f"{WALLET}/transfer", deprecated(wallet_views.TransferView)),
    path(f"{WALLET}/cashOuts", deprecated(wallet_views.CashOutView)),
    path(
        f"{WALLET}/cashout-to-favourite-external-account",
        deprecated(wallet_views.FavouriteCashOutView),
    ),
    path(f"{WALLET}/movements", deprecated(wallet_views.MovementsView)),
    path(
        f"{WALLET}/movements/<uuid:movement_id>",
        deprecated(MovementDetailView, http_method_names=READ),
    ),
    path(f"{WALLET}/holds", deprecated(wallet_views.HoldsView)),
    path(SCHEDULES, deprecated(wallet_views.ScheduledOperationsView)),
    path(
        f"{SCHEDULES}/<uuid:schedule_id>",
        deprecated(ScheduledOperationDetailView, http_method_names=READ),
    ),
    path(
        f"{SCHEDULES}/<uuid:schedule_id>/executions",
        deprecated(ScheduledExecutionListView, http_method_names=READ),
    ),
    path(HOLD, deprecated(HoldDetailView, http_method_names=READ)),
    path(f"{HOLD}/executeHold", deprecated(wallet_views.FinalHoldExecutionView)),
    path(f"{HOLD}/executeHoldAndKeepOpen", deprecated(wallet_views.PartialHoldExecutionView)),
    path(f"{HOLD}/releaseHold", deprecated(wallet_views.HoldReleaseView)),
    path(f"{HOLD}/renewHold", deprecated(wallet_views.HoldRenewalView)),
]
