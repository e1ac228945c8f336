"""One's own account: language, time zone, daily e-mail, theme, password and second factor."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language_info, gettext
from django.utils.translation import gettext_lazy as _
from django_otp import user_has_device

from users import pages, preferences
from users.models import Preferences
from users.staff import second_factor

NO_ADDRESS: Final = _("You have no e-mail address. Ask an administrator to add it.")


def time_zones() -> list[tuple[str, str]]:
    """The time zones of places, and UTC first."""
    places = sorted(name for name in available_timezones() if is_place(name))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in places)]


def is_place(name: str) -> bool:
    return "/" in name and not name.startswith(("Etc/", "SystemV/", "posix/", "right/"))


def languages() -> list[tuple[str, Any]]:
    own = [
        (code, get_language_info(code)["name_local"].capitalize())
        for code, _name in settings.LANGUAGES
    ]
    return [("", _("As in the browser")), *own]


class PreferencesForm(forms.ModelForm):
    language = forms.ChoiceField(label=_("Language"), choices=languages, required=False)
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=time_zones,
        help_text=_("All times of the back office are shown in it."),
    )
    digest = forms.BooleanField(
        label=_("E-mail each day"),
        required=False,
        help_text=_("It says how much waits for you, with links and without names."),
    )

    class Meta:
        model = Preferences
        fields = ("language", "time_zone", "digest")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        address = self.instance.person.email
        sent_to = (
            gettext("It is sent to %(address)s.") % {"address": address} if address else NO_ADDRESS
        )
        self.fields["digest"].help_text += f" {sent_to}"

    def clean_digest(self) -> bool:
        wanted: bool = self.cleaned_data["digest"]
        if wanted and not self.instance.person.email:
            raise forms.ValidationError(NO_ADDRESS)
        return wanted


@pages.page("account/", name="account", permission=None)
def account(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    has_second_factor = user_has_device(person)
    stored = preferences.preferences_of(person)
    stored.person = person  # it is read already
    form = PreferencesForm(request.POST or None, instance=stored)
    if request.method == "POST" and form.is_valid():
        Preferences.objects.update_or_create(person_id=person.pk, defaults=form.cleaned_data)
        chosen = form.cleaned_data
        preferences.activate_values(language=chosen["language"], time_zone=chosen["time_zone"])
        messages.success(request, gettext("Saved."))
        return HttpResponseRedirect(reverse("admin:account"))
    return pages.render(
        request,
        "admin/account.html",
        title=gettext("Your account"),
        form=form,
        has_second_factor=has_second_factor,
        codes_left=second_factor.codes_left(person) if has_second_factor else 0,
    )
