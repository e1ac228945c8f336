"""Questions to the database about movements."""

from __future__ import annotations

import uuid
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self

from django.db.models import OuterRef, Q, Subquery, Sum
from django.db.models.functions import Abs, Cast, Coalesce

from users.models import Client, Key
from users.models.clients import has_moved
from users.models.ids import as_id, id_range
from users.models.searches import HasIdOf, compact
from wallets.models.holds import BIGINT
from wallets.models.querysets import DatedQuerySet

if TYPE_CHECKING:
    from wallets.models.movements import Movement

WHOLE_OPERATIONS = frozenset({"batch", "operation"})
"""What a key can have made whose id is that of an operation, not of a movement."""


IDENTIFIED: Final = """
    SELECT found.id FROM users_client AS client CROSS JOIN LATERAL (
        SELECT id FROM wallets_movement WHERE client_id = client.id AND iban = %s
        ORDER BY created_at DESC, id DESC LIMIT %s
    ) AS found
    UNION ALL
    SELECT found.id FROM users_client AS client CROSS JOIN LATERAL (
        SELECT id FROM wallets_movement WHERE client_id = client.id AND reference = %s
        ORDER BY created_at DESC, id DESC LIMIT %s
    ) AS found
    UNION ALL
    SELECT made_id FROM users_client AS client
    JOIN users_key AS used ON used.client_id = client.id AND used.key = %s
    UNION ALL
    SELECT found.id FROM users_client AS client
    JOIN users_key AS used ON used.client_id = client.id AND used.key = %s
    CROSS JOIN LATERAL (
        SELECT id FROM wallets_movement WHERE operation_id = used.made_id LIMIT %s
    ) AS found
    UNION ALL
    (SELECT id FROM wallets_movement WHERE id BETWEEN %s AND %s LIMIT %s)
    UNION ALL
    (SELECT id FROM wallets_movement WHERE operation_id BETWEEN %s AND %s LIMIT %s)
"""


class MovementQuerySet(DatedQuerySet["Movement"]):
    def seen(self) -> Self:
        """Annotate `reversed_amount` and `used_key`, which answers need."""
        return self.annotate(**shown_beside(self.model))

    def pending_cash_outs(self, *, is_sent: bool) -> Self:
        """Cash-outs to send to the bank, or sent and not yet settled or rejected."""
        pending = self.filter(status="PENDING", sent_at__isnull=not is_sent)
        return pending.exclude(has_moved())

    def to_send(self) -> Self:
        """Cash-outs to send to the bank, which are in no file yet."""
        return self.pending_cash_outs(is_sent=False).filter(bank_file=None)

    def in_a_file(self) -> Self:
        """Cash-outs in files for the bank that were not approved yet."""
        return self.pending_cash_outs(is_sent=False).filter(bank_file__isnull=False)

    def directed(self, *, is_outgoing: bool) -> Self:
        return self.filter(amount__lt=0) if is_outgoing else self.filter(amount__gt=0)

    def at_least(self, minor: int) -> Self:
        return self.filter(Q(amount__gte=minor) | Q(amount__lte=-minor))

    def at_most(self, minor: int) -> Self:
        return self.filter(amount__gte=-minor, amount__lte=minor)

    def made_with(self, client_id: uuid.UUID | None, key: str) -> Self:
        """The movements of the operation that this Idempotency-Key created, in all wallets."""
        used = Key.objects.filter(client=client_id, key=key).first() if client_id else None
        if used is None or used.made not in {"movement", *WHOLE_OPERATIONS}:
            return self.none()
        if used.made in WHOLE_OPERATIONS:
            return self.filter(operation_id=used.made_id)
        made = self.model.objects.filter(client=used.client_id, id=used.made_id)
        return self.filter(operation_id=made.values("operation_id")[:1])

    def made_by(self, operation_id: uuid.UUID) -> Self:
        """The movements of one operation, in the order of their creation.

        The time does not give this order: between wallets, a later movement can have an earlier
        time.
        """
        return self.filter(operation_id=operation_id).order_by("id")

    def named(self, words: str) -> Self:
        """What staff search in a list: the id of a movement, an operation or a wallet, or the
        beginning of the first two; an IBAN, a reference or an Idempotency-Key.
        """
        if found := as_id(words):
            return self.filter(Q(id=found) | Q(operation_id=found) | Q(wallet=found))
        exact, between = words.strip(), id_range(words)
        clients = list(Client.objects.values_list("id", flat=True))
        keys = Key.objects.filter(client__in=clients, key=exact)
        made = list(keys.values_list("made_id", flat=True))
        return self.filter(
            Q(iban=compact(words))
            | Q(client__in=clients, reference=exact)
            | Q(id__in=made)
            | Q(operation_id__in=made)
            | (Q(id__range=between) | Q(operation_id__range=between) if all(between) else Q())
        )

    def identified(self, words: str, most: int) -> Self:
        """As `named`, without wallets: at most `most` rows by each of these, of IBANs and
        references the newest of each client.
        """
        exact, number, between = words.strip(), compact(words), id_range(words)
        asked = [number, most, exact, most, exact, exact, most]
        return self.filter(HasIdOf.found(IDENTIFIED, [*asked, *between, most, *between, most]))


@cache
def shown_beside(model: type[Movement]) -> dict[str, Any]:
    """What `seen` annotates, by name. Each is looked up by an index, for the rows of a page only.

    A key names the movement of the payer, or the operation of a batch.
    """
    everything = model.objects
    reversals = everything.filter(client=OuterRef("client"), reversal_of=OuterRef("pk"))
    total = reversals.order_by().values("reversal_of")
    payers = everything.filter(
        client=OuterRef(OuterRef("client")),
        wallet=OuterRef(OuterRef("counterparty")),
        created_at=OuterRef(OuterRef("created_at")),
        operation_id=OuterRef(OuterRef("operation_id")),
    )
    made = [OuterRef("id"), OuterRef("operation_id"), Subquery(payers.values("id")[:1])]
    keys = Key.objects.filter(client=OuterRef("client"), made_id__in=made)  # type: ignore[misc]
    return {
        "reversed_amount": Coalesce(
            Subquery(total.values_list(Cast(Sum(Abs("amount")), BIGINT))), 0, output_field=BIGINT
        ),
        "used_key": Subquery(keys.values("key")[:1]),
    }
