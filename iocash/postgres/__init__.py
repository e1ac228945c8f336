"""The embedded PostgreSQL: one private server per checkout, for development and tests.

`places` has its paths and locks, `binaries` finds the programs, `cluster` creates and serves the
data, `watcher` is the process that starts the server and stops it when no process uses it,
`server` is the interface for processes, and `base` is the Django engine. Only `base` uses Django.
"""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
STATE = CHECKOUT / ".iocash"  # private files of the checkout, never committed
