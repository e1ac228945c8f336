"""The duty that sends anchors to another machine, where nobody of this one can change them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final

from django.conf import settings

from iocash.db import groups
from users import signatures
from users.duties.periods import PeriodicDuty
from users.webhooks.sending import Sender, SendingFailed
from wallets.anchors import folder

PATIENCE: Final = 120.0
"""Seconds for one request: an anchor of many wallets is large."""


class AnchorNotSent(Exception):
    """The receiver did not take an anchor. It is sent again."""


class SendAnchors(PeriodicDuty):
    """Send each anchor of ANCHORS_DIR to ANCHORS_URL, once, the oldest first.

    The body of the POST is the file. It is signed with ANCHORS_SECRET as webhooks are, and goes to
    the addresses that webhooks may go to; its `webhook-id` is the name of the file. If this process
    is killed before it has marked an anchor as sent, the anchor is sent again.
    """

    name = "send-anchors"
    longest_pause: ClassVar[float] = 300.0

    def perform_period(self) -> int:
        """Send what was not sent yet; return how many anchors the receiver took.

        Raises:
            AnchorNotSent: it did not take one. Later ones wait.
            Interrupted: the process must end.
            OSError: the folder can't be read or written.
        """
        if not (settings.ANCHORS_URL and settings.ANCHORS_DIR):
            return 0
        sender, sent = Sender(settings.ANCHORS_URL, patience=PATIENCE), 0
        try:
            for anchor in folder.unsent_anchors(groups.folder(settings.ANCHORS_DIR)):
                self.require_time()
                send_anchor(sender, anchor)
                folder.mark_sent(anchor)
                sent += 1
        finally:
            sender.close()
        return sent

    def next_due_at(self, now: datetime, done: int) -> datetime:
        return now + timedelta(minutes=1)


def send_anchor(sender: Sender, anchor: Path) -> None:
    """Send one anchor.

    Raises:
        AnchorNotSent: there was no answer, or one that is not 2xx.
    """
    body = anchor.read_bytes()
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    headers |= signatures.signed_headers(settings.ANCHORS_SECRET, id_=anchor.name, body=body)
    try:
        reply = sender.post(headers, body)
    except SendingFailed as failed:
        raise AnchorNotSent(f"{anchor.name}: {failed.failure}") from failed
    if not reply.is_success:
        raise AnchorNotSent(f"{anchor.name}: status {reply.status}")
