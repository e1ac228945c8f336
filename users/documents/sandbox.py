"""The process that parses documents: one with limits for each of them.

`python -m users.documents.sandbox FD` waits on a socket for the jobs of `processes`.
"""

from __future__ import annotations

import json
import socket
import sys

from iocash.processes import child
from iocash.processes.child import Answer, Jobs
from users.documents import drawing, inspection


def inspect_job(content: bytes, *, media_type: str) -> Answer:
    inspection.check_pdf(content)
    return {}, b""


def count_job(content: bytes, *, media_type: str) -> Answer:
    return {"pages": drawing.count_pages(content, media_type)}, b""


def draw_job(content: bytes, *, media_type: str, number: int) -> Answer:
    return {}, drawing.render(content, media_type, number)


def typeset_job(content: bytes) -> Answer:
    from users.documents import typesetting  # noqa: PLC0415 (80 MB, which the others don't need)

    asked = json.loads(content)
    return {}, typesetting.typeset_document(asked["source"], asked["data"], asked["timestamp"])


JOBS: Jobs = {
    "inspect": inspect_job,
    "count": count_job,
    "draw": draw_job,
    "typeset": typeset_job,
}


if __name__ == "__main__":
    child.serve_jobs(socket.socket(fileno=int(sys.argv[1])), JOBS)
