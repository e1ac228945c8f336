"""Bodies, queries and answers about users and KYC documents. They check shape only."""

from users.serializers.kyc import (
    DocumentAnswer,
    DocumentBody,
    DocumentContent,
    ExternalIbanAnswer,
    ExternalIbanBody,
    FinancialInformationAnswer,
    FinancialInformationBody,
    HomeAddressAnswer,
    HomeAddressBody,
    IdentityAnswer,
    IdentityBody,
    OccupationAnswer,
    OccupationBody,
)
from users.serializers.users import Nothing, OtpBody, UserAnswer, UserBody, UserChange, UserQuery

__all__ = [
    "DocumentAnswer",
    "DocumentBody",
    "DocumentContent",
    "ExternalIbanAnswer",
    "ExternalIbanBody",
    "FinancialInformationAnswer",
    "FinancialInformationBody",
    "HomeAddressAnswer",
    "HomeAddressBody",
    "IdentityAnswer",
    "IdentityBody",
    "Nothing",
    "OccupationAnswer",
    "OccupationBody",
    "OtpBody",
    "UserAnswer",
    "UserBody",
    "UserChange",
    "UserQuery",
]
