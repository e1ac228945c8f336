"""What members of staff do with their own access: recovery codes, second factor, sessions."""

from __future__ import annotations

from typing import Any

import django_otp
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from users import pages
from users.staff import second_factor, sessions
from users.staff.fields import AnyTokenField


class OwnTokenForm(forms.Form):
    """A token of the member's own second factor: a stolen session is not enough."""

    token = AnyTokenField(
        label=_("Second factor"),
        help_text=_("The six digits that your app shows now, or a recovery code."),
    )

    def __init__(self, data: Any, member: Any) -> None:
        super().__init__(data)
        self.member = member

    def clean_token(self) -> str:
        token: str = self.cleaned_data["token"]
        if second_factor.verify_second_factor(self.member, token) is None:
            raise forms.ValidationError(gettext("Wrong code. Wait for the next one and try again."))
        return token


def require_second_factor(member: Any) -> None:
    """Refuse a session that has not verified the second factor of its member."""
    if not django_otp.user_has_device(member) or not member.is_verified():
        raise PermissionDenied


@pages.page("second-factor/codes/", name="recovery-codes", permission=None)
@sensitive_post_parameters("token")
def make_codes_anew(request: HttpRequest) -> HttpResponse:
    """Replace the recovery codes, and show the new ones once."""
    require_second_factor(request.user)
    form = OwnTokenForm(request.POST or None, request.user)
    if request.method == "POST" and form.is_valid():
        codes = second_factor.renew_codes(request.user)
        title = gettext("Recovery codes")
        return pages.render(request, "admin/recovery_codes.html", title=title, codes=codes)
    return pages.render(
        request,
        "admin/own_action.html",
        title=gettext("Make new recovery codes"),
        form=form,
        warning=gettext("The codes that you have now stop working."),
    )


@pages.page("second-factor/replace/", name="replace-second-factor", permission=None)
@sensitive_post_parameters("token")
def replace_second_factor(request: HttpRequest) -> HttpResponse:
    """Delete the own second factor, and set up another: after a change of the phone."""
    require_second_factor(request.user)
    form = OwnTokenForm(request.POST or None, request.user)
    if request.method == "POST" and form.is_valid():
        own = request.session.session_key
        second_factor.reset_second_factor(request.user, by=request.user, besides=own)
        return HttpResponseRedirect(reverse("admin:second-factor"))
    return pages.render(
        request,
        "admin/own_action.html",
        title=gettext("Replace the second factor"),
        form=form,
        warning=gettext(
            "The app that you use now stops working, and so do your recovery codes. All your "
            "other sessions are closed. The next page sets up another app."
        ),
    )


@pages.page("log-out-everywhere/", name="log-out-everywhere", permission=None)
def close_own_sessions(request: HttpRequest) -> HttpResponse:
    """Show where the member is logged in; close all these sessions, this one included."""
    if request.method == "POST":
        sessions.log_out_everywhere(request.user, by=request.user)
        logout(request)
        messages.success(request, gettext("You are logged out everywhere."))
        return HttpResponseRedirect(reverse("admin:login"))
    return pages.render(
        request,
        "admin/own_sessions.html",
        title=gettext("Where you are logged in"),
        sessions=sessions.open_sessions(request.user, request.session.session_key),
    )
