"""The queue of users waiting for review, and the page on which staff review them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Min, OuterRef, Q, Subquery
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash.db import clock
from users import kyc, names
from users.actions import Action, ActionForm, Facts, Searched, WithActions, by
from users.admin import pictures
from users.admin.searched import SEARCHED
from users.history import actor_in_words, names_of
from users.kyc import identity, looks
from users.models import Access, KycDocument, Review, User
from users.serializers.kyc import BLOCKS
from users.templatetags.words import code_in_words

CHANGE_REVIEW = "users.change_review"
LABELS = {"external_iban": "IBAN"}


class KycDocumentsForm(ActionForm):
    """The documents to review: only those that are pending and were ticked on the page."""

    is_on_page = True

    documents = forms.MultipleChoiceField(label="Documents", widget=forms.CheckboxSelectMultiple)
    names = forms.CharField(widget=forms.HiddenInput)

    def offer(self, obj: Any) -> None:
        self.fields["names"].initial = names.seen(obj)
        field = self.fields["documents"]
        assert isinstance(field, forms.MultipleChoiceField)
        ticked = field.widget.value_from_datadict(self.data, self.files, "documents") or []
        waiting = KycDocument.objects.of(obj).waiting().order_by("id")
        field.choices = [
            (str(each.id), each.get_kind_display()) for each in waiting if str(each.id) in ticked
        ]
        field.error_messages["invalid_choice"] = kyc.CHANGED


class ApprovalForm(KycDocumentsForm):
    """Requires a confirmation if other users have the same identity document."""

    same_document = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Same document",
        help_text="These users have the same identity document. Select those you have checked.",
    )

    def offer(self, obj: Any) -> None:
        super().offer(obj)
        others = same_document(obj)
        field = self.fields["same_document"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(str(each.id), label_of(each)) for each in others]
        if not others:
            del self.fields["same_document"]


class RejectionForm(KycDocumentsForm):
    reason = forms.CharField(max_length=200, help_text="The client can read it.")


def review_documents(words: str) -> Any:
    """The function of an action that approves documents or, with a reason, rejects them."""

    def do(request: HttpRequest, user: User, values: dict[str, Any]) -> str:
        kyc.review(
            client_id=user.client_id,
            user_id=user.id,
            document_ids=[UUID(each) for each in values["documents"]],
            by=by(request),
            reason=values.get("reason", ""),
            names_seen=values["names"],
            knowing=[UUID(each) for each in values.get("same_document", ())],
        )
        return words

    return do


def same_document(user: User) -> list[User]:
    """The other users, of any client, with the identity document of this user."""
    identities = KycDocument.objects.of(user).current().filter(kind=KycDocument.Kind.IDENTITY)
    return list(kyc.with_same_document(identities))


def label_of(user: User) -> str:
    """Name, client and status of a user."""
    return gettext("%(name)s (%(user_name)s) of %(client)s, %(status)s") % {
        "name": user.display_name,
        "user_name": user.user_name or str(user.id)[-8:],
        "client": user.client,
        "status": code_in_words(user.status),
    }


def has_pending(user: User) -> bool:
    return KycDocument.objects.of(user).waiting().exists()


class StateFilter(admin.SimpleListFilter):
    """Users waiting for review by default; all on request."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("all", "All with documents")]

    def choices(self, changelist: Any) -> Any:
        waiting, *others = super().choices(changelist)
        return [{**waiting, "display": "Pending"}, *others]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value():
            return queryset.order_by("-id")
        return queryset.filter(id__in=KycDocument.objects.waiting().values("user"))


@admin.register(Review)
class ReviewAdmin(Searched, WithActions):
    """The KYC documents of users. Every access to the page is logged."""

    list_display = ("full_name", "user_name", "kind_in_words", "waiting_since", "waiting", "client")
    list_filter = (StateFilter, "client")
    list_select_related = ("client",)
    search_fields = ("id",)
    search_help_text = SEARCHED
    change_form_template = "admin/review.html"
    csv_columns = (
        ("user_id", "id"),
        ("name", "display_name"),
        ("user_name", "user_name"),
        ("client", "client.name"),
        ("kind", "kind"),
        ("status", "status"),
        ("kyc_level", "kyc_level"),
        ("pending_since", "waiting_since"),
        ("pending", "waiting"),
    )
    fields = (
        "user_name",
        "kind",
        "first_name",
        "last_name",
        "company_name",
        "status",
        "level_now",
        "kyc_until",
        "last_verification",
    )
    page_actions = (
        Action(
            name="approve",
            label="Approve",
            permission=CHANGE_REVIEW,
            form=ApprovalForm,
            do=review_documents("Documents approved."),
            is_available=has_pending,
            warning="The level is recalculated after approval.",
        ),
        Action(
            name="reject",
            label="Reject",
            permission=CHANGE_REVIEW,
            form=RejectionForm,
            do=review_documents("Documents rejected. The client can read the reason."),
            is_available=has_pending,
            warning="Documents approved earlier stay approved.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        pending = KycDocument.objects.filter(user=OuterRef("pk"), status=KycDocument.Status.PENDING)
        grouped = pending.order_by().values("user")
        all_of_user = KycDocument.objects.filter(user=OuterRef("pk")).order_by().values("user")
        return (
            super()
            .get_queryset(request)
            .filter(id__in=KycDocument.objects.values("user"))
            .exclude(status=User.Status.UNSUBSCRIBED)
            .annotate(
                waiting_since=Subquery(grouped.annotate(first=Min("created_at")).values("first")),
                waiting=Subquery(
                    all_of_user.annotate(
                        waiting=Count("id", filter=Q(status=KycDocument.Status.PENDING))
                    ).values("waiting")
                ),
            )
            .order_by(F("waiting_since").asc(nulls_last=True), "id")
        )

    @admin.display(description=_("name"))
    def full_name(self, user: Any) -> str:
        return str(user.display_name)

    @admin.display(description=_("pending since"), ordering="waiting_since")
    def waiting_since(self, user: Any) -> Any:
        return user.waiting_since

    @admin.display(description=_("pending"), ordering="waiting")
    def waiting(self, user: Any) -> int:
        return int(user.waiting)

    @admin.display(description="KYC level")
    def level_now(self, user: User) -> int:
        return user.level_on(clock.today())

    @admin.display(description="last identity verification")
    def last_verification(self, user: User) -> str:
        last = identity.latest(user)
        if last is None:
            return "None"
        status = last.status_at(clock.now())
        about = ", ".join(filter(None, (last.provider, last.reason)))
        return f"{status} ({about}), {last.created_at:%Y-%m-%d}"

    def facts(self, obj: Any) -> Facts:
        facts = [("User", obj.user_name), ("Current level", self.level_now(obj))]
        return facts + [("Same document", label_of(each)) for each in same_document(obj)]

    # The review page

    def get_urls(self) -> list[URLPattern]:
        document = "<uuid:user_id>/document/<uuid:document_id>/"
        view = self.admin_site.admin_view
        return [
            path(document, view(self.original), name="users_review_document"),
            path(f"{document}<int:number>/", view(self.picture), name="users_review_picture"),
            *super().get_urls(),
        ]

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        looks.record_access(obj, Access.What.REVIEW, by(request))
        context = super().page(request, obj)
        return context | {
            "documents": [
                (each, facts_of(each), pictures.preview(each)) for each in kyc.current(obj).values()
            ],
            "accesses": self.accesses(request, obj),
            "same_document": [label_of(each) for each in same_document(obj)],
            "form": KycDocumentsForm(user=request.user, obj=obj),
        }

    def accesses(self, request: HttpRequest, user: User) -> Any:
        """The last accesses, with the names of the actors; None without permission to see them."""
        if not request.user.has_perm("users.view_access"):
            return None
        last = list(Access.objects.filter(user=user.id).order_by("-id")[:20])
        names = names_of({access.actor for access in last})
        return [(access, actor_in_words(access.actor, names)) for access in last]

    def original(self, request: HttpRequest, user_id: UUID, document_id: UUID) -> HttpResponseBase:
        """The original file, as a download."""
        document = self.document(request, user_id, document_id)
        looks.record_access(document.user, Access.What.DOCUMENT, by(request), document.kind)
        return pictures.original(document)

    def picture(
        self, request: HttpRequest, user_id: UUID, document_id: UUID, number: int
    ) -> HttpResponseBase:
        """A page of a document, rendered as a JPEG."""
        document = self.document(request, user_id, document_id)
        looks.record_look(document, by(request))
        return pictures.page_image(document, number)

    def document(self, request: HttpRequest, user_id: UUID, document_id: UUID) -> KycDocument:
        if not self.has_view_permission(request):
            raise PermissionDenied
        documents = KycDocument.objects.select_related("user").exclude(file="")
        document = documents.filter(id=document_id, user=user_id).first()
        if not document or document.client_id != document.user.client_id:
            raise Http404
        return document


def facts_of(document: KycDocument) -> Facts:
    """The fields of a block; the type, size and digest of a document."""
    if document.is_file:
        digest = bytes(document.sha256 or b"").hex()
        return [("Type", document.media_type), ("Bytes", document.size), ("SHA-256", digest)]
    values = document.values
    if document.kind == KycDocument.Kind.NAME:
        return [(name.replace("_", " ").capitalize(), value) for name, value in values.items()]
    return [
        (LABELS.get(name, name.replace("_", " ").capitalize()), values[name])
        for name in BLOCKS[document.kind]._declared_fields
    ]
