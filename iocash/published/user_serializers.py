"""The bodies of ioCash's published calls about users, where they differ from ours."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from iocash.http import fields
from users.models import User
from users.serializers.users import UserBody


class OfKind(UserBody):
    """The data of a new user; the path contains the kind."""

    variants = {}
    kind: Any = None
    of: User.Kind

    def get_initial(self) -> dict[str, Any]:
        """An example of the required fields, which are other names for each kind."""
        return fields.Serializer.get_initial(self)

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        return {}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return super().validate(attrs) | {"kind": self.of}


class NaturalBody(OfKind):
    """The data of a person."""

    of = User.Kind.NATURAL
    company_name: Any = None
    first_name = fields.Text(100, example="Alice", help_text="The first name.")
    last_name = fields.Text(100, example="Example", help_text="The last name.")


class JuridicalBody(OfKind):
    """The data of a company."""

    of = User.Kind.JURIDICAL
    first_name: Any = None
    last_name: Any = None
    company_name = fields.Text(
        200, example="Example Ltd", help_text="The registered name of the company."
    )


class PhoneChange(fields.Serializer):
    """The new phone number, which must be verified."""

    mobile_phone = fields.Phone(help_text="It gets a one-time password.")
