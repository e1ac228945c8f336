"""What can be seen of the ledger is what the model knows, now and in the past."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.model import database
from tests.model.database import Stage
from tests.model.history import World
from wallets import statements
from wallets.models import Hold, Movement

History = list[tuple[datetime, int, int]]


def compare(seen: Stage, known: World) -> None:
    """Assert that all current reads match the model."""
    histories = {name: known.history(name) for name in known.wallets}
    compare_movements(seen, known, histories)
    compare_holds(seen, known)
    assert database.wallets() == {
        seen.ids["wallet", name]: wallet_as_known(known, name, history)
        for name, history in histories.items()
    }
    assert database.falls() == {
        seen.ids["wallet", name]: falls for name in known.wallets if (falls := known.falls(name))
    }
    users = {seen.ids["user", name]: status for name, (_, status) in known.users.items()}
    accounts = {
        seen.ids["account", number]: account.status for number, account in enumerate(known.accounts)
    }
    assert database.others() == users | accounts


def wallet_as_known(known: World, name: str, history: History) -> tuple[Any, ...]:
    start = known.wallets[name]
    changes = [change for _, change, _ in history]
    balance, held = start.balance + sum(changes), known.held(name)
    received = start.received + sum(change for change in changes if change > 0)
    count, alert = start.count + len(changes), known.alert(name)
    return start.status, balance, held, balance - held, received, count, alert


# --- Holds ---------------------------------------------------------------------------------------


def compare_holds(seen: Stage, known: World) -> None:
    there = database.holds()
    assert set(there) == {seen.ids["hold", number] for number in range(len(known.holds))}
    for number, hold in enumerate(known.holds):
        row = there[seen.ids["hold", number]]
        state = known.state(number)
        assert (row.standing, row.left, row.expires_at) == state, f"hold {number}"
        ended_at = hold.expires_at if state[0] == "EXPIRED" else hold.ended_at
        assert row.over_at == ended_at, f"hold {number}"
        assert (row.amount, row.wallet_id, row.target_id) == (
            hold.amount,
            seen.ids["wallet", hold.payer],
            seen.ids["wallet", hold.payee] if hold.payee else None,
        )
        compare_version(seen, (number, state), row)


def compare_version(seen: Stage, state: tuple[Any, ...], row: Hold) -> None:
    """Assert that versions and states of holds correspond one to one."""
    assert seen.versions.setdefault(state, row.version) == row.version
    assert seen.states.setdefault(row.version, state) == state


# --- Movements -----------------------------------------------------------------------------------


def compare_movements(seen: Stage, known: World, histories: dict[str, History]) -> None:
    there = database.movements()
    name_new_legs(seen, known, there, histories)
    left = {row.id: row.magnitude for row in there.values()}
    for row in there.values():
        if row.reversal_of_id:
            left[row.reversal_of_id] -= row.magnitude
    count = 0
    after = balances(known, histories)
    for number, movement in enumerate(known.movements):
        for wallet in movement.wallets:
            count += 1
            row = there[seen.ids["movement", number, wallet]]
            about = f"movement {number} in {wallet}"
            assert as_seen(row) == as_known(seen, known, number, wallet), about
            assert row.balance_after == after.get((number, wallet)), about
            if movement.kind in {"CASH_IN", "TRANSFER"}:
                assert left[row.id] == known.reversible(number), about
    assert count == len(there), "there are movements that nobody ordered"


def name_new_legs(
    seen: Stage, known: World, there: dict[Any, Movement], histories: dict[str, History]
) -> None:
    """Name the legs that no response contains: only the payer's leg is in the response."""
    bound = set(seen.ids.values())
    new = [row for row in there.values() if row.id not in bound]
    names = {seen.ids["wallet", wallet]: wallet for wallet in known.wallets}
    for row in new:
        assert row.seq, "a cash-out that nobody ordered"
        wallet = names[row.wallet_id]
        _, _, number = histories[wallet][row.seq - known.wallets[wallet].count - 1]
        seen.bind(("movement", number, wallet), row.id)


def balances(known: World, histories: dict[str, History]) -> dict[tuple[int, str], int]:
    """Return the balance after each settled movement."""
    after = {}
    for wallet, history in histories.items():
        balance = known.wallets[wallet].balance
        for _, change, number in history:
            balance += change
            after[number, wallet] = balance
    return after


def as_seen(row: Movement) -> tuple[Any, ...]:
    return (
        row.wallet_id,
        row.counterparty_id,
        (row.type, row.status, row.amount),
        (row.created_at, row.settled_at, row.sent_at),
        row.hold_id,
        row.reversal_of_id,
    )


def as_known(seen: Stage, known: World, number: int, wallet: str) -> tuple[Any, ...]:
    movement = known.movements[number]
    others = [seen.ids["wallet", name] for name in movement.wallets if name != wallet]
    reverses = None if movement.reverses is None else ("movement", movement.reverses, wallet)
    return (
        seen.ids["wallet", wallet],
        others[0] if others else None,
        (movement.kind, movement.status, movement.change(wallet)),
        (movement.created_at, movement.settled_at, movement.sent_at),
        None if movement.hold is None else seen.ids["hold", movement.hold],
        seen.ids[reverses] if reverses else None,
    )


# --- The past ------------------------------------------------------------------------------------


def compare_past(seen: Stage, known: World, wallet: str, start: datetime, end: datetime) -> None:
    """Assert that the statement from `start` to the past instant `end` matches the model."""
    row = database.wallet(seen.ids["wallet", wallet])
    statement = statements.over(row, start, end)
    opening, closing = known.at(wallet, start), known.at(wallet, end)
    assert point(statement.opening) == opening
    assert point(statement.closing) == closing == point(statements.balance_at(row, end))
    changes = [each for each in known.history(wallet) if start <= each[0] < end]
    came = sum(change for _, change, _ in changes if change > 0)
    went = -sum(change for _, change, _ in changes if change < 0)
    assert (statement.total_in, statement.total_out) == (came, went)
    assert opening[1] + came - went == closing[1]
    assert statement.count == len(changes)
    legs = statement.movements.order_by("seq").values_list("id", flat=True)
    assert list(legs) == [seen.ids["movement", number, wallet] for _, _, number in changes]


def point(there: statements.Point) -> tuple[int, int, int]:
    return there.seq, there.balance, there.received
