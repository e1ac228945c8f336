"""The members of the demo's institution: people and companies that don't exist.

Every person is called Alice or Bob, with the name of a town; a company has a town and a trade.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, Final, NamedTuple
from uuid import UUID

from schwifty import IBAN

from users.models import User

TOWNS: Final = (  # noqa: SIM905 (a list has a line for each)
    "Albacete Alicante Almansa Almería Antequera Aranda Astorga Aveiro Ávila Badajoz Bailén "
    "Barcelona Béjar Benidorm Berga Bilbao Braga Burela Burgos Cáceres Cádiz Cartagena "
    "Castellón Coimbra Córdoba Cuenca Elche Évora Faro Ferrol Figueres Gandía Getafe Gijón "
    "Girona Granada Guadalajara Guadix Güímar Huelva Huesca Jaén Jerez Linares Lisboa Llanes "
    "Lleida Logroño Lorca Lugo Madrid Málaga Manresa Marbella Mérida Motril Murcia Nerja Noia "
    "Oporto Ourense Oviedo Palencia Palma Pamplona Pontevedra Reus Ronda Sabadell Salamanca "
    "Santander Segovia Sevilla Soria Tarragona Teruel Toledo Tudela Úbeda Valencia Valladolid "
    "Vera Vigo Vitoria Viveiro Zafra Zamora Zaragoza"
).split()
START_SHARE: Final = 0.55
"""The share of the members that join on the first day; the others join later."""
LAST_JOIN: Final = 85


class Part(StrEnum):
    """What a member does in the institution."""

    PERSON = "person"
    SHOP = "shop"
    EMPLOYER = "employer"
    LANDLORD = "landlord"


class Trade(NamedTuple):
    """What a shop sells: its prices in cents, and the concepts of the payments."""

    name: str
    lowest: int
    highest: int
    concepts: tuple[str, ...]


TRADES: Final = (
    Trade("Bakery", 1_20, 14_00, ("Bread", "Breakfast", "Cake")),
    Trade("Grocery", 6_00, 92_00, ("Groceries", "Weekly shop")),
    Trade("Pharmacy", 3_50, 45_00, ("Pharmacy",)),
    Trade("Bookshop", 7_90, 48_00, ("Books", "Stationery")),
    Trade("Café", 1_60, 18_00, ("Coffee", "Lunch menu")),
    Trade("Restaurant", 14_00, 96_00, ("Lunch", "Dinner")),
    Trade("Garage", 35_00, 240_00, ("Repair", "Tyres")),
    Trade("Florist", 9_00, 60_00, ("Flowers",)),
    Trade("Cinema", 7_50, 32_00, ("Tickets",)),
    Trade("Gym", 24_90, 39_90, ("Membership",)),
    Trade("Taxi", 6_00, 38_00, ("Ride",)),
    Trade("Hotel", 58_00, 210_00, ("Room", "Weekend")),
    Trade("Clothing", 12_00, 120_00, ("Clothes", "Shoes")),
    Trade("Hardware", 4_00, 85_00, ("Tools", "Paint")),
)
EMPLOYERS: Final = (
    "Hospital",
    "Logistics",
    "Software",
    "Textiles",
    "Transport",
    "School",
    "Foods",
    "Energy",
)
LANDLORDS: Final = ("Homes", "Housing", "Residences", "Apartments")


@dataclass(slots=True)
class Member:
    """A user of the institution, with what is known of it while the ninety days pass."""

    number: int
    part: Part
    values: dict[str, Any]
    level: int
    """The KYC level that it reaches."""
    joins: float
    """Days after the beginning."""
    trade: Trade | None = None
    wage: int = 0
    rent: int = 0
    """Each month, in cents."""
    user: User | None = field(default=None, repr=False)
    wallet_id: UUID | None = None

    @property
    def name(self) -> str:
        values = self.values
        return str(values.get("company_name") or f"{values['first_name']} {values['last_name']}")

    @property
    def iban(self) -> str:
        """Its account at a bank that doesn't exist."""
        return str(
            IBAN.generate("ES", bank_code="9998", account_code=str(7_919 * (self.number + 1_000)))
        )


def members(random: Random) -> list[Member]:
    """All members in the order of their numbers: people first, then companies."""
    found = [*people(random)]
    return [*found, *companies(len(found), random)]


def people(random: Random) -> Iterator[Member]:
    """Alice and Bob of each town, with a level, a wage and a rent."""
    names = [(first, town) for town in TOWNS for first in ("Alice", "Bob")]
    random.shuffle(names)
    for number, (first, town) in enumerate(names):
        level = (2, 1, 0, 1, 0, 1, 0, 0, 1)[number % 9]
        values = {
            "kind": "NATURAL",
            "first_name": first,
            "last_name": town,
            "email": f"{first.lower()}.{number:03}@example.com",
        }
        member = Member(number, Part.PERSON, with_log_in(values, number), level, joining(random))
        if level and random.random() < 0.8:
            member.wage = random.randrange(1_150_00, 2_600_00 if level > 1 else 1_600_00, 10_00)
        if member.wage and random.random() < 0.6:
            member.rent = random.randrange(420_00, 780_00, 5_00)
        yield member


def companies(first: int, random: Random) -> Iterator[Member]:
    """Two shops of each trade, the employers and the landlords."""
    kinds: list[tuple[Part, str, Trade | None]] = [
        *((Part.SHOP, trade.name, trade) for trade in (*TRADES, *TRADES)),
        *((Part.EMPLOYER, name, None) for name in EMPLOYERS),
        *((Part.LANDLORD, name, None) for name in LANDLORDS),
    ]
    towns = random.sample(TOWNS, len(kinds))
    for number, ((part, name, trade), town) in enumerate(zip(kinds, towns, strict=True), first):
        values = {
            "kind": "JURIDICAL",
            "company_name": f"{town} {name} Ltd",
            "email": f"office.{number:03}@example.com",
        }
        joins = joining(random) if part == Part.SHOP and number % 3 == 0 else random.random() / 4
        yield Member(number, part, with_log_in(values, number), 2, joins, trade)


def with_log_in(values: dict[str, Any], number: int) -> dict[str, Any]:
    """Add the log-in name, and a phone number that is unique among the members."""
    return values | {
        "user_name": values["email"].partition("@")[0].replace(".", "-"),
        "mobile_phone": f"+34611{number:06}",
    }


def joining(random: Random) -> float:
    """Many join at once, and the others over the whole time."""
    is_early = random.random() < START_SHARE
    return random.random() / 2 if is_early else random.uniform(0.5, LAST_JOIN)
