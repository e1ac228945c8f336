"""The shapes of users and their evidence, in requests and answers. Shape only."""

from users.serializers.kyc import (
    DocumentAnswer,
    DocumentContent,
    DocumentOrder,
    ExternalIbanAnswer,
    ExternalIbanOrder,
    FinancialInformationAnswer,
    FinancialInformationOrder,
    HomeAddressAnswer,
    HomeAddressOrder,
    IdentityAnswer,
    IdentityOrder,
    OccupationAnswer,
    OccupationOrder,
)
from users.serializers.users import Nothing, OtpOrder, UserAnswer, UserChange, UserOrder, UserQuery

__all__ = [
    "DocumentAnswer",
    "DocumentContent",
    "DocumentOrder",
    "ExternalIbanAnswer",
    "ExternalIbanOrder",
    "FinancialInformationAnswer",
    "FinancialInformationOrder",
    "HomeAddressAnswer",
    "HomeAddressOrder",
    "IdentityAnswer",
    "IdentityOrder",
    "Nothing",
    "OccupationAnswer",
    "OccupationOrder",
    "OtpOrder",
    "UserAnswer",
    "UserChange",
    "UserOrder",
    "UserQuery",
]
