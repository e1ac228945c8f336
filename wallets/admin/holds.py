"""The pages of holds and freezes, and of external accounts."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.utils import display_for_value
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from iocash import money
from users.actions import Action, Facts, ReadOnly, Searched, WithActions
from users.change_lists.columns import link_to, linked_user, readable
from users.change_lists.exports import amount
from users.history import lines_of
from users.templatetags.words import code_in_words
from wallets.admin import freezes
from wallets.admin.facts import owner_of, read_again, said, wallet_facts, with_currency
from wallets.admin.submit import Submission, hold_order
from wallets.models import ExternalAccount, Hold
from wallets.orders.holds import ReleaseHold


class StandingFilter(admin.SimpleListFilter):
    """Filters by the current status: an overdue hold is expired, even if its row says open."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(status, code_in_words(status)) for status in Hold.Status]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.standing(self.value()) if self.value() else queryset


class FreezeFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "freeze"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("no", _("Holds")), ("yes", _("Freezes"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "yes":
            return queryset.frozen()
        return queryset.promised() if self.value() == "no" else queryset


def effect_of_release(hold: Hold) -> str:
    values = {
        "amount": with_currency(hold.left, hold.currency),
        "name": hold.wallet.user.display_name,
        "target": hold.target.user.display_name if hold.target else "",
    }
    text = _("%(amount)s becomes available again to %(name)s; %(target)s will not receive it.")
    return str(text) % values


OF_FREEZES: Final = (
    "id",
    "client",
    "wallet",
    "case",
    "standing",
    "shown_amount",
    "currency",
    "why_frozen",
    "frozen_by",
    "created_at",
    "why_lifted",
    "over_at",
)
"""The fields of the page of a freeze."""


@admin.register(Hold)
class HoldAdmin(Searched, WithActions):
    list_display = (
        "created_at",
        "owner",
        "target_owner",
        "standing",
        "shown_left",
        "currency",
        "short",
    )
    list_select_related = ("wallet__user", "target__user", "case")
    csv_columns = (
        ("id", "id"),
        ("created_at", "created_at"),
        ("status", "standing"),
        ("amount", amount("amount")),
        ("still_held", amount("left")),
        ("currency", "currency"),
        ("owner", "wallet.user.display_name"),
        ("wallet_id", "wallet_id"),
        ("target", "target.user.display_name"),
        ("target_wallet_id", "target_id"),
        ("freeze_of_case", "case.number"),
        ("concept", "concept"),
        ("expires_at", "expires_at"),
        ("ended_at", "over_at"),
    )
    list_filter = (StandingFilter, FreezeFilter)
    search_fields = ("id",)
    search_help_text = _("The id of a hold or a wallet.")
    ordering = ("-id",)
    fields = (
        "id",
        "client",
        "wallet",
        "target",
        "standing",
        "shown_amount",
        "shown_left",
        "currency",
        "concept",
        "metadata",
        "created_at",
        "expires_at",
        "over_at",
    )
    page_actions = (
        Action(
            name="release",
            label=_("Release"),
            permission="wallets.release_hold",
            do=Submission(
                hold_order(ReleaseHold), _("Hold released. The amount is available again.")
            ),
            is_available=lambda hold: not hold.is_freeze and hold.standing == Hold.Status.OPEN,
            effect=effect_of_release,
            is_harmful=True,
        ),
        freezes.LIFT,
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).seen()  # type: ignore[attr-defined]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The page of a freeze has its case and reasons."""
        if obj is None or not obj.is_freeze:
            return super().get_fields(request, obj)
        return readable(self.model, OF_FREEZES)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        context = super().page(request, obj)
        if obj.is_freeze:
            context["events"] = lines_of(freezes.events_of([obj]))
        return context

    def last_change(self, obj: Any) -> str:
        return freezes.who_lifted(obj) if obj.is_freeze else super().last_change(obj)

    def name_of(self, obj: Any) -> str:
        return with_currency(obj.amount, obj.currency)

    def facts(self, obj: Any) -> Facts:
        return [
            *wallet_facts(read_again(obj.wallet_id)),
            (
                _("Still frozen") if obj.is_freeze else _("Still held by this hold"),
                with_currency(obj.left, obj.currency),
            ),
            (_("In words"), said(obj.left, obj.currency)),
            (_("Case"), link_to(obj.case)) if obj.is_freeze else (_("For"), owner_of(obj.target)),
        ]

    @admin.display(description=_("for"))
    def target_owner(self, hold: Hold) -> Any:
        """The owner of the target, or the case of a freeze."""
        return linked_user(hold.target.user) if hold.target else link_to(hold.case)

    @admin.display(description=_("frozen by"))
    def frozen_by(self, hold: Hold) -> str:
        return freezes.actors_of([hold]).get(str(hold.id), "")

    @admin.display(description=_("reason of the freeze"))
    def why_frozen(self, hold: Hold) -> str:
        return hold.concept or "-"

    @admin.display(description=_("reason of lifting it"))
    def why_lifted(self, hold: Hold) -> str:
        return hold.reason or "-"

    @admin.display(description=_("status"))
    def standing(self, hold: Hold) -> Any:
        return freezes.state_of_hold(hold)

    @admin.display(description=_("ended at"))
    def over_at(self, hold: Hold) -> str:
        return display_for_value(hold.over_at, "-")

    @admin.display(description=_("amount"))
    def shown_amount(self, hold: Hold) -> str:
        return money.to_text(hold.amount, hold.currency)

    @admin.display(description=_("still held"))
    def shown_left(self, hold: Hold) -> str:
        return money.to_text(hold.left, hold.currency)


@admin.register(ExternalAccount)
class ExternalAccountAdmin(Searched, ReadOnly):
    list_display = ("iban", "owner", "holder_name", "state", "alias", "created_at", "short")
    list_filter = ("status",)
    list_select_related = ("wallet__user",)
    csv_columns = (
        ("id", "id"),
        ("iban", "iban"),
        ("holder_name", "holder_name"),
        ("owner", "wallet.user.display_name"),
        ("wallet_id", "wallet_id"),
        ("alias", "alias"),
        ("status", "status"),
        ("created_at", "created_at"),
    )
    search_fields = ("id",)
    search_help_text = _("The id of a bank account or a wallet, or an IBAN.")
    ordering = ("-id",)
    fields = ("id", "client", "wallet", "alias", "iban", "holder_name", "status", "created_at")
