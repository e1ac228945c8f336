"""The endpoints of users that need no wallet."""

from users.views.kyc import (
    Documents,
    ExternalIban,
    FinancialInformation,
    HomeAddress,
    Identity,
    Occupation,
)
from users.views.users import (
    REPLAYED,
    ClientView,
    RequestOtp,
    UserDetail,
    UserList,
    UsersView,
    UserView,
)

__all__ = [
    "REPLAYED",
    "ClientView",
    "Documents",
    "ExternalIban",
    "FinancialInformation",
    "HomeAddress",
    "Identity",
    "Occupation",
    "RequestOtp",
    "UserDetail",
    "UserList",
    "UserView",
    "UsersView",
]
