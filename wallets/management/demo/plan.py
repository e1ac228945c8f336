"""The plan of the demo's ninety days: who does what, and at which time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from users.kyc import Kind
from wallets.management.demo import actions, bank_days, cases, closings, schedules
from wallets.management.demo.history import Action, History
from wallets.management.demo.members import TRADES, Member, Part, members

HOURS: Final = (9, 10, 11, 12, 12, 13, 13, 13, 14, 14, 17, 18, 18, 19, 19, 20, 20, 21)
"""When people pay in shops."""
OFFICE_HOURS: Final = (9, 16)
SATURDAY: Final = 5
SPECIAL_EVERY: Final = 8
"""One of so many people is a special case, without ordinary payments."""
CARD: Final = ("Card", "Card", "Card", "Bank transfer")


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans the actions of a history."""

    history: History
    people: Sequence[Member]
    shops: Sequence[Member]
    employers: Sequence[Member]
    landlords: Sequence[Member]

    @classmethod
    def of(cls, history: History) -> Planner:
        found = members(history.random)
        parts = {part: [each for each in found if each.part == part] for part in Part}
        return cls(history, *parts.values())

    def plan(self) -> None:
        """Plan everything that is known at the beginning."""
        for number, member in enumerate(self.people):
            if number % SPECIAL_EVERY:
                self.plan_person(member)
        for company in (*self.shops, *self.employers, *self.landlords):
            self.plan_joining(company)
        for day in range(self.days + 1):
            self.plan_day(day)
        for day in (1, 10):
            self.history.plan(self.at(day), actions.update_statistics)
        self.plan_special(self.people[::SPECIAL_EVERY])
        self.plan_cases()
        self.plan_schedules()
        self.plan_bank()
        self.plan_last_days()

    @property
    def days(self) -> int:
        return (self.history.end - self.history.start).days

    def at(self, day: float, hour: float = 0) -> datetime:
        """A time on a day of the history, counted from its first midnight."""
        midnight = datetime.combine(self.history.start.date(), time(), self.history.start.tzinfo)
        return midnight + timedelta(days=day, hours=hour)

    def in_office(self, day: float) -> datetime:
        """A time at which staff work, on a day or on the next Monday."""
        weekday = self.at(int(day)).weekday()
        monday = 7 - weekday if weekday >= SATURDAY else 0
        return self.at(int(day) + monday, self.history.random.uniform(*OFFICE_HOURS))

    def last_office(self, days: int) -> datetime:
        """A time at which staff work, so many days before the end, or on the Friday before."""
        day = self.days - days
        weekend = max(0, self.at(day).weekday() - SATURDAY + 1)
        return self.at(day - weekend, self.history.random.uniform(*OFFICE_HOURS))

    def before_end(self, **delay: float) -> datetime:
        return self.history.end - timedelta(**delay)

    # Members

    def plan_joining(self, member: Member) -> None:
        """Plan that a member joins, sends its documents, and has them reviewed."""
        joins = self.history.start + timedelta(days=member.joins)
        self.history.plan(joins, actions.join(member))
        if member.level:
            sent = joins + timedelta(hours=2)
            self.history.plan(sent, actions.send_samples_of(member, member.level))
            is_early = member.joins < 1
            reviewed = sent + timedelta(hours=3) if is_early else self.in_office(member.joins + 2)
            self.history.plan(reviewed, actions.review_documents_of(member))

    def plan_person(self, member: Member) -> None:
        """Plan that a person joins, brings money and spends it."""
        self.plan_joining(member)
        random, most = self.history.random, (14_00, 60_00, 240_00)[member.level]
        day = member.joins + 0.4
        while day < self.days:
            amount = random.randrange(most // 4, most, 1_00 if member.level else 5_00)
            action = actions.top_up(member, amount, random.choice(CARD))
            self.history.plan(self.at(int(day) + 1, random.uniform(8.5, 17.5)), action)
            day += random.uniform(5, 22)

    # Days

    def plan_day(self, day: int) -> None:
        """Plan the payments of a day and, if the bank is open, its files."""
        random, date = self.history.random, self.at(day)
        here = [each for each in self.people if each.joins < day and each.number % SPECIAL_EVERY]
        rate = 0.38 if date.weekday() >= SATURDAY else 0.3
        for member in here:
            if random.random() < rate * (1 if member.level else 0.45):
                self.history.plan(self.at(day, self.shopping_hour()), self.shopping(member))
            if random.random() < 0.025:
                self.history.plan(self.at(day, self.shopping_hour()), self.sharing(member, here))
            if member.level and random.random() < 0.012:
                action = actions.cash_out(
                    member, share=random.uniform(0.2, 0.6), cancel=day % 9 == 0
                )
                self.history.plan(self.at(day, random.uniform(8, 21)), action)
        for _ in range(2 if here else 0):
            self.plan_hold(day, random.choice(here))
        if date.weekday() < SATURDAY:
            self.plan_office_day(day, date)

    def shopping_hour(self) -> float:
        return self.history.random.choice(HOURS) + self.history.random.random()

    def shopping(self, member: Member) -> Action:
        random, shop = self.history.random, self.history.random.choice(self.shops)
        trade = shop.trade or TRADES[0]
        highest = trade.highest if member.level else min(trade.highest, 20_00)
        amount = max(trade.lowest, int(highest * random.triangular(0, 1, 0.15)))
        return actions.pay(
            member,
            shop,
            amount,
            random.choice(trade.concepts),
            reference=f"R-{random.randrange(10_000, 99_999)}",
            refund_after=random.uniform(2, 40) if random.random() < 0.025 else 0,
        )

    def sharing(self, member: Member, here: Sequence[Member]) -> Action:
        random = self.history.random
        friend = random.choice([each for each in here if each is not member] or here)
        concept = random.choice(("Lunch", "Thank you", "Present", "Tickets", "Trip"))
        return actions.pay(member, friend, random.randrange(3_00, 35_00, 50), concept)

    def plan_hold(self, day: int, member: Member) -> None:
        random = self.history.random
        action = actions.hold(
            member,
            random.choice(self.shops),
            random.randrange(10_00, 60_00 if member.level else 15_00, 5_00),
            days=random.uniform(1.5, 8),
        )
        self.history.plan(self.at(day, self.shopping_hour()), action)

    def plan_office_day(self, day: int, date: datetime) -> None:
        """Plan what happens on workdays: files of the bank, funding, wages, rents and pay-outs."""
        random = self.history.random
        self.history.plan(self.at(day, 9.5), actions.settle_file)
        self.history.plan(self.at(day, 15.5), actions.send_file)
        for employer in self.employers[day % 4 :: 4]:
            amount = random.randrange(1_500_00, 4_200_00)
            action = actions.top_up(employer, amount, "Bank transfer")
            self.history.plan(self.at(day, random.uniform(8.5, 12)), action)
        for shop in self.shops[date.weekday() :: SATURDAY]:
            action = actions.cash_out(shop, share=random.uniform(0.75, 0.95))
            self.history.plan(self.at(day, random.uniform(8, 11)), action)
        if date.weekday() == 4 and (date + timedelta(days=7)).month != date.month:
            self.plan_wages(day, date)
        if date.day <= 3 or (date.day <= 5 and date.weekday() == 0):
            self.plan_rents(day, date)

    def plan_wages(self, day: int, date: datetime) -> None:
        random = self.history.random
        paid = [each for each in self.people if each.wage and each.joins < day - 2]
        for member in paid:
            employer = self.employers[member.number % len(self.employers)]
            action = actions.pay(
                employer, member, member.wage, f"Salary {date:%B}", reference=f"PAY-{date:%Y-%m}"
            )
            self.history.plan(self.at(day, 10 + (member.number % 8) / 60), action)
            if random.random() < 0.6:
                action = actions.cash_out(member, share=random.uniform(0.3, 0.6))
                self.history.plan(
                    self.at(day + random.randrange(1, 7), random.uniform(8, 21)), action
                )

    def plan_rents(self, day: int, date: datetime) -> None:
        for member in self.people:
            is_due = member.number % 3 == date.day % 3
            if member.rent and is_due and member.joins < day:
                landlord = self.landlords[member.number % len(self.landlords)]
                action = actions.pay(member, landlord, member.rent, f"Rent {date:%B}")
                self.history.plan(self.at(day, self.history.random.uniform(8, 10)), action)
        for landlord in self.landlords:
            action = actions.cash_out(landlord, share=0.9)
            self.history.plan(self.at(day, 14), action)

    # Special cases

    def plan_special(self, those: Sequence[Member]) -> None:
        """Plan members who wait, were refused, are blocked, leave, are paid out, or at a limit."""
        plans = (
            self.plan_waiting,
            self.plan_waiting,
            self.plan_limit,
            self.plan_leaving,
            self.plan_refusal,
            self.plan_block,
            self.plan_unverified,
            self.plan_closing,
            self.plan_closed,
        )
        for number, member in enumerate(those):
            plans[number % len(plans)](member)

    def plan_first(self, member: Member, *, days: float) -> None:
        """Plan that a member joins some days before the end, and brings a little money."""
        self.history.plan(self.before_end(days=days), actions.join(member))
        amount = self.history.random.randrange(40_00, 120_00, 5_00)
        self.history.plan(self.before_end(days=days - 0.1), actions.top_up(member, amount, "Card"))

    def plan_waiting(self, member: Member) -> None:
        """It has sent its documents, and nobody has looked at them."""
        days = self.history.random.uniform(0.3, 4)
        self.plan_first(member, days=days + 1)
        self.history.plan(self.before_end(days=days), actions.send_samples_of(member, 1))

    def plan_refusal(self, member: Member) -> None:
        """A document was refused; it was not sent again."""
        self.plan_first(member, days=20)
        self.history.plan(self.before_end(days=18), actions.send_samples_of(member, 1))
        action = actions.review_documents_of(member, Kind.DOCUMENT_IDENTITY_FRONT)
        self.history.plan(self.before_end(days=17), action)

    def plan_limit(self, member: Member) -> None:
        """It has used nearly all of what its level allows in thirty days."""
        member.level = 1
        member.joins = 40
        self.plan_joining(member)
        for days in (16, 11, 7, 2):
            amount = 570_00 + self.history.random.randrange(0, 40_00, 5_00)
            action = actions.top_up(member, amount, "Card")
            self.history.plan(self.before_end(days=days), action)

    def plan_block(self, member: Member) -> None:
        """Staff have blocked it."""
        self.plan_first(member, days=30)
        reason = self.history.random.choice(("SUSPECTED_FRAUD", "USER_REQUEST", "LEGAL_ORDER"))
        days = self.history.random.uniform(1, 25)
        self.history.plan(self.before_end(days=days), actions.block_user(member, reason))

    def plan_leaving(self, member: Member) -> None:
        """It has paid what was left to another member, and closed its account."""
        self.plan_first(member, days=50)
        days = self.history.random.uniform(2, 40)
        self.history.plan(self.before_end(days=days), actions.leave(member, self.heir))

    def plan_unverified(self, member: Member) -> None:
        """It never verified its phone number."""
        days = self.history.random.uniform(1, 30)
        self.history.plan(self.before_end(days=days), actions.join(member, is_verified=False))

    def plan_closing(self, member: Member) -> None:
        """Staff have paid it out to close it, and the bank has not answered yet."""
        self.plan_first(member, days=30)
        self.history.plan(
            self.last_office(1), closings.pay_out_and_close(member, is_answered=False)
        )

    def plan_closed(self, member: Member) -> None:
        """Staff have paid it out, and closed it when the bank had paid."""
        self.plan_first(member, days=45)
        day = self.history.random.randrange(5, 30)
        self.history.plan(
            self.last_office(day), closings.pay_out_and_close(member, is_answered=True)
        )

    def plan_cases(self) -> None:
        """Plan the cases; each concerns one of the first people."""
        for story, member in zip(cases.STORIES, self.first_people, strict=False):
            self.history.plan(self.last_office(story.days), cases.open_story(story, member))

    def plan_schedules(self) -> None:
        """Plan the scheduled operations of some of the first people, and the work of each day."""
        days = 7 * schedules.WEEKS
        for number, member in enumerate(self.first_people[: len(schedules.PLANS)]):
            action = schedules.schedule_payments(member, self.landlords[0], number)
            self.history.plan(self.before_end(days=days), action)
        for day in range(days):
            self.history.plan(self.before_end(days=day, hours=1), schedules.make_runs)

    def plan_bank(self) -> None:
        """Plan a statement for each of the last days but one, and a report on each next morning.

        The report of yesterday waits for its signatures.
        """
        last = self.days
        for days in range(bank_days.FIRST_DAY, 1, -1):
            action = bank_days.import_day(days)
            self.history.plan(self.at(last - days + 1, 8.2), action)
        for days in range(bank_days.FIRST_DAY - 2, -1, -1):
            action = bank_days.make_report_of_day(is_signed=days > 1)
            self.history.plan(self.at(last - days, 6), action)

    @property
    def heir(self) -> Member:
        """The first person without limits: it can receive whatever others leave."""
        return next(each for each in self.first_people if each.level > 1)

    @property
    def first_people(self) -> list[Member]:
        """Ordinary people with a KYC level, in the order in which they join."""
        ordinary = [each for each in self.people if each.level and each.number % SPECIAL_EVERY]
        return sorted(ordinary, key=lambda each: each.joins)

    def plan_last_days(self) -> None:
        """Plan what is open at the end: cash-outs that wait, and holds that end soon."""
        for number, shop in enumerate(self.shops[:14]):
            action = actions.cash_out(shop, share=0.4 + number / 40)
            self.history.plan(self.before_end(minutes=20 + 19 * number), action)
        payers = [each for each in self.people if each.wage and each.joins < 60][:8]
        for number, member in enumerate(payers):
            days = 1.2 + number / 2
            action = actions.hold(member, self.shops[number], 45_00, days=days, is_left_open=True)
            self.history.plan(self.before_end(hours=24 - number / 2), action)
        self.history.plan(self.before_end(days=3), actions.block_wallet(payers))
