"""The endpoints of users that need no wallet."""

from users.views.kyc import (
    DocumentView,
    ExternalIbanView,
    FinancialInformationView,
    HomeAddressView,
    IdentityView,
    OccupationView,
)
from users.views.users import (
    REPLAYED,
    ClientView,
    OtpView,
    UserListView,
    UsersView,
    UserView,
)

__all__ = [
    "REPLAYED",
    "ClientView",
    "DocumentView",
    "ExternalIbanView",
    "FinancialInformationView",
    "HomeAddressView",
    "IdentityView",
    "OccupationView",
    "OtpView",
    "UserListView",
    "UserView",
    "UsersView",
]
