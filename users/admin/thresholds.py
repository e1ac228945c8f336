"""The page of thresholds: what one person may do alone in 24 hours, by action and currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash import errors, money
from users import menu, pages
from users.approvals.actions import APPROVABLES
from users.approvals.asking import ask_for_approval
from users.approvals.pages import tell_asked
from users.approvals.thresholds import (
    CHANGE_THRESHOLD,
    asked_threshold,
    lower_threshold,
    threshold_of,
    valid_thresholds,
)
from users.menu import MenuSection
from users.models import Approval, Threshold
from users.models.approvals import CEILINGS, ApprovalKind, ceiling_of

VIEW = "users.view_threshold"
LAST_CHANGES = 20

menu.add(MenuSection.APPROVALS, _("Thresholds"), "thresholds", permission=VIEW, order=30)


class ThresholdForm(forms.Form):
    """A new threshold. A form that is sent twice asks once."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    kind = forms.ChoiceField(label=_("Action"))
    currency = forms.ChoiceField(label=_("Currency"))
    amount = forms.DecimalField(
        label=_("Amount"), min_value=Decimal(0), max_digits=money.MAX_DIGITS, localize=True
    )
    reason = forms.CharField(label=_("Reason"), max_length=Approval.MOST_CHARACTERS)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        kind, currency = self.fields["kind"], self.fields["currency"]
        assert isinstance(kind, forms.ChoiceField)
        assert isinstance(currency, forms.ChoiceField)
        kind.choices = [(str(each), APPROVABLES[each].label) for each in CEILINGS]
        currency.choices = [(each, each) for each in money.currencies()]
        currency.initial = "EUR"

    def minor(self) -> int:
        """The amount in minor units of the currency.

        Raises:
            InvalidFields: the currency has fewer decimals.
        """
        try:
            return money.to_minor(self.cleaned_data["amount"], self.cleaned_data["currency"])
        except money.WrongAmount as wrong:
            words = errors.Message(wrong.template, **wrong.values)
            raise errors.InvalidFields(errors.FieldError("amount", wrong.code, words)) from None


def set_threshold(request: HttpRequest, form: ThresholdForm) -> str:
    """Lower a threshold, or ask for a higher one; return where to go on.

    Raises:
        Refused: as `lower_threshold` and `ask_for_approval`.
    """
    values = form.cleaned_data
    kind, currency, minor = ApprovalKind(values["kind"]), values["currency"], form.minor()
    if minor <= threshold_of(kind, currency):
        lower_threshold(kind, currency, minor, by=request.user, reason=values["reason"])
        messages.success(request, gettext("The threshold is valid now."))
        return reverse("admin:thresholds")
    asked = ask_for_approval(
        asked_threshold(kind, currency, minor),
        by=request.user,
        reason=values["reason"],
        key=values["key"],
    )
    tell_asked(request, asked)
    return reverse("admin:users_approval_change", args=[asked.pk])


@pages.page("thresholds/", name="thresholds", permission=VIEW)
def thresholds_page(request: HttpRequest) -> HttpResponse:
    may_change = request.user.has_perm(CHANGE_THRESHOLD)
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    form = ThresholdForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return HttpResponseRedirect(set_threshold(request, form))
        except errors.InvalidFields as refused:
            for wrong in refused.errors:
                name = wrong.field if wrong.field in form.fields else None
                form.add_error(name, errors.translated(wrong.detail, gettext))
        except errors.Refused as refused:
            form.add_error(None, errors.translated(refused.words, gettext))
    return pages.render(
        request,
        "admin/thresholds.html",
        title=gettext("Thresholds"),
        form=form if may_change else None,
        valid=listed_thresholds(),
        changes=[
            (each, APPROVABLES[each.kind].label)
            for each in Threshold.objects.select_related("set_by").order_by("-id")[:LAST_CHANGES]
        ],
    )


def listed_thresholds() -> list[tuple[Any, str, int, int]]:
    """The label, currency, threshold and ceiling of each action; in EUR without a threshold too."""
    valid = valid_thresholds()
    pairs = {*valid, *((str(kind), "EUR") for kind in CEILINGS)}
    order = [str(kind) for kind in CEILINGS]
    return [
        (
            APPROVABLES[kind].label,
            currency,
            valid.get((kind, currency), 0),
            ceiling_of(kind, currency),
        )
        for kind, currency in sorted(pairs, key=lambda pair: (order.index(pair[0]), pair[1]))
    ]
