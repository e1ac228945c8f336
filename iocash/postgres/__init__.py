"""A PostgreSQL that nobody has to install: one private server per checkout.

`places` says where its things lie, `binaries` finds PostgreSQL, `cluster` makes and serves data,
`watcher` is the small process that starts the server and stops it when nobody uses it any more,
`server` is what a process uses, and `base` is the Django engine. Only `base` knows Django.
"""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
STATE = CHECKOUT / ".iocash"  # whatever a checkout keeps for itself, never committed
