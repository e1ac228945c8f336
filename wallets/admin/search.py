"""The page that searches users, wallets and movements from one box."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model, QuerySet, UUIDField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users import pages
from users.actions import address_of
from users.models import User
from users.models.ids import as_id, id_range
from users.models.searches import compact, digits_of, typed
from wallets.admin.search_elsewhere import found_elsewhere
from wallets.models import Movement, Wallet

MOST_HITS: Final = 20
"""Hits that are shown of each group."""
MOST_READ: Final = 500
"""The most hits that are read of each group, to show the newest of them."""
IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}")


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that was found, what of it matched, and whether that is exactly what was typed."""

    row: Any
    matched: Any
    is_exact: bool = False


@dataclass(slots=True)
class HitGroup:
    """The hits of one kind, newest first, and the address of a list with all of them."""

    name: str
    title: Any
    model: type[Model]
    hits: list[Hit] = field(default_factory=list)
    has_more: bool = False
    is_similar: bool = False

    def more(self, words: str) -> str:
        options = self.model._meta
        address = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
        return f"{address}?{urlencode({'q': words})}"


@pages.page("search/", name="search", permission=None)
def search(request: HttpRequest) -> HttpResponse:
    """Search what this member of staff may view. A single exact hit is opened at once."""
    words = typed(request.GET.get("q", ""))
    groups = list(groups_of(request.user, words)) if words else []
    elsewhere = list(found_elsewhere(request.user, partial(hits_of, request.user, words)))
    exact = None if elsewhere else only_exact(groups)
    if address := exact or (words and other_page(request, words, groups)):
        return HttpResponseRedirect(address)
    found = [(group, group.more(words)) for group in groups if group.hits]
    return pages.render(
        request,
        "admin/search.html",
        title=gettext("Search"),
        words=words,
        found=found,
        elsewhere=elsewhere,
        may_see_users=request.user.has_perm("users.view_user"),
    )


def hits_of(person: Any, words: str) -> Iterator[Hit]:
    for group in groups_of(person, words) if words else ():
        yield from group.hits


def groups_of(person: Any, words: str) -> Iterator[HitGroup]:
    if person.has_perm("users.view_user"):
        yield users_found(words)
    if person.has_perm("wallets.view_wallet"):
        wallets = Wallet.objects.labelled(words, MOST_READ).select_related("user", "client")
        yield read_hits(HitGroup("wallets", _("Wallets"), Wallet), wallets, words, wallet_match)
    if person.has_perm("wallets.view_movement"):
        movements = Movement.objects.identified(words, MOST_READ).select_related(
            "wallet__user", "client"
        )
        group = HitGroup("movements", _("Movements"), Movement)
        yield read_hits(group, movements, words, movement_match)


def read_hits(
    group: HitGroup,
    found: QuerySet[Any],
    words: str,
    match: Callable[[Any, str], tuple[Any, bool]],
) -> HitGroup:
    """Read the newest hits, and one more, to know whether there are more."""
    rows = list(found.order_by("-id")[: MOST_HITS + 1])
    group.has_more = len(rows) > MOST_HITS
    group.hits = [Hit(row, *match(row, words)) for row in rows[:MOST_HITS]]
    return group


def users_found(words: str) -> HitGroup:
    """The users with these words; if there are none, those with similar names."""
    group = HitGroup("users", _("Users"), User)
    people = User.objects.select_related("client")
    read_hits(group, people.named(words, MOST_READ), words, user_match)
    if not group.hits and IBAN.fullmatch(compact(words)):
        owners = Wallet.objects.labelled(words, MOST_READ).values("user")
        read_hits(group, people.filter(id__in=owners), words, owner_match)
    if not group.hits and not as_id(words):
        group.is_similar = True
        similar = people.misspelled(words)
        read_hits(group, similar, words, similar_match)
    return group


def only_exact(groups: Sequence[HitGroup]) -> str | None:
    """The page of the only hit, if it is exactly what was typed."""
    hits = [hit for group in groups for hit in group.hits]
    return address_of(hits[0].row) if len(hits) == 1 and hits[0].is_exact else None


def other_page(request: HttpRequest, words: str, groups: Sequence[HitGroup]) -> str | None:
    """The page of something else with this id: a hold, an external account, a client."""
    wanted = as_id(words)
    if wanted is None or any(group.hits for group in groups):
        return None
    for model, shown in admin.site._registry.items():
        if isinstance(model._meta.pk, UUIDField) and shown.has_view_permission(request):
            row = shown.get_queryset(request).filter(pk=wanted).first()
            if row is not None:
                return address_of(row)
    return None


# --- What matched ---------------------------------------------------------------------------------


def folded(text: str) -> str:
    """Without case and accents."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(each for each in parts if not unicodedata.combining(each)).casefold()


def id_match(identifier: Any, words: str) -> tuple[Any, bool] | None:
    lowest, highest = id_range(words)
    if not lowest or not highest or not lowest <= identifier <= highest:
        return None
    return _("id"), lowest == highest


def user_match(user: User, words: str) -> tuple[Any, bool]:
    """What of the user contains the words, and whether it is equal to them."""
    if found := id_match(user.id, words):
        return found
    wanted, parts = folded(words), folded(words).split()
    fields = (
        (_("name"), user.name),
        (_("user name"), user.user_name),
        (_("e-mail"), user.email),
        (_("phone"), user.mobile_phone),
        (_("new phone"), user.unverified_phone),
    )
    for label, text in fields:
        if folded(text) == wanted:
            return label, True
    digits = digits_of(words)
    for label, text in fields:
        if all(part in folded(text) for part in parts) or (digits and digits in text):
            return label, digits != "" and text.lstrip("+") == digits
    if any(part in folded(" ".join(str(text) for _label, text in fields)) for part in parts):
        return _("several fields"), False
    return _("document"), True


def owner_match(user: User, words: str) -> tuple[Any, bool]:
    return _("IBAN"), True


def similar_match(user: User, words: str) -> tuple[Any, bool]:
    return _("similar name"), False


def wallet_match(wallet: Wallet, words: str) -> tuple[Any, bool]:
    if found := id_match(wallet.id, words):
        return found
    if wallet.iban == compact(words):
        return _("IBAN"), True
    if wallet.alias and folded(wallet.alias).startswith(folded(words)):
        return _("alias"), folded(wallet.alias) == folded(words)
    return _("IBAN of a bank account"), True


def movement_match(movement: Movement, words: str) -> tuple[Any, bool]:
    if found := id_match(movement.id, words):
        return found
    if found := id_match(movement.operation_id, words):
        return _("operation"), found[1]
    if movement.iban == compact(words):
        return _("IBAN"), True
    if movement.reference == words:
        return _("reference"), True
    return _("idempotency key"), True
