"""A standby of a scratch server: a streaming replica that can be promoted."""

from __future__ import annotations

import time
from pathlib import Path
from subprocess import Popen
from typing import Any

from psycopg.conninfo import make_conninfo

from iocash.postgres import binaries, places
from iocash.postgres.cluster import Cluster
from iocash.postgres.places import Places
from tests.support.embedded_postgres import eventually
from tests.support.scratch_postgres import Scratch

STREAMING = "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"
NEXT_XID = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


class Replica(Cluster):
    """A cluster whose server is ready when it follows another."""

    def copy(self, sockets: Path) -> None:
        source = ["-h", str(sockets), "-p", places.PORT, "-U", "postgres"]
        self._run("pg_basebackup", *source, "-D", self.data, "-R", "-X", "stream", "-c", "fast")

    def _becomes_ready(self, server: Popen[bytes]) -> bool:
        while server.poll() is None:
            if places.pid_file(self.home)[7:8] in (["standby"], ["ready"]):
                return True
            time.sleep(places.POLL)
        return False


class Standby(Scratch):
    """Follows `primary` until it is told to stop following, or is promoted."""

    def __init__(self, folder: Path, primary: Scratch) -> None:
        self.where = Places(folder / ".iocash")
        self.where.create()
        self.log = (folder / "standby.log").open("ab")
        replica = Replica(self.where, binaries.find(), self.log)
        replica.copy(primary.cluster.sockets)
        self.cluster, self.primary = replica, primary
        self.start()
        eventually(lambda: bool(primary.ask(STREAMING)))

    def unfollow(self) -> None:
        """Get nothing more from the primary."""
        self.tell("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        eventually(lambda: self.ask("SELECT count(*) FROM pg_stat_wal_receiver") == 0)

    def promote(self) -> None:
        assert self.ask("SELECT pg_promote(true, 30)")

    def use_up_to(self, xid: int, *, last: str = "COMMIT") -> None:
        """Commit transactions until `xid` is one of them; with `last`, end that one in its way."""
        while (following := self.ask(NEXT_XID)) <= xid:
            end = last if following == xid else "COMMIT"
            self.tell("BEGIN", "SELECT pg_current_xact_id()", end)


def either(*servers: Any, role: str = "iocash_app") -> str:
    """The address of whichever of the servers takes writes; sockets' folders or servers."""
    folders = [each if isinstance(each, str | Path) else each.cluster.sockets for each in servers]
    return make_conninfo(
        host=",".join(map(str, folders)),
        port=",".join([places.PORT] * len(folders)),
        user=role,
        dbname="iocash",
        target_session_attrs="read-write",
    )
