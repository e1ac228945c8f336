"""Sessions of staff. They end some hours after the log-in, or earlier if they are idle."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

BEGUN: Final = "begun"
SEEN: Final = "seen"
STEP: Final = 60
"""Seconds between two updates of a session that is in use."""


class SessionStore(db.SessionStore):
    """Django's sessions in the database, whose rows expire by both limits of the settings."""

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        now = timezone.now()
        begun = data.setdefault(BEGUN, now.timestamp())
        data[SEEN] = now.timestamp()
        row = super().create_model_instance(data)
        longest = timedelta(hours=settings.SESSION_HOURS).total_seconds()
        left = timedelta(seconds=begun + longest - now.timestamp())
        row.expire_date = now + min(left, timedelta(minutes=settings.SESSION_IDLE_MINUTES))
        return row

    def cycle_key(self) -> None:
        """Start the limits again, after a log-in."""
        self.pop(BEGUN, None)
        super().cycle_key()

    def note_use(self) -> None:
        """Save the session, to extend it, if the last update is long ago."""
        seen = self.get(SEEN)
        if seen is not None and timezone.now().timestamp() - seen >= STEP:
            self.modified = True
