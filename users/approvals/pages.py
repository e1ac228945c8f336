"""How an action of staff becomes a request for an approval: one more page, with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.http import problems
from users import pages
from users.approvals.actions import APPROVABLES
from users.approvals.asking import ask_for_approval
from users.approvals.words import facts_in_words
from users.models import Approval
from users.models.events import By

ASK: Final = "ask"
"""The name of the button that asks."""


class ReasonForm(forms.Form):
    """Why a member of staff asks for an approval."""

    approval_reason = forms.CharField(
        label=_("Reason"),
        max_length=Approval.MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("For the colleague who decides: why, and where the proof is."),
    )


@contextmanager
def answering(request: HttpRequest) -> Iterator[None]:
    """A database that does not answer is a refusal."""
    try:
        yield
    except DatabaseError as error:
        raise problems.refusal(error, request) from error


def tell_asked(request: HttpRequest, asked: Approval) -> None:
    """Say what comes next; of a form that is sent again after the decision, that it was decided."""
    if asked.is_waiting:
        messages.success(request, gettext("Somebody else must approve this now."))
    else:
        messages.warning(request, gettext("This was decided already."))


def require_approval(request: HttpRequest, obj: Any, values: dict[str, Any]) -> str:
    """The function of an action that no member of staff does alone.

    Raises:
        ApprovalRequired: always.
    """
    raise errors.ApprovalRequired("Somebody else must approve this.")


class AskPages:
    """Adds to pages with actions how an action is asked for; `action.asks` says what."""

    back_of: Callable[..., str | None]

    def ask(self, request: HttpRequest, action: Any, obj: Any, form: Any) -> HttpResponse:
        """Ask for the approval of an action, once for each form.

        Raises:
            Refused: as `ask_for_approval`.
        """
        reason = ReasonForm(request.POST)
        if not reason.is_valid():
            return self.ask_page(request, action, obj, form, reason)
        with answering(request):
            asked = ask_for_approval(
                action.asks(obj, form.cleaned_data),
                by=request.user,
                reason=reason.cleaned_data["approval_reason"],
                key=form.cleaned_data["key"],
                request_id=request.request_id,  # type: ignore[attr-defined]
            )
        tell_asked(request, asked)
        return HttpResponseRedirect(reverse("admin:users_approval_change", args=[asked.pk]))

    def ask_page(
        self, request: HttpRequest, action: Any, obj: Any, form: Any, reason: Any = None
    ) -> HttpResponse:
        """What will be asked for, with a field for the reason.

        Raises:
            Refused: it would be refused now.
        """
        asked = action.asks(obj, form.cleaned_data)
        approvable = APPROVABLES[asked.kind]
        with answering(request):
            approvable.rehearse(
                asked, By(f"staff:{request.user.pk}", approval=form.cleaned_data["key"])
            )
        form.settle()
        return pages.render(
            request,
            "admin/ask.html",
            title=action.label,
            facts=[
                *approvable.details(asked),
                *facts_in_words(approvable, [*approvable.facts(asked)]),
            ],
            effect=approvable.effect(asked),
            form=form,
            reason=reason or ReasonForm(),
            back=self.back_of(request, obj),
        )
