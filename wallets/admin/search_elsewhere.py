"""What the search finds in the other groups of clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from django.db.models import Model
from django.utils.translation import gettext

from iocash.db import groups
from users.actions import address_of
from users.models import User
from users.searched_groups import UNREACHABLE, look_in
from users.templatetags.office import grouped
from users.templatetags.words import code_in_words
from wallets.models import Wallet


class HitOfGroup(NamedTuple):
    """A row of another group; its page is opened together with the group."""

    label: str
    client: str
    matched: Any
    address: str


class FoundHit(Protocol):
    """A hit of the search, as `wallets.admin.search` makes it."""

    @property
    def row(self) -> Any: ...

    @property
    def matched(self) -> Any: ...


def found_elsewhere(
    member: Any, search: Callable[[], Iterable[FoundHit]]
) -> Iterator[tuple[str, list[HitOfGroup] | None]]:
    """The hits of each other group that has some; None: the group does not answer."""
    if not groups.are_several():
        return
    member.get_all_permissions()  # those of home, kept with the object
    here = groups.current()
    for name in groups.names():
        if name == here:
            continue
        found = hits_of_group(name, search)
        if found is None or found:
            yield name, found


def hits_of_group(name: str, search: Callable[[], Iterable[FoundHit]]) -> list[HitOfGroup] | None:
    try:
        return look_in(name, lambda: [shown_hit(each.row, each.matched) for each in search()])
    except UNREACHABLE:
        return None


def shown_hit(row: Any, matched: Any) -> HitOfGroup:
    return HitOfGroup(label_of_hit(row), str(row.client), matched, address_of(row))


def label_of_hit(row: Model) -> str:
    """A line that names a user, a wallet or a movement."""
    if isinstance(row, User):
        return str(row.display_name)
    if isinstance(row, Wallet):
        words = gettext("Wallet in %(currency)s") % {"currency": row.currency}
        return f"{row.alias or words}, {row.user.display_name}"
    amount: Any = row
    words = code_in_words(amount.type)
    return f"{words}, {grouped(amount.amount, amount.currency)} {amount.currency}"
