"""The actions that can be asked for: what they show, and what they do when they are approved."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID

import orjson
from django.db.models import Q

from iocash import money
from users.models.approvals import Approval, ApprovalKind
from users.models.events import By

APPROVE: Final = "users.change_approval"
"""The permission to decide about what others ask for, beside that for the action itself."""


class ActionFact(NamedTuple):
    """What is shown of an action, in no language: its name, and its value.

    The action labels it, and says whether it is an amount. An amount is the text of `amount_text`,
    which pages group and translate.
    """

    name: str
    value: str


def amount_text(minor: int, currency: str) -> str:
    """An amount as facts have it, without a language: 1250.00 EUR."""
    return f"{money.to_text(minor, currency)} {currency}"


WALLET_NAME: Final = re.compile(r"[A-Z]{3} …?[0-9a-f-]{8,36}")
"""The name of a fact that is the money of one wallet: the currency, and the id or its end."""


class Approvable:
    """An action that can need an approval: a subclass says what it is, and is registered once.

    The functions get an `Approval`, which is not saved yet while it is asked for. `subject` and
    `subject_id` name what it is about, `payload` has the ids, codes and amounts that it needs, and
    `texts` what people wrote.
    """

    kind: ClassVar[ApprovalKind]
    label: ClassVar[Any]
    """What people read: "Cash-in"."""
    permission: ClassVar[str]
    """Who has it may ask; who has it and APPROVE may decide."""
    view: ClassVar[str]
    """Who has it sees what was asked for, as who has `permission` does."""
    labels: ClassVar[Mapping[str, Any]] = {}
    """The labels of its facts, by their names."""
    amounts: ClassVar[Collection[str]] = ()
    """The names of the facts that are amounts, beside those that name a wallet."""
    lifetime: ClassVar[timedelta] = timedelta(days=7)
    is_exclusive: ClassVar[bool] = False
    """Whether only one approval can wait for each subject."""
    forgets: ClassVar[Collection[str]] = ()
    """The names in the payload and of the facts that are erased with the decision. The database
    knows them too."""

    def why_not(self, asked: Approval, member: Any) -> str:
        """Why this member of staff may neither ask for it nor decide about it; "": may."""
        return ""

    def lock(self, asked: Approval) -> None:
        """Lock the rows on which facts and action depend: users by id, then wallets by id."""

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        """The facts as they are now, those before the action and those after it."""
        raise NotImplementedError

    def about_others(self, asked: Approval) -> Collection[str]:
        """The names of facts that name another customer than `asked.user`: they are not stored.

        What is stored is erased with `asked.user` only.
        """
        return ()

    def is_amount(self, name: str) -> bool:
        """Whether a fact is an amount: its name says so, never its value, which may be a text."""
        return name in self.amounts or bool(WALLET_NAME.fullmatch(name))

    def details(self, asked: Approval) -> Sequence[tuple[Any, str]]:
        """What is asked for, with labels, in the language of the reader. It never changes."""
        return []

    def payload_to_keep(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What the payload has after the decision."""
        return {name: value for name, value in payload.items() if name not in self.forgets}

    def undecidable(self, member: Any, dependent: Collection[int]) -> Q | None:
        """Of its requests, those about which `why_not` keeps this member of staff from deciding.

        `dependent` are the members of staff who depend on this one, and this one. None: none.
        """
        return None

    def effect(self, asked: Approval) -> str:
        """What will happen, in one sentence."""
        raise NotImplementedError

    def rehearse(self, asked: Approval, by: By) -> None:
        """Refuse what would be refused now; change nothing. Called before it is asked for.

        Raises:
            Refused: as `perform`.
        """

    def perform(self, asked: Approval, by: By) -> UUID | None:
        """Do it, in the transaction that writes the approval; return the movement that it made.

        `by` is who asked, and names the approval.

        Raises:
            Refused: a rule does not allow it. The approval has failed.
        """
        raise NotImplementedError

    def finish(self, asked: Approval) -> None:
        """Do what needs transactions of its own, after the commit. A second call does no harm."""

    def address(self, asked: Approval) -> str:
        """The page of the subject in the back office; empty: it has none."""
        return ""


APPROVABLES: Final[dict[str, Approvable]] = {}
"""The registered actions, by kind."""


def register_action(kind: type[Approvable]) -> type[Approvable]:
    """Register an action; for use as a decorator.

    Raises:
        ValueError: another action has this kind.
    """
    if kind.kind in APPROVABLES:
        raise ValueError(f"{kind.kind} is registered already")
    APPROVABLES[kind.kind] = kind()
    return kind


def action_of_approval(asked: Approval) -> Approvable:
    return APPROVABLES[asked.kind]


def facts_when_asked(asked: Approval) -> list[ActionFact]:
    """The facts that the asker was shown; none after they were erased."""
    return [ActionFact(name, value) for name, value in asked.facts or []]


VOLATILE: Final = frozenset(
    {
        *("balance", "held", "available", "balance_after"),
        *("payer_balance", "payer_after"),
    }
)
"""The names of facts which customers change all the time. They are shown, and decide nothing: the
rules of the action refuse what is not covered."""


def digest_of_facts(facts: Sequence[ActionFact]) -> str:
    """The digest that a page carries of the facts that it shows, without the volatile ones."""
    kept = [[*each] for each in facts if each.name not in VOLATILE]
    return sha256(orjson.dumps(kept)).hexdigest()


def facts_to_keep(action: Approvable, asked: Approval) -> list[list[str]]:
    """The facts of now that are stored with the request: none about other customers."""
    others = action.about_others(asked)
    return [[*each] for each in action.facts(asked) if each.name not in others]


def differences(
    before: Sequence[ActionFact], after: Sequence[ActionFact]
) -> list[tuple[str, str, str]]:
    """The facts that differ: the name, and the values before and after; "" for none."""
    old, new = dict(before), dict(after)
    names = dict.fromkeys([*old, *new])
    return [
        (name, old.get(name, ""), new.get(name, ""))
        for name in names
        if old.get(name) != new.get(name)
    ]
