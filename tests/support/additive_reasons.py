"""Why migrations may do what `tests.support.additive` finds, by migration and kind.

A new migration gets a line here only if the former release can live with it all the same; what
`locks` is on `docs/operations/upgrades.md` too.
"""

from __future__ import annotations

from typing import Final

OWN_COLUMN: Final = "It is about a column of this migration, which the former release leaves empty."
LOOSER: Final = "It allows more than the constraint of this subject before it."
GROUPS: Final = "It creates permissions and adds them to groups; nothing is taken away."
QUIET_HOUR: Final = (
    "Before the first million rows it takes seconds; the page asks for a quiet hour."
)

REASONS: Final[dict[str, dict[str, str]]] = {
    "users.0007": {"narrows": LOOSER, "locks": QUIET_HOUR},
    "users.0009": {"locks": QUIET_HOUR},
    "users.0011": {"locks": QUIET_HOUR},
    "users.0012": {"locks": QUIET_HOUR},
    "users.0013": {"changes": "It fills a table that this upgrade creates."},
    "users.0016": {
        "removes": "0019 adds the column again, empty, for the former release; run both at once.",
        "changes": "The kinds of events have other names; the former release reads any text.",
        "locks": QUIET_HOUR,
    },
    "users.0017": {"narrows": OWN_COLUMN, "locks": QUIET_HOUR},
    "users.0018": {"changes": GROUPS},
    "users.0019": {"changes": "It encrypts rows of a table that this upgrade creates."},
    "users.0021": {"narrows": OWN_COLUMN},
    "users.0022": {"narrows": "The trigger sees changes of a column that is new in this upgrade."},
    "users.0026": {"narrows": LOOSER},
    "users.0027": {
        "narrows": "Positions of events are unique all the same: one sequence gives them.",
        "locks": "The primary key is exchanged for an index that is there, which takes no time.",
    },
    "users.0028": {"narrows": f"{LOOSER} The former release gives no scope of sandboxes."},
    "wallets.0006": {"narrows": OWN_COLUMN, "locks": QUIET_HOUR},
    "wallets.0007": {
        "narrows": "The former release writes no metadata and names no external account; the"
        " constraints are else those before.",
        "changes": "It writes `ended_at` where it is missing; the former release only reads it.",
        "locks": QUIET_HOUR,
    },
    "wallets.0008": {"changes": GROUPS},
    "wallets.0009": {"locks": QUIET_HOUR},
    "wallets.0010": {"locks": QUIET_HOUR},
    "wallets.0011": {"locks": QUIET_HOUR},
    "wallets.0012": {"changes": f"{GROUPS} Groups of the same names get others."},
    "wallets.0013": {"changes": GROUPS},
    "wallets.0014": {"changes": GROUPS},
    "wallets.0015": {"changes": GROUPS},
    "wallets.0016": {
        "narrows": "The former release places holds with a target and without a case.",
        "changes": GROUPS,
        "locks": QUIET_HOUR,
    },
    "wallets.0017": {"changes": GROUPS},
    "wallets.0018": {"narrows": OWN_COLUMN, "locks": QUIET_HOUR},
    "wallets.0020": {"changes": GROUPS},
    "wallets.0021": {"changes": GROUPS},
    "wallets.0022": {"narrows": f"{OWN_COLUMN} {LOOSER}", "changes": GROUPS, "locks": QUIET_HOUR},
    "wallets.0023": {"changes": GROUPS},
    "wallets.0029": {"changes": GROUPS},
    "wallets.0030": {"changes": "It sets a sequence of a group that has no clients yet."},
}
