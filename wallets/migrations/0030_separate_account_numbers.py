"""The account numbers of a new group are in a range that no other group has.

IBANs are made of numbers of a sequence, and each group has its own. With equal numbers two wallets
would have one IBAN, and money that somebody pays to it would enter the wrong one.
"""

from typing import Any, ClassVar, Final

from django.db import migrations

from iocash.db import groups
from iocash.db.transactions import fetch

ROOM: Final = 100_000_000
"""Numbers of a range: home begins at 1, the next group behind the first multiple of this."""
LAST: Final = """
    SELECT coalesce(pg_sequence_last_value(to_regclass('wallets_iban_number')), 0)::bigint
"""
BEGIN: Final = """
    SELECT setval('wallets_iban_number', %s)
    WHERE pg_sequence_last_value('wallets_iban_number') IS NULL
"""


def separate(apps: Any, schema_editor: Any) -> None:
    """Begin behind the ranges of the other groups, unless numbers were given here."""
    own = groups.own()
    if own == groups.HOME:
        return
    highest = 0
    for name in groups.names():
        if name != own:
            with groups.beside(name):
                ((last,),) = fetch(LAST, ())
            highest = max(highest, last)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(BEGIN, [(highest // ROOM + 1) * ROOM])


class Migration(migrations.Migration):
    dependencies: ClassVar = [("wallets", "0029_let_staff_export_users")]

    operations: ClassVar = [migrations.RunPython(separate, migrations.RunPython.noop)]
