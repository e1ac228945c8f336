"""The page of a user, with its wallets and the actions that change them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash.db import clock
from users.actions import Action, Facts, by
from users.admin import users
from users.kyc import terms
from users.models import IdentityVerification, KycDocument, TermsSignature, User
from wallets import erasure
from wallets.admin.facts import user_facts
from wallets.admin.forms import BlockForm, EraseForm
from wallets.admin.submit import Submission, user_order
from wallets.models import Wallet
from wallets.orders.users import BlockUser, UnblockUser

BLOCK = "users.block_user"
"""The permission to block and unblock users."""

LAST_VERIFICATIONS = 10

admin.site.unregister(User)


def erase_personal_data(request: HttpRequest, user: User, values: dict[str, Any]) -> str:
    erasure.erase(user_id=user.id, by=by(request), reason=values["reason"])
    return gettext("Personal data erased. Ids, amounts and times are kept.")


def user_effect(text: Any) -> Any:
    """A sentence about a user, with its `%(name)s`."""
    return lambda user: str(text) % {"name": user.display_name}


def verifications_and_terms(request: HttpRequest, user: User) -> dict[str, Any]:
    """The last verifications and all signatures; without the permission to see them, none."""
    found: dict[str, Any] = {}
    if request.user.has_perm("users.view_identityverification"):
        verifications = IdentityVerification.objects.of(user).order_by("-id")
        found["verifications"] = [
            (each, each.status_at(clock.now())) for each in verifications[:LAST_VERIFICATIONS]
        ]
    if request.user.has_perm("users.view_termssignature"):
        signatures = TermsSignature.objects.of(user).select_related("terms")
        found["signatures"] = signatures.defer("terms__content").order_by("-id")
        found["terms_to_sign"] = terms.unsigned(user)
    return found


@admin.register(User)
class UserWithWalletsAdmin(users.UserAdmin):
    """Adds the wallets, and the actions that submit orders, to the user's page."""

    change_form_template = "admin/user.html"
    page_actions = (
        Action(
            name="block",
            label=_("Block"),
            permission=BLOCK,
            form=BlockForm,
            do=Submission(user_order(BlockUser), _("User blocked.")),
            is_available=lambda user: user.status == User.Status.ACTIVATED,
            effect=user_effect(
                _("The wallets of %(name)s can't pay or receive until you unblock.")
            ),
            is_harmful=True,
        ),
        Action(
            name="unblock",
            label=_("Unblock"),
            permission=BLOCK,
            form=BlockForm,
            do=Submission(user_order(UnblockUser), _("User unblocked.")),
            is_available=lambda user: user.status == User.Status.BLOCKED,
            effect=user_effect(_("The wallets of %(name)s can pay and receive again.")),
        ),
        Action(
            name="erase",
            label=_("Erase"),
            permission="users.erase_user",
            form=EraseForm,
            do=erase_personal_data,
            is_available=lambda user: (
                user.status == User.Status.UNSUBSCRIBED and user.erased_at is None
            ),
            effect=user_effect(
                _(
                    "Name, phone number, documents and texts of %(name)s are deleted permanently. "
                    "Movements are kept."
                )
            ),
            is_harmful=True,
        ),
    )

    def name_of(self, obj: Any) -> str:
        return str(obj.display_name)

    def facts(self, obj: Any) -> Facts:
        return user_facts(obj)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        wallets = Wallet.objects.filter(user=obj).order_by("created_at")
        return super().page(request, obj) | {
            "wallets": wallets,
            **verifications_and_terms(request, obj),
            "has_documents": KycDocument.objects.of(obj).exists(),
        }
