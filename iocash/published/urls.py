"""The published addresses of ioCash: aliases without rules of their own.

They are served under `/api/v1/public` and `/api/v2/public`. An alias may set the kind of user,
rename a field or answer 202, as ioCash does; it uses our own views.
"""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

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
from wallets.views.users import OtpValidationView, UserDetailView
from wallets.views.wallets import IbanView, WalletDetailView, WalletListView

USER = "users/<uuid:user_id>"
WALLET = "wallets/<uuid:wallet_id>"
HOLD = f"{WALLET}/holds/<uuid:hold_id>"
ACCOUNTS = f"{WALLET}/favourite-external-accounts"

READ = ["get", "head", "options"]
READ_AND_PATCH = ["patch", *READ]


def of_user(prefix: str, **kind: Any) -> list[URLPattern]:
    """The addresses below a user; `kind` is set if the path contains it."""
    return [
        path(f"{prefix}/mobile-phone", user_views.MobilePhoneView.as_view(**kind)),
        path(f"{prefix}/request-otp", OtpView.as_view(**kind)),
        path(f"{prefix}/validate-otp", OtpValidationView.as_view(**kind)),
        path(f"{prefix}/compliance", ComplianceView.as_view(**kind)),
        path(f"{prefix}/identity", IdentityView.as_view(**kind)),
        path(f"{prefix}/home-address", HomeAddressView.as_view(**kind)),
        path(f"{prefix}/external-iban", ExternalIbanView.as_view(**kind)),
        path(f"{prefix}/financial-information", FinancialInformationView.as_view(**kind)),
        path(f"{prefix}/occupation", OccupationView.as_view(**kind)),
        path(f"{prefix}/identity-file", user_views.IdentityFileView.as_view(**kind)),
        path(
            f"{prefix}/external-iban-file",
            user_views.FileView.as_view(name="external-iban", **kind),
        ),
        path(f"{prefix}/income-tax-file", user_views.FileView.as_view(name="income-tax", **kind)),
        path(f"{prefix}/kyc-terms", TermsDetailView.as_view(**kind)),
        path(f"{prefix}/request-kyc-terms-signature", TermsRequestView.as_view(**kind)),
        path(f"{prefix}/sign-kyc-terms", TermsSignatureView.as_view(**kind)),
    ]


def of_person(prefix: str, **kind: Any) -> list[URLPattern]:
    """The addresses below a user that companies don't have."""
    return [path(f"{prefix}/verify-identity", VerifyIdentityView.as_view(**kind))]


def users_of_kind(name: str, kind: str, users_view: type[UserListView]) -> list[URLPattern]:
    """The users of one kind."""
    detail = UserDetailView.as_view(of_kind=kind, http_method_names=READ_AND_PATCH)
    return [
        path(f"users/{name}", users_view.as_view()),
        path(f"users/{name}/<uuid:user_id>", detail),
        *of_user(f"users/{name}/<uuid:user_id>", of_kind=kind),
    ]


patterns = [
    path("users", UserListView.as_view(http_method_names=READ)),
    path(USER, UserDetailView.as_view(http_method_names=READ)),
    *users_of_kind("natural", User.Kind.NATURAL, user_views.NaturalUsersView),
    *users_of_kind("juridical", User.Kind.JURIDICAL, user_views.JuridicalUsersView),
    *of_user(USER),
    *of_person(USER),
    *of_person("users/natural/<uuid:user_id>", of_kind=User.Kind.NATURAL),
    path("wallets", WalletListView.as_view()),
    path(WALLET, WalletDetailView.as_view(http_method_names=READ)),
    path(f"{WALLET}/create-iban", IbanView.as_view()),
    path(ACCOUNTS, wallet_views.AccountListView.as_view()),
    path(
        f"{ACCOUNTS}/<uuid:account_id>",
        wallet_views.AccountDetailView.as_view(),
    ),
    path(f"{WALLET}/transfer", wallet_views.TransferView.as_view()),
    path(f"{WALLET}/cashOuts", wallet_views.CashOutView.as_view()),
    path(
        f"{WALLET}/cashout-to-favourite-external-account",
        wallet_views.FavouriteCashOutView.as_view(),
    ),
    path(f"{WALLET}/movements", wallet_views.MovementsView.as_view()),
    path(
        f"{WALLET}/movements/<uuid:movement_id>",
        MovementDetailView.as_view(http_method_names=READ),
    ),
    path(f"{WALLET}/holds", wallet_views.HoldsView.as_view()),
    path(HOLD, HoldDetailView.as_view(http_method_names=READ)),
    path(f"{HOLD}/executeHold", wallet_views.FinalHoldExecutionView.as_view()),
    path(f"{HOLD}/executeHoldAndKeepOpen", wallet_views.PartialHoldExecutionView.as_view()),
    path(f"{HOLD}/releaseHold", wallet_views.HoldReleaseView.as_view()),
    path(f"{HOLD}/renewHold", wallet_views.HoldRenewalView.as_view()),
]
