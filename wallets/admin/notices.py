"""Notices to the owners of dormant wallets: recording them, and the lists on their pages."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.db import clock
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users.actions import Action, ActionForm, by
from users.admin.cases import day_field, require_kept
from users.history import names_of
from users.models.events import By
from wallets.models import DormancyNotice, Wallet

VIEW_NOTICE: Final = "wallets.view_dormancynotice"
ADD_NOTICE: Final = "wallets.add_dormancynotice"
FIND_NOTICE: Final = "SELECT FROM wallets_dormancynotice WHERE id = %s"
LAST_NOTICES: Final = 20


class NoticeForm(ActionForm):
    """What was sent to the owner of a dormant wallet."""

    channel = forms.ChoiceField(label=_("How"), choices=DormancyNotice.Channel.choices)
    sent_on = day_field(_("Sent on"))
    note = forms.CharField(
        label=_("Note"),
        max_length=DormancyNotice.MOST_CHARACTERS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("What was written or said, or where the letter is filed."),
    )

    def offer(self, obj: Any) -> None:
        self.fields["sent_on"].initial = today_here()

    def clean_sent_on(self) -> date:
        day: date = self.cleaned_data["sent_on"]
        if day > today_here():
            raise forms.ValidationError(_("The date is in the future."))
        return day


class WalletNoticeForm(NoticeForm):
    """A notice about one wallet. `seen` is the last notice that the form has seen."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=36)

    def offer(self, obj: Any) -> None:
        super().offer(obj)
        self.wallet = obj
        self.fields["seen"].initial = last_notice_id(obj) if obj else ""

    def show(self, refused: errors.Refused) -> None:
        """Show the refusal; sent again, the form has seen what was recorded meanwhile."""
        super().show(refused)
        sent: Any = self.data
        data = sent.copy()
        data["seen"] = last_notice_id(Wallet.objects.get(pk=self.wallet.pk))
        self.data = data


def today_here() -> date:
    """The day in the time zone of the member of staff."""
    return timezone.localtime(clock.now()).date()


def is_dormant(wallet: Wallet) -> bool:
    """Whether an open wallet has had no movement for `DORMANT_DAYS`."""
    last_at = wallet.settled_at or wallet.created_at
    is_unused = last_at < clock.now() - timedelta(days=settings.DORMANT_DAYS)
    return is_unused and wallet.status != Wallet.Status.UNSUBSCRIBED


def last_notice_id(wallet: Wallet) -> str:
    """The id of the last notice since the last movement; empty if there is none."""
    found = DormancyNotice.objects.since_last_movement(wallet).first()
    return str(found.id) if found else ""


def record_notice(
    wallet_id: UUID, *, channel: str, sent_on: date, note: str, seen: str, by: By, key: UUID
) -> DormancyNotice:
    """Record that a notice was sent. A form that is sent twice records one for each wallet.

    `seen` is the last notice that the form has seen.

    Raises:
        IdempotencyKeyReused: the form has recorded another notice.
        InvalidFields: the wallet is not dormant, or a notice was recorded meanwhile.
        UserNotActive: the personal data of the owner were erased.
    """
    written = {"channel": channel, "sent_on": sent_on, "note": note}
    with single_transaction():
        require_kept(Wallet.objects.select_related("user").get(id=wallet_id).user)
        wallet = Wallet.objects.get(id=wallet_id)
        notice_id = uuid5(key, str(wallet_id))
        if notice := DormancyNotice.objects.filter(id=notice_id).first():
            if any(getattr(notice, name) != value for name, value in written.items()):
                raise errors.IdempotencyKeyReused(
                    idempotency_key=str(key), resource="notice", id=str(notice.id)
                )
            return notice
        require_unchanged(wallet, seen)
        notice = DormancyNotice.objects.create(
            id=notice_id, wallet=wallet, actor=by.actor, **written
        )
        note_witness(Witness(FIND_NOTICE, [notice_id]))
    return notice


def require_unchanged(wallet: Wallet, seen: str) -> None:
    """
    Raises:
        InvalidFields: the wallet is not dormant, or a notice was recorded meanwhile.
    """
    if not is_dormant(wallet):
        raise notice_refusal(
            gettext("The wallet is not dormant any more: it has a new movement or is closed.")
        )
    if seen == last_notice_id(wallet):
        return
    last = DormancyNotice.objects.about(wallet).first()
    assert last is not None
    text = gettext("A notice was recorded meanwhile. %(notice)s Check it, and send the form again.")
    raise notice_refusal(text % {"notice": notice_in_words(last, names_of({last.actor}))})


def notice_refusal(text: str) -> errors.InvalidFields:
    return errors.InvalidFields(errors.FieldError("wallet", "refused", text))


def notice_in_words(notice: DormancyNotice, names: dict[str, str]) -> str:
    """Who sent what, and when."""
    values = {
        "who": names.get(notice.actor, notice.actor),
        "channel": DormancyNotice.Channel(notice.channel).label,
        "day": date_format(notice.sent_on),
    }
    return gettext("%(who)s: %(channel)s of %(day)s.") % values


# --- The page of a wallet -------------------------------------------------------------------------


def record_from_page(request: HttpRequest, wallet: Wallet, values: dict[str, Any]) -> str:
    record_notice(wallet.id, **values, by=by(request))
    return gettext("Notice recorded.")


ADD = Action(
    name="notice",
    label=_("Record a notice of dormancy"),
    permission=ADD_NOTICE,
    form=WalletNoticeForm,
    do=record_from_page,
    is_available=is_dormant,
)


def notices_on(request: HttpRequest, wallet: Wallet) -> dict[str, Any]:
    """The context of the page of a wallet: its last notices; nothing if there were none."""
    if not request.user.has_perm(VIEW_NOTICE):
        return {}
    found = list(DormancyNotice.objects.about(wallet)[:LAST_NOTICES])
    names = names_of({each.actor for each in found})
    return {"notices": [(each, names.get(each.actor, each.actor)) for each in found]}
