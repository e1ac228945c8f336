"""Actions about members of staff that need an approval: new access, roles, passwords, factors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

import django_otp
from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users.admin.staff_forms import TAKEN
from users.approvals.actions import ActionFact, Approvable, register_action
from users.models import Approval
from users.models.approvals import ApprovalKind
from users.models.events import STAFF, By
from users.staff import members, roles, second_factor

LINK_LIFETIME: Final = timedelta(days=1)
"""How long after an approval its asker can make the link with which a password is set."""


def member_of_action(asked: Approval) -> Any:
    """The member of staff that it is about.

    Raises:
        NotFound: there is none any more.
    """
    member = get_user_model().objects.filter(pk=asked.subject_id, is_staff=True).first()
    if member is None:
        raise errors.NotFound()
    return member


def member_behind(by: By) -> Any:
    """The member of staff who is the actor."""
    return get_user_model().objects.get(pk=by.actor.removeprefix(STAFF))


def asker_of(asked: Approval) -> Any:
    return get_user_model().objects.get(pk=asked.asked_by_id)


class MemberAction(Approvable):
    """An action about one member of staff; the rules of `users.staff` apply to the asker."""

    permission = roles.CHANGE_STAFF
    view = "auth.view_user"
    is_exclusive = True
    labels: ClassVar[Any] = {
        "member": _("Member of staff"),
        "name": _("Name"),
        "email": _("E-mail address"),
        "roles": _("Roles"),
        "roles_after": _("Roles afterwards"),
        "active_status": _("Status"),
        "factor": _("Second factor"),
        "superuser": _("Superuser"),
    }

    def lock(self, asked: Approval) -> None:
        list(get_user_model().objects.select_for_update(no_key=True).filter(pk=asked.subject_id))

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        member = member_of_action(asked)
        names = roles.listed(group.name for group in member.groups.all())
        return [
            ActionFact("member", member.get_username()),
            ActionFact("name", member.get_full_name()),
            ActionFact("email", member.email),
            ActionFact("roles", names),
            ActionFact("superuser", "✓" if member.is_superuser else ""),
            ActionFact("active_status", "ACTIVE" if member.is_active else "INACTIVE"),
            ActionFact("factor", "✓" if django_otp.user_has_device(member) else ""),
        ]

    def require_may(self, asked: Approval, by: By) -> Any:
        """The member. What the asker may not do to this member, no approval allows.

        Raises:
            PermissionDenied: the asker may not change this member.
        """
        member = member_of_action(asked)
        roles.require_may_manage(member_behind(by), member)
        return member

    def rehearse(self, asked: Approval, by: By) -> None:
        self.require_may(asked, by)

    def address(self, asked: Approval) -> str:
        return reverse("admin:auth_user_change", args=[asked.subject_id])

    def sentence(self, asked: Approval, text: str) -> str:
        return text % {"person": member_of_action(asked)}


@register_action
class ActivateMemberAction(MemberAction):
    kind = ApprovalKind.ACTIVATE_MEMBER
    label = _("Activation of a member of staff")

    def effect(self, asked: Approval) -> str:
        return self.sentence(asked, gettext("%(person)s can log in again."))

    def perform(self, asked: Approval, by: By) -> None:
        members.set_active(self.require_may(asked, by), is_active=True, by=asker_of(asked))


@register_action
class ResetFactorAction(MemberAction):
    kind = ApprovalKind.RESET_SECOND_FACTOR
    label = _("Reset of a second factor")

    def effect(self, asked: Approval) -> str:
        text = gettext("The second factor of %(person)s is deleted, and all sessions are closed.")
        return self.sentence(asked, text)

    def perform(self, asked: Approval, by: By) -> None:
        second_factor.reset_second_factor(self.require_may(asked, by), by=asker_of(asked))


@register_action
class ResetPasswordAction(MemberAction):
    """The password is void at the approval; then its asker can make the link to set another."""

    kind = ApprovalKind.RESET_PASSWORD
    label = _("Reset of a password")

    def effect(self, asked: Approval) -> str:
        text = gettext(
            "The password of %(person)s stops working, and all sessions are closed. Who asked can "
            "make a link to set another one."
        )
        return self.sentence(asked, text)

    def perform(self, asked: Approval, by: By) -> None:
        members.new_link(self.require_may(asked, by), by=asker_of(asked))


class RolesAction(MemberAction):
    """An action that gives roles: who asks and who decides may give each of them alone."""

    def why_not(self, asked: Approval, member: Any) -> str:
        try:
            roles.groups_to_give(member, asked.payload["roles"])
        except errors.PermissionDenied as refused:
            return errors.translated(refused.words, gettext)
        return ""

    def undecidable(self, member: Any, dependent: Collection[int]) -> Q | None:
        if roles.may_give_all(member):
            return None
        given = [role.name for role in roles.roles_to_give(member)]
        return ~Q(payload__roles__contained_by=given)

    def rehearse(self, asked: Approval, by: By) -> None:
        roles.groups_to_give(member_behind(by), asked.payload["roles"])


@register_action
class ChangeRolesAction(RolesAction):
    kind = ApprovalKind.CHANGE_ROLES
    label = _("More roles of a member of staff")

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        after = roles.listed(asked.payload["roles"])
        return [*super().facts(asked), ActionFact("roles_after", after)]

    def effect(self, asked: Approval) -> str:
        values = {
            "person": member_of_action(asked),
            "roles": ", ".join(roles.labels_of(asked.payload["roles"])),
        }
        return gettext("%(person)s gets these roles: %(roles)s.") % values

    def rehearse(self, asked: Approval, by: By) -> None:
        self.require_may(asked, by)
        super().rehearse(asked, by)

    def perform(self, asked: Approval, by: By) -> None:
        roles.give_roles(member_of_action(asked), asked.payload["roles"], by=asker_of(asked))


@register_action
class AddMemberAction(RolesAction):
    kind = ApprovalKind.ADD_MEMBER
    label = _("New member of staff")
    permission = "auth.add_user"
    is_exclusive = False
    forgets = frozenset({"name", "first_name", "last_name", "email"})

    def lock(self, asked: Approval) -> None:
        """There is nothing yet: the unique name decides."""

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        values = asked.payload
        return [
            ActionFact("member", values["username"]),
            ActionFact("name", f"{values['first_name']} {values['last_name']}".strip()),
            ActionFact("email", values["email"]),
            ActionFact("roles_after", roles.listed(values["roles"])),
        ]

    def effect(self, asked: Approval) -> str:
        text = gettext("%(person)s becomes a member of staff. Who asked can make the first link.")
        return text % {"person": asked.payload["username"]}

    def perform(self, asked: Approval, by: By) -> None:
        """Add the member, without a password.

        Raises:
            InvalidFields: the name was taken meanwhile.
        """
        values = {name: asked.payload[name] for name in NAMES}
        try:
            with single_transaction():
                members.add_member(values, asked.payload["roles"], by=asker_of(asked))
        except IntegrityError as error:
            wrong = errors.FieldError("username", "taken", str(TAKEN))
            raise errors.InvalidFields(wrong) from error

    def address(self, asked: Approval) -> str:
        member = get_user_model().objects.filter(username=asked.payload["username"]).first()
        return reverse("admin:auth_user_change", args=[member.pk]) if member else ""


NAMES: Final = ("username", "first_name", "last_name", "email")


# --- What is asked for ----------------------------------------------------------------------------


def about_member(kind: ApprovalKind) -> Any:
    """What is asked for about a member of staff, of the form's values."""

    def asks(member: Any, values: dict[str, Any]) -> Approval:
        payload: dict[str, Any] = {"username": member.get_username()}
        if "roles" in values:
            payload["roles"] = sorted(values["roles"])
        return Approval(kind=kind, subject="staff", subject_id=str(member.pk), payload=payload)

    return asks


def ask_for_member(_none: None, values: dict[str, Any]) -> Approval:
    payload = {name: values[name] for name in NAMES} | {"roles": sorted(values["roles"])}
    return Approval(kind=ApprovalKind.ADD_MEMBER, subject="staff", payload=payload)


def require_approved() -> None:
    """
    Raises:
        ApprovalRequired: always; somebody else must approve what was asked for.
    """
    raise errors.ApprovalRequired("Somebody else must approve this.")


def may_make_link(member: Any, by: Any) -> bool:
    """Whether the link to set a password was approved: `by` asked for it, and it is not set yet.

    Only the newest approval about the member counts: an older one was for another password.
    """
    if member.has_usable_password():
        return False
    approved = Approval.objects.filter(
        Q(kind=ApprovalKind.RESET_PASSWORD, subject_id=str(member.pk))
        | Q(kind=ApprovalKind.ADD_MEMBER, payload__username=member.get_username()),
        state=Approval.State.APPROVED,
    )
    newest = approved.order_by("-decided_at").first()
    if newest is None or newest.decided_at is None or newest.asked_by_id != by.pk:
        return False
    return bool(newest.decided_at > clock.now() - LINK_LIFETIME)
