"""Files of the bank that staff upload, and that a second person releases or refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.http import problems
from users import menu
from users.actions import Action, Facts, WithActions, address_of, by
from users.approvals.second import actors_dependent_on
from users.change_lists.columns import NAMES, link_to
from users.history import actor_name, name_actors
from users.menu import MenuSection
from wallets.admin.bank_answers import imported_in_words
from wallets.admin.closing import finish_all_paid, finish_paid
from wallets.admin.facts import name_of_wallet, with_currency
from wallets.admin.forms import LedgerForm
from wallets.admin.refusals import explain_refusal
from wallets.bank import booking, importing, previews, uploads
from wallets.bank.messages.camt import ReadStatement
from wallets.bank.messages.xml import MOST_BYTES, Unreadable
from wallets.bank.uploads import Released
from wallets.models import BankAccount, BankLine, BankUpload, Wallet
from wallets.orders.payments import BANK

RELEASE: Final = "wallets.release_bankupload"
Kind = BankUpload.Kind
NAMES["wallets.bankupload"] = str
MOST_AT_ONCE: Final = 500
"""The most new entries that are booked while somebody waits; the worker books others."""

EFFECTS: Final = {
    "suspense": _("Goes to suspense"),
    "return": _("Returns payments out"),
    "cash-in": _("Becomes cash-ins"),
    "match": _("Matches movements"),
    "reject": _("Rejects payments out"),
    "settle": _("Settles payments out"),
}
"""What lines do. Those that need a look come first."""


def uploads_to_release(member: Any) -> Any:
    """Uploads that wait for this member: others have uploaded them, of whom the member does not
    depend."""
    if not member.has_perm(RELEASE):
        return BankUpload.objects.none()
    return BankUpload.objects.waiting().exclude(uploaded_by__in=actors_dependent_on(member))


menu.add(
    MenuSection.APPROVALS,
    _("Uploaded files"),
    "wallets_bankupload_changelist",
    permission="wallets.view_bankupload",
    waiting=uploads_to_release,
    order=35,
    counts_for="approvals",
    since="uploaded_at",
)
menu.describe(
    {
        "wallets_bankupload_changelist": _(
            "Files of the bank that members of staff have uploaded. They book nothing until "
            "another person releases them."
        )
    }
)


# --- Uploading ------------------------------------------------------------------------------------


def uploaded_or_refused(request: HttpRequest, file: Any, kind: str) -> BankUpload | None:
    """Store a file that was uploaded, and say so; or say why it is refused."""
    try:
        content = file.read(MOST_BYTES + 1)
        upload = uploads.store_upload(content, kind=kind, name=file.name, by=by(request))
    except Unreadable as refused:
        words = errors.translated(refused.words, gettext)
    except errors.InvalidFields as refused:
        words = errors.translated(refused.errors[0].detail, gettext)
    except (DatabaseError, errors.Overloaded) as error:
        words = explain_refusal(problems.refusal(error, request))[1]
    else:
        text = gettext("Uploaded. Another person must release it before anything is booked.")
        messages.success(request, f"“{file.name}”: {text}")
        return upload
    messages.error(request, f"“{file.name}”: {words}")
    return None


# --- What it says, and would do -------------------------------------------------------------------


def upload_facts(upload: BankUpload) -> list[tuple[Any, object]]:
    """Who has uploaded which bytes."""
    return [
        (_("File"), upload.name),
        (_("Kind"), upload.get_kind_display()),
        ("SHA-256", upload.hash),
        (_("Uploaded by"), actor_name(upload, upload.uploaded_by)),
    ]


def facts_of_content(upload: BankUpload) -> Facts:
    """What the file says and would do if it were imported now."""
    if upload.content is None:
        return [(_("It can't be imported"), gettext("The content of this file was erased."))]
    try:
        if upload.kind == Kind.ANSWER:
            return [*answer_facts(previews.preview_answer(bytes(upload.content)))]
        return [*content_facts(previews.preview_statements(bytes(upload.content)))]
    except Unreadable as refused:
        return [(_("It can't be imported"), errors.translated(refused.words, gettext))]


def answer_facts(preview: previews.AnswerPreview) -> Iterator[tuple[Any, object]]:
    yield _("Bank file"), link_to(preview.file) or "-"
    yield from effect_facts(preview.effects)
    if preview.file and not preview.effects.sums:
        text = gettext("No money moves. What the bank says is noted at the payments.")
        yield _("What will happen"), text


def content_facts(preview: previews.StatementPreview) -> Iterator[tuple[Any, object]]:
    for each in preview.statements[: previews.SHOWN]:
        yield each.kind, statement_in_words(each)
    if len(preview.statements) > previews.SHOWN:
        yield _("More statements"), len(preview.statements) - previews.SHOWN
    yield _("Known entries"), preview.known
    yield from effect_facts(preview.effects)
    for effect, label in EFFECTS.items():
        lines = preview.effects.lines.get(effect, [])
        if lines:
            words = ((line_in_words(line),) for line in lines)
            yield (
                gettext("%(effect)s: lines") % {"effect": label},
                format_html_join("", "<p>{}</p>", words),
            )
        if more := preview.effects.counts[effect] - len(lines):
            yield gettext("%(effect)s: more lines") % {"effect": label}, more


def line_in_words(line: BankLine) -> str:
    words = [with_currency(line.signed_amount, line.currency), line.name, line.remittance]
    return " ".join(filter(None, [str(line.booking_date), *words]))[:200]


def statement_in_words(read: ReadStatement) -> str:
    """The account, the period, the balances, and the number and sum of credits and debits."""
    incoming = [each.amount for each in read.entries if each.sign > 0]
    outgoing = [each.amount for each in read.entries if each.sign < 0]
    text = gettext(
        "%(account)s, %(start)s - %(end)s, opening %(opening)s, closing %(closing)s, "
        "%(credits)d credits: %(credited)s, %(debits)d debits: %(debited)s"
    )
    return text % {
        "account": read.account,
        "start": read.start or "-",
        "end": read.end or "-",
        "opening": balance_in_words(read.opening, read.currency),
        "closing": balance_in_words(read.closing, read.currency),
        "credits": len(incoming),
        "credited": with_currency(sum(incoming), read.currency),
        "debits": len(outgoing),
        "debited": with_currency(sum(outgoing), read.currency),
    }


def balance_in_words(balance: int | None, currency: str) -> str:
    return "-" if balance is None else with_currency(balance, currency)


def effect_facts(effects: previews.Effects) -> Iterator[tuple[Any, object]]:
    """The number and sum of each effect, then what wallets get, the largest first."""
    places = {effect: place for place, effect in enumerate(EFFECTS)}
    for effect, currency in sorted(effects.sums, key=lambda each: (places[each[0]], each[1])):
        total = with_currency(effects.sums[effect, currency], currency)
        yield EFFECTS[effect], f"{total} ({effects.counts[effect]})"
    largest = sorted(effects.credited.items(), key=lambda each: -each[1])
    shown = largest[: previews.SHOWN]
    wallets = Wallet.objects.select_related("user").in_bulk([pk for (pk, _name), _sum in shown])
    for (pk, currency), amount in shown:
        label = gettext("For %(wallet)s") % {"wallet": name_of_wallet(wallets[pk])}
        yield label, with_currency(amount, currency)
    if len(largest) > len(shown):
        yield _("For more wallets"), len(largest) - len(shown)


# --- Releasing ------------------------------------------------------------------------------------


class ReleaseForm(LedgerForm):
    """The hash that the page shows: another file is not released."""

    sha256 = forms.CharField(widget=forms.HiddenInput)

    def offer(self, obj: Any) -> None:
        self.fields["sha256"].initial = obj.hash if obj else ""


class RefuseUploadForm(LedgerForm):
    """The input of a refusal: nothing."""


def rehearse_release(request: HttpRequest, upload: BankUpload, values: dict[str, Any]) -> Facts:
    """What is confirmed: who has uploaded what, and what it will do."""
    uploads.require_other(upload, by(request))
    if values["sha256"] != upload.hash:
        raise uploads.upload_refusal(uploads.OTHER_HASH)
    return [*upload_facts(upload), *facts_of_content(upload)]


def release_from_page(
    request: HttpRequest, upload: BankUpload, values: dict[str, Any]
) -> HttpResponse:
    """Release a file, import it, and say what came of it."""
    try:
        released = uploads.release_upload(upload, sha256=values["sha256"], by=by(request))
    except DatabaseError as error:
        raise problems.refusal(error, request) from error
    if released.answered:
        finish_paid(released.answered.user_ids, by(request))
    text = released_in_words(released)
    if released.stored:
        finish_all_paid(BANK)
    messages.success(request, text)
    return HttpResponseRedirect(address_of(upload))


def refuse_from_page(request: HttpRequest, upload: BankUpload, values: dict[str, Any]) -> str:
    uploads.refuse_upload(upload, by=by(request))
    return gettext("Refused. The file is kept, and never imported.")


def released_in_words(released: Released) -> str:
    if released.answered:
        return imported_in_words(released.answered)
    return stored_in_words(released.stored) if released.stored else ""


def stored_in_words(stored: importing.StoredFile) -> str:
    """What was stored, and how many lines are booked; many lines are left to the worker.

    Those of earlier files count too: they are booked with these.
    """
    accounts = [*BankAccount.objects.filter(id__in=stored.accounts)]
    if booking.has_more_new_lines(accounts, MOST_AT_ONCE):
        text = gettext("%(lines)s new entries are stored. The worker books them now.")
        return text % {"lines": stored.lines}
    booked = booking.book(accounts)
    values = {
        "lines": stored.lines,
        "known": stored.known_lines,
        "booked": booked[booking.BOOKED],
        "suspense": booked.total() - booked[booking.BOOKED],
    }
    if stored.is_known:
        return gettext("This file was imported before. %(booked)s lines are booked now.") % values
    text = gettext(
        "%(lines)s new entries, %(known)s known ones. "
        "%(booked)s lines are booked, %(suspense)s are in suspense."
    )
    return text % values


def waits_for_release(upload: BankUpload) -> bool:
    return upload.answered_at is None


def is_of_another(member: Any, upload: BankUpload) -> bool:
    return upload.uploaded_by not in actors_dependent_on(member)


class ReleasedFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [
            ("waiting", _("Waits for another person")),
            ("1", _("Released")),
            ("0", _("Refused")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        known = {"waiting": None, "1": True, "0": False}
        if self.value() not in known:
            return queryset
        return queryset.filter(is_released=known[str(self.value())])


@admin.register(BankUpload)
class BankUploadAdmin(WithActions):
    list_display = ("uploaded_at", "name", "kind_shown", "uploader", "answer_shown", "short")
    list_filter = (ReleasedFilter, "kind")
    ordering = ("-id",)
    csv_columns = (
        ("id", "id"),
        ("name", "name"),
        ("kind", "kind"),
        ("sha256", "hash"),
        ("uploaded_by", "uploaded_by"),
        ("uploaded_at", "uploaded_at"),
        ("answered_by", "answered_by"),
        ("answered_at", "answered_at"),
        ("is_released", "is_released"),
    )
    fields = (
        "id",
        "name",
        "kind_shown",
        "hash_shown",
        "uploader",
        "uploaded_at",
        "answer_shown",
        "answered_at",
    )
    page_actions = (
        Action(
            name="release",
            label=_("Release"),
            permission=RELEASE,
            form=ReleaseForm,
            do=release_from_page,
            rehearse=rehearse_release,
            is_available=waits_for_release,
            is_for=is_of_another,
        ),
        Action(
            name="refuse",
            label=_("Refuse"),
            permission=RELEASE,
            form=RefuseUploadForm,
            do=refuse_from_page,
            is_available=waits_for_release,
            is_for=is_of_another,
            is_harmful=True,
        ),
    )

    def prepare(self, rows: list[Any]) -> None:
        name_actors(rows, "uploaded_by", "answered_by")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the contents, which can be large."""
        return super().get_queryset(request).defer("content")

    def facts(self, obj: Any) -> Facts:
        return upload_facts(obj)

    @admin.display(description="SHA-256")
    def hash_shown(self, upload: BankUpload) -> str:
        return upload.hash

    @admin.display(description=_("kind"))
    def kind_shown(self, upload: BankUpload) -> str:
        return str(upload.get_kind_display())

    @admin.display(description=_("uploaded by"))
    def uploader(self, upload: BankUpload) -> str:
        return actor_name(upload, upload.uploaded_by)

    @admin.display(description=_("state"))
    def answer_shown(self, upload: BankUpload) -> str:
        if upload.answered_at is None:
            return gettext("Waits for another person")
        text = (
            gettext("Released by %(who)s") if upload.is_released else gettext("Refused by %(who)s")
        )
        return text % {"who": actor_name(upload, upload.answered_by)}
