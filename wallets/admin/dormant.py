"""The page of dormant wallets: open wallets without a settled movement for long.

An index on the time of the last movement would cost each transfer more than the page is worth.
Therefore a page reads a limited number of wallets, in the order of their ids, and the next page
goes on where it ended. It costs the same for any number of wallets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.db import clock, replica
from users import menu, pages
from users.actions import by
from users.change_lists.replica import shown_from_replica
from users.models.ids import as_id
from wallets.admin.notices import ADD_NOTICE, VIEW_NOTICE, NoticeForm, record_notice
from wallets.models import DormancyNotice, Wallet

ROWS: Final = 50
MOST_READ: Final = 20_000
"""The most wallets that one page reads."""

BEGINNING: Final = UUID(int=0)
FIND: Final = """
    SELECT id FROM (
        SELECT id, status, balance, coalesce(settled_at, created_at) AS last_at
        FROM wallets_wallet WHERE id > %s ORDER BY id LIMIT %s
    ) AS wallet
    WHERE status <> 'UNSUBSCRIBED' AND last_at < %s AND (balance > 0 OR %s)
    AND (%s = '' OR (%s = 'sent') = EXISTS (
        SELECT FROM wallets_dormancynotice AS notice
        WHERE notice.wallet_id = wallet.id AND notice.created_at >= wallet.last_at
    ))
    ORDER BY id LIMIT %s
"""
FIND_LAST_READ: Final = """
    SELECT id FROM wallets_wallet WHERE id > %s ORDER BY id OFFSET %s LIMIT 1
"""


class DormantFilter(forms.Form):
    """The filters of the page, as they are in its address."""

    money = forms.ChoiceField(
        label=_("Balance"),
        required=False,
        choices=[("", _("With money")), ("all", _("All"))],
    )
    notice = forms.ChoiceField(
        label=_("Notice since the last movement"),
        required=False,
        choices=[("", _("All")), ("none", _("Not sent")), ("sent", _("Sent"))],
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.is_valid()
        self.chosen = {name: str(self.cleaned_data.get(name, "")) for name in ("money", "notice")}

    @property
    def query(self) -> str:
        return urlencode({name: value for name, value in self.chosen.items() if value})


class DormantPage(NamedTuple):
    """The dormant wallets of a page, and where the next page begins; None: this is the last."""

    wallets: QuerySet[Wallet]
    next_after: UUID | None


def dormant_wallets(after: UUID, now: datetime, money: str = "", notice: str = "") -> DormantPage:
    """Read a page of dormant wallets, in at most three statements."""
    last_at = now - timedelta(days=settings.DORMANT_DAYS)
    values = [after, MOST_READ, last_at, money == "all", notice, notice, ROWS + 1]
    found = found_ids(FIND, values)
    shown = found[:ROWS]
    if len(found) > ROWS:
        next_after: UUID | None = shown[-1]
    else:
        next_after = next(iter(found_ids(FIND_LAST_READ, [after, MOST_READ - 1])), None)
    wallets = Wallet.objects.seen().select_related("user", "client").filter(id__in=shown)
    return DormantPage(wallets.order_by("id"), next_after)


def found_ids(statement: str, values: Sequence[Any]) -> list[UUID]:
    with replica.connection().cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


@pages.page("dormant-wallets/", name="dormant_wallets", permission="wallets.view_wallet")
def show_dormant_wallets(request: HttpRequest) -> HttpResponseBase:
    """The list; with a form that records a notice for those who may."""
    if request.method == "POST":
        return record_for_selected(request)
    shown = partial(dormant_page, request, NoticeForm(user=request.user))
    return shown_from_replica(request, shown)


def dormant_page(
    request: HttpRequest,
    form: NoticeForm,
    refused: Sequence[tuple[Wallet, str]] = (),
    ticked: Collection[UUID] = (),
) -> HttpResponseBase:
    after = as_id(request.GET.get("after", "")) or BEGINNING
    now = clock.now()
    filters = DormantFilter(request.GET)
    found = dormant_wallets(after, now, **filters.chosen)
    last = last_notices(found.wallets)
    rows = [
        {
            "wallet": each,
            "at": last_at,
            "days": (now - last_at).days,
            "notice": last.get(each.id),
            "is_ticked": each.id in ticked,
        }
        for each in found.wallets
        for last_at in [each.settled_at or each.created_at]
    ]
    return pages.render(
        request,
        "admin/dormant.html",
        title=gettext("Dormant wallets"),
        rows=rows,
        filters=filters,
        next_after=found.next_after,
        is_first=after == BEGINNING,
        days=settings.DORMANT_DAYS,
        form=form,
        refused=refused,
        may_record=request.user.has_perm(ADD_NOTICE),
        may_read=request.user.has_perm(VIEW_NOTICE),
    )


def last_notices(wallets: Iterable[Wallet]) -> dict[UUID, DormancyNotice]:
    """The last notice about each wallet since its last movement, in one statement."""
    since = {each.id: each.settled_at or each.created_at for each in wallets}
    if not since:
        return {}
    found = DormancyNotice.objects.filter(wallet__in=since)
    newest = found.order_by("wallet", "-created_at", "-id").distinct("wallet")
    return {each.wallet_id: each for each in newest if each.created_at >= since[each.wallet_id]}


def record_for_selected(request: HttpRequest) -> HttpResponseBase:
    """Record a notice for each wallet that is ticked; the refused ones are listed.

    Each item is the id of a wallet and the last notice that the page has shown.

    Raises:
        BadRequest: an item is no id.
    """
    if not request.user.has_perm(ADD_NOTICE):
        raise PermissionDenied
    items = selected_items(request)
    form = NoticeForm(request.POST, user=request.user)
    if not items:
        messages.error(request, gettext("Select at least one wallet."))
    if not items or not form.is_valid():
        return dormant_page(request, form, ticked=items)
    refused = record_each(request, items, form.cleaned_data)
    if recorded := len(items) - len(refused):
        text = ngettext(
            "Notice recorded for %d wallet.", "Notice recorded for %d wallets.", recorded
        )
        messages.success(request, text % recorded)
    if refused:
        names = [wallet.id for wallet, _why in refused]
        return dormant_page(request, NoticeForm(user=request.user), refused, ticked=names)
    return HttpResponseRedirect(request.get_full_path())


def selected_items(request: HttpRequest) -> dict[UUID, str]:
    """The ids of the wallets that are ticked, with the last notice that the page has shown."""
    pairs = [text.partition(":") for text in request.POST.getlist("item")]
    items = {as_id(wallet): seen for wallet, _colon, seen in pairs[: ROWS + 1]}
    if None in items or len(items) > ROWS:
        raise BadRequest("This is not a selection of the page.")
    return {wallet: seen for wallet, seen in items.items() if wallet}


def record_each(
    request: HttpRequest, items: dict[UUID, str], values: dict[str, Any]
) -> list[tuple[Wallet, str]]:
    """Record a notice for each wallet; return those that were refused, with the reasons."""
    wallets = Wallet.objects.select_related("user").in_bulk([*items])
    refused = []
    for wallet in wallets.values():
        try:
            record_notice(wallet.id, **values, seen=items[wallet.id], by=by(request))
        except errors.Refused as error:
            refused.append((wallet, reason_of(error)))
    return refused


def reason_of(refused: errors.Refused) -> str:
    """Why a notice was not recorded, in words."""
    if isinstance(refused, errors.InvalidFields):
        return " ".join(errors.translated(each.detail, gettext) for each in refused.errors)
    return errors.translated(refused.words, gettext)


menu.add(
    "Customers",
    _("Dormant wallets"),
    "dormant_wallets",
    permission="wallets.view_wallet",
    order=60,
)
