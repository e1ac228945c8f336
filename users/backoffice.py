"""Log-in and second factor (TOTP, RFC 6238) of the back office.

With `REQUIRE_SECOND_FACTOR`, staff without a second factor are redirected to the set-up page.
"""

from __future__ import annotations

import base64
import io
from functools import partial, wraps
from http import HTTPStatus
from typing import Any

import django_otp
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.qr import write_qrcode_image

from iocash import errors
from users import menu, pages, preferences, staff
from users.authentication import lacks_second_factor
from users.manual import MANUAL

PENDING = "second_factor"
"""In a session: the secret of a second factor that is not confirmed yet."""


class TokenField(forms.CharField):
    """The six digits of an authenticator app."""

    def __init__(self, **kwargs: Any) -> None:
        attributes = {"inputmode": "numeric", "autocomplete": "one-time-code"}
        super().__init__(max_length=6, widget=forms.TextInput(attrs=attributes), **kwargs)


class LogInForm(AdminAuthenticationForm):
    """A password and, from those who have a second factor, its token."""

    token = TokenField(
        label=_("Second factor"),
        required=False,
        help_text=_("If you have set one up."),
    )

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if not django_otp.user_has_device(user):
            return
        token = self.cleaned_data.get("token") or ""
        user.otp_device = django_otp.match_token(user, token) if token else None
        if user.otp_device is None:
            self.count_failure(user)
            raise ValidationError(
                gettext("The second factor is missing or wrong."), code="invalid_token"
            )

    def count_failure(self, user: Any) -> None:
        """A wrong token counts as much as a wrong password."""
        credentials = {"username": user.get_username()}
        user_login_failed.send(__name__, credentials=credentials, request=self.request)


class TokenForm(forms.Form):
    """The first token of a new second factor: it shows that the app has the secret."""

    token = TokenField(label=_("Six-digit code"))

    def __init__(self, data: Any, device: TOTPDevice) -> None:
        super().__init__(data)
        self.device = device

    def clean_token(self) -> int:
        """Read the step of time that the token is of."""
        step = staff.step_of(self.device, self.cleaned_data["token"])
        if step is None:
            raise ValidationError(gettext("Wrong code. Wait for the next one and try again."))
        return step


class Site(admin.AdminSite):
    """Django's admin with our log-in."""

    site_header = site_title = "ioCash"
    index_title = _("Overview")
    login_form = LogInForm
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and not lacks_second_factor(request.user)

    @method_decorator(never_cache)
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if super().has_permission(request) and lacks_second_factor(request.user):
            return HttpResponseRedirect(reverse("admin:second-factor"))
        return super().login(request, extra_context)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own = path("second-factor/", self.second_factor, name="second-factor")
        return [own, *pages.OWN.patterns(self.admin_view), *super().get_urls()]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Show the page in the language and the time zone of the member of staff."""

        @wraps(view)
        def localized(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            preferences.localize(request.user)
            return view(request, *args, **kwargs)

        return super().admin_view(localized, cacheable)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add what each page has: menu, search and manual.

        The menu is lazy: a page that shows none does not count what waits.
        """
        return super().each_context(request) | {
            "menu": SimpleLazyObject(partial(menu.MENU.shown, request)),
            "has_search": pages.OWN.is_open("search", request.user),
            "chapter_of_page": MANUAL.chapter_of(request),
        }

    @method_decorator(never_cache)
    def second_factor(self, request: HttpRequest) -> HttpResponse:
        """Set up a second factor, once. Staff who have one must verify it to open this page.

        Each visit shows a new secret, which the session keeps until it is confirmed. A secret
        that another visitor has seen can't be confirmed.
        """
        if not super().has_permission(request):
            return HttpResponseRedirect(reverse("admin:login"))
        user: Any = request.user
        if django_otp.user_has_device(user):
            if not user.is_verified():
                raise PermissionDenied
            return self.page(request, device=None, form=None)
        if request.method == "POST" and (secret := request.session.get(PENDING)):
            return self.enrol(request, staff.new_device(user, secret))
        device = staff.new_device(user)
        request.session[PENDING] = device.key
        return self.page(request, device=device, form=TokenForm(None, device))

    def enrol(self, request: HttpRequest, device: TOTPDevice) -> HttpResponse:
        """Confirm a second factor whose secret this session alone has shown."""
        form = TokenForm(request.POST, device)
        if not form.is_valid():
            return self.page(request, device=device, form=form)
        staff.enrol(device, form.cleaned_data["token"], session_key=request.session.session_key)
        del request.session[PENDING]
        request.session.cycle_key()
        django_otp.login(request, device)
        messages.success(request, gettext("Second factor activated."))
        return HttpResponseRedirect(reverse("admin:index"))

    def page(
        self, request: HttpRequest, *, device: TOTPDevice | None, form: TokenForm | None
    ) -> HttpResponse:
        context = {
            **self.each_context(request),
            "title": gettext("Second factor"),
            "form": form,
            "picture": qr_code(device.config_url) if device else None,
            "secret": base64.b32encode(device.bin_key).decode() if device else None,
        }
        return TemplateResponse(request, "admin/second_factor.html", context)


def refusal_page(request: HttpRequest, refused: errors.Refused) -> HttpResponse | None:
    """The error page inside the back office; None if it is not the caller's error, or not staff's.

    Without the database there is no menu either.
    """
    user = getattr(request, "user", None)
    if refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR or user is None:
        return None
    if not admin.site.has_permission(request):
        return None
    context = {"title": refused.title(), "refused": refused}
    response = pages.render(request, "admin/refused.html", status=refused.status, **context)
    return response.render()


def qr_code(address: str) -> str:
    """The QR code of `address`, as the address of an image."""
    drawn = io.BytesIO()
    write_qrcode_image(address, drawn)
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.getvalue()).decode()
