"""The queue of users waiting for review, and the page on which staff review them."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import F, Func, IntegerField, Min, OuterRef, Q, Subquery
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.db import clock
from users import kyc, names
from users.actions import Action, ActionForm, Facts, Searched, WithActions, by
from users.admin import pictures, review_page
from users.admin.review_page import CHANGE_REVIEW
from users.admin.searched import SEARCHED
from users.history import actor_in_words, names_of
from users.kyc import identity, looks
from users.models import Access, KycDocument, Review, User
from users.models.reviews import assigned_member
from users.templatetags.words import code_in_words

NEXT = "next"
"""The name of the buttons that lead to the next review."""


class KycDocumentsForm(ActionForm):
    """The documents to review: only those that are pending and were ticked on the page."""

    is_on_page = True

    documents = forms.MultipleChoiceField(label=_("Documents"), widget=forms.CheckboxSelectMultiple)
    names = forms.CharField(widget=forms.HiddenInput)
    next = forms.CharField(widget=forms.HiddenInput, required=False)

    def offer(self, obj: Any) -> None:
        self.fields["names"].initial = names.seen(obj)
        field = self.fields["documents"]
        assert isinstance(field, forms.MultipleChoiceField)
        ticked = field.widget.value_from_datadict(self.data, self.files, "documents") or []
        waiting = KycDocument.objects.of(obj).waiting().order_by("id")
        field.choices = [
            (str(each.id), each.get_kind_display()) for each in waiting if str(each.id) in ticked
        ]
        self.decided = review_page.decisions_about(obj, ticked) if ticked else ""
        field.error_messages["invalid_choice"] = errors.translated(kyc.CHANGED, gettext)
        field.error_messages["required"] = gettext("Tick the documents that you decide about.")

    def clean(self) -> dict[str, Any]:
        """Say what somebody else has decided about ticked documents, also if nothing is left."""
        if self.decided:
            self.add_error(None, self.decided)
        return self.cleaned_data


class ApprovalForm(KycDocumentsForm):
    """Requires a confirmation if other users have the same identity document."""

    same_document = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label=_("Same document"),
        help_text=_("These users have the same identity document. Tick those you have checked."),
    )

    def offer(self, obj: Any) -> None:
        super().offer(obj)
        others = same_document(obj)
        field = self.fields["same_document"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(str(each.id), label_of(each)) for each in others]
        if not others:
            del self.fields["same_document"]

    def clean(self) -> dict[str, Any]:
        """Refuse a reason: the Enter key in its field, or the wrong button, approves nothing."""
        if self.data.get("reason", "").strip():
            text = gettext("There is a reason for rejection. Reject, or empty the reason.")
            self.add_error(None, text)
        return super().clean()


class RejectionForm(KycDocumentsForm):
    reason = forms.CharField(
        label=_("Reason for rejection"),
        max_length=200,
        error_messages={"required": _("Give the reason for rejection.")},
    )


class AssignForm(ActionForm):
    member = forms.ChoiceField(label=_("Assigned to"), required=False)

    def offer(self, obj: Any) -> None:
        field = self.fields["member"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", gettext("Nobody")), *review_page.reviewers()]
        field.initial = review_page.assigned_to(obj)

    def can_change_to(self, actor: str) -> bool:
        """Whether this member of staff may decide reviews and is not assigned to this one."""
        field = self.fields["member"]
        assert isinstance(field, forms.ChoiceField)
        return field.valid_value(actor) and field.initial != actor


def review_documents(words: Any) -> Any:
    """The function of an action that approves documents or, with a reason, rejects them."""

    def do(request: HttpRequest, user: User, values: dict[str, Any]) -> Any:
        kyc.review(
            client_id=user.client_id,
            user_id=user.id,
            document_ids=[UUID(each) for each in values["documents"]],
            by=by(request),
            reason=values.get("reason", ""),
            names_seen=values["names"],
            knowing=[UUID(each) for each in values.get("same_document", ())],
        )
        return lead_on(request, user, str(words)) if values[NEXT] else str(words)

    return do


def lead_on(request: HttpRequest, user: User, words: str) -> HttpResponseRedirect:
    """Confirm a decision, and open the next review of the queue, or else the queue."""
    messages.success(request, f"{user.display_name}: {words}")
    if found := review_page.next_in_queue(user, by(request).actor):
        return HttpResponseRedirect(reverse("admin:users_review_change", args=[found]))
    messages.info(request, gettext("No other review waits for you."))
    return HttpResponseRedirect(reverse("admin:users_review_changelist"))


def assign_review(request: HttpRequest, user: User, values: dict[str, Any]) -> str:
    review_page.assign(user, values["member"], by(request))
    return (
        gettext("Review assigned.") if values["member"] else gettext("Review assigned to nobody.")
    )


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
    """Users waiting for review by default; those of a member of staff, or all, on request."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [
            ("mine", _("Assigned to me")),
            ("free", _("Assigned to nobody")),
            ("all", _("All with documents")),
        ]

    def choices(self, changelist: Any) -> Any:
        waiting, *others = super().choices(changelist)
        return [{**waiting, "display": gettext("Pending")}, *others]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "all":
            return queryset.order_by("-id")
        waiting = queryset.filter(id__in=KycDocument.objects.waiting().values("user"))
        if self.value() == "mine":
            return waiting.filter(member=by(request).actor)
        if self.value() == "free":
            return waiting.filter(Q(member="") | Q(member=None))
        return waiting


@admin.register(Review)
class ReviewAdmin(Searched, WithActions):
    """The KYC documents of users. Every access to the page is logged."""

    class Media:
        css: ClassVar = {"all": ["iocash/office/review.css"]}

    list_display = ("full_name", "waits", "waiting_since", "asked_level", "assignee", "client")
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
            label=_("Approve"),
            permission=CHANGE_REVIEW,
            form=ApprovalForm,
            do=review_documents(_("Documents approved.")),
            is_available=has_pending,
            warning=_("The level is recalculated after approval."),
        ),
        Action(
            name="reject",
            label=_("Reject"),
            permission=CHANGE_REVIEW,
            form=RejectionForm,
            do=review_documents(_("Documents rejected. The client can read the reason.")),
            is_available=has_pending,
            warning=_("Documents approved earlier stay approved."),
        ),
        Action(
            name="assign",
            label=_("Assign"),
            permission="users.add_reviewassignment",
            form=AssignForm,
            do=assign_review,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        pending = KycDocument.objects.filter(user=OuterRef("pk"), status=KycDocument.Status.PENDING)
        grouped = pending.order_by().values("user")
        return (
            super()
            .get_queryset(request)
            .filter(id__in=KycDocument.objects.values("user"))
            .exclude(status=User.Status.UNSUBSCRIBED)
            .annotate(
                waiting_since=Subquery(grouped.annotate(first=Min("created_at")).values("first")),
                kinds=ArraySubquery(pending.order_by("id").values("kind")),
                waiting=Func(F("kinds"), function="cardinality", output_field=IntegerField()),
                member=assigned_member(),
                member_name=review_page.name_of_member("member"),
                now=clock.Now(),
            )
            .order_by(F("waiting_since").asc(nulls_last=True), "id")
        )

    @admin.display(description=_("name"))
    def full_name(self, user: User) -> str:
        return user.display_name

    @admin.display(description=_("waits for review"))
    def waits(self, user: Any) -> str:
        return review_page.kinds_in_words(user.kinds)

    @admin.display(description=_("since"), ordering="waiting_since")
    def waiting_since(self, user: Any) -> Any:
        return user.waiting_since

    @admin.display(description=_("level asked"))
    def asked_level(self, user: Any) -> Any:
        return kyc.next_level(user, user.now.date())

    @admin.display(description=_("assigned to"))
    def assignee(self, user: Any) -> Any:
        return user.member_name

    @admin.display(description=_("KYC level"))
    def level_now(self, user: User) -> int:
        return user.level_on(clock.today())

    @admin.display(description=_("last identity verification"))
    def last_verification(self, user: User) -> str:
        last = identity.latest(user)
        if last is None:
            return pgettext("identity verification", "None")
        status = code_in_words(last.status_at(clock.now()))
        about = ", ".join(filter(None, (last.provider, last.reason)))
        return f"{status} ({about}), {last.created_at:%Y-%m-%d}"

    def facts(self, obj: Any) -> Facts:
        facts = [(gettext("User"), obj.display_name), (gettext("KYC level"), self.level_now(obj))]
        return facts + [(gettext("Same document"), label_of(each)) for each in same_document(obj)]

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
        actor = by(request).actor
        viewers = review_page.other_viewers(obj, actor)
        looks.record_access(obj, Access.What.REVIEW, by(request))
        pieces = review_page.pieces_of(obj)
        may_assign = request.user.has_perm("users.add_reviewassignment")
        assignment = AssignForm(user=request.user, obj=obj) if may_assign else None
        return super().page(request, obj) | {
            "title": obj.display_name,
            "pieces": pieces,
            "files": [each for each in pieces if each.pictures],
            "level_now": self.level_now(obj),
            "level_asked": kyc.next_level(obj, clock.today()),
            "last_verification": self.last_verification(obj),
            "viewers": viewers,
            "reasons": review_page.offered_reasons(),
            "accesses": self.accesses(request, obj),
            "same_document": [(each, label_of(each)) for each in same_document(obj)],
            "form": KycDocumentsForm(user=request.user, obj=obj),
            "assignment": assignment,
            "me": actor if assignment and assignment.can_change_to(actor) else "",
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
