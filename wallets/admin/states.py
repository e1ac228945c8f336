"""The states of movements in the words of staff."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from wallets.models import Movement

TO_SEND: Final = _("To send")
IN_A_FILE: Final = _("In a bank file")
SENT: Final = _("Sent, no answer")
NAMES: Final = {
    Movement.Status.CANCELLED: _("Cancelled"),
    Movement.Status.ERROR: _("Rejected"),
    Movement.Status.SUCCESS: _("Settled"),
}


def state_of(movement: Movement) -> Any:
    """Rejected, Cancelled or Settled; a pending cash-out is to be sent, in a file, or sent."""
    if movement.status == Movement.Status.PENDING:
        waits = IN_A_FILE if movement.bank_file_id else TO_SEND
        return SENT if movement.sent_at else waits
    return NAMES[Movement.Status(movement.status)]
