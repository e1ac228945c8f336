"""All addresses of the server."""

from django.contrib import admin
from django.urls import include, path, re_path

from iocash.docs import calls, guides, reference
from iocash.docs.forced import forced_table
from iocash.http import health, problems, security_txt, views
from iocash.published import urls as published
from users.views.identity import IdentityCallbackView, VerifyIdentityView
from users.views.identity_page import identity_page
from users.views.kyc import (
    DocumentListView,
    DocumentView,
    ExternalIbanView,
    FinancialInformationView,
    HomeAddressView,
    IdentityView,
    OccupationView,
)
from users.views.terms import TermsDetailView, TermsRequestView, TermsSignatureView
from users.views.users import OtpView, UserListView
from users.views.webhooks import (
    WebhookAttemptListView,
    WebhookEndpointDetailView,
    WebhookEndpointListView,
    WebhookPingView,
    WebhookReplayView,
    WebhookResendView,
    WebhookSecretView,
)
from wallets.bank.messages.reasons import REASONS
from wallets.dashboard.metrics import show_metrics
from wallets.orders import forced
from wallets.views.accounts import (
    EveryExternalAccountView,
    ExternalAccountDetailView,
    ExternalAccountListView,
)
from wallets.views.compliance import ComplianceView
from wallets.views.events import EventDetailView, EventListView
from wallets.views.holds import (
    AnyHoldView,
    EveryHoldView,
    HoldDetailView,
    HoldExecutionView,
    HoldListView,
)
from wallets.views.me import MeView
from wallets.views.movements import (
    AnyMovementView,
    BatchView,
    EveryMovementView,
    MovementDetailView,
    MovementListView,
    ReversalView,
)
from wallets.views.operations import OperationDetailView, OperationListView
from wallets.views.proofs import ProofView
from wallets.views.sandbox import (
    SandboxClockView,
    SandboxIdentityView,
    SandboxOtpView,
    SandboxRejectionView,
    SandboxSettlementView,
    SandboxTransferView,
)
from wallets.views.schedules import (
    ScheduledExecutionDetailView,
    ScheduledExecutionListView,
    ScheduledOperationDetailView,
    ScheduledOperationListView,
)
from wallets.views.statement_files import StatementFileDetailView, StatementFileListView
from wallets.views.statements import BalanceView, StatementView
from wallets.views.totals import TotalsView
from wallets.views.users import OtpValidationView, UserDetailView
from wallets.views.wallets import (
    IbanView,
    UserWalletListView,
    WalletDetailView,
    WalletListView,
)

handler400 = "iocash.http.problems.bad_request"
handler403 = "iocash.http.problems.permission_denied"
handler404 = "iocash.http.problems.not_found"
handler500 = "iocash.http.problems.server_error"

USER = "users/<uuid:user_id>"
WALLET = "wallets/<uuid:wallet_id>"
MOVEMENT = f"{WALLET}/movements/<uuid:movement_id>"
HOLD = f"{WALLET}/holds/<uuid:hold_id>"
SCHEDULE = f"{WALLET}/scheduled-operations/<uuid:schedule_id>"
ENDPOINT = "webhook-endpoints/<uuid:endpoint_id>"
LISTS = {
    **{name: name for name in ("me", "users", "wallets", "totals")},
    "movements": "all-movements",
    "holds": "all-holds",
    "externalAccounts": "all-external-accounts",
    "events": "events",
    "webhookEndpoints": "webhook-endpoints",
}
"""What the root links to, by the names of the links."""

# What is asked for most is found first. The links of a wallet and the chapters of the reference
# have this order.
api = [
    path(f"/{WALLET}/movements", MovementListView.as_view(), name="movements"),
    path(f"/{WALLET}", WalletDetailView.as_view(), name="wallet"),
    path("", views.RootView.as_view(lists=LISTS), name="root"),
    path("/me", MeView.as_view(), name="me"),
    path("/movements", EveryMovementView.as_view(), name="all-movements"),
    path("/movements/<uuid:movement_id>", AnyMovementView.as_view(), name="any-movement"),
    path("/holds", EveryHoldView.as_view(), name="all-holds"),
    path("/holds/<uuid:hold_id>", AnyHoldView.as_view(), name="any-hold"),
    path("/external-accounts", EveryExternalAccountView.as_view(), name="all-external-accounts"),
    path("/events", EventListView.as_view(), name="events"),
    path("/events/<uuid:event_id>", EventDetailView.as_view(), name="event"),
    path("/totals", TotalsView.as_view(), name="totals"),
    path("/wallets", WalletListView.as_view(), name="wallets"),
    path(f"/{WALLET}/create-iban", IbanView.as_view(), name="create-iban"),
    path(f"/{WALLET}/movements/batch", BatchView.as_view(), name="batch"),
    path(f"/{MOVEMENT}", MovementDetailView.as_view(), name="movement"),
    path(f"/{MOVEMENT}/reversal", ReversalView.as_view(), name="reversal"),
    path(f"/{MOVEMENT}/proof", ProofView.as_view(), name="proof"),
    path("/operations", OperationListView.as_view(), name="operations"),
    path("/operations/<uuid:operation_id>", OperationDetailView.as_view(), name="operation"),
    path(f"/{WALLET}/holds", HoldListView.as_view(), name="holds"),
    path(f"/{HOLD}", HoldDetailView.as_view(), name="hold"),
    path(f"/{HOLD}/executions", HoldExecutionView.as_view(), name="executions"),
    path(
        f"/{WALLET}/external-accounts",
        ExternalAccountListView.as_view(),
        name="external-accounts",
    ),
    path(
        f"/{WALLET}/external-accounts/<uuid:account_id>",
        ExternalAccountDetailView.as_view(),
        name="external-account",
    ),
    path(
        f"/{WALLET}/scheduled-operations",
        ScheduledOperationListView.as_view(),
        name="scheduled-operations",
    ),
    path(f"/{SCHEDULE}", ScheduledOperationDetailView.as_view(), name="scheduled-operation"),
    path(
        f"/{SCHEDULE}/executions",
        ScheduledExecutionListView.as_view(),
        name="scheduled-executions",
    ),
    path(
        f"/{SCHEDULE}/executions/<uuid:execution_id>",
        ScheduledExecutionDetailView.as_view(),
        name="scheduled-execution",
    ),
    path(f"/{WALLET}/balance", BalanceView.as_view(), name="balance"),
    path(f"/{WALLET}/statement", StatementView.as_view(), name="statement"),
    path(f"/{WALLET}/statement-files", StatementFileListView.as_view(), name="statement-files"),
    path(
        f"/{WALLET}/statement-files/<uuid:file_id>",
        StatementFileDetailView.as_view(),
        name="statement-file",
    ),
    path("/users", UserListView.as_view(), name="users"),
    path(f"/{USER}", UserDetailView.as_view(), name="user"),
    path(f"/{USER}/request-otp", OtpView.as_view(), name="request-otp"),
    path(f"/{USER}/validate-otp", OtpValidationView.as_view(), name="validate-otp"),
    path(f"/{USER}/wallets", UserWalletListView.as_view(), name="user-wallets"),
    path(f"/{USER}/compliance", ComplianceView.as_view(), name="compliance"),
    path(f"/{USER}/identity", IdentityView.as_view(), name="identity"),
    path(f"/{USER}/home-address", HomeAddressView.as_view(), name="home-address"),
    path(f"/{USER}/external-iban", ExternalIbanView.as_view(), name="external-iban"),
    path(
        f"/{USER}/financial-information",
        FinancialInformationView.as_view(),
        name="financial-information",
    ),
    path(f"/{USER}/occupation", OccupationView.as_view(), name="occupation"),
    path(f"/{USER}/documents", DocumentListView.as_view(), name="documents"),
    path(f"/{USER}/documents/<slug:kind>", DocumentView.as_view(), name="document"),
    path(f"/{USER}/verify-identity", VerifyIdentityView.as_view(), name="verify-identity"),
    path(f"/{USER}/kyc-terms", TermsDetailView.as_view(), name="kyc-terms"),
    path(
        f"/{USER}/request-kyc-terms-signature",
        TermsRequestView.as_view(),
        name="request-kyc-terms-signature",
    ),
    path(f"/{USER}/sign-kyc-terms", TermsSignatureView.as_view(), name="sign-kyc-terms"),
    path("/webhook-endpoints", WebhookEndpointListView.as_view(), name="webhook-endpoints"),
    path(f"/{ENDPOINT}", WebhookEndpointDetailView.as_view(), name="webhook-endpoint"),
    path(f"/{ENDPOINT}/attempts", WebhookAttemptListView.as_view(), name="webhook-attempts"),
    path(f"/{ENDPOINT}/ping", WebhookPingView.as_view(), name="webhook-ping"),
    path(f"/{ENDPOINT}/resend", WebhookResendView.as_view(), name="webhook-resend"),
    path(f"/{ENDPOINT}/replay", WebhookReplayView.as_view(), name="webhook-replay"),
    path(f"/{ENDPOINT}/rotate-secret", WebhookSecretView.as_view(), name="webhook-secret"),
    path("/sandbox/clock", SandboxClockView.as_view(), name="sandbox-clock"),
    path(f"/sandbox/{USER}/last-otp", SandboxOtpView.as_view(), name="sandbox-last-otp"),
    path(
        f"/sandbox/{USER}/simulate-identity-verification",
        SandboxIdentityView.as_view(),
        name="sandbox-identity-verification",
    ),
    path(f"/sandbox/{MOVEMENT}/settle", SandboxSettlementView.as_view(), name="sandbox-settle"),
    path(f"/sandbox/{MOVEMENT}/reject", SandboxRejectionView.as_view(), name="sandbox-reject"),
    path(
        f"/sandbox/{WALLET}/bank-transfer-in",
        SandboxTransferView.as_view(),
        name="sandbox-bank-transfer-in",
    ),
    path("/identity-callbacks", IdentityCallbackView.as_view(), name="identity-callbacks"),
]

guides.CONTEXTS["sandbox"] = lambda: {
    "refusals": forced.forced_rows(),
    "everywhere": len(forced.REQUESTS),
    "forced": forced_table(),
    "reasons": REASONS,
}
guides.CONTEXTS["versions"] = lambda: {"published_since": int(published.SINCE.timestamp())}

urlpatterns = [
    path("api/v1", include(api)),
    path("", views.home, name="home"),
    path(security_txt.PATH, security_txt.security_txt, name="security-txt"),
    path("admin", views.back_office, name="back-office"),
    path("admin/", admin.site.urls),
    path("identity/<uuid:verification_id>", identity_page, name="identity-page"),
    path("livez", health.LivezView.as_view(), name="livez"),
    path("readyz", health.ReadyzView.as_view(), name="readyz"),
    path("metrics", show_metrics, name="metrics"),
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
