"""Log-in, first password and second factor (TOTP, RFC 6238) of the back office.

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
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, PasswordResetConfirmView
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.qr import write_qrcode_image

from iocash import errors
from iocash.db import groups
from users import chosen_groups, menu, pages, preferences
from users.authentication import lacks_second_factor
from users.manual import MANUAL
from users.staff import members, second_factor
from users.staff.fields import AnyTokenField, TokenField
from users.staff.sessions import remember_place

PENDING = "second_factor"
"""In a session: the secret of a second factor that is not confirmed yet."""


class LogInForm(AdminAuthenticationForm):
    """A password and, from those who have a second factor, a token or a recovery code."""

    token = AnyTokenField(
        label=_("Second factor"),
        required=False,
        help_text=_("If you have set one up: the six digits of your app, or a recovery code."),
    )

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if not django_otp.user_has_device(user):
            return
        verified = second_factor.verify_second_factor(user, self.cleaned_data.get("token") or "")
        if verified is None:
            self.count_failure(user)
            raise ValidationError(
                gettext("The second factor is missing or wrong."), code="invalid_token"
            )
        user.otp_device = verified.device
        if verified.codes_left is not None and self.request is not None:
            messages.warning(self.request, words_of_codes_left(verified.codes_left))

    def count_failure(self, user: Any) -> None:
        """A wrong token counts as much as a wrong password."""
        credentials = {"username": user.get_username()}
        user_login_failed.send(__name__, credentials=credentials, request=self.request)


def words_of_codes_left(number: int) -> str:
    if not number:
        return gettext("You have used your last recovery code. Make new ones.")
    return ngettext(
        "You have used a recovery code. You have %(number)s recovery code left.",
        "You have used a recovery code. You have %(number)s recovery codes left.",
        number,
    ) % {"number": number}


class TokenForm(forms.Form):
    """The first token of a new second factor: it shows that the app has the secret."""

    token = TokenField(label=_("Six-digit code"))

    def __init__(self, data: Any, device: TOTPDevice) -> None:
        super().__init__(data)
        self.device = device

    def clean_token(self) -> int:
        """Read the step of time that the token is of."""
        step = second_factor.step_of(self.device, self.cleaned_data["token"])
        if step is None:
            raise ValidationError(gettext("Wrong code. Wait for the next one and try again."))
        return step


class FirstPasswordForm(SetPasswordForm):
    """A new password, set with the token of a link."""

    token = ""

    def save(self, commit: bool = True) -> Any:
        """Set the password, if the link is still open under the lock of the member."""
        members.set_password(self.user, self.cleaned_data["new_password1"], token=self.token)
        return self.user


class SetPassword(PasswordResetConfirmView):
    """Set a password with a link, once. The address with the token is left before the form."""

    form_class = FirstPasswordForm
    template_name = "admin/set_password.html"
    token_generator = members.TOKENS
    success_url = reverse_lazy("admin:login")
    title = _("Set your password")

    def get_user(self, uidb64: str) -> Any:
        user = super().get_user(uidb64)
        return user if user and user.is_active and user.is_staff else None

    def get_form(self, form_class: Any = None) -> Any:
        form: Any = super().get_form(form_class)
        form.token = self.request.session.get(INTERNAL_RESET_SESSION_TOKEN, "")
        return form

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            answer = super().form_valid(form)
        except errors.PermissionDenied as refused:
            form.add_error(None, errors.translated(refused.words, gettext))
            return self.form_invalid(form)
        messages.success(self.request, gettext("Password set. Log in with it."))
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        if not context["validlink"]:
            context["title"] = gettext("This link does not work")
        return {**admin.site.each_context(self.request), **context, "has_permission": False}


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
        answer = super().login(request, extra_context)
        if request.method == "POST" and answer.status_code == HTTPStatus.FOUND:
            remember_place(request)
        return answer

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own = [
            path("second-factor/", self.second_factor, name="second-factor"),
            path("group/", self.admin_view(self.choose_group), name="group"),
            path("set-password/<uidb64>/<token>/", SetPassword.as_view(), name="set-password"),
        ]
        return [*own, *pages.OWN.patterns(self.admin_view), *super().get_urls()]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Show the page in the language and the time zone of the member of staff."""

        @wraps(view)
        def localized(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            preferences.localize(request.user)
            return view(request, *args, **kwargs)

        return super().admin_view(localized, cacheable)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Django's list of models, built when it is used: our pages show the menu instead."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add what each page has: menu, search and manual.

        The menu is lazy: a page that shows none does not count what waits.
        """
        return super().each_context(request) | {
            "menu": SimpleLazyObject(partial(menu.MENU.shown, request)),
            "has_search": pages.OWN.is_open("search", request.user),
            "chapter_of_page": MANUAL.chapter_of(request),
            "group": groups.current(),
            "group_names": groups.names() if groups.are_several() else (),
        }

    def choose_group(self, request: HttpRequest) -> HttpResponse:
        """Show another group of clients from here on; then open its first page, or another one."""
        name, after = request.POST.get("group", ""), request.POST.get("next", "")
        if request.method == "POST" and name in groups.names():
            if name != chosen_groups.chosen_group(request):
                rotate_token(request)  # a form of the other group, in another tab, is refused
            request.session[chosen_groups.SESSION_KEY] = name
        index = reverse("admin:index")
        is_own = after.startswith(index) and url_has_allowed_host_and_scheme(after, None)
        return HttpResponseRedirect(after if is_own else index)

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
            return self.enrol(request, second_factor.new_device(user, secret))
        device = second_factor.new_device(user)
        request.session[PENDING] = device.key
        return self.page(request, device=device, form=TokenForm(None, device))

    def enrol(self, request: HttpRequest, device: TOTPDevice) -> HttpResponse:
        """Confirm a second factor whose secret this session alone has shown."""
        form = TokenForm(request.POST, device)
        if not form.is_valid():
            return self.page(request, device=device, form=form)
        codes = second_factor.enrol(
            device, form.cleaned_data["token"], session_key=request.session.session_key
        )
        del request.session[PENDING]
        request.session.cycle_key()
        django_otp.login(request, device)
        messages.success(request, gettext("Second factor activated."))
        title = gettext("Recovery codes")
        return pages.render(request, "admin/recovery_codes.html", title=title, codes=codes)

    def page(
        self, request: HttpRequest, *, device: TOTPDevice | None, form: TokenForm | None
    ) -> HttpResponse:
        context = {
            **self.each_context(request),
            "title": gettext("Second factor"),
            "form": form,
            "codes_left": second_factor.codes_left(request.user),
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
    context = {
        "title": errors.translated(refused.title(), gettext),
        "refused": refused,
        "words": errors.translated(refused.words, gettext),
    }
    response = pages.render(request, "admin/refused.html", status=refused.status, **context)
    return response.render()


def qr_code(address: str) -> str:
    """The QR code of `address`, as the address of an image."""
    drawn = io.BytesIO()
    write_qrcode_image(address, drawn)
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.getvalue()).decode()
