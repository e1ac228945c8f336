"""The pages of the daily reports of safeguarding: figures, files, and two signatures."""

from __future__ import annotations

import json
from typing import Any, Final

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users import menu
from users.actions import Action, Facts, WithActions, by
from users.approvals.second import actors_dependent_on
from users.change_lists.columns import NAMES
from users.history import actor_name, names_of
from users.menu import MenuSection
from wallets.admin.forms import LedgerForm
from wallets.admin.tabs import TYPES
from wallets.bank import safeguarding_reports
from wallets.bank.apart import WhyApart
from wallets.models import Movement, SafeguardingReport, SafeguardingSignature
from wallets.statements.pdf_file import PdfFailed, shown_time
from wallets.statements.safeguarding_pdf import (
    amount_in_report,
    result_in_words,
    write_report_pdf,
)

VIEW: Final = "wallets.view_safeguardingreport"
SIGN: Final = "wallets.add_safeguardingsignature"
FIGURES: Final = (
    ("wallets", _("Balances of the wallets")),
    ("suspense", _("Lines in suspense")),
    ("returned", _("Returned to payers, not yet debited")),
    ("setApart", _("Lines set apart")),
    ("opening", _("Before the first statement")),
    ("walletsAtBeginning", _("Wallets at the first statement")),
    ("ownFundsAtBeginning", _("Own funds at the first statement")),
    ("missingBeforeFirstStatement", _("Missing since the first statement")),
    ("mustBeInBank", _("Must be in the bank")),
    ("inBank", _("Is in the bank")),
    ("difference", _("Difference")),
    ("missingForWhatIsSetApart", _("Missing for what is set apart")),
)

DECIDING: Final = {"wallets", "suspense", "mustBeInBank", "inBank", "difference"}
"""The figures that the page of the signature repeats."""


def reports_to_sign(member: Any) -> Any:
    """Reports that wait for this member: those with less than two signatures, none of them by the
    member, or by somebody of whom the member depends."""
    if not member.has_perm(SIGN):
        return SafeguardingReport.objects.none()
    signatures = SafeguardingSignature.objects.filter(report=OuterRef("pk"))
    signed = signatures.filter(Q(place=2) | Q(actor__in=actors_dependent_on(member)))
    return SafeguardingReport.objects.filter(~Exists(signed))


menu.add(
    MenuSection.BANK,
    _("Safeguarding"),
    "wallets_safeguardingreport_changelist",
    permission=VIEW,
    waiting=reports_to_sign,
    counts_for="approvals",
    since="created_at",
)
menu.describe(
    {
        "wallets_safeguardingreport_changelist": _(
            "A report for each day: whether the money of the wallets is in the bank. The worker "
            "makes it at 6:00 UTC, when there is a safeguarding account."
        )
    }
)
NAMES["wallets.safeguardingreport"] = lambda report: (
    gettext("Safeguarding on %(day)s") % {"day": report.day.isoformat()}
)


class SignForm(LedgerForm):
    """The input of a signature, or of a download: nothing."""


def sign_off(request: HttpRequest, report: SafeguardingReport, values: dict[str, Any]) -> str:
    safeguarding_reports.sign_report(report, by(request))
    return gettext("Signed off.")


def report_download(kind: str, media: str) -> Any:
    """Answer a report as a file."""

    def run(request: HttpRequest, report: SafeguardingReport, values: Any) -> HttpResponse:
        content = report.content if kind == "json" else safeguarding_reports.as_csv(report)
        return file_response(report, kind, content, media)

    return run


def download_pdf(request: HttpRequest, report: SafeguardingReport, values: Any) -> HttpResponse:
    """Answer a report as PDF, in the language of the member.

    Raises:
        Overloaded: no PDF could be made now.
    """
    try:
        content = write_report_pdf(report, signers_of(report), figures_as_texts)
    except PdfFailed:
        raise errors.Overloaded from None
    return file_response(report, "pdf", content, "application/pdf")


def file_response(
    report: SafeguardingReport, kind: str, content: str | bytes, media: str
) -> HttpResponse:
    name = f"safeguarding-{report.day.isoformat()}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=media, headers=headers)


def figures_of(position: dict[str, Any]) -> Facts:
    """The figures of a position, with their labels."""
    currency = position["currency"]
    found: list[tuple[Any, object]] = [
        (label, amount_in_report(position[name], currency))
        for name, label in FIGURES
        if name in position
    ]
    for each in position["movementsWithoutLine"]:
        label = gettext("Without a line: %(type)s") % {"type": TYPES[Movement.Type(each["type"])]}
        found.append((label, sum_in_words(each, currency)))
    for each in position["movementsSetApart"]:
        label = gettext("Movements set apart: %(reason)s") % {
            "reason": WhyApart(each["reason"]).label
        }
        found.append((label, sum_in_words(each, currency)))
    for each in position["accounts"]:
        if day := each.get("withoutStatementSince"):
            text = gettext("No statement since %(day)s. Nothing contradicts what it says.")
            found.append((each["iban"], text % {"day": day}))
    return found


def sum_in_words(movements: dict[str, Any], currency: str) -> str:
    """The sum of some movements, their number, and the day of the oldest."""
    return gettext("%(amount)s; number: %(count)s; the oldest of %(oldest)s") % {
        "amount": amount_in_report(movements["amount"], currency),
        "count": movements["count"],
        "oldest": movements["oldest"][:10],
    }


def figures_as_texts(position: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(label), str(text)) for label, text in figures_of(position)]


def signers_of(report: SafeguardingReport) -> list[tuple[str, str]]:
    """Who signed a report, in their order, and when."""
    found = sorted(report.signatures.all(), key=lambda row: row.place)
    return [(actor_name(report, each.actor), shown_time(each.created_at)) for each in found]


@admin.register(SafeguardingReport)
class SafeguardingReportAdmin(WithActions):
    list_display = ("day", "result", "signed_by", "created_at")
    list_filter = ("is_right",)
    ordering = ("-id",)
    csv_columns = (("day", "day"), ("is_right", "is_right"), ("sha256", "digest"))
    fields = ("day", "result", "figures", "digest", "signed_by", "created_at")
    page_actions = (
        Action(
            name="sign",
            label=_("Sign off"),
            permission=SIGN,
            form=SignForm,
            do=sign_off,
            is_available=lambda report: report.signatures.count() < 2,
            effect=lambda report: gettext("You confirm that you have checked the report."),
        ),
        Action(
            name="json",
            label=_("Download as JSON"),
            permission=VIEW,
            form=SignForm,
            do=report_download("json", "application/json"),
        ),
        Action(
            name="csv",
            label=_("Download as CSV"),
            permission=VIEW,
            form=SignForm,
            do=report_download("csv", "text/csv; charset=utf-8"),
        ),
        Action(
            name="pdf",
            label=_("Download as PDF"),
            permission=VIEW,
            form=SignForm,
            do=download_pdf,
        ),
    )

    def prepare(self, rows: list[Any]) -> None:
        names = names_of({each.actor for row in rows for each in row.signatures.all()})
        for row in rows:
            row.actor_names = names

    def facts(self, obj: SafeguardingReport) -> Facts:
        """What somebody confirms by signing: the result, and the figures that decide it."""
        found: list[tuple[Any, object]] = [(_("Day"), obj.day), (_("Result"), self.result(obj))]
        for position in json.loads(obj.content)["positions"]:
            for name, label in FIGURES:
                if name in DECIDING:
                    found.append((label, amount_in_report(position[name], position["currency"])))
        return found

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("signatures")

    @admin.display(description=_("result"))
    def result(self, report: SafeguardingReport) -> str:
        return result_in_words(report)

    @admin.display(description=_("signed by"))
    def signed_by(self, report: SafeguardingReport) -> str:
        return ", ".join(name for name, _at in signers_of(report)) or "-"

    @admin.display(description=_("figures"))
    def figures(self, report: SafeguardingReport) -> Any:
        positions = json.loads(report.content)["positions"]
        rows = [fact for position in positions for fact in figures_of(position)]
        row = '<tr><th scope="row">{}</th><td class="number">{}</td></tr>'
        return format_html("<table>{}</table>", format_html_join("", row, rows))

    @admin.display(description="SHA-256")
    def digest(self, report: SafeguardingReport) -> Any:
        return format_html("<code>{}</code>", report.digest)
