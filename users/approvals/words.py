"""Approvals as staff read them: facts, differences, who can decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext

from iocash import errors
from users.approvals.actions import (
    APPROVABLES,
    APPROVE,
    ActionFact,
    Approvable,
    action_of_approval,
    differences,
    digest_of_facts,
    facts_when_asked,
)
from users.approvals.deciding import why_not_second
from users.approvals.influence import ABOUT_STAFF, dependent_on
from users.history import names_of
from users.models import Approval
from users.templatetags.office import grouped
from users.templatetags.words import code_in_words

Labelled = list[tuple[Any, str]]


def value_in_words(action: Approvable, name: str, value: str) -> str:
    """The value of a fact in the language of the reader: amounts are grouped, codes are words."""
    if value and action.is_amount(name):
        figures, _space, currency = value.partition(" ")
        return f"{grouped(int(figures.replace('.', '')), currency)} {currency}"
    if name.endswith(("status", "code")):
        return str(code_in_words(value))
    return value or "-"


def facts_in_words(action: Approvable, facts: list[ActionFact]) -> Labelled:
    return [
        (action.labels.get(name, name), value_in_words(action, name, value))
        for name, value in facts
    ]


@dataclass(frozen=True, slots=True)
class ShownApproval:
    """An approval with its facts as they are now. `problem` says why they can't be read."""

    asked: Approval
    action: Approvable
    facts: Labelled
    changed: list[tuple[Any, str, str]]
    """What differs from the facts when it was asked: label, then, and now."""
    effect: str
    digest: str
    names: dict[str, str]
    problem: str = ""
    about_others: tuple[str, ...] = ()
    """The facts about other customers as they are now, which are not stored."""

    @property
    def label(self) -> Any:
        return self.action.label

    @property
    def asker(self) -> str:
        return self.names.get(f"staff:{self.asked.asked_by_id}", "")

    @property
    def decider(self) -> str:
        return self.names.get(f"staff:{self.asked.decided_by_id}", "")

    @property
    def address(self) -> str:
        return self.action.address(self.asked)


def shown_approval(asked: Approval) -> ShownApproval:
    """What a page shows of an approval; of one that is decided, the facts when it was asked."""
    action, names = action_of_approval(asked), people_of([asked])
    before, details = facts_when_asked(asked), [*action.details(asked)]
    if not asked.is_waiting:
        shown = [*details, *facts_in_words(action, before)]
        return ShownApproval(asked, action, shown, [], "", "", names)
    try:
        facts, effect = [*action.facts(asked)], action.effect(asked)
        others = action.about_others(asked)
    except errors.Refused as refusal:
        return ShownApproval(asked, action, details, [], "", "", names, problem_in_words(refusal))
    changed = [
        (
            action.labels.get(name, name),
            value_in_words(action, name, old),
            value_in_words(action, name, new),
        )
        for name, old, new in differences(before, facts)
        if name not in others
    ]
    shown = [*details, *facts_in_words(action, facts)]
    now = tuple(
        f"{action.labels.get(name, name)}: → {value_in_words(action, name, value)}"
        for name, value in facts
        if name in others
    )
    digest = digest_of_facts(facts)
    return ShownApproval(asked, action, shown, changed, effect, digest, names, about_others=now)


def shown_once(asked: Approval) -> ShownApproval:
    """As `shown_approval`, read once for a page: its form carries the digest of what it shows."""
    if "shown" not in vars(asked):
        vars(asked)["shown"] = shown_approval(asked)
    found: ShownApproval = vars(asked)["shown"]
    return found


def facts_changed(asked: Approval) -> errors.InvalidFields:
    """What is said if the facts are others than those on the page: nothing was done.

    Facts about others are not stored, so only their present values are named, and only if nothing
    else has changed.
    """
    vars(asked).pop("shown", None)
    shown = shown_once(asked)
    changes = [f"{label}: {old} → {new}" for label, old, new in shown.changed]
    text = gettext("The facts have changed. Nothing was done. Check them, and decide again.")
    return errors.InvalidFields(
        errors.FieldError(
            "approval", "facts_changed", " ".join([text, *(changes or shown.about_others)])
        )
    )


def effect_in_words(asked: Approval) -> str:
    """What will happen, or why the facts can't be read."""
    shown = shown_once(asked)
    return shown.effect or shown.problem


def listed_approvals(approvals: list[Approval]) -> list[ShownApproval]:
    """What a list shows: the facts when they were asked for, which takes no more statements."""
    names, found = people_of(approvals), []
    for asked in approvals:
        action = action_of_approval(asked)
        facts = [*action.details(asked), *facts_in_words(action, facts_when_asked(asked))]
        found.append(ShownApproval(asked, action, facts, [], "", "", names))
    return found


def people_of(approvals: list[Approval]) -> dict[str, str]:
    """The names of those who asked and who decided."""
    pks = {pk for each in approvals for pk in (each.asked_by_id, each.decided_by_id) if pk}
    return names_of({f"staff:{pk}" for pk in pks})


def kinds_to_decide(member: Any) -> list[str]:
    """The kinds of actions about which a member of staff may decide."""
    return [
        kind
        for kind, action in APPROVABLES.items()
        if member.has_perms((APPROVE, action.permission))
    ]


def may_see(member: Any, action: Approvable) -> bool:
    """Whether a member of staff sees what others ask for of this kind."""
    return bool(member.has_perm(action.view) or member.has_perm(action.permission))


def requests_shown_to(member: Any, approvals: Any) -> Any:
    """Of these approvals, those about what a member of staff may see, and the member's own."""
    kinds = [kind for kind, action in APPROVABLES.items() if may_see(member, action)]
    return approvals.filter(Q(kind__in=kinds) | Q(asked_by=member.pk))


def is_shown_to(member: Any, asked: Approval) -> bool:
    """Whether `requests_shown_to` has it; without a statement."""
    return bool(asked.asked_by_id == member.pk) or may_see(member, action_of_approval(asked))


def waiting_for_member(member: Any) -> Any:
    """What others asked for that a member of staff may decide about: as `why_not_second`."""
    kinds = kinds_to_decide(member)
    if not kinds:
        return Approval.objects.none()
    dependent = dependent_on(member)
    waiting = Approval.objects.waiting().exclude(asked_by__in=dependent)
    waiting = waiting.exclude(kind__in=ABOUT_STAFF, subject_id=str(member.pk))
    for kind in kinds:
        undecidable = APPROVABLES[kind].undecidable(member, dependent)
        if undecidable is not None:
            waiting = waiting.exclude(Q(kind=kind) & undecidable)
    return waiting.filter(kind__in=kinds)


def may_decide(asked: Approval, member: Any) -> bool:
    return not why_not_second(action_of_approval(asked), asked, member)


def problem_in_words(refused: errors.Refused) -> str:
    """Why something was not done; of wrong fields, what is wrong with each."""
    if isinstance(refused, errors.InvalidFields):
        return " ".join(errors.translated(each.detail, gettext) for each in refused.errors)
    return errors.translated(refused.words, gettext)
