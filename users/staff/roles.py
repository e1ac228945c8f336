"""The roles of staff. A role is a Django group with a fixed name; migrations fill the groups.

Groups with other names, made by an institution, keep working and are listed after the roles.
Separation of duties: an administrator manages staff and keys but moves no money, and nobody
changes their own roles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from iocash import errors
from iocash.db.transactions import single_transaction
from users.staff.permissions import names_in, sentences_of
from users.staff.records import locked_staff, note

GIVE_ROLES: Final = "users.give_roles"
CHANGE_STAFF: Final = "auth.change_user"

LABELS: Final = {
    "viewer": _("Viewer"),
    "operator": _("Operator"),
    "reviewer": _("Reviewer"),
    "supervisor": _("Supervisor"),
    "administrator": _("Administrator"),
}
"""The names of the groups, in the order of the pages, and what people read."""
PURPOSES: Final = {
    "viewer": _("Answers questions: sees users, wallets and movements, and changes nothing."),
    "operator": _("Does the daily work: cash-ins, payments out to send, blocks and reviews."),
    "reviewer": _("Decides about identity data and documents, and moves no money."),
    "supervisor": _("Settles, corrects and reverses, and sees what each member of staff did."),
    "administrator": _("Manages staff, clients and keys, and moves no money."),
}


@dataclass(frozen=True, slots=True)
class Role:
    """A role, and what it allows."""

    pk: int
    name: str
    permissions: frozenset[str]

    @property
    def label(self) -> str:
        """The name that people read. Other groups have the name that the institution gave them."""
        return str(LABELS.get(self.name, self.name))

    @property
    def purpose(self) -> str:
        return str(PURPOSES.get(self.name, ""))

    @property
    def sentences(self) -> list[str]:
        return sentences_of(self.permissions)


def rank_of(name: str) -> tuple[int, str]:
    names = list(LABELS)
    return (names.index(name) if name in LABELS else len(names), name)


def every_role() -> list[Role]:
    """All roles, then the other groups, with their permissions: two statements."""
    groups = Group.objects.prefetch_related("permissions__content_type")
    roles = [
        Role(
            group.pk,
            group.name,
            frozenset(
                f"{each.content_type.app_label}.{each.codename}" for each in group.permissions.all()
            ),
        )
        for group in groups
    ]
    return sorted(roles, key=lambda role: rank_of(role.name))


def labels_of(names: Iterable[str]) -> list[str]:
    """What people read for the names of groups, in the order of the roles."""
    return [str(LABELS.get(name, name)) for name in sorted(names, key=rank_of)]


def permissions_of(member: Any) -> frozenset[str]:
    """What an active member of staff with these roles may do; for a superuser only what is given.

    Unlike `get_all_permissions` it also counts while the member is inactive.
    """
    return names_in(Permission.objects.filter(Q(group__user=member) | Q(user=member)).distinct())


def may_manage(by: Any, member: Any) -> bool:
    """Whether `by` may change this member of staff: nobody with more rights than their own."""
    if by.is_superuser:
        return True
    if member.is_superuser or not by.has_perm(CHANGE_STAFF):
        return False
    held: set[str] = by.get_all_permissions()
    return GIVE_ROLES in held or permissions_of(member) <= held


def may_give_all(by: Any) -> bool:
    return bool(by.is_superuser or by.has_perm(GIVE_ROLES))


def may_give(by: Any, role: Role) -> bool:
    """Whether `by` may give this role to others: no role with more rights than their own."""
    if may_give_all(by):
        return True
    held: set[str] = by.get_all_permissions()
    return role.permissions <= held


def roles_to_give(by: Any) -> list[Role]:
    return [role for role in every_role() if may_give(by, role)]


def give_roles(member: Any, names: Sequence[str], *, by: Any, is_alone: bool = False) -> None:
    """Replace the roles of a member of staff, and record it. Who is alone only takes roles away.

    Rights and roles are read anew under the lock of the member.

    Raises:
        ApprovalRequired: `by` is alone, and there is a role that the member does not have.
        PermissionDenied: they are one's own roles, or those of somebody with more rights, or a
            role would give more rights than `by` has.
    """
    with single_transaction():
        member = locked_staff(member.pk)
        by = get_user_model().objects.get(pk=by.pk)
        require_may_manage(by, member)
        before = set(member.groups.values_list("name", flat=True))
        if is_alone and not before.issuperset(names):
            raise errors.ApprovalRequired("Somebody else must approve this.")
        if before == set(names):
            return
        member.groups.set(groups_to_give(by, names))
        changed = f"{listed(before)} → {listed(names)}"
        note(member, by, gettext_noop("Roles changed"), names=changed)


def require_may_manage(by: Any, member: Any) -> None:
    if member.pk == by.pk:
        raise errors.PermissionDenied("You can't change your own roles. Ask another administrator.")
    if not may_manage(by, member):
        raise errors.PermissionDenied(
            errors.Message("You don't have permission to change {member}.", member=str(member))
        )


def groups_to_give(by: Any, names: Iterable[str]) -> list[int]:
    """The ids of the groups with these names.

    Raises:
        PermissionDenied: `by` may not give one of them, or it does not exist.
    """
    offered = {role.name: role.pk for role in roles_to_give(by)}
    if missing := [name for name in names if name not in offered]:
        raise errors.PermissionDenied(
            errors.Message("You don't have permission to give: {roles}.", roles=listed(missing))
        )
    return [offered[name] for name in names]


def listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names, key=rank_of)) or "none"
