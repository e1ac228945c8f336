"""All addresses of the server."""

from django.contrib import admin
from django.urls import include, path, re_path

from iocash.docs import calls, guides, reference
from iocash.http import health, problems, security_txt, views
from iocash.published import urls as published
from users import views as users
from wallets import views as wallets

handler400 = "iocash.http.problems.bad_request"
handler403 = "iocash.http.problems.permission_denied"
handler404 = "iocash.http.problems.not_found"
handler500 = "iocash.http.problems.server_error"

USER = "users/<uuid:user_id>"
WALLET = "wallets/<uuid:wallet_id>"
MOVEMENT = f"{WALLET}/movements/<uuid:movement_id>"
HOLD = f"{WALLET}/holds/<uuid:hold_id>"

api = [  # what is asked for most is found first
    path(f"/{WALLET}/movements", wallets.MovementListView.as_view(), name="movements"),
    path(f"/{WALLET}", wallets.WalletDetailView.as_view(), name="wallet"),
    path("", views.RootView.as_view(lists={"users": "users", "wallets": "wallets"}), name="root"),
    path("/wallets", wallets.WalletListView.as_view(), name="wallets"),
    path(f"/{WALLET}/create-iban", wallets.IbanView.as_view(), name="create-iban"),
    path(f"/{WALLET}/balance", wallets.BalanceView.as_view(), name="balance"),
    path(f"/{WALLET}/statement", wallets.StatementView.as_view(), name="statement"),
    path(f"/{WALLET}/movements/batch", wallets.BatchView.as_view(), name="batch"),
    path(f"/{MOVEMENT}", wallets.MovementDetailView.as_view(), name="movement"),
    path(f"/{MOVEMENT}/reversal", wallets.ReversalView.as_view(), name="reversal"),
    path(f"/{WALLET}/holds", wallets.HoldListView.as_view(), name="holds"),
    path(f"/{HOLD}", wallets.HoldDetailView.as_view(), name="hold"),
    path(f"/{HOLD}/executions", wallets.HoldExecutionView.as_view(), name="executions"),
    path(
        f"/{WALLET}/external-accounts",
        wallets.ExternalAccountListView.as_view(),
        name="external-accounts",
    ),
    path(
        f"/{WALLET}/external-accounts/<uuid:account_id>",
        wallets.ExternalAccountDetailView.as_view(),
        name="external-account",
    ),
    path("/users", users.UserListView.as_view(), name="users"),
    path(f"/{USER}", wallets.UserDetailView.as_view(), name="user"),
    path(f"/{USER}/request-otp", users.OtpView.as_view(), name="request-otp"),
    path(f"/{USER}/validate-otp", wallets.OtpValidationView.as_view(), name="validate-otp"),
    path(f"/{USER}/compliance", wallets.ComplianceView.as_view(), name="compliance"),
    path(f"/{USER}/identity", users.IdentityView.as_view(), name="identity"),
    path(f"/{USER}/home-address", users.HomeAddressView.as_view(), name="home-address"),
    path(f"/{USER}/external-iban", users.ExternalIbanView.as_view(), name="external-iban"),
    path(
        f"/{USER}/financial-information",
        users.FinancialInformationView.as_view(),
        name="financial-information",
    ),
    path(f"/{USER}/occupation", users.OccupationView.as_view(), name="occupation"),
    path(f"/{USER}/documents/<slug:kind>", users.DocumentView.as_view(), name="document"),
]

urlpatterns = [
    path("api/v1", include(api)),
    path("", views.home, name="home"),
    path(security_txt.PATH, security_txt.security_txt, name="security-txt"),
    path("admin", views.back_office, name="back-office"),
    path("admin/", admin.site.urls),
    path("livez", health.LivezView.as_view(), name="livez"),
    path("readyz", health.ReadyzView.as_view(), name="readyz"),
    path("api/v1/public/", include(published.patterns)),
    path("api/v2/public/", include(published.patterns)),
    path("api/schema", reference.Schema.as_view(), name="schema"),
    path("api/schema/published", reference.PublishedSchema.as_view(), name="published-schema"),
    path("api/docs", reference.Docs.as_view(), name="docs"),
    path("api/docs/errors", views.error_codes, name="errors"),
    path("api/docs/calls", calls.every_call, name="calls"),
    path("api/docs/", include([*guides.patterns()])),
    re_path("", problems.unknown_path),
]
