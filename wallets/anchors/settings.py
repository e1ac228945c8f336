"""What is wrong in the settings of anchors that are sent to another machine."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from users import signatures
from users.webhooks.addresses import Target, WrongUrl


def wrong_anchor_settings() -> Iterator[str]:
    """Say, a sentence each, what is wrong. The secret is not quoted."""
    if not settings.ANCHORS_URL:
        return
    if not settings.ANCHORS_DIR:
        yield "ANCHORS_URL needs ANCHORS_DIR."
    try:
        Target.of(settings.ANCHORS_URL)
    except WrongUrl as error:
        yield f"ANCHORS_URL is wrong: {error}"
    try:
        signatures.secret_bytes(settings.ANCHORS_SECRET)
    except ValueError as error:
        yield f"ANCHORS_SECRET is wrong: {error}."
