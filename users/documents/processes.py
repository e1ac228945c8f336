"""The server's side of `sandbox`: its jobs, and their limits."""

from __future__ import annotations

import json
from typing import Any, Final

from iocash import errors
from iocash.processes import MEGABYTE, Forker, Job, run_job
from users.documents.pdf import KIND
from users.documents.refusals import PDF, WrongDocument, too_complex

FORKER: Final = Forker("users.documents.sandbox")

INSPECT: Final = Job(FORKER, "inspect", cpu=0.12, seconds=3, memory=24 * MEGABYTE, patience=2)
COUNT: Final = Job(FORKER, "count", cpu=1, seconds=5, memory=100 * MEGABYTE, patience=5)
DRAW: Final = Job(FORKER, "draw", cpu=6, seconds=15, memory=600 * MEGABYTE, patience=10)
TYPESET: Final = Job(FORKER, "typeset", cpu=5, seconds=8, memory=700 * MEGABYTE, patience=4)
TYPESET_LONG: Final = Job(
    FORKER, "typeset", cpu=40, seconds=90, memory=1500 * MEGABYTE, patience=10
)
"""For the worker, which nobody waits for."""


def inspect(content: bytes) -> None:
    """Check a PDF for active content.

    Raises:
        WrongDocument: active_content, damaged, encrypted, too_complex.
        Overloaded: too many documents are waiting.
    """
    facts = run_job(INSPECT, content, media_type=PDF).facts
    if facts is None or "failed" in facts:
        raise too_complex(KIND, errors.Message("it takes too much time or memory"))
    if "wrong" in facts:
        code, words = facts["wrong"]
        raise WrongDocument(code, errors.Message.unpack(words))


def page_count(content: bytes, media_type: str) -> int:
    """How many pages there are to draw; 0 when that can't be found out within the limits.

    Raises:
        Overloaded: too many documents are waiting.
    """
    facts = run_job(COUNT, content, media_type=media_type).facts or {}
    return int(facts.get("pages", 0))


def draw(content: bytes, media_type: str, number: int) -> bytes:
    """Render a page, counted from 1, as a JPEG; empty if the process fails or exceeds its limits.

    Raises:
        Overloaded: too many documents are waiting.
    """
    return run_job(DRAW, content, media_type=media_type, number=number).content


def typeset(source: str, data: Any, timestamp: int, job: Job = TYPESET) -> bytes:
    """Make a PDF of a template of typst and its data; empty if the process fails.

    `timestamp`, in seconds, is the date of the document.

    Raises:
        Overloaded: too many documents are waiting.
    """
    asked = {"source": source, "data": data, "timestamp": timestamp}
    return run_job(job, json.dumps(asked).encode()).content
