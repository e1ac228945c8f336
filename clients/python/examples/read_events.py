"""Read all events from old to new, and keep the cursor for the next time."""

import os

from iocash_client import Client

with Client(os.environ["IOCASH_URL"], os.environ["IOCASH_KEY"]) as client:
    cursor, count = None, 0
    for page in client.list_events(sort="createdAt,asc").pages():
        count += len(page.items)
        cursor = page.resume_cursor
    print("more than one" if count > 1 else count, "next:", cursor is not None)
