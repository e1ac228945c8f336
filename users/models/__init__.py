"""The models of users, clients, credentials, KYC and events."""

from users.models.approvals import Approval, Threshold
from users.models.barrier import Barrier
from users.models.cases import Case, CaseEntry, CaseSubject
from users.models.clients import ApiKey, Client
from users.models.duties import DutyState
from users.models.events import Event
from users.models.idempotency import Key
from users.models.kyc_documents import Access, KycDocument, Review
from users.models.notes import Note
from users.models.phones import PhoneUse
from users.models.preferences import Preferences
from users.models.recovery_codes import RecoveryCode
from users.models.reviews import RejectionReason, ReviewAssignment
from users.models.sandbox import Sandbox
from users.models.signing import SigningKey
from users.models.tasks import Task, TaskChange
from users.models.terms import Terms, TermsSignature
from users.models.users import Otp, User
from users.models.verifications import IdentityVerification
from users.models.webhooks import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookStream,
)

__all__ = [
    "Access",
    "ApiKey",
    "Approval",
    "Barrier",
    "Case",
    "CaseEntry",
    "CaseSubject",
    "Client",
    "DutyState",
    "Event",
    "IdentityVerification",
    "Key",
    "KycDocument",
    "Note",
    "Otp",
    "PhoneUse",
    "Preferences",
    "RecoveryCode",
    "RejectionReason",
    "Review",
    "ReviewAssignment",
    "Sandbox",
    "SigningKey",
    "Task",
    "TaskChange",
    "Terms",
    "TermsSignature",
    "Threshold",
    "User",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookStream",
]
