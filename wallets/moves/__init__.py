"""Moves a client from one group to another: copy, freeze, copy what is new, compare, switch.

The client's own row decides in which group it is active: it is in at most one at any instant.

| step | old group | new group | who is killed here |
|---|---|---|---|
| begin, copy | ACTIVE | MOVED | goes on, or takes the move back |
| freeze, copy, compare | MOVING | MOVED | goes on, or takes the move back |
| switch | MOVING | ACTIVE | goes on: there is no way back |
| end | MOVED | ACTIVE | |

The switch is one commit in the new group, of the client's row and that of the move. Whoever takes
the move back commits that in the new group first, so the two exclude each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

import psycopg

from wallets.moves import records
from wallets.moves.cleaning import remove_client_rows
from wallets.moves.comparing import (
    Differs,
    require_right_chains,
    require_same_changes,
    require_same_rows_in_both,
)
from wallets.moves.copying import Run, copy_pass
from wallets.moves.parts import client_parts
from wallets.moves.preparing import (
    copy_shared_rows,
    hide_incomplete_rows,
    pass_positions,
    require_events_outside_archives,
    require_fitting_groups,
    require_two_databases,
    set_sequence_of,
    show_complete_rows,
)
from wallets.moves.sides import LOWEST_RUNNING, GroupSide, MoveRefused, Superseded, TryAgain

__all__ = ["Differs", "GroupSide", "Move", "MoveRefused"]

FEW: Final = 2_000
"""Rows of a pass after which the client is frozen: the last pass will not have many more."""
MOST_PASSES: Final = 5
NEXT_NUMBER: Final = "SELECT pg_current_xact_id()::text"
"""Higher than all numbers that were assigned before. `pg_snapshot_xmax` is not: it is one more than
the highest number whose transaction has ended."""
HAVE_ENDED: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= %s::xid8"
OLDEST: Final = """
    SELECT pid, coalesce(extract(epoch FROM clock_timestamp() - xact_start)::int, 0)
    FROM pg_stat_activity WHERE backend_xid IS NOT NULL
    ORDER BY age(backend_xid) DESC LIMIT 1
"""

KEPT: Final = (Superseded, TryAgain)
"""After these, what was copied is left for the other run, or for the next."""

Report = Callable[[str], None]


@dataclass
class Move:
    """The move of one client between two groups, by one process."""

    source: GroupSide
    target: GroupSide
    client_id: UUID
    role: str
    """The role that serves requests."""
    report: Report
    longest_wait: float = 3.0
    """Seconds for which transactions that began before the freeze are waited for."""

    def forward(self) -> None:
        """Move the client, or go on with a move that was interrupted.

        Raises:
            MoveRefused: it can't be moved. It is active in the old group.
            Differs: the copy is not the same. It was removed; the client is active in the old one.
        """
        self.lock()
        found = records.open_move(self.source, self.target, self.client_id)
        if found and found.is_switched:
            self.end(found.id)
            return
        require_fitting_groups(self.source, self.target, self.client_id)
        run = self.begin(found)
        try:
            self.copy(run)
            self.freeze(run)
            self.copy_the_rest(run)
        except BaseException as error:
            self.resume_old(run)
            if isinstance(error, Differs | MoveRefused) and not isinstance(error, KEPT):
                self.take_back(run.move_id)
            raise
        self.switch(run)
        self.end(run.move_id)

    def back(self) -> None:
        """Take a move back that was not switched: the client goes on in the old group.

        Raises:
            MoveRefused: there is none, or it was switched.
        """
        self.lock()
        found = records.open_move(self.source, self.target, self.client_id)
        if found is None:
            raise MoveRefused(f"No move to {self.target.name} is under way.")
        if found.is_switched:
            raise MoveRefused(
                f"The client is active in {self.target.name} already. Run the command without "
                "--back, then move the client to the other group again."
            )
        self.take_back(found.id)

    def purge(self) -> int:
        """Remove the rows of a client that has moved; return how many.

        Raises:
            MoveRefused: it has not moved from one group to the other.
        """
        self.lock()
        move_id = records.begin_purge(self.source, self.target, self.client_id)
        hide_incomplete_rows(self.source, self.role)
        removed = remove_client_rows(self.source, self.client_id, move_id)
        records.end_purge(self.source, move_id)
        show_complete_rows(self.source)
        return removed

    def lock(self) -> None:
        require_two_databases(self.source, self.target)
        for side in (self.source, self.target):
            side.lock(self.client_id)

    # --- The steps -------------------------------------------------------------------------------

    def begin(self, found: records.OpenMove | None) -> Run:
        """Record the move in both groups, or take it over."""
        if found is None:
            move_id, number = uuid4(), 1
            records.begin_move(self.source, self.target, self.client_id, move_id)
        else:
            move_id = found.id
            number = records.take_over(self.source, self.target, self.client_id, move_id)
        hide_incomplete_rows(self.target, self.role)
        progress = records.progress_of(self.target, move_id)
        run = Run(self.source, self.target, self.client_id, move_id, number, progress)
        self.report(f"Move {move_id}: {self.source.name} to {self.target.name}.")
        return run

    def copy(self, run: Run) -> None:
        """Copy while the client works, until little is left; then compare everything."""
        copy_shared_rows(run)
        for number in range(1, MOST_PASSES + 1):
            copied, seconds = self.do_pass(run)
            self.report(f"Pass {number}: {copied} rows in {seconds:.1f} s.")
            if copied <= FEW and number > 1:
                break
        copied, seconds = self.do_pass(run, compares=True)
        self.report(f"Compared everything, and copied {copied} rows, in {seconds:.1f} s.")
        copied, seconds = self.do_pass(run)
        self.report(f"Last pass: {copied} rows in {seconds:.1f} s.")

    def do_pass(self, run: Run, *, compares: bool = False) -> tuple[int, float]:
        """Copy what is new in one snapshot, and compare everything in it if asked to."""
        started = time.monotonic()
        ((there,),) = self.target.ask(LOWEST_RUNNING)
        with self.source.snapshot() as here:
            since = run.progress.get("source")
            copied = copy_pass(run, since)
            if compares:
                require_same_rows_in_both(run)
                run.compared = {"source": since or here, "target": there}
            run.progress = {"source": here}
            records.note_progress(run)
        return copied, time.monotonic() - started

    def freeze(self, run: Run) -> None:
        """Stop the client in the old group, and wait until nothing is under way there.

        A transaction that has read the former status has its number, and that is below one that
        is drawn after the freeze has been committed.

        Raises:
            TryAgain: a transaction does not end.
        """
        records.freeze_client(run)
        ((number,),) = self.source.ask(NEXT_NUMBER)
        until = time.monotonic() + self.longest_wait
        while not self.source.ask(HAVE_ENDED, [number])[0][0]:
            if time.monotonic() > until:
                pid, seconds = self.source.first(OLDEST) or ("?", 0)
                raise TryAgain(
                    f"A transaction has been writing for {seconds} s (process {pid}, see "
                    "pg_stat_activity). End it, and try again."
                )
            time.sleep(0.005)

    def copy_the_rest(self, run: Run) -> None:
        """Copy what was written since the last pass, and compare what was written.

        Raises:
            Differs: the groups don't have the same.
            MoveRefused: events were archived meanwhile, in one of the groups.
        """
        with self.source.snapshot():
            copied = copy_pass(run, run.progress["source"])
            require_same_changes(run)
        require_events_outside_archives(self.source, self.target, self.client_id)
        require_right_chains(run)
        for part in client_parts():
            if part.table.serial:
                set_sequence_of(self.target, part.name, part.table.serial)
        pass_positions(run)
        self.report(f"Copied {copied} rows after the freeze.")

    def switch(self, run: Run) -> None:
        """Activate the client in the new group. From its COMMIT on there is no way back.

        Raises:
            MoveRefused: nothing was switched, and the client is active in the old group; or the
                answer to COMMIT was lost, and the next run finds out.
        """
        try:
            records.switch_group(run)
        except psycopg.Error as error:
            if self.target.raw.closed:
                raise TryAgain(
                    "The connection to the new group was lost at COMMIT. The client waits. Run the "
                    "command again."
                ) from error
            self.resume_old(run)
            raise

    def end(self, move_id: UUID) -> None:
        """Say in the old group that the client has moved."""
        waited = records.end_move(self.source, move_id)
        show_complete_rows(self.target)
        self.report(f"The client is active in {self.target.name}; it has waited {waited:.1f} s.")

    # --- The way back ----------------------------------------------------------------------------

    def resume_old(self, run: Run) -> None:
        """Let the client go on in the old group. This process has not sent the switch, and no
        other can send it: each run takes the move over in both groups before it does anything."""
        if records.resume_client(self.source, run.move_id, run.number):
            self.report(f"The client goes on in {self.source.name}.")

    def take_back(self, move_id: UUID) -> None:
        """Take the move back in the new group, then in the old one; remove what was copied."""
        records.take_move_back(self.source, self.target, move_id)
        if records.is_all_of_this_move(self.target, self.client_id, move_id):
            remove_client_rows(self.target, self.client_id, move_id)
            records.show_rows(self.target, move_id)
        show_complete_rows(self.target)
        self.report(f"The move was taken back. The client is active in {self.source.name}.")
