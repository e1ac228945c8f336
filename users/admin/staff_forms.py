"""The forms about members of staff. None has a field for a permission."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.actions import ActionForm
from users.staff import members, roles

TAKEN: Final = _("There is already a member of staff with this name.")


class MemberForm(ActionForm):
    """The name and the e-mail address of a member of staff."""

    first_name = forms.CharField(label=_("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=150, required=False)
    email = forms.EmailField(label=_("E-mail address"), max_length=254, required=False)


class NamesForm(MemberForm):
    def offer(self, obj: Any) -> None:
        for name in ("first_name", "last_name", "email"):
            self.fields[name].initial = getattr(obj, name)


class RolesField(forms.MultipleChoiceField):
    """The names of roles, each with its purpose."""

    widget = forms.CheckboxSelectMultiple

    def offer_to(self, by: Any) -> None:
        """Offer the roles that this member of staff may give."""
        self.choices = [
            (
                role.name,
                gettext("%(role)s: %(purpose)s") % {"role": role.label, "purpose": role.purpose}
                if role.purpose
                else role.label,
            )
            for role in roles.roles_to_give(by)
        ]


class RolesForm(ActionForm):
    roles = RolesField(label=_("Roles"), required=False)

    def restrict(self, user: Any) -> None:
        offer_roles(self, user)

    def offer(self, obj: Any) -> None:
        self.fields["roles"].initial = [group.name for group in obj.groups.all()]


class NewMemberForm(MemberForm):
    """A new member of staff."""

    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        help_text=_("For the log-in. It can't be changed later."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off"}),
    )
    roles = RolesField(label=_("Roles"))
    field_order = ("username", "first_name", "last_name", "email", "roles")

    def restrict(self, user: Any) -> None:
        offer_roles(self, user)

    def clean_username(self) -> str:
        """Refuse a name that differs from another's in upper and lower case only."""
        name = get_user_model().normalize_username(self.cleaned_data["username"])
        if members.is_taken(name):
            raise forms.ValidationError(str(TAKEN))
        return str(name)


def offer_roles(form: forms.Form, by: Any) -> None:
    field = form.fields["roles"]
    assert isinstance(field, RolesField)
    field.offer_to(by)
