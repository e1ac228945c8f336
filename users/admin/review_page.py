"""What the review page shows: documents, who else has it open, who is assigned, what is next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import CharField, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from iocash.db import clock
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users import kyc
from users.actions import Facts
from users.admin import pictures
from users.history import names_of
from users.models import Access, KycDocument, RejectionReason, ReviewAssignment, User
from users.models.events import By
from users.models.reviews import assigned_member
from users.serializers.kyc import BLOCKS

OPEN_FOR: Final = timedelta(minutes=10)
"""For so long after it was opened, a review page counts as open."""

FIND_ASSIGNMENT: Final = "SELECT FROM users_reviewassignment WHERE client_id = %s AND id = %s"
STAFF: Final = "staff:"
PASSWORDS: Final = "users.log_ins.Passwords"
CHANGE_REVIEW: Final = "users.change_review"
STATES: Final[Mapping[str, Any]] = {
    KycDocument.Status.PENDING: _("Waits for review"),
    KycDocument.Status.APPROVED: _("Approved"),
    KycDocument.Status.REJECTED: _("Rejected"),
    KycDocument.Status.REPLACED: _("Replaced by a later one"),
}
LABELS: Final[Mapping[str, Any]] = {
    "identity_type": _("Type"),
    "identity_number": _("Number"),
    "nationality": _("Nationality"),
    "issue_date": _("Issued"),
    "expiry_date": _("Expires"),
    "birth_date": _("Born"),
    "address": _("Address"),
    "city": _("City"),
    "country_code": _("Country"),
    "postal_code": _("Postal code"),
    "province": _("Province"),
    "external_iban": "IBAN",
    "income_level": _("Income level"),
    "occupation_code": _("Occupation code"),
    "first_name": _("First name"),
    "last_name": _("Last name"),
    "company_name": _("Company name"),
}


# --- Documents -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """A document as the page shows it; `reviewer` is who decided it."""

    document: KycDocument
    state: Any
    facts: Facts
    pictures: pictures.Preview | None
    reviewer: str

    @property
    def is_pending(self) -> bool:
        return self.document.status == KycDocument.Status.PENDING


def pieces_of(user: User) -> list[Piece]:
    """The current documents of a user: those that are pending first.

    Raises:
        Overloaded: too many documents are being processed.
    """
    found = sorted(
        kyc.current_documents(user).values(),
        key=lambda each: each.status != KycDocument.Status.PENDING,
    )
    names = names_of({each.reviewed_by for each in found})
    return [
        Piece(
            document=each,
            state=STATES[each.status],
            facts=facts_of(each),
            pictures=pictures.preview(each),
            reviewer=names.get(each.reviewed_by, ""),
        )
        for each in found
    ]


def facts_of(document: KycDocument) -> Facts:
    """The fields of a block; the type, size and digest of a file."""
    if document.is_file:
        digest = bytes(document.sha256 or b"").hex()
        return [
            (gettext("Type"), document.media_type),
            (gettext("Bytes"), document.size),
            ("SHA-256", digest),
        ]
    values = document.values
    if document.kind == KycDocument.Kind.NAME:
        return [(LABELS.get(name, name), value) for name, value in values.items()]
    return [
        (LABELS.get(name, name), values[name]) for name in BLOCKS[document.kind]._declared_fields
    ]


def decisions_about(user: User, document_ids: Iterable[str]) -> str:
    """What became of documents that are not pending any more, in a sentence each."""
    ids = [each for each in map(as_uuid, document_ids) if each]
    found = list(KycDocument.objects.of(user).exclude(status="PENDING").filter(id__in=ids))
    names = names_of({each.reviewed_by for each in found})
    return " ".join(
        gettext("%(document)s: %(state)s (%(who)s).")
        % {
            "document": each.get_kind_display(),
            "state": STATES[each.status],
            "who": names.get(each.reviewed_by, gettext("the client")),
        }
        for each in found
    )


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def offered_reasons() -> list[str]:
    offered = RejectionReason.objects.filter(is_offered=True)
    return list(offered.order_by("text").values_list("text", flat=True))


# --- Who else ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Viewer:
    """Another member of staff who has opened the page, and how many minutes ago."""

    name: str
    minutes: int

    @property
    def words(self) -> str:
        values = {"name": self.name, "minutes": self.minutes}
        if not self.minutes:
            return gettext("%(name)s opened this review less than a minute ago.") % values
        return (
            ngettext(
                "%(name)s opened this review %(minutes)s minute ago.",
                "%(name)s opened this review %(minutes)s minutes ago.",
                self.minutes,
            )
            % values
        )


def other_viewers(user: User, actor: str) -> list[Viewer]:
    """Who else has opened the review page in the last minutes, the last one first.

    It locks nothing: the first decision counts.
    """
    now = clock.now()
    last = Access.objects.filter(user=user.id, what=Access.What.REVIEW, kind="")
    recent = last.filter(created_at__gt=now - OPEN_FOR).exclude(actor=actor)
    times: dict[str, datetime] = {}
    for access in recent.order_by("-id")[:100]:
        times.setdefault(access.actor, access.created_at)
    names = names_of(times)
    return [
        Viewer(names.get(each, each), int((now - at).total_seconds() // 60))
        for each, at in times.items()
    ]


def assign(user: User, member: str, by: By) -> None:
    """Assign the review of a user to a member of staff (`staff:7`), or with "" to nobody."""
    with single_transaction():
        User.objects.filter(client=user.client_id).locked().get(id=user.id)
        if member == assigned_to(user):
            return
        row = ReviewAssignment.objects.create(
            client_id=user.client_id, user_id=user.id, member=member, actor=by.actor
        )
        note_witness(Witness(FIND_ASSIGNMENT, [user.client_id, row.pk]))


def assigned_to(user: User) -> str:
    """The member of staff who is assigned to the review; empty: nobody."""
    last = ReviewAssignment.objects.filter(user=user.id).order_by("-id").first()
    return last.member if last else ""


def reviewers() -> list[tuple[str, str]]:
    """The active members of staff who may decide reviews, by their actor."""
    found = get_user_model().objects.with_perm(CHANGE_REVIEW, backend=PASSWORDS)
    rows = found.filter(is_staff=True).order_by("username").values_list("pk", "username")
    return [(f"{STAFF}{pk}", name) for pk, name in rows]


def name_of_member(member: str) -> Any:
    """A subquery: the user name of the member of staff whose actor is in the column `member`."""
    actor = Concat(Value(STAFF), Cast("pk", CharField()))
    staff = get_user_model().objects.annotate(actor=actor)
    return Subquery(staff.filter(actor=OuterRef(member)).values("username")[:1])


# --- The queue -----------------------------------------------------------------------------------


def next_in_queue(user: User, actor: str) -> UUID | None:
    """The user whose review is next: the one that waits longest and is not another's."""
    waiting = (
        KycDocument.objects.waiting()
        .exclude(user=user.id)
        .exclude(user__status=User.Status.UNSUBSCRIBED)
        .annotate(member=assigned_member("user"))
    )
    mine = waiting.filter(Q(member=actor) | Q(member="") | Q(member=None))
    found: UUID | None = mine.order_by("created_at", "id").values_list("user", flat=True).first()
    return found


def kinds_in_words(kinds: Sequence[str]) -> str:
    return "; ".join(str(KycDocument.Kind(kind).label) for kind in kinds)
