"""The pages of decisions about bank lines, which a second person approves or refuses."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users import menu
from users.actions import Action, Facts, WithActions, by
from users.approvals.second import actors_dependent_on
from users.change_lists.columns import NAMES, readable
from users.history import actor_name, name_actors
from users.menu import MenuSection
from wallets.admin.bank_lines import line_facts, line_name
from wallets.admin.facts import name_of_wallet, with_currency
from wallets.admin.forms import LedgerForm
from wallets.bank import decisions
from wallets.models import BankDecision

ANSWER: Final = "wallets.answer_bankdecision"
OF_SOME_KINDS: Final = {
    "wallet": "wallet",
    "movement": "movement",
    "parts": "amounts",
    "pair": "pair",
}
"""Fields that only some kinds of decisions have, and what is empty in others."""


def decisions_to_answer(member: Any) -> Any:
    """Decisions of others that wait for this member, who does not depend on them."""
    if not member.has_perm(ANSWER):
        return BankDecision.objects.none()
    return BankDecision.objects.open().exclude(asked_by__in=actors_dependent_on(member))


menu.add(
    MenuSection.APPROVALS,
    _("Decisions about bank lines"),
    "wallets_bankdecision_changelist",
    permission="wallets.view_bankdecision",
    waiting=decisions_to_answer,
    order=30,
    counts_for="approvals",
    since="asked_at",
)
menu.describe(
    {
        "wallets_bankdecision_changelist": _(
            "What members of staff have asked about lines in suspense. Another person answers."
        ),
    }
)


def decision_name(decision: BankDecision) -> str:
    return f"{decision.get_kind_display()}: {line_name(decision.line)}"


NAMES["wallets.bankdecision"] = decision_name


def decision_facts(decision: BankDecision) -> Facts:
    """What is approved or refused: the line, what was asked, by whom and why."""
    line = decision.line
    facts = [*line_facts(line), (_("Decision"), decision.get_kind_display())]
    if decision.wallet:
        facts.append((_("Wallet"), name_of_wallet(decision.wallet)))
    if decision.movement:
        movement = decision.movement
        facts.append((_("Movement"), with_currency(movement.amount, movement.currency)))
    if decision.amounts:
        shown = [with_currency(each, line.currency) for each in decision.amounts]
        facts.append((_("Amounts"), ", ".join(shown)))
    if decision.pair:
        facts.append((_("Other line"), line_name(decision.pair)))
    return [
        *facts,
        (_("Reason"), decision.reason),
        (_("Asked by"), actor_name(decision, decision.asked_by)),
    ]


class AnswerForm(LedgerForm):
    """The input of an answer: nothing."""


def decided_by(*, is_approved: bool) -> Any:
    def run(request: HttpRequest, decision: BankDecision, values: dict[str, Any]) -> str:
        decisions.answer_decision(decision, by=by(request), is_approved=is_approved)
        return gettext("Approved and carried out.") if is_approved else gettext("Refused.")

    return run


def is_unanswered(decision: BankDecision) -> bool:
    return decision.answered_at is None


def is_asked_by_another(member: Any, decision: BankDecision) -> bool:
    return decision.asked_by not in actors_dependent_on(member)


def rehearse_answer(request: HttpRequest, decision: BankDecision, values: Any) -> Facts:
    decisions.check_decision(decision)
    return decision_facts(decision)


class AnswerFilter(admin.SimpleListFilter):
    title = _("answer")
    parameter_name = "answer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [
            ("none", _("Waits for another person")),
            ("yes", _("Approved")),
            ("no", _("Refused")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        known = {"none": None, "yes": True, "no": False}
        if self.value() not in known:
            return queryset
        return queryset.filter(is_approved=known[str(self.value())])


@admin.register(BankDecision)
class BankDecisionAdmin(WithActions):
    list_display = (
        "asked_at",
        "kind_shown",
        "line_amount",
        "answer_shown",
        "asker",
        "reason",
        "short",
    )
    list_filter = (AnswerFilter,)
    list_select_related = ("line__account",)
    ordering = ("-id",)
    csv_columns = (
        ("id", "id"),
        ("line", "line_id"),
        ("kind", "kind"),
        ("reason", "reason"),
        ("asked_by", "asked_by"),
        ("asked_at", "asked_at"),
        ("answered_by", "answered_by"),
        ("answered_at", "answered_at"),
        ("is_approved", "is_approved"),
    )
    fields = (
        "id",
        "line",
        "kind_shown",
        "wallet",
        "movement",
        "parts",
        "pair",
        "reason",
        "asker",
        "asked_at",
        "answer_shown",
        "answered_at",
    )
    page_actions = (
        Action(
            name="approve",
            label=_("Approve"),
            permission=ANSWER,
            form=AnswerForm,
            do=decided_by(is_approved=True),
            rehearse=rehearse_answer,
            is_available=is_unanswered,
            is_for=is_asked_by_another,
        ),
        Action(
            name="refuse",
            label=_("Refuse"),
            permission=ANSWER,
            form=AnswerForm,
            do=decided_by(is_approved=False),
            is_available=is_unanswered,
            is_for=is_asked_by_another,
            is_harmful=True,
        ),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without what this kind of decision does not have."""
        empty = {name for name, each in OF_SOME_KINDS.items() if obj and not getattr(obj, each)}
        return readable(self.model, [name for name in self.fields if name not in empty])

    def prepare(self, rows: list[Any]) -> None:
        name_actors(rows, "asked_by", "answered_by")

    def facts(self, obj: Any) -> Facts:
        return decision_facts(obj)

    @admin.display(description=_("decision"))
    def kind_shown(self, decision: BankDecision) -> str:
        return str(decision.get_kind_display())

    @admin.display(description=_("amount"))
    def line_amount(self, decision: BankDecision) -> str:
        return with_currency(decision.line.signed_amount, decision.line.currency)

    @admin.display(description=_("amounts"))
    def parts(self, decision: BankDecision) -> str:
        currency = decision.line.currency
        return ", ".join(with_currency(each, currency) for each in decision.amounts) or "-"

    @admin.display(description=_("asked by"))
    def asker(self, decision: BankDecision) -> str:
        return actor_name(decision, decision.asked_by)

    @admin.display(description=_("answer"))
    def answer_shown(self, decision: BankDecision) -> str:
        if decision.answered_at is None:
            return gettext("Waits for another person")
        text = (
            gettext("Approved by %(who)s")
            if decision.is_approved
            else gettext("Refused by %(who)s")
        )
        return text % {"who": actor_name(decision, decision.answered_by)}
